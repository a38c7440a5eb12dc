"""Places in which calls wait or run, so that those with one key do not take those of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from ledger_py.http.problems import Problem

__all__ = ("Places",)


class _Line:
    __slots__ = ("length", "running")

    def __init__(self, at_a_time: int) -> None:
        self.length = 0
        self.running = asyncio.Semaphore(at_a_time)


class Places:
    """Lets so many calls with the same key run at a time; the others wait in their order.

    Args:
        at_a_time: How many run.
        most: How many there may be, those that run included.
        full: Why more are refused.
    """

    def __init__(self, *, at_a_time: int, most: int, full: str) -> None:
        self._at_a_time = at_a_time
        self._most = most
        self._full = full
        self._lines: dict[Hashable, _Line] = {}

    @asynccontextmanager
    async def place(self, key: Hashable = None) -> AsyncIterator[None]:
        """Wait for a place, and have it during the block.

        Args:
            key: What the call is about.

        Raises:
            Problem: Too many are waiting.
        """
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(self._at_a_time)
        if line.length >= self._most:
            raise Problem("database_busy", self._full)
        line.length += 1
        try:
            async with line.running:
                yield
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[key]
