"""A clock that once stood wrong: rules go by the time that it is, order by what was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    Connection,
    Row,
    balance,
    call,
    changed_since,
    entries,
    record,
    refused,
    rows,
    scalar,
    spend,
)
from tests.sql.lifecycle import (
    adjust,
    capture,
    extend,
    item,
    operate,
    place,
    record_batch,
    release,
    reverse,
    spendable,
)

pytestmark = pytest.mark.usefixtures("clock")

TEN_YEARS = timedelta(days=3653)
MINUTE = timedelta(minutes=1)
TOLERANCE = timedelta(seconds=10)

WAYS: dict[str, Callable[[Connection], Any]] = {
    "credit": lambda tx: record(tx, amount=3),
    "debit": lambda tx: spend(tx, 2),
    "credit that expires": lambda tx: record(tx, amount=3, expires_at="2031-01-01T00:00:00Z"),
    "claim": lambda tx: record(tx, operation="DAILY_REWARD"),
    "adjustment": lambda tx: adjust(tx, 4),
    "reversal": lambda tx: reverse(tx, "first", 1),
    "batch": lambda tx: record_batch(tx, [item(1), item(2)]),
    "batch of all kinds": lambda tx: record_batch(tx, [item(1), item(operation="DAILY_REWARD")]),
    "capture": lambda tx: capture(tx, place(tx, 2)["nonce"]),
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))


@pytest.fixture
def mended(tx: Connection, clock: Clock) -> datetime:
    """10 credits of alice, and 5 recorded while the clock stood at ten years later.

    Returns:
        The time that it is, a minute after the clock was set right.
    """
    record(tx, amount=10, nonce="first")
    clock.forward(hours=1)
    ahead(tx, clock, lambda tx: record(tx, amount=5, nonce="ahead"))
    return clock.now


def ahead(tx: Connection, clock: Clock, act: Callable[[Connection], Any]) -> Any:
    """Act while the clock stands ten years ahead, and go on a minute later with a right one."""
    right = clock.now
    clock.set(right + TEN_YEARS)
    done = act(tx)
    clock.set(right + MINUTE)
    return done


def balance_at(tx: Connection, at: datetime) -> int:
    found: int = call(tx, "balance_at", owner_id="alice", at=at)["balance_at"]
    return found


def statement(tx: Connection, since: datetime, until: datetime) -> tuple[int, int, int]:
    """Return the opening balance, the sum of the totals and the closing balance."""
    found = rows(tx, "statement", owner_id="alice", since=since, until=until)
    amounts = [line["amount"] for line in found]
    return amounts[0], sum(amounts[1:-1]), amounts[-1]


def problems(tx: Connection) -> set[tuple[str, str, str | None]]:
    found = rows(tx, "verify")
    return {(row["problem"], row["found_in"], row["owner_id"]) for row in found}


# Rules go by the time that it is


@ways
def test_entry_is_recorded_at_the_time_that_it_is(
    tx: Connection, mended: datetime, way: Callable[[Connection], Any]
) -> None:
    way(tx)
    later = entries(tx)[2:]
    assert later
    assert {entry["recorded_at"] for entry in later} == {mended}
    assert [entry["seq"] for entry in later] == list(range(3, 3 + len(later)))


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
def test_reward_of_today_can_be_claimed_after_that_of_another_day(
    tx: Connection, clock: Clock, batch: bool
) -> None:
    ahead(tx, clock, lambda tx: record(tx, operation="DAILY_REWARD"))
    if batch:
        (found,) = record_batch(tx, [item(operation="DAILY_REWARD")])
        assert found["code"] is None
    else:
        record(tx, operation="DAILY_REWARD")
    with refused(tx, "LG302") as refusal:
        record(tx, operation="DAILY_REWARD")
    assert refusal.detail["next_eligible_at"] == "2030-01-02T00:00:00.000000Z"


@pytest.mark.usefixtures("mended")
def test_credits_may_expire_next_year(tx: Connection, clock: Clock) -> None:
    until = clock.ahead(days=365)
    assert record(tx, amount=2, expires_at=until)["expires_at"] == until
    (found,) = record_batch(tx, [item(2, expires_at=until.isoformat())])
    assert found["expires_at"] == until
    clock.set(until)
    assert balance(tx) == 15


@pytest.mark.usefixtures("mended")
def test_life_of_an_operation_is_counted_from_now(tx: Connection, clock: Clock) -> None:
    entry = record(tx, app="app2", operation="PLAN_ALLOWANCE", amount=100)
    assert entry["expires_at"] == clock.now.replace(month=2)


@pytest.mark.usefixtures("mended")
def test_hold_ends_a_quarter_of_an_hour_from_now(tx: Connection, clock: Clock) -> None:
    hold = place(tx, 4)
    assert (hold["placed_at"], hold["expires_at"]) == (clock.now, clock.ahead(minutes=15))
    extend(tx, hold["nonce"], "20 minutes")
    clock.forward(minutes=20)
    assert spendable(tx) == (15, 0, 15)
    record(tx, amount=1)
    assert scalar(tx, "SELECT status FROM ledger.holds") == "expired"


def test_hold_is_placed_now_beside_one_of_the_future(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    ahead(tx, clock, lambda tx: place(tx, 1, nonce="ahead"))
    for number in range(3):
        place(tx, 1, nonce=f"now {number}")
    found = rows(tx, "holds_of", owner_id="alice")
    assert [hold["nonce"] for hold in found] == ["ahead", "now 2", "now 1", "now 0"]
    assert [hold["placed_at"] - clock.now for hold in found[1:]] == [
        timedelta(microseconds=number) for number in (2, 1, 0)
    ]


def test_account_spoiled_by_several_entries_goes_by_the_clock_again(
    tx: Connection, clock: Clock
) -> None:
    """As a version left it that took the time of the last entry for the time that it is."""

    def act(tx: Connection) -> None:
        record(tx, amount=10, expires_at=clock.ahead(days=1))
        place(tx, 4, nonce="ahead", expires_in="1 day")
        record(tx, operation="DAILY_REWARD")

    ahead(tx, clock, act)
    record(tx, operation="DAILY_REWARD")
    hold = place(tx, 5)
    assert hold["expires_at"] == clock.ahead(minutes=15)
    assert capture(tx, hold["nonce"])["recorded_at"] == clock.now
    assert release(tx, "ahead")["closed_at"] == clock.now
    assert record(tx, amount=1, expires_at=clock.ahead(days=1))["recorded_at"] == clock.now
    assert {problem for problem, _, _ in problems(tx)} == {"of the future"}
    assert balance_at(tx, clock.now) == balance(tx) == 8


def test_account_is_frozen_from_now_on(tx: Connection, mended: datetime) -> None:
    operate(tx, "freeze_account")
    assert scalar(tx, "SELECT frozen_at FROM ledger.accounts") == mended


@pytest.mark.usefixtures("mended")
def test_account_is_plain_again_after_one_entry(tx: Connection) -> None:
    """The fast path leaves accounts whose last entry is of the future to the careful one."""
    record(tx, amount=1)
    tx.execute(
        "CREATE OR REPLACE FUNCTION ledger_core.lock_account(owner_id text, asset text) "
        "RETURNS ledger_core.account_state LANGUAGE plpgsql AS 'BEGIN RAISE ''slow''; END'"
    )
    assert record(tx, amount=1)["seq"] == 4


def test_claim_at_an_earlier_time_is_of_that_time(tx: Connection, clock: Clock) -> None:
    record(tx, operation="DAILY_REWARD")
    clock.forward(days=-40)
    record(tx, operation="DAILY_REWARD")
    clock.forward(days=40)
    with refused(tx, "LG302"):
        record(tx, operation="DAILY_REWARD")
    assert problems(tx) == set()


def test_credits_that_expired_while_the_clock_was_ahead_do_not_come_back(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10, expires_at=clock.ahead(days=30))
    ahead(tx, clock, balance)
    assert balance(tx) == 10
    ahead(tx, clock, lambda tx: record(tx, amount=1))
    assert balance(tx) == 1


def test_expiry_that_a_set_back_clock_left_behind_is_posted_in_order(
    tx: Connection, clock: Clock
) -> None:
    start = clock.now
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 10, nonce="held", expires_in="3 hours")
    clock.forward(hours=2)
    record(tx, amount=1)
    clock.set(start + MINUTE)
    release(tx, "held")
    clock.set(start + timedelta(hours=3))
    record(tx, amount=1)
    assert [entry["amount"] for entry in entries(tx)] == [10, 1, -10, 1]
    assert entries(tx)[2]["recorded_at"] == start + timedelta(hours=1)
    assert problems(tx) == set()


# Small steps


def test_times_stand_still_while_a_clock_is_a_little_behind(tx: Connection, clock: Clock) -> None:
    """Clocks of two servers differ, and a caller may have waited for the account."""
    first = clock.now
    record(tx, amount=5)
    clock.set(first - TOLERANCE)
    record(tx, amount=5)
    record(tx, amount=5, expires_at=first + MINUTE)
    record_batch(tx, [item(1)])
    hold = place(tx, 1)
    assert hold["placed_at"] == first
    capture(tx, hold["nonce"])
    assert {entry["recorded_at"] for entry in entries(tx)} == {first}


@ways
def test_times_follow_a_clock_that_was_set_back(
    tx: Connection, clock: Clock, way: Callable[[Connection], Any]
) -> None:
    record(tx, amount=10, nonce="first")
    clock.set(clock.now - TOLERANCE - timedelta(microseconds=1))
    way(tx)
    assert {entry["recorded_at"] for entry in entries(tx)[1:]} == {clock.now}


# Order


def test_past_ends_with_the_present_balance(tx: Connection, mended: datetime) -> None:
    assert balance(tx) == 15
    assert balance_at(tx, mended) == 15
    assert balance_at(tx, mended - TOLERANCE) == 15


def test_past_balances_do_not_change(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    clock.forward(days=30)
    moments = [clock.now - timedelta(days=days) for days in range(31)]
    before = [balance_at(tx, at) for at in moments]
    ahead(tx, clock, lambda tx: record(tx, amount=5))
    assert [balance_at(tx, at) for at in moments] == before
    clock.forward(hours=1)
    record(tx, amount=7)
    assert [balance_at(tx, at) for at in moments] == before


def test_entry_of_the_future_counts_from_the_next_one(tx: Connection, mended: datetime) -> None:
    record(tx, amount=7)
    assert balance_at(tx, mended - timedelta(microseconds=1)) == 10
    assert balance_at(tx, mended) == 22


def test_past_of_an_account_whose_clock_was_set_back_often(tx: Connection, clock: Clock) -> None:
    start = clock.now
    for hour in (0, 1, 9, 2, 3, 9, 9, 4, 5):
        clock.set(start + timedelta(hours=hour))
        record(tx, amount=1)
    clock.set(start + timedelta(hours=6))
    seen = [balance_at(tx, start + timedelta(hours=hour)) for hour in range(7)]
    assert seen == [1, 2, 4, 5, 8, 9, 9]


@pytest.mark.parametrize("followed", [False, True])
def test_statements_add_up(tx: Connection, clock: Clock, followed: bool) -> None:
    start = clock.now
    record(tx, amount=10)
    clock.forward(hours=1)
    ahead(tx, clock, lambda tx: record(tx, amount=5))
    if followed:
        clock.forward(hours=1)
        record(tx, amount=7, expires_at=clock.ahead(minutes=1))
    clock.forward(hours=1)
    now = balance(tx)
    assert statement(tx, start, clock.now + MINUTE) == (0, now, now)
    middle = start + timedelta(minutes=90)
    opening, moved, closing = statement(tx, start, middle)
    assert (opening, opening + moved) == (0, closing)
    opening, moved, closing = statement(tx, middle, clock.now + MINUTE)
    assert (opening, opening + moved) == (balance_at(tx, middle - timedelta(microseconds=1)), now)
    assert closing == now


def test_order_of_entries_is_that_of_their_numbers(tx: Connection, mended: datetime) -> None:
    record(tx, amount=7)
    found = rows(tx, "entries_of", owner_id="alice")
    assert [entry["seq"] for entry in found] == [3, 2, 1]
    assert found[0]["recorded_at"] == mended


# What verify says


def test_verify_names_what_lies_in_the_future(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)

    def act(tx: Connection) -> None:
        record(tx, owner_id="bob", nonce="ahead")
        place(tx, 1)
        operate(tx, "set_min_balance", min_balance=-1)
        call(tx, "define_operation", operation="NEW", description="x", default_amount=1)

    ahead(tx, clock, act)
    expected = {
        ("of the future", "entries", "bob"),
        ("of the future", "hold_events", "alice"),
        ("of the future", "operator_actions", "alice"),
        ("of the future", "operation_changes", None),
    }
    assert problems(tx) == expected
    (found,) = rows(tx, "verify", owner_id="bob")
    assert (found["seq"], found["detail"]["nonce"]) == (1, "ahead")
    record(tx, owner_id="bob")
    spend(tx, 1)
    assert problems(tx) == expected
    clock.forward(days=3653)
    assert problems(tx) == set()


def test_verify_tolerates_clocks_that_differ_a_little(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    clock.set(clock.now - TOLERANCE)
    assert problems(tx) == set()
    clock.forward(microseconds=-1)
    assert problems(tx) == {("of the future", "entries", "alice")}


def test_hold_that_was_used_in_part_in_the_future_can_end_now(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    for nonce in ("used", "given up"):
        place(tx, 4, nonce=nonce, expires_in="366 days")
    right = clock.now
    clock.forward(days=365)
    for nonce in ("used", "given up"):
        capture(tx, nonce, 1, final=False)
    clock.set(right + MINUTE)
    capture(tx, "used")
    release(tx, "given up")
    assert {problem for problem, _, _ in problems(tx)} == {"of the future"}
    clock.forward(days=365)
    assert problems(tx) == set()


@pytest.mark.parametrize("limit_first", [True, False])
def test_limit_that_changed_around_a_wrong_minute_is_no_discrepancy(
    tx: Connection, clock: Clock, limit_first: bool
) -> None:
    rule: Row = {"operation": "BONUS", "description": "x", "default_amount": 1}
    limit: Row = {"claim_limit": 9, "claim_period": "ever"}
    first, second = ({**rule, **limit}, rule) if limit_first else (rule, {**rule, **limit})
    call(tx, "define_operation", **first)
    call(tx, "allow_operation", app="app1", operation="BONUS")

    def act(tx: Connection) -> None:
        record(tx, operation="BONUS")
        if limit_first:
            call(tx, "define_operation", **second)

    ahead(tx, clock, act)
    if not limit_first:
        call(tx, "define_operation", **second)
    clock.forward(days=3)
    record(tx, operation="BONUS")
    assert {problem for problem, _, _ in problems(tx)} == {"of the future"}


def test_checkpoints_stay_right(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    checkpoints = [call(tx, "checkpoint")]

    def act(tx: Connection) -> None:
        record(tx, amount=5)
        place(tx, 1)
        checkpoints.append(call(tx, "checkpoint"))

    ahead(tx, clock, act)
    checkpoints.append(call(tx, "checkpoint"))
    record(tx, amount=7)
    spend(tx, 2)
    assert [changed_since(tx, checkpoint) for checkpoint in checkpoints] == [[], [], []]


def test_new_generation_mends_checkpoints_of_one_begun_in_a_wrong_minute(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10)
    ahead(tx, clock, lambda tx: call(tx, "begin_generation"))
    place(tx, 1)
    call(tx, "begin_generation")
    checkpoint = call(tx, "checkpoint")
    place(tx, 1)
    operate(tx, "set_min_balance", min_balance=-1)
    assert changed_since(tx, checkpoint) == []


# Views


def test_price_changed_in_a_wrong_minute_is_in_force_now(tx: Connection, clock: Clock) -> None:
    rule = {"operation": "PRICED", "description": "x"}
    call(tx, "define_operation", default_amount=-5, **rule)
    call(tx, "allow_operation", app="app1", operation="PRICED")
    start = clock.now
    clock.forward(days=1)
    ahead(tx, clock, lambda tx: call(tx, "define_operation", default_amount=-6, **rule))
    asked = """
        SELECT default_amount FROM ledger.app_prices
        WHERE operation = 'PRICED' AND valid_from <= %s AND %s < coalesce(valid_until, 'infinity')
    """
    assert scalar(tx, asked, start, start) == -5
    assert scalar(tx, asked, clock.now, clock.now) == -6
    clock.forward(days=1)
    call(tx, "define_operation", default_amount=-7, **rule)
    clock.forward(days=1)
    assert scalar(tx, asked, start, start) == -5
    assert scalar(tx, asked, clock.now, clock.now) == -7


def test_open_holds_go_by_the_clock(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    place(tx, 4, expires_in="1 hour")
    clock.forward(hours=1, microseconds=-1)
    assert scalar(tx, "SELECT sum(remaining) FROM ledger.open_holds") == 4
    clock.forward(microseconds=1)
    assert scalar(tx, "SELECT count(*) FROM ledger.open_holds") == 0
