"""Start-up and readiness checks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg

from ledger_py import embedded
from ledger_py.client_async import AsyncLedger
from ledger_py.errors import LedgerError, NotAuthorized
from ledger_py.logins import not_bound
from ledger_py.migrate import MigrationError, Project, ensure_current, missing_files_async
from ledger_py.operations import BaseLedgerOperation, compare_operation_set
from ledger_py.settings import Settings

__all__ = (
    "OK",
    "StartupRefused",
    "check",
    "prepared_database",
    "require_ready",
    "require_writable",
)

OK: Final = "ok"

DATABASE_ANSWERS_WITHIN: Final = 15.0
"""Seconds that start-up waits for the database, which is often started at the same time."""

_PROJECT: Final = Project()
"""The files that the service needs, as they are at its start. Later ones do not count."""

_PAUSE: Final = 0.5
_CONNECT_TIMEOUT: Final = 3

_READ_ONLY: Final = """
    SELECT CASE WHEN pg_is_in_recovery()
        THEN 'is a standby, which takes no entries'
        ELSE 'is read-only (default_transaction_read_only is on)'
    END
    WHERE current_setting('transaction_read_only')::boolean
"""


class StartupRefused(Exception):
    """The service cannot do its work, and says why instead of starting."""


@asynccontextmanager
async def prepared_database(
    app: str,
    settings: Settings,
    *,
    report: Callable[[str], None],
    watched: Callable[[str, str | None], None],
) -> AsyncIterator[str]:
    """Provide a database that answers and has everything installed that the app needs.

    Args:
        app: The app.
        settings: Which database, and whether to install what is missing.
        report: Takes a line for each step.
        watched: Takes a line for the log and why the database is away, or None for the latter when
            it is back, from another thread: an embedded server that dies is started again.

    Yields:
        The address of the database.

    Raises:
        StartupRefused: It cannot be provided; the message says why and what to do.
    """
    # Starting the embedded server and migrating block, so they run in threads.
    source = embedded.database(settings, report=report, watched=watched)
    try:
        url = await asyncio.to_thread(source.__enter__)
    except embedded.EmbeddedError as error:
        raise StartupRefused(str(error)) from error
    try:
        await _wait_for(url)
        try:
            await asyncio.to_thread(ensure_current, url, settings, app=app, report=report)
        except MigrationError as error:
            raise StartupRefused(str(error)) from error
        yield url
    finally:
        await asyncio.to_thread(source.__exit__, None, None, None)


async def _wait_for(url: str) -> None:
    deadline = time.monotonic() + DATABASE_ANSWERS_WITHIN
    while True:
        try:
            conn: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(
                url, connect_timeout=_CONNECT_TIMEOUT
            )
        except psycopg.OperationalError as error:
            if time.monotonic() + _PAUSE > deadline:
                raise StartupRefused(
                    f"The database cannot be reached: {str(error).strip()}"
                ) from error
        else:
            await conn.close()
            return
        await asyncio.sleep(_PAUSE)


async def check(
    ledger: AsyncLedger, operations: type[BaseLedgerOperation], *, starting: bool = False
) -> dict[str, str]:
    """Check that the database has what the service needs.

    Args:
        ledger: The ledger as the app sees it.
        operations: The app's enum.
        starting: True to report operations that only the database has, too. While the service
            runs, it may be that a newer version has brought them.

    Returns:
        For ``schema`` and ``operations``: ``ok``, or what is wrong. For ``login``: what is wrong.
    """
    try:
        missing = await missing_files_async(ledger.conn, app=ledger.app, project=_PROJECT)
        if missing:
            return {"schema": f"not applied: {', '.join(missing)}"}
        known = await ledger.operations_of()
        bound = await _may_record(ledger)
    except psycopg.errors.InsufficientPrivilege:
        bound = False
    except LedgerError as error:
        return {"schema": OK, "operations": str(error)}
    if not bound:
        return {"login": not_bound(ledger.conn, ledger.app)}
    difference = compare_operation_set(operations, (found.operation for found in known))
    wrong = difference is not None and (starting or difference.missing_in_database)
    return {"schema": OK, "operations": str(difference) if wrong else OK}


async def _may_record(ledger: AsyncLedger) -> bool:
    try:
        # Records nothing, and is refused unless the login may record for the app.
        await ledger.conn.execute(
            "SELECT FROM ledger.record_entries(app => %s, entries => '[]')", [ledger.app]
        )
    except psycopg.errors.ReadOnlySqlTransaction:
        return True  # on a standby, only entries would tell
    except psycopg.Error as error:
        if error.sqlstate != NotAuthorized.sqlstate:
            raise
        return False
    return True


async def require_writable(conn: psycopg.AsyncConnection[Any]) -> None:
    """Check that entries can be recorded.

    Raises:
        psycopg.errors.ReadOnlySqlTransaction: They cannot; the message says why.
    """
    cursor = await conn.execute(_READ_ONLY)
    for (reason,) in await cursor.fetchall():
        raise psycopg.errors.ReadOnlySqlTransaction(reason)


def require_ready(app: str, checks: dict[str, str]) -> None:
    """Refuse to start unless every check says ``ok``.

    Raises:
        StartupRefused: A check failed; the message says what is wrong.
    """
    faults = [fault for fault in checks.values() if fault != OK]
    if faults:
        raise StartupRefused("\n".join([f"The service of {app} does not start.", *faults]))
