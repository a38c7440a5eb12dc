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
from ledger_py.cluster.files import KEPT, ClusterFile, Partition, kept_fault
from ledger_py.errors import LedgerError, NotAuthorized, UnknownApp
from ledger_py.logins import not_bound
from ledger_py.migrate import MigrationError, Project, ensure_current, missing_files_async
from ledger_py.operations import BaseLedgerOperation, compare_operation_set
from ledger_py.settings import Settings

__all__ = (
    "OK",
    "StartupRefused",
    "check",
    "partition_fault",
    "prepare_partitions",
    "prepared_database",
    "require_clock",
    "require_ready",
    "require_writable",
)

OK: Final = "ok"

DATABASE_ANSWERS_WITHIN: Final = 15.0
"""Seconds that start-up waits for the database, which is often started at the same time."""

PARTITION_ANSWERS_WITHIN: Final = 5.0
"""Seconds that start-up waits for a partition of a cluster: it goes on without one that is away."""

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


# Any role may read this, as opposed to what is in the schema.
_HAS_TEST_CLOCK: Final = "SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'ledger_test'"


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
        await _wait_for(url, within=DATABASE_ANSWERS_WITHIN)
        try:
            await asyncio.to_thread(ensure_current, url, settings, app=app, report=report)
        except MigrationError as error:
            raise StartupRefused(str(error)) from error
        yield url
    finally:
        await asyncio.to_thread(source.__exit__, None, None, None)


async def prepare_partitions(
    app: str,
    cluster: ClusterFile,
    settings: Settings,
    *,
    project: Project | None = None,
    report: Callable[[str], None],
) -> list[str]:
    """Wait for the partitions of a cluster, and install on each what the app needs.

    Args:
        app: The app.
        cluster: The cluster.
        settings: They say whether to install what is missing.
        project: The files; default: those of this checkout.
        report: Takes a line for each step, and for each partition that is away.

    Returns:
        The names of the partitions that answer.

    Raises:
        StartupRefused: None of them answers, or one lacks what the app needs.
    """

    async def answers(partition: Partition) -> bool:
        try:
            await _wait_for(partition.url, within=PARTITION_ANSWERS_WITHIN)
        except StartupRefused as refusal:
            report(f"{partition.name}: {refusal}")
            return False
        return True

    found = await asyncio.gather(*(answers(partition) for partition in cluster.partitions))
    present = [one for one, is_there in zip(cluster.partitions, found, strict=True) if is_there]
    if not present:
        raise StartupRefused("No partition of the cluster can be reached")
    for partition in present:

        def tell(line: str, name: str = partition.name) -> None:
            report(f"{name}: {line}")

        try:
            await asyncio.to_thread(
                ensure_current, partition.url, settings, app=app, project=project, report=tell
            )
        except MigrationError as error:
            raise StartupRefused(f"{partition.name}: {error}") from error
    return [partition.name for partition in present]


async def partition_fault(
    conn: psycopg.AsyncConnection[Any], cluster: ClusterFile, partition: Partition
) -> str | None:
    """Compare what a partition keeps with the file of the cluster.

    Returns:
        What is different; None if nothing is.
    """
    cursor = await conn.execute(KEPT, [partition.multirange])
    return kept_fault(await cursor.fetchone(), cluster, partition)


async def _wait_for(url: str, *, within: float) -> None:
    deadline = time.monotonic() + within
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
    except UnknownApp:
        return {"schema": OK, "operations": _unregistered(ledger.app)}
    except LedgerError as error:
        return {"schema": OK, "operations": str(error)}
    if not bound:
        return {"login": not_bound(ledger.conn, ledger.app)}
    difference = compare_operation_set(operations, (found.operation for found in known))
    wrong = difference is not None and (starting or difference.missing_in_database)
    return {"schema": OK, "operations": str(difference) if wrong else OK}


def _unregistered(app: str) -> str:
    why = (
        "its migrations do not register it (ledger.register_app)"
        if any(folder.app == app for folder in _PROJECT.apps)
        else "no migrations of it are found, which would register it. They belong into the folder "
        "migrations of its package, and its wheel must contain them"
    )
    return f"The database has no app {app}: {why}"


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


async def require_clock(conn: psycopg.AsyncConnection[Any], settings: Settings) -> None:
    """Check that the database goes by the clock of its server.

    Raises:
        StartupRefused: It has one for tests, and the settings do not allow that.
    """
    if not settings.test_clock and (await conn.execute(_HAS_TEST_CLOCK)).rowcount:
        raise StartupRefused(
            "The clock of this database is one that tests set (ledger_py.testing). Set"
            " LEDGER_TEST_CLOCK=1 if that is intended"
        )


def require_ready(app: str, checks: dict[str, str]) -> None:
    """Refuse to start unless every check says ``ok``.

    Raises:
        StartupRefused: A check failed; the message says what is wrong.
    """
    faults = [fault for fault in checks.values() if fault != OK]
    if faults:
        raise StartupRefused("\n".join([f"The service of {app} does not start.", *faults]))
