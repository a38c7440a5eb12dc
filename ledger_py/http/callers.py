"""The callers of a service, who may leave while their requests wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ledger_py.http.deadlines import Deadlines

if TYPE_CHECKING:
    from litestar.types import Receive

__all__ = ("Caller", "ClientGone")

_WATCHED_AFTER: Final = 0.25
"""Seconds that a request waits before its connection is watched: nearly all are answered before."""


class ClientGone(Exception):
    """The client disconnected before the request was complete, or before anything was done."""


class Caller:
    """The client of a request whose body has arrived.

    Args:
        receive: The ASGI channel of the request.
        deadlines: Says when to watch the connection, and when it is late.
        dries: The client asks for a dry run.

    Attributes:
        dries: True to roll back what is done for the client.
        gone: The client has disconnected. It is noticed only while it matters.
    """

    __slots__ = ("_deadlines", "_late", "_leave", "_left", "_receive", "_watch", "dries", "gone")

    def __init__(self, receive: Receive, deadlines: Deadlines, *, dries: bool = False) -> None:
        self._receive = receive
        self._deadlines = deadlines
        self._watch: asyncio.Task[None] | None = None
        self.dries = dries
        self.gone = False

    def begin_to_wait(
        self,
        leave: Callable[[], None],
        *,
        late: Callable[[], None] | None = None,
        within: float = 0.0,
    ) -> None:
        """Watch the connection if this takes long.

        Args:
            leave: Called when the client has disconnected.
            late: Called when the client has waited for too long.
            within: Seconds after which that is so.
        """
        self._leave, self._late = leave, late
        # One deadline after the other, as nearly all requests are answered before the first.
        self._left = within - _WATCHED_AFTER
        self._deadlines.add(self, _WATCHED_AFTER)

    def end_to_wait(self) -> None:
        """Watch the connection no longer."""
        self._deadlines.remove(self)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    @contextmanager
    def waiting(self, leave: Callable[[], None]) -> Iterator[None]:
        """Watch the connection if the block takes long; the parameter is as above."""
        self.begin_to_wait(leave)
        try:
            yield
        finally:
            self.end_to_wait()

    def give_up(self) -> None:
        """Begin to watch, when the time has come; then say that it is late."""
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_connection())
            if self._late is not None:
                self._deadlines.add(self, self._left)
        elif self._late is not None:
            self._late()

    async def _watch_connection(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.gone = True
            self._leave()
