"""Credits that come at the beginning of every period."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    MAX_AMOUNT,
    Connection,
    Row,
    balance,
    call,
    entries,
    new_nonce,
    record,
    refused,
    rows,
    spend,
)
from tests.sql.lifecycle import item, lots, operate, place, record_batch, release, spendable

pytestmark = pytest.mark.usefixtures("clock")

START = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def started(clock: Clock) -> None:
    clock.set(START)


def grant(tx: Connection, **arguments: Any) -> Row:
    """Grant alice an allowance of 100 CREDIT_ADD a month, unless told otherwise."""
    plain = {
        "app": "app1",
        "owner_id": "alice",
        "operation": "CREDIT_ADD",
        "nonce": "plan",
        "amount": 100,
    }
    return call(tx, "grant_allowance", **plain | arguments)


def change(tx: Connection, amount: int, **arguments: Any) -> Row:
    plain = {"app": "app1", "allowance_nonce": "plan", "nonce": new_nonce(), "amount": amount}
    return call(tx, "change_allowance", **plain | arguments)


def end(tx: Connection, **arguments: Any) -> Row:
    return call(tx, "end_allowance", **{"app": "app1", "allowance_nonce": "plan"} | arguments)


def history(tx: Connection, owner_id: str = "alice") -> list[tuple[str, int]]:
    return [(it["operation"], it["amount"]) for it in entries(tx, owner_id)]


def settle(tx: Connection) -> None:
    while call(tx, "expire_credits")["expire_credits"]:
        pass


def reads(tx: Connection) -> Any:
    """Read what has to be the same whether what is due is posted or not."""
    found = call(tx, "balance", owner_id="alice")
    del found["entry_count"]
    lots = rows(tx, "lots_of", owner_id="alice", max_rows=1000)
    for lot in lots:
        if lot["operation"] == "CARRY_OVER":
            del lot["nonce"]
    paged, after = [], None
    while page := rows(tx, "lots_of", owner_id="alice", max_rows=1, after_seq=after):
        paged += page
        after = page[-1]["seq"]
    assert [it["seq"] for it in paged] == [it["seq"] for it in lots]
    # What expires at one moment is one entry: in which order its parts are told says nothing.
    forecast = [
        (
            at,
            [it["balance"] for it in events][-1],
            sorted((it["kind"], it["amount"], it["operation"]) for it in events),
        )
        for at, events in (
            (at, list(group))
            for at, group in itertools.groupby(
                rows(tx, "forecast", owner_id="alice", until=found["next_allowance_at"]),
                itemgetter("at"),
            )
        )
    ]
    return found, lots, forecast, rows(tx, "allowances_of", owner_id="alice")


def agrees(tx: Connection) -> int:
    """Return the balance, which a write must leave as a read found it."""
    read = balance(tx)
    before = reads(tx)
    settle(tx)
    assert reads(tx) == before
    assert rows(tx, "verify", owner_id="alice") == []
    return read


# When it comes


def test_first_credits_come_at_once(tx: Connection) -> None:
    granted = grant(tx)
    assert spendable(tx) == (100, 0, 100)
    assert (granted["status"], granted["next_at"], granted["replayed"]) == (
        "open",
        datetime(2027, 2, 28, 9, tzinfo=UTC),
        False,
    )
    (entry,) = entries(tx)
    assert (entry["app"], entry["operation"], entry["nonce"]) == (
        "app1",
        "CREDIT_ADD",
        "ledger:allowance:plan:0",
    )
    assert entry["expires_at"] == granted["next_at"]


def test_periods_are_counted_from_the_start(tx: Connection, clock: Clock) -> None:
    grant(tx)
    seen = []
    for _ in range(4):
        seen.append(rows(tx, "allowances_of", owner_id="alice")[0]["next_at"])
        clock.set(seen[-1])
        settle(tx)
    assert [(it.month, it.day) for it in seen] == [(2, 28), (3, 31), (4, 30), (5, 31)]
    assert history(tx)[-2:] == [("EXPIRY", -100), ("CREDIT_ADD", 100)]


def test_reads_and_writes_agree_to_the_microsecond(tx: Connection, clock: Clock) -> None:
    grant(tx)
    spend(tx, 30)
    clock.set(datetime(2027, 2, 28, 9, tzinfo=UTC) - timedelta(microseconds=1))
    assert agrees(tx) == 70
    clock.forward(microseconds=1)
    assert agrees(tx) == 100
    assert entries(tx)[-1]["recorded_at"] == datetime(2027, 2, 28, 9, tzinfo=UTC)


def test_what_was_bought_outlives_every_renewal(tx: Connection, clock: Clock) -> None:
    record(tx, amount=500)
    grant(tx)
    spend(tx, 130)
    assert balance(tx) == 470
    for _ in range(3):
        clock.forward(days=31)
        assert agrees(tx) == 570


def test_two_years_asleep_leave_the_current_period(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day")
    clock.set(datetime(2029, 2, 3, 12, tzinfo=UTC))
    assert agrees(tx) == 100
    assert history(tx) == [("CREDIT_ADD", 100), ("EXPIRY", -100), ("CREDIT_ADD", 100)]
    assert entries(tx)[-1]["recorded_at"] == datetime(2029, 2, 3, 9, tzinfo=UTC)


def test_what_an_account_catches_up_on_is_bounded(tx: Connection, clock: Clock) -> None:
    """However long it sleeps: 120 periods that are carried over, and those of 20 allowances."""
    plain: Row = {"period": "day", "carry_over_most": 10**9}
    for number in range(18):
        grant(tx, **plain, nonce=f"plan {number}", starts_at=clock.ahead(minutes=number))
    grant(tx, **plain, nonce="long", carry_over_for=60, starts_at=clock.ahead(minutes=30))
    with refused(tx, "LG001") as refusal:
        grant(tx, **plain, carry_over_for=43)
    assert refusal.detail["field"] == "carry_over_for"
    assert refusal.detail["reason"].startswith("adds up to 121 periods")
    grant(tx, **plain, nonce="last", carry_over_for=42, starts_at=clock.ahead(minutes=40))
    clock.forward(days=730)
    before = entries(tx)
    agrees(tx)
    # Of each period: what expires, what is carried over, and what comes.
    assert len(entries(tx)) - len(before) <= 3 * (120 + 20)


@pytest.mark.parametrize("how", [{"carry_over_most": 0}, {"ends": True}])
def test_only_what_is_carried_over_counts_towards_the_periods(
    tx: Connection, how: dict[str, Any]
) -> None:
    most: Row = {"period": "day", "carry_over_for": 60}
    for number in range(4):
        nonce = f"plan {number}"
        grant(tx, **most, nonce=nonce, carry_over_most=how.get("carry_over_most", 1))
        if "ends" in how:
            end(tx, allowance_nonce=nonce)


@pytest.mark.parametrize(
    ("period", "start", "expected"),
    [
        ("day", datetime(2027, 3, 27, 2, 30), ["2027-03-28 03:30", "2027-03-29 02:30"]),
        ("day", datetime(2027, 10, 30, 2, 30), ["2027-10-31 02:30", "2027-11-01 02:30"]),
        ("week", datetime(2027, 3, 25, 0, 0), ["2027-04-01 00:00", "2027-04-08 00:00"]),
        ("quarter", datetime(2027, 11, 30, 8, 0), ["2028-02-29 08:00", "2028-05-30 08:00"]),
        ("year", datetime(2028, 2, 29, 8, 0), ["2029-02-28 08:00", "2030-02-28 08:00"]),
    ],
)
def test_wall_clock_of_the_zone(
    tx: Connection, clock: Clock, period: str, start: datetime, expected: list[str]
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    grant(tx, period=period, starts_at=start.replace(tzinfo=berlin), time_zone="Europe/Berlin")
    clock.set(start.replace(tzinfo=berlin))
    seen = []
    for _ in expected:
        assert agrees(tx) == 100
        clock.set(rows(tx, "allowances_of", owner_id="alice")[0]["next_at"])
        seen.append(f"{clock.now.astimezone(berlin):%Y-%m-%d %H:%M}")
    assert seen == expected


def test_start_in_the_future(tx: Connection, clock: Clock) -> None:
    granted = grant(tx, starts_at=clock.ahead(days=3))
    assert balance(tx) == 0
    assert granted["next_at"] == clock.ahead(days=3)
    found = call(tx, "balance", owner_id="alice")
    assert (found["next_allowance_at"], found["next_allowance_amount"]) == (
        clock.ahead(days=3),
        100,
    )
    clock.forward(days=3)
    assert agrees(tx) == 100


def test_start_in_the_past_gives_the_current_period(tx: Connection) -> None:
    granted = grant(tx, starts_at=datetime(2026, 6, 15, tzinfo=UTC))
    (entry,) = entries(tx)
    assert (entry["nonce"], entry["recorded_at"]) == ("ledger:allowance:plan:7", START)
    assert granted["next_at"] == datetime(2027, 2, 15, tzinfo=UTC)


def test_credits_of_the_future_come_once_and_stay(tx: Connection, clock: Clock) -> None:
    grant(tx, period=None, starts_at=clock.ahead(days=3), operation="CREDIT_ADD")
    clock.forward(days=3)
    assert agrees(tx) == 100
    clock.forward(days=3000)
    assert agrees(tx) == 100
    assert rows(tx, "allowances_of", owner_id="alice")[0]["status"] == "ended"
    assert entries(tx)[0]["expires_at"] is None


def test_it_ends_by_itself(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", occurrences=2)
    grant(tx, period="day", nonce="other", ends_at=clock.ahead(days=1, microseconds=1), amount=7)
    assert agrees(tx) == 107
    clock.forward(days=1)
    assert agrees(tx) == 107
    clock.forward(days=1)
    assert agrees(tx) == 0
    assert {it["status"] for it in rows(tx, "allowances_of", owner_id="alice")} == {"ended"}
    clock.forward(days=100)
    assert agrees(tx) == 0


def test_asleep_over_the_end(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", occurrences=5, carry_over_most=10, carry_over_for=3)
    clock.forward(days=6)
    # Carried over at the beginning of days 3 and 4, for three days
    assert agrees(tx) == 10
    clock.forward(days=1)
    assert agrees(tx) == 0


# Carrying over


def test_what_is_left_is_carried_over_up_to_the_most(tx: Connection, clock: Clock) -> None:
    grant(tx, carry_over_most=50)
    spend(tx, 30)
    clock.set(datetime(2027, 2, 28, 9, tzinfo=UTC))
    assert agrees(tx) == 150
    assert history(tx)[2:] == [("EXPIRY", -70), ("CARRY_OVER", 50), ("CREDIT_ADD", 100)]
    clock.set(datetime(2027, 3, 31, 9, tzinfo=UTC))
    assert agrees(tx) == 150


def test_less_than_the_most_is_carried_over_as_it_is(tx: Connection, clock: Clock) -> None:
    grant(tx, carry_over_most=50)
    spend(tx, 80)
    clock.set(datetime(2027, 2, 28, 9, tzinfo=UTC))
    assert agrees(tx) == 120


def test_carrying_over_for_several_periods(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", carry_over_most=50, carry_over_for=3)
    seen = []
    for _ in range(6):
        seen.append(agrees(tx))
        clock.forward(days=1)
    assert seen == [100, 150, 200, 250, 250, 250]


def test_carrying_over_while_asleep_is_as_if_awake(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", carry_over_most=50, carry_over_for=3)
    clock.forward(days=400)
    assert agrees(tx) == 250
    assert len(entries(tx)) < 15


def test_held_credits_are_not_carried_over(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", carry_over_most=100)
    place(tx, amount=40, expires_in="2 days")
    clock.forward(days=1)
    assert agrees(tx) == 40 + 60 + 100
    clock.forward(days=1)
    # The hold has ended: what it held of the first day expires. The 60 do as well.
    assert agrees(tx) == 200


def test_hold_that_ends_at_the_boundary_frees_first(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", carry_over_most=100)
    place(tx, amount=40, expires_in="1 day")
    clock.forward(days=1)
    assert agrees(tx) == 200


def test_capture_after_the_boundary(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day")
    hold = place(tx, amount=40, expires_in="2 days")
    clock.forward(days=1)
    call(tx, "capture_hold", app="app1", hold_nonce=hold["nonce"], nonce=new_nonce(), amount=30)
    assert agrees(tx) == 100
    clock.forward(days=1)
    assert agrees(tx) == 100


# Overdraft and debt


def overdraw(tx: Connection, most: int, amount: int) -> None:
    call(tx, "set_min_balance", owner_id="alice", min_balance=-most, actor="olga", reason="trust")
    spend(tx, amount)


def test_overdraft_is_filled_by_every_period_seen_or_not(tx: Connection, clock: Clock) -> None:
    overdraw(tx, 1000, 250)
    grant(tx, period="day", starts_at=clock.ahead(hours=1))
    clock.forward(hours=1)
    assert balance(tx) == -150
    clock.forward(days=1)
    assert balance(tx) == -50
    clock.forward(days=1)
    assert agrees(tx) == 50
    clock.forward(days=1)
    assert agrees(tx) == 100


def test_overdraft_and_carrying_over(tx: Connection, clock: Clock) -> None:
    overdraw(tx, 1000, 250)
    grant(tx, period="day", starts_at=clock.ahead(hours=1), carry_over_most=70, carry_over_for=2)
    clock.forward(days=4, hours=1)
    # 100, 100 and half of the third fill; 50 are carried over to the fourth, 70 to the fifth.
    assert agrees(tx) == 100 + 70 + 50


# Change and end


def test_change_from_the_next_period(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day")
    assert change(tx, 300)["amount"] == 300
    assert agrees(tx) == 100
    clock.forward(days=1)
    assert agrees(tx) == 300


def test_more_at_once(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", carry_over_most=1000)
    spend(tx, 90)
    changed = change(tx, 300, from_next_period=False, nonce="upgrade")
    assert (changed["replayed"], agrees(tx)) == (False, 210)
    assert change(tx, 300, from_next_period=False, nonce="upgrade")["replayed"]
    with refused(tx, "LG201"):
        change(tx, 301, from_next_period=False, nonce="upgrade")
    assert history(tx)[-1] == ("CREDIT_ADD", 200)
    clock.forward(days=1)
    assert agrees(tx) == 510


def test_less_at_once_is_refused(tx: Connection) -> None:
    grant(tx)
    with refused(tx, "LG001") as refusal:
        change(tx, 50, from_next_period=False)
    assert refusal.detail["field"] == "from_next_period"
    assert balance(tx) == 100


def test_end(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day")
    ended = end(tx)
    assert (ended["status"], ended["next_at"], ended["ends_at"]) == ("ended", None, START)
    assert end(tx)["replayed"]
    assert agrees(tx) == 100
    clock.forward(days=1)
    assert agrees(tx) == 0
    with refused(tx, "LG306"):
        change(tx, 200)
    with refused(tx, "LG306"):
        end(tx, at=clock.ahead(days=1))


def test_end_later_and_taken_back(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day")
    ended = end(tx, at=clock.ahead(days=1, hours=1))
    assert (ended["status"], ended["next_at"]) == ("open", clock.ahead(days=1))
    assert end(tx, at=clock.ahead(days=1, hours=1))["replayed"]
    clock.forward(days=1)
    assert rows(tx, "allowances_of", owner_id="alice")[0]["status"] == "ended"
    assert agrees(tx) == 100
    again = end(tx, at="infinity")
    assert (again["status"], again["ends_at"]) == ("open", None)
    clock.forward(days=1)
    assert agrees(tx) == 100


def test_forfeit(tx: Connection, clock: Clock) -> None:
    record(tx, amount=7)
    grant(tx, period="day", carry_over_most=50)
    spend(tx, 20)
    clock.forward(days=1)
    place(tx, amount=10)
    assert balance(tx) == 157
    end(tx, forfeit=True)
    assert agrees(tx) == 17
    assert history(tx)[-1] == ("FORFEITURE", -140)
    assert end(tx, forfeit=True)["replayed"]
    with refused(tx, "LG305"):
        call(
            tx,
            "reverse_entry",
            app="app1",
            nonce=new_nonce(),
            original_nonce="ledger:allowance:plan:1",
            amount=11,
        )


# The same request


def test_replay(tx: Connection, clock: Clock) -> None:
    first = grant(tx, metadata={"plan": "pro"})
    clock.forward(days=40)
    again = grant(tx, metadata={"plan": "pro"})
    assert (again["replayed"], again["starts_at"]) == (True, first["starts_at"])
    for other in (
        {"amount": 99},
        {"metadata": {"plan": "x"}},
        {"period": "week"},
        {"owner_id": "bob"},
    ):
        with refused(tx, "LG201"):
            grant(tx, **{"metadata": {"plan": "pro"}} | other)
    with refused(tx, "LG201"):
        record(tx, nonce="plan")
    record(tx, nonce="taken")
    with refused(tx, "LG201"):
        grant(tx, nonce="taken")


def test_nonces_of_the_ledger_are_its_own(tx: Connection) -> None:
    grant(tx)
    hold = place(tx, amount=1)
    requests: list[Callable[[str], Any]] = [
        lambda nonce: record(tx, nonce=nonce),
        lambda nonce: spend(tx, 1, nonce=nonce),
        lambda nonce: place(tx, amount=1, nonce=nonce),
        lambda nonce: grant(tx, nonce=nonce),
        lambda nonce: change(tx, 5, nonce=nonce),
        lambda nonce: call(tx, "capture_hold", app="app1", hold_nonce=hold["nonce"], nonce=nonce),
        lambda nonce: call(
            tx, "grow_hold", app="app1", hold_nonce=hold["nonce"], nonce=nonce, by=1
        ),
        lambda nonce: call(tx, "reverse_entry", app="app1", original_nonce="x", nonce=nonce),
    ]
    for call_it in requests:
        with refused(tx, "LG001") as refusal:
            call_it("ledger:allowance:plan:1")
        assert refusal.detail["field"] == "nonce"
    (result,) = record_batch(tx, [item(nonce="ledger:allowance:plan:1")])
    assert result["code"] == "invalid_request"


# Freezing


def test_frozen_nothing_comes(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", carry_over_most=50)
    operate(tx, "freeze_account")
    assert rows(tx, "allowances_of", owner_id="alice")[0]["status"] == "suspended"
    clock.forward(days=3, hours=5)
    assert agrees(tx) == 0
    with refused(tx, "LG303"):
        grant(tx, nonce="another")
    operate(tx, "unfreeze_account")
    assert agrees(tx) == 100
    assert entries(tx)[-1]["recorded_at"] == clock.now
    assert rows(tx, "allowances_of", owner_id="alice")[0]["next_at"] == clock.ahead(hours=19)
    clock.forward(hours=19)
    assert agrees(tx) == 150


def test_frozen_within_a_period_takes_nothing_twice(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day")
    spend(tx, 100)
    operate(tx, "freeze_account")
    clock.forward(hours=5)
    operate(tx, "unfreeze_account")
    assert agrees(tx) == 0
    clock.forward(hours=19)
    assert agrees(tx) == 100


def test_ending_a_frozen_one(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day")
    operate(tx, "freeze_account")
    assert end(tx)["status"] == "ended"
    clock.forward(days=1)
    operate(tx, "unfreeze_account")
    assert agrees(tx) == 0


# Several, and the rest of the ledger


def test_several_at_one_moment(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", carry_over_most=10)
    grant(tx, period="day", nonce="second", amount=5, carry_over_most=10)
    grant(tx, period="week", nonce="third", amount=1000)
    clock.forward(days=1)
    found = call(tx, "balance", owner_id="alice")
    assert (found["next_expiry_amount"], found["next_allowance_amount"]) == (10 + 5 + 105, 105)
    assert agrees(tx) == 10 + 5 + 105 + 1000


def test_at_most_twenty(tx: Connection) -> None:
    for number in range(20):
        grant(tx, nonce=f"plan-{number}")
    with refused(tx, "LG001"):
        grant(tx, nonce="plan-20")
    end(tx, allowance_nonce="plan-3")
    grant(tx, nonce="plan-20")


def test_greatest_balance_stops_no_clock(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", amount=1_000_000_000, starts_at=clock.ahead(days=1))
    call(
        tx,
        "adjust_balance",
        owner_id="alice",
        amount=MAX_AMOUNT - 5,
        nonce="much",
        actor="olga",
        reason="test",
    )
    clock.forward(days=1)
    assert agrees(tx) == MAX_AMOUNT - 5
    spend(tx, 5)


def test_forecast(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", carry_over_most=30)
    clock.forward(hours=30)
    found = rows(tx, "forecast", owner_id="alice", until=clock.ahead(days=2))
    assert [(it["kind"], it["amount"], it["balance"], it["nonce"]) for it in found] == [
        ("expiry", -30, 100, "plan"),
        ("expiry", -100, 0, "plan"),
        ("carry_over", 30, 30, "plan"),
        ("allowance", 100, 130, "plan"),
        ("expiry", -30, 100, "plan"),
        ("expiry", -100, 0, "plan"),
        ("carry_over", 30, 30, "plan"),
        ("allowance", 100, 130, "plan"),
    ]
    for event in found:
        clock.set(event["at"])
    assert agrees(tx) == 130


def test_forecast_without_end(tx: Connection) -> None:
    grant(tx, period="day")
    assert len(rows(tx, "forecast", owner_id="alice", max_rows=7)) == 7


def test_batch_at_a_boundary(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day")
    record(tx, owner_id="bob")
    clock.forward(days=1)
    results = record_batch(
        tx,
        [
            item(operation="CREDIT_SPEND", amount=-60),
            item(owner_id="bob"),
            item(operation="CREDIT_SPEND", amount=-60),
            item(operation="CREDIT_SPEND", amount=-40),
        ],
    )
    assert [it["code"] for it in results] == [None, None, "insufficient_balance", None]
    assert agrees(tx) == 0
    clock.forward(days=1)
    assert agrees(tx) == 100


def test_next_due_is_kept_by_holds_and_spends(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day")
    hold = place(tx, amount=100)
    call(tx, "capture_hold", app="app1", hold_nonce=hold["nonce"], nonce=new_nonce())
    assert rows(tx, "verify", owner_id="alice") == []
    clock.forward(days=1)
    assert agrees(tx) == 100
    record_batch(tx, [item(operation="CREDIT_SPEND", amount=-100), item(owner_id="bob")])
    assert rows(tx, "verify", owner_id="alice") == []
    release(tx, place(tx, amount=0 + 1, owner_id="bob")["nonce"])
    clock.forward(days=1)
    assert agrees(tx) == 100


def test_statement_and_liability_tie_before_and_after(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day", carry_over_most=30)
    spend(tx, 20)
    clock.forward(days=2, hours=1)

    def reports() -> Any:
        return (
            [
                {name: value for name, value in row.items() if name != "entry_count"}
                for row in rows(tx, "statement", owner_id="alice", since=START, until=None)
            ],
            rows(tx, "liability", since=START, by="day"),
            rows(tx, "balance_at", owner_id="alice", at=clock.ahead(hours=-20)),
        )

    before = reports()
    settle(tx)
    assert reports() == before
    assert lots(tx)


def test_bad_requests(tx: Connection) -> None:
    wrong: dict[str, Row] = {
        "period": {"period": "fortnight"},
        "time_zone": {"time_zone": "Mars"},
        "starts_at": {"starts_at": "infinity"},
        "ends_at": {"ends_at": START},
        "carry_over_most": {"carry_over_most": -1},
        "carry_over_for": {"carry_over_for": 61},
        "occurrences": {"occurrences": 0},
        "nonce": {"nonce": "n" * 201},
        "operation": {"operation": "CREDIT_SPEND", "amount": -1},
    }
    for field, arguments in wrong.items():
        with refused(tx, "LG001") as refusal:
            grant(tx, **arguments)
        assert refusal.detail["field"] == field, arguments
    with refused(tx, "LG001"):
        grant(tx, operation="DAILY_REWARD", amount=1)
    with refused(tx, "LG002"):
        grant(tx, amount=0)
    with refused(tx, "LG102"):
        grant(tx, operation="NO_SUCH")
    with refused(tx, "LG106"):
        change(tx, 5)
    with refused(tx, "LG106"):
        end(tx)
    assert entries(tx) == []


def test_clock_that_was_ahead_does_not_decide_for_ever(tx: Connection, clock: Clock) -> None:
    grant(tx, period="day")
    clock.forward(days=3650)
    spend(tx, 1)
    clock.forward(days=-3650)
    assert balance(tx) == 99
    record(tx, amount=1)
    clock.forward(days=1)
    assert balance(tx) == 200
    settle(tx)
    assert balance(tx) == 200
    # The period that came too early does not come again.
    clock.set(START + timedelta(days=3650))
    assert balance(tx) == 100
    settle(tx)
    assert balance(tx) == 100
    clock.forward(days=1)
    settle(tx)
    assert balance(tx) == 101
    assert rows(tx, "verify", owner_id="alice") == []


def test_allowance_that_was_over_by_a_clock_that_was_ahead_goes_on(
    tx: Connection, clock: Clock
) -> None:
    grant(tx, period="day", occurrences=2)
    clock.forward(days=3650)
    record(tx, amount=1)
    clock.forward(days=-3650)
    record(tx, amount=1)
    clock.forward(days=1)
    assert balance(tx) == 102
    settle(tx)
    assert balance(tx) == 102
    found = rows(tx, "verify", owner_id="alice")
    assert {row["problem"] for row in found} == {"of the future"}


@pytest.mark.parametrize("occurrences", [None, 2])
@pytest.mark.parametrize("days", [0, 3])
def test_what_comes_next_is_the_same_before_the_first_write_after_a_clock_was_ahead(
    tx: Connection, clock: Clock, occurrences: int | None, days: int
) -> None:
    grant(tx, period="day", occurrences=occurrences, carry_over_most=20)
    clock.forward(days=40)
    record(tx, amount=1)
    clock.forward(days=days - 40)

    def told() -> list[Any]:
        found = call(tx, "balance", owner_id="alice")
        shown = rows(tx, "forecast", owner_id="alice", until=clock.ahead(days=30))
        view = tx.execute("SELECT next_allowance_at FROM ledger.account_balances").fetchone()
        plan = rows(tx, "allowances_of", owner_id="alice")[0]
        return [
            *(found["next_allowance_at"], found["next_allowance_amount"], view),
            *(plan["next_at"], plan["status"]),
            [(it["at"], it["kind"], it["amount"]) for it in shown if it["kind"] == "allowance"],
        ]

    before = told()
    operate(tx, "set_min_balance", min_balance=-1)
    assert told() == before
    assert before[0] == (clock.ahead(days=1) if occurrences is None or days == 0 else None)


def test_batch_at_a_boundary_spends_credits_for_what_they_are(tx: Connection, clock: Clock) -> None:
    call(
        tx, "define_operation", operation="FOR_CONTENT", description="x", min_amount=1,
        max_amount=100, usable_for=["CONTENT_CREATION"],
    )  # fmt: skip
    call(tx, "allow_operation", app="app1", operation="FOR_CONTENT")
    grant(tx, operation="FOR_CONTENT", amount=19, period="day", starts_at=clock.ahead(hours=1))
    record(tx, amount=10)
    clock.forward(hours=1)
    results = record_batch(
        tx,
        [
            item(operation="CREDIT_SPEND", amount=-11),
            item(operation="CONTENT_CREATION"),
            item(operation="CREDIT_SPEND", amount=-10),
        ],
    )
    assert [it["code"] for it in results] == ["insufficient_balance", None, None]
    assert agrees(tx) == 14


@pytest.mark.parametrize("days", [(5, 1, 4), (5, 0, 2)])
@pytest.mark.parametrize("most", [0, 3])
def test_verify_knows_that_a_clock_was_ahead(
    tx: Connection, clock: Clock, days: tuple[int, ...], most: int
) -> None:
    grant(tx, period="day", carry_over_most=most)
    for day in days:
        clock.set(START + timedelta(days=day, hours=1))
        record(tx, amount=1)
    assert {row["problem"] for row in rows(tx, "verify", owner_id="alice")} <= {"of the future"}
