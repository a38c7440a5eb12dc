"""Deadlines of requests and calls."""

from __future__ import annotations

import asyncio

import pytest

from ledger_py.http.deadlines import Deadlines

pytestmark = pytest.mark.anyio


class Waiting:
    def __init__(self) -> None:
        self.given_up = asyncio.Event()

    def give_up(self) -> None:
        self.given_up.set()


async def test_only_late_waiters_are_given_up() -> None:
    deadlines = Deadlines()
    late, done, patient = Waiting(), Waiting(), Waiting()
    deadlines.add(patient, 60.0)
    deadlines.add(late, 0.01)
    deadlines.add(done, 0.01)
    deadlines.remove(done)

    await asyncio.wait_for(late.given_up.wait(), 10)

    assert not done.given_up.is_set()
    assert not patient.given_up.is_set()


async def test_next_deadline_is_noticed_after_a_pause() -> None:
    deadlines = Deadlines()
    for _ in range(2):
        late = Waiting()
        deadlines.add(late, 0.0)
        await asyncio.wait_for(late.given_up.wait(), 10)
        deadlines.remove(late)
