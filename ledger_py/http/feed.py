"""The change feed for listeners over HTTP: pages of `ledger.entries_after`, as they come.

Listeners poll. What this service records itself makes them look at once; a NOTIFY by the writing
transaction would do that for all services, but would make all commits queue for one lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import msgspec
import psycopg

from ledger_py.http.database import Database
from ledger_py.http.problems import Problem
from ledger_py.structs import Entry, FeedEntry

__all__ = ("ChangeFeed",)

MAX_LISTENERS: Final = 100

_PAGE: Final = 500
"""Entries per look: few enough to be encoded without holding other requests up."""

_LOOK_AGAIN: Final = 1.0
"""Seconds until a listener looks for what others than this service have recorded."""

_REST: Final = 0.1
"""Seconds between two looks at least, however much is recorded."""

_KEEP_ALIVE: Final = 15.0
"""Seconds after which something is sent, so that no proxy takes the connection for dead."""

_encode = msgspec.json.Encoder().encode


class ChangeFeed:
    """The change feed of the ledger, for as many listeners as there are.

    Args:
        database: Where it is read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[asyncio.Event] = set()
        self._stopped = False

    def changed(self) -> None:
        """Make the listeners look: something was recorded."""
        for event in self._listeners:
            event.set()

    def stop(self) -> None:
        """End the streams of all listeners."""
        self._stopped = True
        self.changed()

    async def listen(self, cursor: str | None) -> AsyncIterator[bytes]:
        """Begin to read the feed.

        Args:
            cursor: The cursor of the last entry that the listener has; None for all there is.

        Returns:
            The stream: each entry as an event as soon as it is known, without end.

        Raises:
            InvalidRequest: The cursor is not one.
            psycopg.OperationalError: The database is away.
            Problem: There are too many listeners.
        """
        if len(self._listeners) >= MAX_LISTENERS:
            raise Problem("database_busy", "Too many listeners read the feed.")
        # The first look is taken before anything is answered, so that a refusal can be answered.
        return self._stream(cursor, await self._look(cursor))

    async def _look(self, cursor: str | None) -> list[FeedEntry]:
        return await self._database.call(
            lambda ledger: ledger.entries_after(cursor, max_rows=_PAGE)
        )

    async def _stream(self, cursor: str | None, page: list[FeedEntry]) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        self._listeners.add(changed)
        try:
            yield b"retry: 1000\n\n"
            last_sent = loop.time()
            while not self._stopped:
                if page:
                    cursor = page[-1].cursor
                    yield b"".join(map(_event, page))
                    last_sent = loop.time()
                elif loop.time() - last_sent >= _KEEP_ALIVE:
                    yield b": nothing new\n\n"
                    last_sent = loop.time()
                if len(page) < _PAGE:
                    await self._rest(changed)
                changed.clear()
                try:
                    page = await self._look(cursor)
                except psycopg.Error:
                    page = []  # the database comes back, and the listener misses nothing
        finally:
            self._listeners.discard(changed)

    async def _rest(self, changed: asyncio.Event) -> None:
        await asyncio.sleep(_REST)
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), _LOOK_AGAIN - _REST)


def _event(entry: FeedEntry) -> bytes:
    data = _encode(msgspec.convert(entry, Entry, from_attributes=True))
    return b"id: %b\nevent: entry\ndata: %b\n\n" % (entry.cursor.encode(), data)
