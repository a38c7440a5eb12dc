"""Turns at the event loop: long work lets others go on."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest

from ledger_py.http import turns as module
from ledger_py.http.turns import Turns

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _each_look_at_the_clock_takes_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    times = itertools.count()
    monkeypatch.setattr(module, "perf_counter", lambda: next(times) / 1000)


async def test_others_go_on_between_a_few_items() -> None:
    rounds = 0

    async def others() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    found = await Turns().each(range(100), lambda item: (item, rounds))
    task.cancel()

    assert [item for item, _ in found] == list(range(100))
    assert max(Counter(at for _, at in found).values()) < 10


async def test_long_work_takes_turns_with_other_long_work() -> None:
    turns = Turns()
    order: list[str] = []

    await asyncio.gather(*(turns.each([name] * 50, order.append) for name in "abc"))

    runs = [(name, len(list(run))) for name, run in itertools.groupby(order)]
    assert max(length for _, length in runs) < 10
    assert {name for name, _ in runs[3:6]} == {"a", "b", "c"}


async def test_work_that_fails_leaves_the_turn_to_others() -> None:
    turns = Turns()

    with pytest.raises(ZeroDivisionError):
        await turns.each(range(50, -50, -1), lambda item: 1 / item)

    assert await turns.each(range(50), str) == [str(number) for number in range(50)]
