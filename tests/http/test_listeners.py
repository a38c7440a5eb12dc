"""Listeners of the change feed share polls and pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from ledger_py.errors import GenerationNeeded
from ledger_py.http import feed
from ledger_py.http.connections import ServiceLedger
from ledger_py.http.database import Database
from ledger_py.settings import Settings
from tests.sql.calls import Connection, record, rows

pytestmark = pytest.mark.anyio

LISTENERS = 40


class CountingDatabase(Database):
    """A database that counts calls, and how many were made at the same time."""

    def __init__(self) -> None:
        super().__init__("app1")
        self.calls = self.most = self._now = 0

    async def call(
        self,
        ask: Callable[[ServiceLedger], Awaitable[Any]],
        *,
        timeout: float | None = None,
        answers_within: float | None = None,
    ) -> Any:
        self.calls += 1
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            return await super().call(ask, timeout=timeout, answers_within=answers_within)
        finally:
            self._now -= 1


@pytest.fixture
async def database(ledger_db: str) -> AsyncIterator[CountingDatabase]:
    database = CountingDatabase()
    await database.open(ledger_db, Settings(), size=6)
    yield database
    await database.close()


@pytest.fixture
async def changes(database: CountingDatabase) -> AsyncIterator[feed.ChangeFeed]:
    changes = feed.ChangeFeed(database)
    yield changes
    changes.stop()


async def listen(changes: feed.ChangeFeed, cursor: str | None = None) -> AsyncIterator[bytes]:
    stream = await changes.listen(cursor)
    assert await anext(stream) == b"retry: 1000\n\n"
    return stream


async def test_listeners_share_the_poll_and_the_bytes(
    changes: feed.ChangeFeed, database: CountingDatabase, conn: Connection
) -> None:
    streams = await asyncio.gather(*(listen(changes) for _ in range(LISTENERS)))
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await asyncio.sleep(0)
    before = database.calls

    record(conn, nonce="n")
    changes.changed()
    pages = await asyncio.gather(*waiting)

    assert b'"nonce":"n"' in pages[0]
    assert all(page is pages[0] for page in pages)
    # One poll may have been under way when the entry was recorded.
    assert database.calls - before <= 2


async def test_listeners_that_begin_anywhere_poll_two_at_a_time(
    changes: feed.ChangeFeed,
    database: CountingDatabase,
    conn: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "_ROWS", 3)
    for number in range(LISTENERS):
        record(conn, nonce=f"n-{number}")
    cursors = [found["cursor"] for found in rows(conn, "entries_after", max_rows=LISTENERS)]

    async def read(position: int) -> list[bytes]:
        stream = await listen(changes, cursors[position])
        events: list[bytes] = []
        while len(events) < LISTENERS - 1 - position:
            events += (await anext(stream)).split(b"\n\n")[:-1]
        return events

    read_by = await asyncio.gather(*(read(position) for position in range(LISTENERS - 1)))

    assert database.most <= 2 + 1  # and the ticker
    for position, events in enumerate(read_by):
        expected = [f'"nonce":"n-{n}"'.encode() for n in range(position + 1, LISTENERS)]
        assert len(events) == len(expected)
        assert all(nonce in event for nonce, event in zip(expected, events, strict=True))


async def test_listener_that_does_not_read_holds_one_page(
    changes: feed.ChangeFeed, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_PAGE", 1)
    monkeypatch.setattr(feed, "_KEPT", 5_000)
    idle, busy = await listen(changes), await listen(changes)
    for number in range(LISTENERS):
        record(conn, nonce=f"n-{number}")
    first = await anext(idle)
    for _ in range(LISTENERS):
        await anext(busy)

    assert sum(len(page.events) for page in changes._pages.values()) <= 5_000
    rest = b"".join([await anext(idle) for _ in range(LISTENERS - 1)])
    assert (first + rest).count(b"event: entry") == LISTENERS
    assert f'"nonce":"n-{LISTENERS - 1}"'.encode() in rest


async def test_kept_pages_do_not_hide_that_the_ledger_cannot_be_read_on(
    changes: feed.ChangeFeed, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_PAGE", 1)
    for number in range(3):
        record(conn, nonce=f"n-{number}")
    stream = await listen(changes)
    cursors = [
        page.split(b"\n")[0].removeprefix(b"id: ").decode()
        for page in [await anext(stream) for _ in range(3)]
    ]
    conn.execute("ALTER SEQUENCE ledger_core.entry_ids RESTART")

    with pytest.raises(GenerationNeeded):
        await changes.listen(cursors[0])
