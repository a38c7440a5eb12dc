"""Settling of overdue expiries and holds on idle accounts."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from psycopg import errors

from ledger_py.proof.connection import Connection, Report
from ledger_py.wording import counted

_ATTEMPTS: Final = 5


def post_due(conn: Connection, most: int, *, report: Report) -> int:
    """Call `ledger.expire_credits` until nothing is due.

    Args:
        conn: A connection in autocommit mode.
        most: The most accounts that one transaction settles, and locks until it ends.
        report: Takes a line for each transaction.

    Returns:
        The number of accounts settled.

    Raises:
        psycopg.Error: The database failed. Accounts reported before are settled.
    """
    settled = 0
    while accounts := _post_some(conn, most):
        settled += accounts
        report(f"settled {counted(settled, 'account')}")
    return settled


def _post_some(conn: Connection, most: int) -> int:
    """Settle up to `most` accounts; retry after a deadlock with callers that lock out of order."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(errors.DeadlockDetected):
            return _post_once(conn, most)
    return _post_once(conn, most)


def _post_once(conn: Connection, most: int) -> int:
    row = conn.execute("SELECT ledger.expire_credits(max_accounts => %s)", [most]).fetchall()[0]
    return int(row[0])
