"""Callers who leave, or wait for too long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ledger_py.http.callers import Caller
from ledger_py.http.deadlines import Deadlines

pytestmark = pytest.mark.anyio


class Connection:
    """The ASGI channel of a request whose body has arrived."""

    def __init__(self) -> None:
        self.watched = asyncio.Event()
        self.cut = asyncio.Event()

    async def receive(self) -> Any:
        self.watched.set()
        await self.cut.wait()
        return {"type": "http.disconnect"}


async def test_caller_that_stays_is_watched_then_late() -> None:
    connection, late = Connection(), asyncio.Event()
    left: list[bool] = []
    caller = Caller(connection.receive, Deadlines())

    caller.begin_to_wait(lambda: left.append(True), late=late.set, within=0.5)
    await asyncio.wait_for(connection.watched.wait(), 10)
    assert not late.is_set()
    await asyncio.wait_for(late.wait(), 10)
    caller.end_to_wait()

    assert (left, caller.gone) == ([], False)


async def test_caller_that_leaves_is_noticed() -> None:
    connection, left = Connection(), asyncio.Event()
    caller = Caller(connection.receive, Deadlines())

    caller.begin_to_wait(left.set, late=left.set, within=60.0)
    await asyncio.wait_for(connection.watched.wait(), 10)
    assert not left.is_set()
    connection.cut.set()
    await asyncio.wait_for(left.wait(), 10)
    caller.end_to_wait()

    assert caller.gone


async def test_caller_that_is_answered_is_not_watched() -> None:
    connection, deadlines = Connection(), Deadlines()
    answered, waiting = Caller(connection.receive, deadlines), Connection()
    with answered.waiting(lambda: None):
        pass

    # Whoever began to wait later is watched.
    with Caller(waiting.receive, deadlines).waiting(lambda: None):
        await asyncio.wait_for(waiting.watched.wait(), 10)

    assert not connection.watched.is_set()
