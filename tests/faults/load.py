"""Load by callers, and proof that they are answered."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from tests.faults.callers import OWNERS, Caller, SqlCaller
from tests.faults.journal import Journal
from tests.faults.processes import PATIENCE, Stuck

__all__ = ("fill_accounts", "load", "progress")

_ANSWERS: Final = 30
"""Acknowledgements per kind of caller that count as progress."""


async def fill_accounts(journal: Journal, url: str, owners: Sequence[str] = OWNERS) -> None:
    """Give credits to the owners."""
    await SqlCaller(journal, random.Random(0), url, owners=owners).fill()


@asynccontextmanager
async def load(journal: Journal, callers: Sequence[Caller]) -> AsyncIterator[None]:
    """Let callers call during a block, which begins and ends while they are answered."""
    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(caller.run())
        try:
            await progress(journal)
            yield
            await progress(journal)
        finally:
            for caller in callers:
                caller.stopping = True


async def progress(journal: Journal) -> None:
    """Wait until callers over HTTP and over SQL are answered again."""

    def answered() -> dict[str, int]:
        return {
            "HTTP": journal.acknowledged("http", "http-batch", "hold", "capture", "reversal"),
            "SQL": journal.acknowledged("order", "sql-batch"),
        }

    before = answered()
    deadline = time.monotonic() + PATIENCE
    while waiting := [kind for kind, n in answered().items() if n < before[kind] + _ANSWERS]:
        if time.monotonic() > deadline:
            causes = dict(journal.causes)
            raise Stuck(f"callers over {' and '.join(waiting)} get no answers: {causes}")
        await asyncio.sleep(0.05)
