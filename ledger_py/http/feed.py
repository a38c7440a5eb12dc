"""The change feed for listeners over HTTP: pages of `ledger.entries_after`, as they come.

Listeners poll, and are woken at once by what this service records itself. A NOTIFY in the writing
transaction would wake the listeners of all services, but makes all commits queue for one lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import msgspec
import psycopg

from ledger_py.errors import LedgerError
from ledger_py.http.database import Database
from ledger_py.http.problems import Problem
from ledger_py.structs import Entry, FeedEntry

__all__ = ("ChangeFeed",)

MAX_LISTENERS: Final = 100

_PAGE: Final = 500
"""Entries per poll: few enough to be encoded without delaying other requests."""

_POLL_INTERVAL: Final = 1.0
"""Seconds between polls, for what other services have recorded."""

_MIN_POLL_INTERVAL: Final = 0.1
"""The least number of seconds between polls, however much is recorded."""

_KEEP_ALIVE: Final = 15.0
"""Seconds after which a comment is sent, so that no proxy closes an idle connection."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


class ChangeFeed:
    """The change feed of the ledger, for all listeners of this service.

    Args:
        database: The pool.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: set[asyncio.Event] = set()
        self._stopped = False

    def changed(self) -> None:
        """Wake the listeners: something was recorded."""
        for event in self._listeners:
            event.set()

    def stop(self) -> None:
        """End the streams of all listeners."""
        self._stopped = True
        self.changed()

    async def listen(self, cursor: str | None) -> AsyncIterator[bytes]:
        """Start to read the feed.

        Args:
            cursor: The cursor of the last entry that the listener has; None for all entries.

        Returns:
            An endless stream: each entry as an event.

        Raises:
            InvalidRequest: The cursor is malformed.
            psycopg.OperationalError: The database is away.
            Problem: There are too many listeners.
        """
        if len(self._listeners) >= MAX_LISTENERS:
            raise Problem("database_busy", "Too many listeners read the feed.")
        # The first page is read before the answer begins, so that a refusal can still be sent. The
        # place is taken before that, so that a burst of listeners cannot pass the limit.
        stream = self._stream(cursor)
        await anext(stream)
        return stream

    async def _poll(self, cursor: str | None) -> list[FeedEntry]:
        return await self._database.call(
            lambda ledger: ledger.entries_after(cursor, max_rows=_PAGE)
        )

    async def _stream(self, cursor: str | None) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        self._listeners.add(changed)
        try:
            page = await self._poll(cursor)
            yield b""  # not sent: the place is taken and the first page is there
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
                    await self._wait(changed)
                changed.clear()
                try:
                    page = await self._poll(cursor)
                except psycopg.Error:
                    page = []  # the next poll reads on from the same cursor
                except LedgerError:
                    return  # the listener connects again, and can then be told why
        finally:
            self._listeners.discard(changed)

    async def _wait(self, changed: asyncio.Event) -> None:
        await asyncio.sleep(_MIN_POLL_INTERVAL)
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), _POLL_INTERVAL - _MIN_POLL_INTERVAL)


def _event(entry: FeedEntry) -> bytes:
    data = _encode(msgspec.convert(entry, Entry, from_attributes=True))
    return b"id: %b\nevent: entry\ndata: %b\n\n" % (entry.cursor.encode(), data)
