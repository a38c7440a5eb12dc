"""Fixtures of the concurrency tests."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.concurrency.callers import connections
from tests.sql.books import assert_books_are_right
from tests.sql.calls import Connection, rows
from tests.sql.hash_chain import chained, entries_as_stored


@pytest.fixture(autouse=True)
def _books(conn: Connection) -> Iterator[None]:
    """After each test, check the books: by SQL, by `verify`, and the hash chain of each account."""
    yield
    assert_books_are_right(conn)
    assert rows(conn, "verify") == []
    heads = conn.execute(
        "SELECT owner_id, asset, last_entry_at, head_hash FROM ledger.accounts WHERE last_seq > 0"
    ).fetchall()
    for owner_id, asset, last_entry_at, head_hash in heads:
        stored = entries_as_stored(conn, owner_id, asset)
        assert [entry["hash"] for entry in stored] == chained(stored)
        assert (stored[-1]["recorded_at"], stored[-1]["hash"]) == (last_entry_at, head_hash)


@pytest.fixture
def pair(ledger_db: str) -> Iterator[tuple[Connection, Connection]]:
    """Two connections in autocommit mode."""
    with connections(ledger_db, 2) as (first, second):
        yield first, second


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """A thread for the call that waits."""
    with ThreadPoolExecutor(1) as executor:
        yield executor
