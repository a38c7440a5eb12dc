"""Waiting, as the clients of a cluster do it: in tasks and in threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ("call_each", "call_each_async", "pause", "pause_async")

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


async def call_each_async(
    call: Callable[[ItemT], Awaitable[ResultT]], items: Sequence[ItemT]
) -> list[ResultT]:
    """Call a function for all items side by side.

    Returns:
        The results, in the order of the items. All calls have ended when one of them has raised.
    """
    tasks = [asyncio.ensure_future(call(item)) for item in items]
    try:
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
    return [task.result() for task in tasks]


def call_each(call: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> list[ResultT]:
    """Call a function for all items side by side.

    Returns:
        The results, in the order of the items. All calls have ended when one of them has raised.
    """
    if len(items) == 1:
        return [call(items[0])]
    with ThreadPoolExecutor(max_workers=max(1, len(items))) as threads:
        return [one.result() for one in [threads.submit(call, item) for item in items]]


async def pause_async(seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


def pause(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)
