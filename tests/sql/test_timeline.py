"""`ledger.timeline`: the balance as steps, of which a curve keeps the extremes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    Connection,
    Row,
    call,
    count_asset,
    has_compiled,
    record,
    refused,
    rows,
    scalar,
)
from tests.sql.lifecycle import (
    capture,
    extend,
    item,
    operate,
    place,
    record_batch,
    release,
    spendable,
)


def timeline(conn: Connection, **more: Any) -> list[Row]:
    return rows(conn, "timeline", **{"owner_id": "alice"} | more)


def steps(conn: Connection, **more: Any) -> list[tuple[int, int]]:
    """Read balance and held of each row."""
    return [(row["balance"], row["held"]) for row in timeline(conn, **more)]


def walk(conn: Connection, clock: Clock, amounts: list[int], **every: Any) -> list[int]:
    """Record amounts, the clock moving on before each, and return the balances."""
    for amount in amounts:
        clock.forward(**every or {"minutes": 1})
        record_batch(conn, [item(amount, operation="CREDIT_ADD" if amount > 0 else "CREDIT_SPEND")])
    return list(itertools.accumulate(amounts))


def limit(conn: Connection, function: str, most: int) -> None:
    """Replace a limit of the function."""
    conn.execute(
        f"CREATE OR REPLACE FUNCTION ledger_core.{function}() RETURNS integer "
        f"LANGUAGE sql IMMUTABLE AS 'SELECT {most}'".encode()
    )


def test_unknown_owner_and_account_without_entries_have_no_steps(tx: Connection) -> None:
    assert timeline(tx) == []
    operate(tx, "set_min_balance", min_balance=-5)
    assert timeline(tx) == []


def test_few_entries_are_all_steps(tx: Connection, clock: Clock) -> None:
    balances = walk(tx, clock, [10, -3, 5, -12])
    found = timeline(tx)
    assert [(row["seq"], row["balance"], row["held"]) for row in found] == [
        (seq, balance, 0) for seq, balance in enumerate(balances, start=1)
    ]
    assert found[-1]["at"] == clock.now


def test_since_and_until_are_included(tx: Connection, clock: Clock) -> None:
    begun = clock.now
    walk(tx, clock, [1, 2, 4, 8], hours=1)
    hour = [begun.replace(hour=12 + number) for number in range(5)]
    assert [(row["at"], row["balance"], row["seq"]) for row in timeline(tx, since=hour[2])] == [
        (hour[2], 3, 2),
        (hour[3], 7, 3),
        (hour[4], 15, 4),
    ]
    assert steps(tx, since=hour[2].replace(minute=30), until=hour[3]) == [(3, 0), (7, 0)]
    assert steps(tx, until=hour[2].replace(minute=30)) == [(1, 0), (3, 0)]
    assert steps(tx, since=begun, until=begun) == [(0, 0)]
    assert steps(tx, until=begun) == []
    assert steps(tx, since=hour[4], until=clock.ahead(days=9)) == [(15, 0)]


def test_steps_end_at_the_balance_although_a_hold_ended_while_the_clock_was_ahead(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10)
    place(tx, 4, expires_in="5 hours")
    right = clock.now
    clock.forward(days=1)
    record(tx, amount=1)
    clock.set(right)
    record(tx, amount=3, expires_at=clock.ahead(hours=1))
    clock.forward(hours=2)
    assert steps(tx)[-1] == spendable(tx)[:2] == (11, 0)


def test_until_ahead_counts_as_now(tx: Connection, clock: Clock) -> None:
    record(tx, amount=3, expires_at=clock.ahead(hours=1))
    assert steps(tx, until=clock.ahead(hours=2)) == [(3, 0)]


def test_expiries_and_ends_of_holds_are_steps_before_they_are_posted(
    tx: Connection, clock: Clock
) -> None:
    begun = clock.now
    record(tx, amount=10)
    record(tx, amount=3, expires_at=clock.ahead(hours=1))
    place(tx, 5, expires_in="2 hours")
    clock.forward(hours=3)
    found = timeline(tx)
    assert [(row["at"], row["balance"], row["held"], row["seq"]) for row in found][-2:] == [
        (begun.replace(hour=14), 13, 0, 2),
        (begun.replace(hour=14), 10, 0, 2),
    ]
    assert steps(tx, since=begun.replace(hour=13)) == [(13, 5), (13, 0), (10, 0)]
    assert steps(tx, since=begun.replace(hour=14, minute=1)) == [(10, 0)]
    call(tx, "expire_credits", max_accounts=9)
    assert timeline(tx)[-1] == found[-1] | {"seq": 3}


def test_held_is_known_at_every_step(tx: Connection, clock: Clock) -> None:
    record(tx, amount=20)
    expected = [(20, 0)]

    def now() -> None:
        expected.append(spendable(tx)[:2])
        clock.forward(minutes=1)

    clock.forward(minutes=1)
    place(tx, 5, nonce="a", expires_in="1 day")
    now()
    place(tx, 7, nonce="b", expires_in="1 hour")
    now()
    capture(tx, "a", 2, final=False)
    now()
    record(tx, amount=1)
    now()
    extend(tx, "b", "2 hours")
    now()
    capture(tx, "a", 1, final=True)
    now()
    release(tx, "b")
    now()
    place(tx, 3, nonce="c", expires_in="1 minute")
    now()
    expected.append(spendable(tx)[:2])
    assert steps(tx) == expected
    for row in timeline(tx)[1:]:
        (first, *_) = timeline(tx, since=row["at"])
        assert (first["balance"], first["held"]) == (row["balance"], row["held"])


def test_last_of_many_steps_in_a_microsecond_is_the_present(tx: Connection, clock: Clock) -> None:
    record(tx, amount=20)
    place(tx, 10, nonce="h")
    capture(tx, "h")
    assert steps(tx)[-1] == spendable(tx)[:2] == (10, 0)
    clock.forward(microseconds=2)
    place(tx, 3, nonce="i")
    release(tx, "i")
    assert steps(tx)[-1] == (10, 0)


def test_held_is_null_before_the_events_that_are_read(tx: Connection, clock: Clock) -> None:
    record(tx, amount=20)
    for number in range(3):
        clock.forward(minutes=1)
        place(tx, number + 1, nonce=f"h{number}")
        clock.forward(minutes=1)
        release(tx, f"h{number}")
    whole = [held for _, held in steps(tx)]
    assert whole == [0, 1, 0, 2, 0, 3, 0]
    limit(tx, "timeline_hold_events", 3)
    assert [held for _, held in steps(tx)] == [None, 0, 3, 0]


@pytest.mark.parametrize(
    ("end", "left"),
    [
        (lambda tx: capture(tx, "old", 3, final=False), 2),
        (lambda tx: capture(tx, "old", 3), 0),
        (lambda tx: release(tx, "old"), 0),
        (lambda tx: extend(tx, "old", "9 hours"), 5),
    ],
    ids=["captured in part", "captured", "released", "extended"],
)
def test_held_is_known_although_the_beginning_of_a_hold_was_not_read(
    tx: Connection, clock: Clock, end: Callable[[Connection], Row], left: int
) -> None:
    record(tx, amount=20)
    clock.forward(minutes=1)
    place(tx, 5, nonce="old")
    clock.forward(minutes=1)
    place(tx, 1, nonce="new")
    clock.forward(minutes=1)
    end(tx)
    limit(tx, "timeline_hold_events", 2)
    found = [held for _, held in steps(tx)]
    assert found[:2] == [None, 6]
    assert found[-1] == left + 1


def test_held_is_null_before_a_hold_was_adopted(tx: Connection, clock: Clock) -> None:
    record(tx, amount=20)
    clock.forward(minutes=1)
    place(tx, 4, nonce="old")
    # As if the hold had been placed by a release without a journal of holds.
    tx.execute("ALTER TABLE ledger.hold_events DISABLE TRIGGER ALL")
    tx.execute("UPDATE ledger.hold_events SET event = 'adopted'")
    clock.forward(minutes=1)
    release(tx, "old")
    assert steps(tx) == [(20, None), (20, 4), (20, 0)]
    tx.execute("UPDATE ledger.hold_events SET event = 'placed' WHERE event = 'adopted'")


def test_a_stretch_keeps_its_least_its_most_and_its_last(tx: Connection, clock: Clock) -> None:
    begun = clock.now
    amounts = [5 if number % 2 else 6 for number in range(400)]
    amounts[77], amounts[78] = 900, -900
    amounts[300], amounts[301] = -700, 700
    balances = walk(tx, clock, amounts, seconds=36)
    found = timeline(tx, points=31)
    assert len(found) <= 31
    states = dict(enumerate(balances, start=1))
    assert all(states[row["seq"]] == row["balance"] for row in found)

    at: list[datetime] = [
        moment for (moment,) in tx.execute("SELECT recorded_at FROM ledger.entries ORDER BY seq")
    ]
    # Ten stretches, from the first entry to now, which is the last.
    length = (at[-1] - at[0]) / 10
    assert at[0] > begun
    for number in range(10):
        inside = [
            balance
            for moment, balance in zip(at, balances, strict=True)
            if (at[0] + number * length < moment or number == 0)
            and moment <= at[0] + (number + 1) * length
        ]
        kept = [
            row["balance"]
            for row in found
            if (at[0] + number * length < row["at"] or number == 0)
            and row["at"] <= at[0] + (number + 1) * length
        ]
        assert (min(kept), max(kept), kept[-1]) == (min(inside), max(inside), inside[-1])


def test_held_of_a_thinned_curve_keeps_its_extremes(tx: Connection, clock: Clock) -> None:
    record(tx, amount=1000)
    for number in range(60):
        clock.forward(minutes=1)
        place(tx, 500 if number == 31 else 1 + number % 3, nonce=f"h{number}")
        clock.forward(minutes=1)
        capture(tx, f"h{number}", 1)
    found = steps(tx, points=20)
    assert len(found) <= 20
    assert max(held for _, held in found) == 500
    assert min(held for _, held in found) == 0
    assert found[-1] == spendable(tx)[:2]


def test_of_many_entries_a_spike_of_so_many_is_never_missed(tx: Connection, clock: Clock) -> None:
    limit(tx, "timeline_entries", 300)
    # Three stretches of which each k-th entry is read: 10 of 160, so that k is 16.
    amounts = [3 if number % 2 else -2 for number in range(480)]
    amounts[0] = 3
    for begin, size in ((37, 5000), (203, -50), (399, 70)):
        amounts[begin] += size
        amounts[begin + 16] -= size
    call(tx, "set_min_balance", owner_id="alice", min_balance=-99, actor="a", reason="b")
    balances = walk(tx, clock, amounts)
    found = timeline(tx, points=10)
    states = dict(enumerate(balances, start=1))
    assert len(found) <= 10
    assert all(states[row["seq"]] == row["balance"] for row in found)
    kept = [row["balance"] for row in found]
    assert max(kept) >= 5000
    assert min(kept) <= min(balances[203:219]) + 3
    assert any(min(balances[399:415]) <= balance <= max(balances[399:415]) for balance in kept)
    assert kept[-1] == balances[-1]


def test_many_points_at_once_are_thinned_too(tx: Connection, clock: Clock) -> None:
    """A batch has one time, so that all its entries are in one stretch."""
    record_batch(tx, [item(1) for _ in range(200)])
    found = timeline(tx, points=10)
    assert [row["balance"] for row in found] == [1, 200]
    assert len(found) <= 10
    clock.forward(days=1)
    assert timeline(tx, points=10) == found


def test_many_unposted_events_are_thinned(tx: Connection, clock: Clock) -> None:
    for number in range(50):
        record(tx, amount=2, expires_at=clock.ahead(hours=number + 1))
    clock.forward(hours=45)
    found = timeline(tx, points=10)
    assert len(found) <= 10
    assert (found[-1]["balance"], found[-1]["held"]) == (10, 0)


def test_asset_and_owner_are_kept_apart(tx: Connection) -> None:
    record(tx, amount=10)
    record(tx, owner_id="bob", amount=3)
    assert steps(tx, owner_id="bob") == [(3, 0)]
    count_asset(tx, "STAR")
    assert steps(tx, asset="STAR") == []


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("owner_id", {"owner_id": ""}),
        ("asset", {"asset": "credit"}),
        ("since", {"since": "2999-01-01T00:00:00Z"}),
        ("until", {"since": "2020-01-01T00:00:00Z", "until": "2019-01-01T00:00:00Z"}),
        ("points", {"points": 9}),
        ("points", {"points": 1001}),
        ("points", {"points": None}),
    ],
)
def test_malformed_request_is_refused(
    tx: Connection, field: str, arguments: dict[str, Any]
) -> None:
    with refused(tx, "LG001") as refusal:
        timeline(tx, **arguments)
    assert refusal.detail["field"] == field


@pytest.mark.parametrize("points", [10, 100, 1000])
def test_there_are_never_more_points_than_asked(tx: Connection, clock: Clock, points: int) -> None:
    record(tx, amount=100)
    for number in range(150):
        clock.forward(minutes=7)
        record(tx, amount=3, expires_at=clock.ahead(hours=number % 9 + 1))
        place(tx, 2, nonce=f"h{number}", expires_in=f"{number % 5 + 1} hours")
        if number % 2:
            capture(tx, f"h{number}", 1, final=number % 4 == 1)
    clock.forward(hours=1)
    found = timeline(tx, points=points)
    assert len(found) <= points
    assert scalar(tx, "SELECT count(*) FROM ledger.hold_events") > 200
    assert (found[-1]["balance"], found[-1]["held"]) == spendable(tx)[:2]
    window = {"since": found[1]["at"], "until": clock.now}
    assert len(timeline(tx, points=points, **window)) <= points


def test_nothing_is_compiled_for_a_long_history(fresh_tx: Connection) -> None:
    record(fresh_tx, owner_id="many")
    # Above what the planner says of the call itself.
    fresh_tx.execute("SET LOCAL jit_above_cost = 20")
    fresh_tx.execute("SELECT * FROM ledger.timeline('many', since => now() - interval '1 day')")
    assert not has_compiled(fresh_tx)
    fresh_tx.execute("SELECT count(*) FROM generate_series(1, 10000) AS n")
    if not has_compiled(fresh_tx):
        pytest.skip("This PostgreSQL does not compile.")
