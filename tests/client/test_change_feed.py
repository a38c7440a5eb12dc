"""The change feed, which a reader can resume at any cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import AsyncConnection

from ledger_py import AsyncLedger
from ledger_py.errors import InvalidRequest
from ledger_py.structs import Entry, FeedEntry
from tests.client.clients import Connect, ledger_on

pytestmark = pytest.mark.anyio


@pytest.fixture
async def conn(connect: Connect, ledger_db: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection in autocommit mode."""
    async with connect(ledger_db, autocommit=True) as connection:
        yield connection


async def record(ledger: AsyncLedger, *nonces: str, owner_id: str = "alice") -> None:
    """Record an entry under each nonce."""
    for nonce in nonces:
        await ledger.record_entry(owner_id=owner_id, operation="CREDIT_ADD", nonce=nonce, amount=1)


async def look(ledger: AsyncLedger, cursor: str | None = None, **more: Any) -> list[FeedEntry]:
    """Read a page once no transaction of another database delays the entries committed here.

    The feed waits for those of the whole server, which other tests may use.
    """
    snapshot = await ledger.conn.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    youngest = await snapshot.fetchone()
    older = b"""
        SELECT count(*), pg_sleep(0.002) FROM pg_stat_activity
        WHERE datname <> current_database() AND backend_xid::text::bigint < %s::bigint
    """
    for _ in range(10_000):
        counted = await (await ledger.conn.execute(older, youngest)).fetchone()
        if counted is not None and counted[0] == 0:
            return await ledger.entries_after(cursor, **more)
    raise AssertionError("a transaction of another database does not end")


async def read_on(
    ledger: AsyncLedger, cursor: str | None = None, *, max_rows: int = 1000
) -> list[FeedEntry]:
    """Read page by page until there is nothing more."""
    found: list[FeedEntry] = []
    while page := await look(ledger, found[-1].cursor if found else cursor, max_rows=max_rows):
        found += page
        assert len(page) <= max_rows
        assert len({entry.cursor for entry in found}) == len(found)
    return found


def nonces(entries: list[FeedEntry]) -> list[str]:
    """Return the nonces of entries."""
    return [entry.nonce for entry in entries]


async def test_feed_has_the_entries_of_all_accounts_and_apps(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await record(ledger, "a-1", "a-2")
    await record(ledger_on(conn, app="app2"), "b-1", owner_id="bob")
    found = await look(ledger)
    assert [(entry.app, entry.owner_id, entry.nonce) for entry in found] == [
        ("app1", "alice", "a-1"),
        ("app1", "alice", "a-2"),
        ("app2", "bob", "b-1"),
    ]


async def test_feed_entry_is_the_entry_with_a_cursor(ledger: AsyncLedger) -> None:
    await ledger.conn.execute("SET TimeZone = 'Asia/Kathmandu'")
    await ledger.record_entry(
        owner_id="alice", operation="CREDIT_ADD", nonce="n", amount=10**9, metadata={"order": 7}
    )
    (found,) = await look(ledger)
    (entry,) = await ledger.entries_of(owner_id="alice")
    assert type(found) is FeedEntry
    assert type(found.cursor) is str
    assert msgspec.convert(found, Entry, from_attributes=True) == entry
    assert found.recorded_at.tzinfo is UTC


@pytest.mark.parametrize("max_rows", [1, 2, 3, 7, 1000])
async def test_pages_contain_each_entry_once_in_order(ledger: AsyncLedger, max_rows: int) -> None:
    expected = [f"n-{number}" for number in range(7)]
    await record(ledger, *expected)
    found = await read_on(ledger, max_rows=max_rows)
    assert nonces(found) == expected
    assert [entry.seq for entry in found] == [1, 2, 3, 4, 5, 6, 7]


async def test_pages_split_a_transaction_without_loss_or_duplicates(
    ledger: AsyncLedger,
) -> None:
    batch = [
        {"owner_id": f"owner-{number % 3}", "operation": "CREDIT_ADD", "nonce": f"n-{number}"}
        for number in range(10)
    ]
    await ledger.record_entries(batch)
    found = await read_on(ledger, max_rows=4)
    assert sorted(nonces(found)) == [f"n-{number}" for number in range(10)]
    for owner_id in ("owner-0", "owner-1", "owner-2"):
        seqs = [entry.seq for entry in found if entry.owner_id == owner_id]
        assert seqs == list(range(1, len(seqs) + 1))


async def test_reader_continues_after_any_cursor(ledger: AsyncLedger) -> None:
    await record(ledger, "n-0", "n-1", "n-2", "n-3")
    found = await read_on(ledger)
    for position, entry in enumerate(found, start=1):
        assert await look(ledger, entry.cursor) == found[position:]


async def test_reader_at_the_end_gets_later_entries(ledger: AsyncLedger) -> None:
    assert await look(ledger) == []
    await record(ledger, "n-0")
    (first,) = await look(ledger)
    assert await look(ledger, first.cursor) == []
    await record(ledger, "n-1", "n-2")
    assert nonces(await look(ledger, first.cursor)) == ["n-1", "n-2"]


async def test_late_commit_is_not_skipped(ledger: AsyncLedger, transacting: AsyncLedger) -> None:
    await record(transacting, "late", owner_id="late")
    await record(ledger, "early", owner_id="early")
    # The open transaction may still put an entry before this one.
    before = await read_on(ledger)
    await transacting.conn.commit()
    after = await read_on(ledger, before[-1].cursor if before else None)
    assert nonces(before) == []
    assert sorted(nonces(after)) == ["early", "late"]


async def test_rolled_back_entry_never_appears(
    ledger: AsyncLedger, transacting: AsyncLedger
) -> None:
    await record(transacting, "undone", owner_id="undone")
    await record(ledger, "done")
    await transacting.conn.rollback()
    assert nonces(await look(ledger)) == ["done"]


async def test_default_page_has_at_most_1000_entries(
    ledger: AsyncLedger,
) -> None:
    await ledger.record_entries(
        [
            {"owner_id": f"owner-{number}", "operation": "CREDIT_ADD", "nonce": f"n-{number}"}
            for number in range(1001)
        ]
    )
    assert len(await look(ledger)) == 1000
    assert len(await look(ledger, max_rows=10_000)) == 1001


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "1", "-", "1-", "-1", "1-2-3", " 1-2", "1-2\n", "1-2 ", "+1-2", "1-" + "9" * 19],
)
async def test_invalid_cursor_is_refused(reader: AsyncLedger, cursor: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await reader.entries_after(cursor)
    assert refused.value.detail["field"] == "cursor"
    assert isinstance(refused.value.__cause__, psycopg.Error)
    assert refused.value.__cause__.sqlstate == "LG001"


async def test_cursor_beyond_all_entries_is_refused(reader: AsyncLedger) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await reader.entries_after("9" * 19 + "-" + "9" * 18)
    assert refused.value.detail["field"] == "cursor"


@pytest.mark.parametrize("max_rows", [0, -1, 10_001, None])
async def test_invalid_page_size_is_refused(reader: AsyncLedger, max_rows: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await reader.entries_after(max_rows=max_rows)
    assert refused.value.detail["field"] == "max_rows"
    assert refused.value.__cause__ is not None


@pytest.mark.parametrize(
    ("arguments", "field", "reason"),
    [
        ({"cursor": 7}, "cursor", "must be a text, not int"),
        ({"cursor": "1-\0"}, "cursor", "must not contain the NUL character"),
        ({"max_rows": "7"}, "max_rows", "must be an integer, not str"),
        ({"max_rows": 2**31}, "max_rows", "must fit into 32 bits"),
    ],
)
async def test_unsendable_argument_is_refused_by_the_client(
    reader: AsyncLedger, arguments: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await reader.entries_after(**arguments)
    assert refused.value.detail == {"field": field, "reason": reason}
    assert refused.value.__cause__ is None
