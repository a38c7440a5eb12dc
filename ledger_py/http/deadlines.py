"""Deadlines of requests and calls, which nearly all are done long before."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

__all__ = ("Deadlines",)

_LOOK_EVERY: Final = 0.25
"""Seconds between two looks at the clock; a deadline may be noticed as late as twice that."""


class _Waiting(Protocol):
    def give_up(self) -> None: ...


class Deadlines:
    """Gives up what is not done in time.

    One timer serves all, and it alone reads the clock: every entry passes here, and a timer for
    each would be 2 % of what a request takes.
    """

    def __init__(self) -> None:
        self._pending: dict[_Waiting, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next_look = 0.0

    def add(self, waiting: _Waiting, seconds: float) -> None:
        """Call ``give_up`` of an object unless it is removed in time.

        Args:
            waiting: The object.
            seconds: From now.
        """
        if self._timer is None:
            self._look_later()
        self._pending[waiting] = self._next_look + seconds

    def remove(self, waiting: _Waiting) -> None:
        """Forget an object, which may have been given up."""
        self._pending.pop(waiting, None)

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._next_look = loop.time() + _LOOK_EVERY
        self._timer = loop.call_at(self._next_look, self._look)

    def _look(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        late = [waiting for waiting, at in self._pending.items() if at <= now]
        for waiting in late:
            self.remove(waiting)
        if self._pending:
            self._look_later()
        for waiting in late:
            waiting.give_up()
