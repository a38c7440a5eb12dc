"""Turns at the event loop, for work that takes long: decoding and encoding much at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Final, TypeVar

__all__ = ("Turns",)

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

_AT_ONCE: Final = 0.001
"""Seconds of work that are done without a turn: most of it is done by then."""

_SLICE: Final = 0.005
"""Seconds after which a turn ends, once the item in hand is done."""


class Turns:
    """Gives one piece of work after the other a turn, and then a rest of the same length.

    So all long work together takes half of the event loop's time at most, whatever there is of it.
    The other half belongs to small requests, which take no turns.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._began = 0.0

    async def __aenter__(self) -> None:
        await self._lock.acquire()
        self._began = perf_counter()

    async def __aexit__(self, *_: object) -> None:
        try:
            await asyncio.sleep(perf_counter() - self._began)
        finally:
            self._lock.release()

    async def each(self, items: Iterable[ItemT], work: Callable[[ItemT], ResultT]) -> list[ResultT]:
        """Call a function for each item, in as many turns as it takes.

        Args:
            items: The items. Each is little work.
            work: The function.

        Returns:
            Its results.
        """
        results: list[ResultT] = []
        left = iter(items)
        done = _work_for(_AT_ONCE, left, work, results)
        while not done:
            async with self:
                done = _work_for(_SLICE, left, work, results)
        return results


def _work_for(
    seconds: float,
    left: Iterable[ItemT],
    work: Callable[[ItemT], ResultT],
    results: list[ResultT],
) -> bool:
    """Do some of the work; True if none is left."""
    until = perf_counter() + seconds
    for item in left:
        results.append(work(item))
        if perf_counter() > until:
            return False
    return True
