"""Deadlines of requests and calls, which nearly all are done long before."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

__all__ = ("Deadlines",)

_LOOK_EVERY: Final = 0.25
"""Seconds by which a deadline may be noticed late."""


class _Waiting(Protocol):
    def give_up(self) -> None: ...


class Deadlines:
    """Gives up what is not done in time.

    One timer serves all: one for each would be 2 % of what a request takes.
    """

    def __init__(self) -> None:
        self._pending: dict[_Waiting, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, waiting: _Waiting, seconds: float) -> None:
        """Call ``give_up`` of an object unless it is removed in time.

        Args:
            waiting: The object.
            seconds: From now.
        """
        loop = asyncio.get_running_loop()
        self._pending[waiting] = loop.time() + seconds
        if self._timer is None:
            self._timer = loop.call_later(_LOOK_EVERY, self._look)

    def remove(self, waiting: _Waiting) -> None:
        """Forget an object, which may have been given up."""
        self._pending.pop(waiting, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        late = [waiting for waiting, at in self._pending.items() if at <= now]
        for waiting in late:
            self.remove(waiting)
        self._timer = loop.call_later(_LOOK_EVERY, self._look) if self._pending else None
        for waiting in late:
            waiting.give_up()
