"""The change feed for listeners over HTTP: pages of `ledger.entries_after`, as they come.

One ticker polls for all listeners, and is woken at once by what this service records itself. A
NOTIFY in the writing transaction would wake the listeners of all services, but makes all commits
queue for one lock. What follows a cursor is read and encoded once for all that wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext, suppress
from typing import Final, NamedTuple, Protocol

import msgspec
import psycopg

from ledger_py.errors import LedgerError, PartitionUnavailable
from ledger_py.http.problems import Problem
from ledger_py.structs import Entry, FeedEntry, FeedLag
from ledger_py.wording import feed_wait

__all__ = ("ChangeFeed",)

MAX_LISTENERS: Final = 500

_ROWS: Final = 500
"""Entries per poll: few enough to be encoded without delaying other requests."""

_CATCHING_UP: Final = 2
"""Listeners that have not caught up and get a page, or a poll, at a time. Others come between."""

_PAGE: Final = 64 * 1024
"""Bytes of a page, which a listener that reads slowly keeps in memory."""

_READ_AHEAD: Final = 1024 * 1024
"""Bytes of the pages that are kept of one poll."""

_KEPT: Final = 4 * _READ_AHEAD
"""Bytes of the pages that are kept for other listeners."""

_POLL_INTERVAL: Final = 1.0
"""Seconds between polls, for what other services have recorded."""

_MIN_POLL_INTERVAL: Final = 0.1
"""The least number of seconds between polls, however much is recorded."""

_AWAKENED: Final = 25
"""Listeners that are awakened at a time, so that other requests come between."""

_KEEP_ALIVE: Final = 15.0
"""Seconds after which a comment is sent, so that no proxy closes an idle connection."""

_REASON_LASTS: Final = 1.0
"""Seconds for which the reason why nothing comes is told again."""

_BUSY: Final = (psycopg.Error, Problem, PartitionUnavailable)
"""Errors that may pass while listeners wait."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


class FeedSource(Protocol):
    """A database, or a cluster of them."""

    async def feed_after(self, cursor: str | None, rows: int) -> list[FeedEntry]:
        """Read entries after a cursor; fewer than rows are all that there are."""

    async def feed_lag(self) -> FeedLag:
        """Return how far the feed is behind."""


class _Page(NamedTuple):
    """Entries, encoded as events.

    Attributes:
        events: The events.
        cursor: The cursor of the last one.
        followed: True if more entries were there when this was read.
    """

    events: bytes
    cursor: str
    followed: bool


class ChangeFeed:
    """The change feed of the ledger, for all listeners of this service.

    Args:
        source: Where it is read.
    """

    def __init__(self, source: FeedSource) -> None:
        self._source = source
        self._listeners = 0
        self._reason = ""
        self._reason_until = 0.0
        self._changed = asyncio.Event()
        self._stopped = False
        self._ticker: asyncio.Task[None] | None = None
        self._catching_up = asyncio.Semaphore(_CATCHING_UP)
        self._turns = asyncio.Semaphore(_CATCHING_UP)
        # By the cursor of the entry before.
        self._pages: dict[str | None, _Page] = {}
        self._kept = 0
        self._polls: dict[str | None, asyncio.Task[_Page | None]] = {}
        self._waiting: dict[str | None, set[asyncio.Future[_Page | None]]] = {}

    def changed(self) -> None:
        """Wake the listeners: something was recorded."""
        self._changed.set()

    def stop(self) -> None:
        """End the streams of all listeners."""
        self._stopped = True
        if self._ticker is not None:
            self._ticker.cancel()
        for waiting in self._waiting.values():
            for come in waiting:
                if not come.done():
                    come.set_result(None)

    async def listen(self, cursor: str | None) -> AsyncIterator[bytes]:
        """Start to read the feed.

        Args:
            cursor: The cursor of the last entry that the listener has; None for all entries.

        Returns:
            An endless stream: each entry as an event.

        Raises:
            InvalidRequest: The cursor is malformed.
            psycopg.OperationalError: The database is away.
            PartitionUnavailable: All partitions are away.
            Problem: There are too many listeners.
        """
        if self._listeners >= MAX_LISTENERS:
            raise Problem("database_busy", "Too many listeners read the feed.")
        # The first page is read before the answer begins, so that a refusal can still be sent. The
        # place is taken before that, so that a burst of listeners cannot pass the limit.
        stream = self._stream(cursor)
        await anext(stream)
        return stream

    async def _stream(self, cursor: str | None) -> AsyncIterator[bytes]:
        self._listeners += 1
        try:
            page = await self._poll(cursor, catching_up=True)
            yield b""  # not sent: the place is taken and the first page is there
            yield b"retry: 1000\n\n"
            await self._turn()
            while not self._stopped:
                followed = False
                if page is not None:
                    yield page.events
                    cursor, followed = page.cursor, page.followed
                try:
                    page = await self._page_after(cursor, known=followed)
                except LedgerError:
                    return  # the listener connects again, and can then be told why
                if page is None and not self._stopped:
                    yield b": %b\n\n" % (await self._why_nothing_comes()).encode()
        finally:
            self._listeners -= 1

    async def _why_nothing_comes(self) -> str:
        """Say why, in the same words to all who ask within a second."""
        now = asyncio.get_running_loop().time()
        if now >= self._reason_until:
            self._reason_until = now + _REASON_LASTS
            self._reason = "nothing new"
            try:
                self._reason = feed_wait(await self._source.feed_lag()) or self._reason
            except PartitionUnavailable as error:
                self._reason = f"partition {error.detail['partition']} is away"
            except (psycopg.Error, LedgerError, Problem):
                pass
        return self._reason

    async def _page_after(self, cursor: str | None, *, known: bool) -> _Page | None:
        """Get what follows a cursor, and wait for it unless it is known to be there.

        Returns:
            The entries; None if there were none for a while.

        Raises:
            LedgerError: The ledger cannot be read on.
        """
        if known or cursor in self._pages:
            await self._turn()
            if (page := self._pages.get(cursor)) is not None:
                return page
            with suppress(*_BUSY):  # the ticker reads on from the same cursor
                if (page := await self._poll(cursor, catching_up=True)) is not None:
                    return page
        return await self._next_page(cursor)

    async def _turn(self) -> None:
        """Let other tasks go on, whatever the number of listeners."""
        async with self._turns:
            await asyncio.sleep(0)

    # Waiting for the ticker

    async def _next_page(self, cursor: str | None) -> _Page | None:
        come: asyncio.Future[_Page | None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(cursor, set())
        waiting.add(come)
        if self._ticker is None or self._ticker.done():
            self._ticker = asyncio.create_task(self._tick())
        try:
            return await asyncio.wait_for(come, _KEEP_ALIVE)
        except TimeoutError:
            return None
        finally:
            waiting.remove(come)
            if not waiting:
                self._waiting.pop(cursor, None)

    async def _tick(self) -> None:
        while self._listeners:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _POLL_INTERVAL - _MIN_POLL_INTERVAL)
            self._changed.clear()
            for cursor in [*self._waiting]:
                await self._wake(cursor)
            await asyncio.sleep(_MIN_POLL_INTERVAL)

    async def _wake(self, cursor: str | None) -> None:
        """Give listeners what follows their cursor, if there is something."""
        page: _Page | None = None
        error: LedgerError | None = None
        try:
            page = await self._poll(cursor)
        except _BUSY:
            pass  # the next tick may have more luck
        except LedgerError as refusal:
            error = refusal
            self._forget()
        if page is None and error is None:
            return
        for number, come in enumerate([*self._waiting.get(cursor, ())], start=1):
            if come.done():
                continue
            if error is not None:
                come.set_exception(error)
            else:
                come.set_result(page)
            if number % _AWAKENED == 0:
                await asyncio.sleep(0)

    # Reading and encoding

    async def _poll(self, cursor: str | None, *, catching_up: bool = False) -> _Page | None:
        """Read what follows a cursor, together with all who ask for it meanwhile."""
        poll = self._polls.get(cursor)
        if poll is None:
            poll = asyncio.create_task(self._read(cursor, catching_up=catching_up))
            self._polls[cursor] = poll

            def done(poll: asyncio.Task[_Page | None]) -> None:
                del self._polls[cursor]
                if not poll.cancelled():
                    poll.exception()  # is known to those who are still there

            poll.add_done_callback(done)
        # Whoever leaves must not end it for the others.
        return await asyncio.shield(poll)

    async def _read(self, cursor: str | None, *, catching_up: bool) -> _Page | None:
        async with self._catching_up if catching_up else nullcontext():
            entries = await self._source.feed_after(cursor, _ROWS)
        if catching_up and len(entries) < _ROWS:
            self.changed()  # what came meanwhile may have been announced too early for the listener
        return self._keep(cursor, entries)

    def _keep(self, cursor: str | None, entries: list[FeedEntry]) -> _Page | None:
        """Encode entries as pages, and keep them for all that are at the same cursor."""
        first: _Page | None = None
        events: list[bytes] = []
        size = total = 0
        for number, entry in enumerate(entries, start=1):
            events.append(_event(entry))
            size += len(events[-1])
            last = number == len(entries)
            if size < _PAGE and not last:
                continue
            page = _Page(b"".join(events), entry.cursor, not last or number == _ROWS)
            self._forget(cursor)
            self._pages[cursor] = page
            self._kept += size
            first = first or page
            cursor, events, total, size = entry.cursor, [], total + size, 0
            if total >= _READ_AHEAD:
                break
        while self._kept > _KEPT:
            self._forget(next(iter(self._pages)))
        return first

    def _forget(self, *cursors: str | None) -> None:
        for cursor in cursors or [*self._pages]:
            page = self._pages.pop(cursor, None)
            if page is not None:
                self._kept -= len(page.events)


def _event(entry: FeedEntry) -> bytes:
    data = _encode(msgspec.convert(entry, Entry, from_attributes=True))
    return b"id: %b\nevent: entry\ndata: %b\n\n" % (entry.cursor.encode(), data)
