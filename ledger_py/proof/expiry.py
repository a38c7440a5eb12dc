"""Posts what is due on accounts that nobody touches."""

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
        conn: a connection in autocommit mode.
        most: how many accounts one transaction settles, and locks meanwhile.
        report: takes a line for each transaction.

    Returns:
        The number of accounts settled.

    Raises:
        psycopg.Error: the database could not do it; what was reported is done.
    """
    settled = 0
    while accounts := _post_some(conn, most):
        settled += accounts
        report(f"settled {counted(settled, 'account')}")
    return settled


def _post_some(conn: Connection, most: int) -> int:
    """Settle up to `most` accounts, again if callers that lock accounts out of order interfere."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(errors.DeadlockDetected):
            return _post_once(conn, most)
    return _post_once(conn, most)


def _post_once(conn: Connection, most: int) -> int:
    row = conn.execute("SELECT ledger.expire_credits(max_accounts => %s)", [most]).fetchall()[0]
    return int(row[0])
