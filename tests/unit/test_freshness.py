"""Cache-Control of a request, and how far a standby is behind."""

from __future__ import annotations

from typing import Any

import pytest

from ledger_py.http.freshness import History, oldest_accepted


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], None),
        ([b"no-cache"], 0),
        ([b"No-Cache"], 0),
        ([b"max-age=30"], 30),
        ([b'max-age="30"'], 30),
        ([b"no-store, max-age=30 , no-transform"], 30),
        ([b"max-age=30", b"max-age=5"], 5),
        ([b"max-age=30", b"no-cache"], 0),
        ([b"max-age=-1, max-age=, max-age=soon, max-stale=9, private"], None),
        ([b"\xff, ,,"], None),
    ],
)
def test_caller_says_how_old_an_answer_may_be(values: list[bytes], seconds: int | None) -> None:
    scope: Any = {"headers": [(b"accept", b"*/*"), *((b"cache-control", one) for one in values)]}

    assert oldest_accepted(scope) == seconds


def test_standby_is_as_old_as_the_last_position_that_it_has_replayed() -> None:
    history = History(reach=100.0)
    for time, position in [(1.0, 10), (2.0, 10), (3.0, 20), (4.0, 30)]:
        history.note(time, position)

    assert [history.reached(at) for at in (9, 10, 19, 20, 29, 30, 31)] == [
        None,
        2.0,
        2.0,
        3.0,
        3.0,
        4.0,
        4.0,
    ]


def test_positions_out_of_reach_are_forgotten() -> None:
    history = History(reach=2.0)
    for time in range(10):
        history.note(float(time), 10 * time)

    assert (history.reached(69), history.reached(70)) == (None, 7.0)


def test_positions_that_a_failover_lost_are_forgotten() -> None:
    history = History(reach=100.0)
    for time, position in [(1.0, 10), (2.0, 30), (3.0, 20)]:
        history.note(time, position)

    assert (history.reached(19), history.reached(25)) == (1.0, 3.0)
