"""Verification of the books by the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row

from ledger_py.proof.connection import Connection
from ledger_py.wording import counted


@dataclass(frozen=True)
class Discrepancy:
    """One row of `ledger.verify`."""

    problem: str
    found_in: str
    """The table, without its schema."""
    owner_id: str | None
    asset: str | None
    seq: int | None
    detail: dict[str, Any]

    def __str__(self) -> str:
        place = self.found_in
        if self.owner_id is not None:
            # Quoted, because an owner is any text and could forge other output on a terminal.
            place += f" {json.dumps(self.owner_id, ensure_ascii=False)} {self.asset}"
        if self.seq is not None:
            place += f" #{self.seq}"
        values = ", ".join(
            f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in self.detail.items()
        )
        return f"{place}: {self.problem}" + (f" ({values})" if values else "")


def discrepancies(conn: Connection, owner_id: str | None = None) -> Iterator[Discrepancy]:
    """Have the database recompute the books.

    Args:
        conn: A connection. Notices on it report the number of accounts verified.
        owner_id: The owner to verify; None for all, with the catalogue, triggers and indexes.

    Yields:
        The discrepancies, read row by row.

    Raises:
        psycopg.Error: The database failed.
    """
    with conn.cursor(row_factory=class_row(Discrepancy)) as cursor:
        yield from cursor.stream("SELECT * FROM ledger.verify(owner_id => %s)", [owner_id])


def has_account(conn: Connection, owner_id: str) -> bool:
    """Tell whether an owner has an account.

    Args:
        conn: A connection.
        owner_id: The owner.

    Raises:
        psycopg.Error: The database failed.
    """
    found = conn.execute("SELECT 1 FROM ledger.accounts WHERE owner_id = %s LIMIT 1", [owner_id])
    return found.fetchone() is not None


def size(conn: Connection, owner_id: str | None = None) -> str:
    """Say in words how large the books are.

    Args:
        conn: A connection.
        owner_id: The owner; None for all.

    Returns:
        The numbers of accounts and entries.

    Raises:
        psycopg.Error: The database failed.
    """
    accounts, entries = conn.execute(
        "SELECT count(*), coalesce(sum(last_seq), 0) FROM ledger.accounts "
        "WHERE owner_id = %(owner_id)s OR %(owner_id)s::text IS NULL",
        {"owner_id": owner_id},
    ).fetchall()[0]
    return sized(accounts, entries)


def sized(accounts: int, entries: int) -> str:
    """Say in words how many accounts and entries were examined."""
    return f"{counted(accounts, 'account')}, {counted(entries, 'entry', 'entries')}"
