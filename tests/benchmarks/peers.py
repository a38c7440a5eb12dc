"""Other ledgers in PostgreSQL, measured in the same run on the same server."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psycopg

from tests.benchmarks.loading import OWNERS, owner_number

__all__ = ("OTHER_ACCOUNTS", "is_pgledger", "prepare_pgledger")

OTHER_ACCOUNTS: Final = (owner_number(OWNERS), owner_number(2 * OWNERS - 1))
"""Numbers of the first and the last account of pgledger's that take what owners spend. They are as
many as the owners, so that no transfer waits for another one there."""

_SCHEMA: Final = "pgledger.sql"

_ACCOUNTS: Final = """
    INSERT INTO pgledger_accounts (
        id, name, currency, balance, allow_negative_balance, allow_positive_balance, created_at,
        updated_at
    )
    SELECT number::text, number::text, 'CREDIT', 1000000000, FALSE, TRUE, now(), now()
    FROM generate_series(%s::bigint, %s::bigint) AS numbers (number)
"""


def is_pgledger(folder: Path) -> bool:
    """Tell whether a folder is a copy of pgledger's repository (github.com/pgr0ss/pgledger)."""
    return (folder / _SCHEMA).is_file()


def prepare_pgledger(url: str, folder: Path) -> None:
    """Install pgledger, with an account for each owner and each of `OTHER_ACCOUNTS`.

    Args:
        url: The database, for its owner.
        folder: A copy of its repository.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        for path in (*sorted(folder.glob("vendor/**/*.sql")), folder / _SCHEMA):
            conn.execute(path.read_bytes())
        conn.execute(_ACCOUNTS, [owner_number(0), OTHER_ACCOUNTS[1]])
        conn.execute("VACUUM (ANALYZE)")
