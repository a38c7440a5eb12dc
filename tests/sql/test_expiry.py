"""Credits that expire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    Connection,
    Row,
    balance,
    call,
    entries,
    record,
    refused,
    rows,
    scalar,
    spend,
)
from tests.sql.lifecycle import (
    adjust,
    amounts,
    capture,
    extend,
    item,
    lots,
    operate,
    place,
    record_batch,
    release,
    spendable,
)

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def due(tx: Connection, clock: Clock) -> Row:
    """A lot of 10 credits of alice that expired an hour ago and is not settled."""
    entry = record(tx, amount=10, expires_at=clock.ahead(hours=1))
    clock.forward(hours=2)
    return entry


def next_due_at(tx: Connection) -> Any:
    query = "SELECT nullif(next_due_at, 'infinity') FROM ledger.accounts WHERE owner_id = 'alice'"
    return scalar(tx, query)


def next_expiry(tx: Connection) -> tuple[Any, Any]:
    found = call(tx, "balance", owner_id="alice")
    return found["next_expiry_at"], found["next_expiry_amount"]


# The time of an expiry


def test_credits_can_be_read_until_the_exact_microsecond(tx: Connection, clock: Clock) -> None:
    until = clock.ahead(hours=1)
    record(tx, amount=10, expires_at=until)
    clock.forward(hours=1, microseconds=-1)
    assert spendable(tx) == (10, 0, 10)
    clock.forward(microseconds=1)
    assert spendable(tx) == (0, 0, 0)


def test_credits_can_be_spent_until_the_exact_microsecond(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    clock.forward(hours=1, microseconds=-1)
    spend(tx, 4)
    clock.forward(microseconds=1)
    with refused(tx, "LG301") as refusal:
        spend(tx, 1)
    assert (refusal.detail["available"], refusal.detail["required"]) == (0, 1)


def test_credits_can_be_held_until_the_exact_microsecond(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    clock.forward(hours=1, microseconds=-1)
    place(tx, 4)
    clock.forward(microseconds=1)
    with refused(tx, "LG301") as refusal:
        place(tx, 1)
    assert refusal.detail["available"] == 0


def test_credits_expire_after_the_time_in_the_operation(tx: Connection, clock: Clock) -> None:
    expected = clock.now.replace(month=2)
    entry = record(tx, app="app2", operation="PLAN_ALLOWANCE")
    assert entry["expires_at"] == expected
    clock.set(expected)
    clock.forward(microseconds=-1)
    assert balance(tx) == 1000
    clock.set(expected)
    assert balance(tx) == 0


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_months_are_counted_in_utc_in_any_session_time_zone(
    tx: Connection, clock: Clock, zone: str
) -> None:
    tx.execute(f"SET LOCAL TimeZone = '{zone}'".encode())
    clock.set("2030-01-31T02:00:00Z")
    entry = record(tx, app="app2", operation="PLAN_ALLOWANCE")
    clock.set("2030-02-28T02:00:00Z")
    assert entry["expires_at"] == clock.now


def test_days_have_24_hours_in_any_session_time_zone(tx: Connection, clock: Clock) -> None:
    call(
        tx,
        "define_operation",
        operation="CREDIT_ADD",
        description="Credits of a day",
        shared=True,
        default_amount=10,
        expires_after="1 day",
    )
    tx.execute("SET LOCAL TimeZone = 'Europe/Berlin'")
    clock.set("2024-03-30T12:00:00Z")
    assert record(tx)["expires_at"] == clock.ahead(hours=24)


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
@pytest.mark.parametrize(
    ("zone", "granted", "life", "expires"),
    [
        ("Asia/Kolkata", "2030-03-01T00:00:00+05:30", "1 month", "2030-04-01T00:00:00+05:30"),
        ("Asia/Kolkata", "2030-01-31T23:00:00+05:30", "1 month", "2030-02-28T23:00:00+05:30"),
        # The night of a clock change has 23 hours.
        ("Europe/Berlin", "2024-03-30T12:00:00+01:00", "1 day", "2024-03-31T12:00:00+02:00"),
        ("Europe/Berlin", "2024-03-30T12:00:00+01:00", "24 hours", "2024-03-31T13:00:00+02:00"),
        ("Europe/Berlin", "2024-03-30T12:00:00+01:00", "1 day 1 hour", "2024-03-31T13:00:00+02:00"),
    ],
)
def test_credits_live_by_the_calendar_of_their_claims(
    tx: Connection, clock: Clock, zone: str, granted: str, life: str, expires: str, batch: bool
) -> None:
    rule = {"claim_limit": 1, "claim_period": "month", "claim_time_zone": zone}
    call(
        tx,
        "define_operation",
        operation="PLAN",
        description="Credits of a month",
        default_amount=5,
        expires_after=life,
        **rule,
    )
    call(tx, "allow_operation", app="app1", operation="PLAN")
    clock.set(granted)
    if batch:
        (entry,) = record_batch(tx, [item(operation="PLAN")])
    else:
        entry = record(tx, operation="PLAN")
    assert entry["expires_at"] == datetime.fromisoformat(expires)
    clock.set(expires)
    assert balance(tx) == 0


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
def test_operation_with_expiry_makes_a_lot_beside_other_credits(
    tx: Connection, clock: Clock, batch: bool
) -> None:
    rule = {"description": "Voucher", "default_amount": 5, "expires_after": "1 day"}
    call(tx, "define_operation", operation="VOUCHER", **rule)
    call(tx, "allow_operation", app="app1", operation="VOUCHER")
    record(tx, amount=10)
    if batch:
        record_batch(tx, [item(operation="VOUCHER")])
    else:
        record(tx, operation="VOUCHER")
    assert lots(tx) == [5]

    clock.forward(days=1)
    assert balance(tx) == 10


def test_credits_of_one_asset_expire_separately(tx: Connection, clock: Clock) -> None:
    call(
        tx,
        "define_operation",
        operation="TOKEN_ADD",
        description="Tokens",
        asset="TOKEN",
        default_amount=5,
        expires_after="1 hour",
    )
    call(tx, "allow_operation", app="app1", operation="TOKEN_ADD")
    record(tx, amount=10)
    record(tx, operation="TOKEN_ADD")
    clock.forward(hours=1)
    assert balance(tx) == 10
    assert call(tx, "balance", owner_id="alice", asset="TOKEN")["balance"] == 0


@pytest.mark.usefixtures("due")
def test_clock_set_back_does_not_restore_credits(tx: Connection, clock: Clock) -> None:
    record(tx, operation="CONTENT_ACCESS")
    clock.forward(hours=-2)
    assert balance(tx) == 0
    with refused(tx, "LG301"):
        spend(tx, 1)


# The order of spending


def test_credits_that_expire_soonest_are_spent_first(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    record(tx, amount=10, expires_at=clock.ahead(hours=3))
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    record(tx, amount=10, expires_at=clock.ahead(hours=2))
    spend(tx, 15)
    assert lots(tx) == [10, 0, 5]


def test_lots_that_expire_together_are_spent_oldest_first(tx: Connection, clock: Clock) -> None:
    for _ in range(2):
        record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 7)
    assert lots(tx) == [3, 10]


def test_credits_that_do_not_expire_are_spent_last(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 12)
    clock.forward(hours=1)
    assert balance(tx) == 8
    assert lots(tx) == [0]


def test_adjustment_spends_soonest_credits_first(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    adjust(tx, -4)
    assert lots(tx) == [6]


def test_movements_show_what_an_entry_took_from_each_lot(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=2))
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 12)
    moved = tx.execute("SELECT seq, lot_seq, amount FROM ledger.lot_movements ORDER BY lot_seq")
    assert moved.fetchall() == [(3, 1, 2), (3, 2, 10)]


# Posting expiries


def test_next_entry_is_recorded_after_a_due_expiry(tx: Connection, due: Row) -> None:
    later = record(tx, amount=1)
    expiry = entries(tx)[1]
    assert (expiry["app"], expiry["operation"]) == ("ledger", "EXPIRY")
    assert (expiry["seq"], expiry["amount"], expiry["balance_after"]) == (2, -10, 0)
    assert expiry["recorded_at"] == due["expires_at"]
    assert expiry["nonce"].startswith("EXPIRY:")
    assert (later["seq"], later["balance"]) == (3, 1)


@pytest.mark.usefixtures("due")
def test_hold_posts_a_due_expiry(tx: Connection, clock: Clock) -> None:
    record(tx, amount=1)
    record(tx, amount=1, expires_at=clock.ahead(hours=1))
    clock.forward(hours=1)
    place(tx, 1)
    assert amounts(tx)[-1] == ("EXPIRY", -1)


@pytest.mark.usefixtures("due")
def test_adjustment_posts_a_due_expiry(tx: Connection) -> None:
    assert adjust(tx, 5)["balance"] == 5
    assert amounts(tx)[1:] == [("EXPIRY", -10), ("ADJUSTMENT", 5)]


@pytest.mark.usefixtures("due")
def test_refused_entry_posts_nothing(tx: Connection) -> None:
    with refused(tx, "LG301"):
        spend(tx, 1)
    assert len(entries(tx)) == 1
    assert balance(tx) == 0


@pytest.mark.usefixtures("due")
def test_reading_posts_nothing(tx: Connection) -> None:
    assert call(tx, "balance", owner_id="alice")["entry_count"] == 1
    assert len(rows(tx, "entries_of", owner_id="alice")) == 1


def test_only_what_is_left_of_a_lot_expires(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 4)
    clock.forward(hours=1)
    record(tx, amount=1)
    assert amounts(tx)[-2:] == [("EXPIRY", -6), ("CREDIT_ADD", 1)]


def test_lot_that_was_spent_expires_without_an_entry(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 10)
    clock.forward(hours=1)
    assert record(tx, amount=1)["seq"] == 3


def test_lots_of_different_times_expire_one_after_the_other(tx: Connection, clock: Clock) -> None:
    start = clock.now
    record(tx, amount=1, expires_at=clock.ahead(hours=2))
    record(tx, amount=2, expires_at=clock.ahead(hours=1))
    record(tx, amount=4, expires_at=clock.ahead(hours=3))
    clock.forward(hours=2, minutes=30)
    record(tx, amount=8)
    assert [(entry["amount"], entry["balance_after"]) for entry in entries(tx)[3:]] == [
        (-2, 5),
        (-1, 4),
        (8, 12),
    ]
    hours = [(entry["recorded_at"] - start).seconds / 3600 for entry in entries(tx)[3:]]
    assert hours == [1, 2, 2.5]


def test_lots_of_one_time_expire_as_one_entry(tx: Connection, clock: Clock) -> None:
    for amount in (1, 2):
        record(tx, amount=amount, expires_at=clock.ahead(hours=1))
    clock.forward(hours=1)
    record(tx, amount=4)
    assert amounts(tx)[2:] == [("EXPIRY", -3), ("CREDIT_ADD", 4)]
    moved = tx.execute("SELECT seq, lot_seq, amount FROM ledger.lot_movements ORDER BY lot_seq")
    assert moved.fetchall() == [(3, 1, 1), (3, 2, 2)]


def test_credits_of_a_frozen_account_expire(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    operate(tx, "freeze_account")
    clock.forward(hours=1)
    assert balance(tx) == 0
    assert call(tx, "expire_credits")["expire_credits"] == 1
    assert amounts(tx)[-1] == ("EXPIRY", -10)


@pytest.mark.usefixtures("due")
def test_plain_item_of_a_batch_posts_a_due_expiry(tx: Connection) -> None:
    (result,) = record_batch(tx, [item(3)])
    assert (result["seq"], result["balance"]) == (3, 3)
    assert amounts(tx)[1] == ("EXPIRY", -10)


@pytest.mark.usefixtures("due")
def test_rolled_back_expiry_is_posted_later(tx: Connection) -> None:
    with refused(tx, "LG301"):
        record(tx, amount=1)
        spend(tx, 2)
    assert record(tx, amount=1)["seq"] == 3
    assert amounts(tx)[1] == ("EXPIRY", -10)


# expire_credits


def test_job_posts_the_expiry_as_of_the_time_when_it_was_due(tx: Connection, due: Row) -> None:
    assert call(tx, "expire_credits")["expire_credits"] == 1
    expiry = entries(tx)[1]
    assert (expiry["operation"], expiry["amount"]) == ("EXPIRY", -10)
    assert expiry["recorded_at"] == due["expires_at"]


@pytest.mark.usefixtures("due")
def test_job_has_nothing_to_do_the_second_time(tx: Connection) -> None:
    call(tx, "expire_credits")
    assert call(tx, "expire_credits")["expire_credits"] == 0
    assert len(entries(tx)) == 2


def test_job_posts_nothing_before_the_exact_microsecond(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    clock.forward(hours=1, microseconds=-1)
    assert call(tx, "expire_credits")["expire_credits"] == 0
    clock.forward(microseconds=1)
    assert call(tx, "expire_credits")["expire_credits"] == 1


def test_job_settles_at_most_the_given_accounts_longest_due_first(
    tx: Connection, clock: Clock
) -> None:
    for hours, owner_id in ((3, "alice"), (1, "bob"), (2, "carol")):
        record(tx, owner_id=owner_id, amount=1, expires_at=clock.ahead(hours=hours))
    clock.forward(hours=3)
    done = [call(tx, "expire_credits", max_accounts=2)["expire_credits"]]
    posted = [owner_id for owner_id in ("alice", "bob", "carol") if len(entries(tx, owner_id)) == 2]
    assert posted == ["bob", "carol"]
    done += [call(tx, "expire_credits", max_accounts=2)["expire_credits"] for _ in range(2)]
    assert done == [2, 1, 0]


def test_job_notes_the_end_of_holds(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    hold = place(tx, 4, expires_in="1 hour")
    clock.forward(hours=2)
    assert call(tx, "expire_credits")["expire_credits"] == 1
    status, closed_at = tx.execute("SELECT status, closed_at FROM ledger.holds").fetchall()[0]
    assert (status, closed_at) == ("expired", hold["expires_at"])
    assert len(entries(tx)) == 1


@pytest.mark.parametrize("max_accounts", [None, -1, 0, 100_001])
def test_job_takes_1_to_100000_accounts(tx: Connection, max_accounts: int | None) -> None:
    with refused(tx, "LG001"):
        call(tx, "expire_credits", max_accounts=max_accounts)


# Credits under a hold


def test_credits_under_a_hold_do_not_expire(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 10, expires_in="1 day")
    clock.forward(hours=2)
    assert spendable(tx) == (10, 10, 0)
    assert call(tx, "expire_credits")["expire_credits"] == 0


def test_credits_beside_those_under_a_hold_expire(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 4, expires_in="1 day")
    clock.forward(hours=1)
    assert spendable(tx) == (4, 4, 0)
    record(tx, amount=1)
    assert amounts(tx)[1] == ("EXPIRY", -6)


def test_hold_reserves_what_expires_soonest(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=2))
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 15, expires_in="1 day")
    held = tx.execute("SELECT seq, held FROM ledger.lots ORDER BY seq").fetchall()
    assert held == [(1, 5), (2, 10)]


def test_spending_leaves_what_holds_reserve(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    record(tx, amount=10)
    place(tx, 8, expires_in="1 day")
    spend(tx, 4)
    clock.forward(hours=1)
    assert spendable(tx) == (16, 8, 8)


def test_expired_credits_can_be_captured(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 10, nonce="h", expires_in="1 day")
    clock.forward(hours=2)
    entry = capture(tx, "h", 10)
    assert (entry["amount"], entry["balance"]) == (-10, 0)
    assert len(entries(tx)) == 2


def test_rest_of_an_expired_lot_expires_with_the_final_capture(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 10, nonce="h", expires_in="1 day")
    clock.forward(hours=2)
    assert capture(tx, "h", 3)["balance"] == 7
    assert amounts(tx)[1:] == [("CREDIT_SPEND", -3), ("EXPIRY", -7)]
    assert entries(tx)[-1]["recorded_at"] == clock.now
    assert balance(tx) == 0


def test_rest_of_an_expired_lot_waits_for_the_final_capture(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 10, nonce="h", expires_in="1 day")
    clock.forward(hours=2)
    capture(tx, "h", 3, final=False)
    assert spendable(tx) == (7, 7, 0)


def test_released_credits_that_had_expired_expire_at_once(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 10, nonce="h", expires_in="1 day")
    clock.forward(hours=2)
    release(tx, "h")
    assert amounts(tx)[1:] == [("EXPIRY", -10)]
    assert entries(tx)[-1]["recorded_at"] == clock.now
    assert spendable(tx) == (0, 0, 0)


def test_released_credits_that_have_not_expired_can_be_spent(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=2))
    place(tx, 10, nonce="h", expires_in="1 day")
    clock.forward(hours=1)
    release(tx, "h")
    assert spendable(tx) == (10, 0, 10)
    clock.forward(hours=1)
    assert spendable(tx) == (0, 0, 0)


def test_expired_credits_expire_when_their_hold_ends_by_itself(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    hold = place(tx, 10, expires_in="2 hours")
    clock.forward(hours=2, microseconds=-1)
    assert spendable(tx) == (10, 10, 0)
    clock.forward(microseconds=1)
    assert spendable(tx) == (0, 0, 0)
    clock.forward(hours=5)
    record(tx, amount=1)
    expiry = entries(tx)[1]
    assert (expiry["operation"], expiry["recorded_at"]) == ("EXPIRY", hold["expires_at"])


def test_extending_a_hold_delays_the_expiry_of_its_credits(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 10, nonce="h", expires_in="2 hours")
    clock.forward(hours=1)
    extend(tx, "h", "1 day")
    clock.forward(hours=23)
    assert spendable(tx) == (10, 10, 0)
    clock.forward(hours=1)
    assert spendable(tx) == (0, 0, 0)


# The next expiry


def test_soonest_credits_are_the_next_to_expire(tx: Connection, clock: Clock) -> None:
    soon = clock.ahead(hours=1)
    record(tx, amount=1, expires_at=clock.ahead(hours=2))
    record(tx, amount=2, expires_at=soon)
    record(tx, amount=4, expires_at=soon)
    record(tx, amount=8)
    assert next_expiry(tx) == (soon, 6)


def test_later_credits_are_next_when_the_first_have_expired(tx: Connection, clock: Clock) -> None:
    later = clock.ahead(hours=2)
    record(tx, amount=1, expires_at=later)
    record(tx, amount=2, expires_at=clock.ahead(hours=1))
    clock.forward(hours=1)
    assert next_expiry(tx) == (later, 1)


def test_spent_credits_do_not_expire_next(tx: Connection, clock: Clock) -> None:
    later = clock.ahead(hours=2)
    record(tx, amount=1, expires_at=later)
    record(tx, amount=2, expires_at=clock.ahead(hours=1))
    spend(tx, 2)
    assert next_expiry(tx) == (later, 1)


def test_held_credits_are_left_out_of_what_expires_next(tx: Connection, clock: Clock) -> None:
    soon = clock.ahead(hours=1)
    record(tx, amount=10, expires_at=soon)
    place(tx, 4, expires_in="1 day")
    assert next_expiry(tx) == (soon, 6)
    place(tx, 6, expires_in="1 day")
    assert next_expiry(tx) == (None, None)


def test_credits_of_a_hold_that_has_ended_expire_next_again(tx: Connection, clock: Clock) -> None:
    until = clock.ahead(hours=2)
    record(tx, amount=10, expires_at=until)
    place(tx, 4, expires_in="1 hour")
    clock.forward(hours=1)
    assert next_expiry(tx) == (until, 10)


@pytest.mark.usefixtures("due")
def test_view_of_balances_agrees_before_and_after_posting(tx: Connection) -> None:
    query = "SELECT balance, held, available, next_expiry_at FROM ledger.account_balances"
    before = tx.execute(query).fetchall()
    call(tx, "expire_credits")
    assert tx.execute(query).fetchall() == before == [(0, 0, 0, None)]


# The past


@pytest.mark.usefixtures("due")
def test_balance_at_counts_an_expiry_that_is_not_posted(tx: Connection, clock: Clock) -> None:
    def at(**amount: int) -> int:
        clock.forward(**amount)
        moment = clock.now
        clock.forward(**{unit: -count for unit, count in amount.items()})
        found = call(tx, "balance_at", owner_id="alice", at=moment)["balance_at"]
        assert isinstance(found, int)
        return found

    def moments() -> list[int]:
        return [at(hours=-2), at(hours=-1, microseconds=-1), at(hours=-1), at()]

    before = moments()
    call(tx, "expire_credits")
    assert moments() == before == [10, 10, 0, 0]


def test_statement_is_the_same_before_and_after_posting(
    tx: Connection, clock: Clock, due: Row
) -> None:
    def statement() -> list[tuple[Any, ...]]:
        lines = rows(
            tx, "statement", owner_id="alice", since=due["recorded_at"], until=clock.ahead(hours=1)
        )
        return [(line["line"], line["operation"], line["amount"]) for line in lines]

    before = statement()
    call(tx, "expire_credits")
    assert statement() == before
    assert before == [
        ("opening", None, 0),
        ("total", "CREDIT_ADD", 10),
        ("total", "EXPIRY", -10),
        ("closing", None, 0),
    ]


# Overdrafts


@pytest.mark.parametrize(("granted", "left"), [(10, 6), (4, 0), (3, 0)])
def test_new_lot_pays_off_the_overdraft_first(
    tx: Connection, clock: Clock, granted: int, left: int
) -> None:
    operate(tx, "set_min_balance", min_balance=-5)
    spend(tx, 4)
    record(tx, amount=granted, expires_at=clock.ahead(hours=1))
    assert lots(tx) == [left]
    clock.forward(hours=1)
    assert balance(tx) == min(granted - 4, 0)


def test_lots_are_spent_before_the_overdraft(tx: Connection, clock: Clock) -> None:
    operate(tx, "set_min_balance", min_balance=-5)
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 12)
    clock.forward(hours=1)
    assert balance(tx) == -2


def test_floor_cannot_be_raised_above_what_remains_after_expiries(
    tx: Connection, clock: Clock
) -> None:
    operate(tx, "set_min_balance", min_balance=-10)
    place(tx, 10, expires_in="1 day")
    record(tx, amount=5, expires_at=clock.ahead(hours=1))
    with refused(tx, "LG301"):
        operate(tx, "set_min_balance", min_balance=-5)
    clock.forward(hours=1)
    assert record(tx, amount=1)["balance"] == 1


# Accounts with nothing due


@pytest.mark.parametrize("operation", ["CREDIT_ADD", "DAILY_REWARD", "CONTENT_ACCESS"])
def test_account_without_lots_and_holds_has_nothing_due(tx: Connection, operation: str) -> None:
    record(tx, operation=operation)
    assert next_due_at(tx) is None


def test_account_is_due_when_its_next_lot_or_hold_ends(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=2))
    assert next_due_at(tx) == clock.ahead(hours=2)
    place(tx, 1, nonce="h", expires_in="1 hour")
    assert next_due_at(tx) == clock.ahead(hours=1)
    release(tx, "h")
    assert next_due_at(tx) == clock.ahead(hours=2)


def test_account_whose_lots_are_spent_has_nothing_due(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 10)
    assert next_due_at(tx) is None


@pytest.mark.usefixtures("due")
def test_account_whose_lots_expired_has_nothing_due(tx: Connection) -> None:
    call(tx, "expire_credits")
    assert next_due_at(tx) is None
