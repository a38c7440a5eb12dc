"""Room in memory for large bodies."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from ledger_py.http.problems import Problem
from ledger_py.settings import Settings

__all__ = ("SMALL_BODY", "BodyRoom", "Room")

SMALL_BODY: Final = 64 * 1024
"""The most bytes of a body that needs no room."""

_GRACE: Final = 1.0
"""Seconds that a body has to arrive, beside the time for its bytes."""

_RATE: Final = 1024 * 1024
"""Bytes in a second of a body that keeps the room for what is still to arrive of it."""

_LOOK_EVERY: Final = 1.0
"""Seconds after which a body that waits looks for room that slow ones have given back."""


class Room:
    """The bytes of large bodies that are in memory at once.

    A body that begins to arrive gets room for all of it, in the order of their arrival, and keeps
    it until its request is answered. One that arrives slowly keeps only what has arrived, so that
    nobody takes room by announcing much. Bodies never wait for each other in a circle: the one that
    took room last still fits. A body that is larger than the limit is alone.

    Args:
        settings: The limit, and how long a body waits for room.

    Attributes:
        patience: Seconds that a body waits for room.
    """

    def __init__(self, settings: Settings) -> None:
        self._size = settings.max_bodies
        self.patience = settings.pool_timeout
        self._places: set[BodyRoom] = set()
        self._queue = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def taken(self) -> int:
        """The bytes that are in memory."""
        return sum(place.taken for place in self._places)

    async def _take(self, place: BodyRoom, size: int) -> None:
        is_next = place in self._places or not self._queue.locked()
        if not (is_next and self._has_room(place, size)):
            async with self._queue:
                while not self._has_room(place, size):
                    self._changed.clear()
                    # A body that arrives slowly gives room back, and does not say so.
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _LOOK_EVERY)
        self._places.add(place)

    def _has_room(self, place: BodyRoom, size: int) -> bool:
        now = asyncio.get_running_loop().time()
        claimed = sum(other.claimed(now) for other in self._places if other is not place)
        return not claimed or claimed + max(place.expected, place.taken + size) <= self._size

    def _leave(self, place: BodyRoom) -> None:
        self._places.discard(place)
        self._changed.set()


class BodyRoom:
    """The room of one body.

    Args:
        room: The room.
        expected: The bytes that are to arrive.

    Attributes:
        expected: The same.
        taken: The bytes that have arrived.
    """

    __slots__ = ("_began", "_room", "expected", "taken")

    def __init__(self, room: Room, expected: int) -> None:
        self._room = room
        self._began = asyncio.get_running_loop().time()
        self.expected = expected
        self.taken = 0

    async def take(self, size: int) -> None:
        """Take room for bytes that have arrived, or wait for it.

        Args:
            size: The number of bytes.

        Raises:
            Problem: There was none in time.
        """
        try:
            async with asyncio.timeout(self._room.patience):
                await self._room._take(self, size)
        except TimeoutError as error:
            raise Problem("database_busy", "Too many large bodies are in memory.") from error
        if not self.taken:
            self._began = asyncio.get_running_loop().time()
        self.taken += size

    def claimed(self, now: float) -> int:
        """Return the bytes that others cannot have at a time."""
        is_slow = now > self._began + _GRACE + self.taken / _RATE
        return self.taken if is_slow else max(self.expected, self.taken)

    def complete(self) -> None:
        """Note that all has arrived."""
        self.expected = self.taken
        self._room._changed.set()

    def leave(self) -> None:
        """Give all room back."""
        self._room._leave(self)
