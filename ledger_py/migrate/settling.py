"""After an upgrade: what calls of the older version left out of the journals is put in."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from ledger_py.migrate import steps
from ledger_py.migrate.database import Connection, Report, scalar
from ledger_py.wording import counted

_OLDER_END_WITHIN: Final = 10.0
"""Seconds that transactions older than the new code are waited for."""

_POLL_EVERY: Final = 0.1

# All transactions of this database, by number: also those of other roles, whose state is hidden.
_RUNNING: Final = """
    SELECT locks.pid, locks.virtualxid
    FROM pg_catalog.pg_locks AS locks
    INNER JOIN pg_catalog.pg_stat_activity AS activity ON locks.pid = activity.pid
    WHERE locks.locktype = 'virtualxid' AND activity.datname = current_database()
        AND activity.backend_type = 'client backend'
        AND activity.application_name <> 'ledger migrate'
"""
_IS_KNOWN: Final = "SELECT to_regproc('ledger_core.adopt_nonces') IS NOT NULL"


def adopt(conn: Connection, step: steps.Steps, report: Report) -> None:
    """Add to the journals what calls of the version before an upgrade left out.

    Args:
        conn: A connection of the ledger's owner, outside a transaction.
        step: Runs a step for each account.
        report: Takes a line if something was adopted.
    """
    if not scalar(conn, _IS_KNOWN):
        return
    step.run(_adopting(conn, "SELECT ledger_core.adopt_nonces()"))
    accounts = conn.execute(
        "SELECT DISTINCT owner_id, asset FROM ledger_core.holds_to_adopt()"
    ).fetchall()
    adopted = step.run(_adopting(conn, "SELECT ledger_core.adopt_catalogue()"))
    for account in accounts:
        adopted += step.run(_adopting(conn, "SELECT ledger_core.adopt_holds(%s, %s)", account))
    if adopted:
        changes = counted(adopted, "change")
        report(
            f"Added to the journals: {changes} that calls of the version before made during the"
            " upgrade"
        )


def wait_for_older(conn: Connection) -> str:
    """Wait for the transactions that are open now: they may still run code that was replaced.

    Returns:
        The processes of those that are still open after some seconds; empty if there are none.
    """
    older = set(conn.execute(_RUNNING).fetchall())
    deadline = time.monotonic() + _OLDER_END_WITHIN
    while older and time.monotonic() < deadline:
        time.sleep(_POLL_EVERY)
        older.intersection_update(conn.execute(_RUNNING).fetchall())
    return ", ".join(str(pid) for pid, _ in sorted(older))


def _adopting(
    conn: Connection, query: str, parameters: Sequence[str] = ()
) -> Callable[[Callable[[Any], None]], int]:
    def adopt_some(begun: Callable[[Any], None]) -> int:
        with steps.transaction(conn):
            begun(conn)
            return int(scalar(conn, query, parameters))

    return adopt_some
