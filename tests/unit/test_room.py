"""Room in memory for large bodies: who gets it, who waits, and who gives it back."""

from __future__ import annotations

import asyncio

import pytest

from ledger_py.http import room as rooms
from ledger_py.http.problems import Problem
from ledger_py.http.room import BodyRoom, Room
from ledger_py.settings import Settings

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


def make_room(patience: float = 60.0) -> Room:
    return Room(Settings(max_bodies=8 * MIB, pool_timeout=patience))


@pytest.fixture
def _all_are_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "_GRACE", -1.0)
    monkeypatch.setattr(rooms, "_RATE", float("inf"))


async def taking(place: BodyRoom, size: int) -> asyncio.Task[None]:
    """Let a body take room, or begin to wait for it."""
    task = asyncio.create_task(place.take(size))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_bodies_get_room_in_the_order_of_their_arrival() -> None:
    room = make_room()
    first, second, third = (BodyRoom(room, 6 * MIB) for _ in range(3))
    done: list[int] = []

    async def read(number: int, place: BodyRoom) -> None:
        await place.take(6 * MIB)
        place.complete()
        done.append(number)

    await read(1, first)
    waiting = [asyncio.create_task(read(2, second)), asyncio.create_task(read(3, third))]
    await taking(BodyRoom(room, MIB), MIB)
    assert (done, room.taken) == ([1], 6 * MIB)

    first.leave()
    await waiting[0]
    assert done == [1, 2]
    second.leave()
    await waiting[1]
    third.leave()
    assert done == [1, 2, 3]


async def test_body_that_arrives_gets_room_for_all_of_it() -> None:
    room = make_room()
    first, second = BodyRoom(room, 6 * MIB), BodyRoom(room, 6 * MIB)

    await first.take(MIB)
    waiting = await taking(second, MIB)
    await first.take(5 * MIB)

    assert not waiting.done()
    assert room.taken == 6 * MIB
    first.leave()
    await waiting


async def test_body_that_waits_has_no_room_and_is_refused_in_the_end() -> None:
    room = make_room(patience=0.05)
    first = BodyRoom(room, 8 * MIB)
    await first.take(8 * MIB)

    with pytest.raises(Problem) as refused:
        await BodyRoom(room, MIB).take(MIB)

    assert (refused.value.type.code, refused.value.type.status) == ("database_busy", 503)
    assert ("retry-after", "1") in refused.value.headers
    first.leave()
    await BodyRoom(room, 8 * MIB).take(8 * MIB)


@pytest.mark.usefixtures("_all_are_slow")
async def test_body_that_arrives_slowly_takes_no_room_for_what_it_announced() -> None:
    room = make_room()
    slow = [BodyRoom(room, MIB) for _ in range(50)]
    for place in slow:
        await place.take(64 * 1024)

    await asyncio.wait_for(BodyRoom(room, 4 * MIB).take(4 * MIB), 60)


@pytest.mark.usefixtures("_all_are_slow")
async def test_slow_bodies_do_not_wait_for_each_other_in_a_circle() -> None:
    room = make_room()
    places = [BodyRoom(room, 5 * MIB) for _ in range(4)]
    for place in places:
        await place.take(MIB)

    async def read_the_rest(place: BodyRoom) -> None:
        for _ in range(4):
            await place.take(MIB)
            assert room.taken <= 8 * MIB
        place.leave()

    await asyncio.wait_for(asyncio.gather(*map(read_the_rest, places)), 60)

    assert room.taken == 0


async def test_body_larger_than_all_room_is_taken_alone() -> None:
    room = make_room()
    large, next_one = BodyRoom(room, 20 * MIB), BodyRoom(room, MIB)

    await large.take(20 * MIB)
    waiting = await taking(next_one, MIB)

    assert not waiting.done()
    large.leave()
    await waiting
