"""What is owed to all owners together, period by period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, record, refused, rows, scalar, spend
from tests.sql.full_books import BEGINNING, fill
from tests.sql.lifecycle import adjust, place, reverse

MICROSECOND = timedelta(microseconds=1)
MOVEMENTS = (
    "issued",
    "carried_over",
    "spent",
    "expired",
    "forfeited",
    "transferred",
    "reversed",
    "adjusted",
)


@pytest.fixture
def clock(tx: Connection) -> Clock:
    return Clock(tx, "2030-01-01T00:00:00Z")


def liability(conn: Connection, **arguments: Any) -> list[Row]:
    """Return the rows, once it is seen that each one adds up and follows the one before."""
    found = rows(conn, "liability", **arguments)
    for row in found:
        assert row["opening"] + sum(row[name] for name in MOVEMENTS) == row["closing"]
    for row, following in pairwise(found):
        assert (row["period_end"], row["closing"]) == (
            following["period_start"],
            following["opening"],
        )
    return found


def moved(row: Row) -> dict[str, int]:
    """Return what moved in a period."""
    return {name: int(row[name]) for name in MOVEMENTS if row[name]}


def owed_at(conn: Connection, at: datetime) -> int:
    """Add up the balances of all owners at a time."""
    query = (
        "SELECT sum(ledger.balance_at(owner_id, %s)) FROM ledger.accounts WHERE asset = 'CREDIT'"
    )
    return int(scalar(conn, query, at) or 0)


def test_year_is_told_month_by_month(tx: Connection, clock: Clock) -> None:
    record(tx, owner_id="alice", amount=100, nonce="bought")
    record(tx, owner_id="bob", amount=50, expires_at="2030-03-10T00:00:00Z")
    clock.set("2030-02-05T00:00:00Z")
    spend(tx, 30, owner_id="alice", nonce="spent")
    clock.set("2030-03-20T00:00:00Z")
    reverse(tx, "spent", 10)
    adjust(tx, -5, owner_id="alice")
    january, february, march = liability(tx, since="2030-01-01T00:00:00Z")
    assert [moved(month) for month in (january, february, march)] == [
        {"issued": 150},
        {"spent": -30},
        # Bob's credits are not settled, and are expired all the same.
        {"expired": -50, "reversed": 10, "adjusted": -5},
    ]
    assert (january["opening"], march["closing"]) == (0, 75)
    assert march["period_end"] is None


def test_closing_ties_to_the_trial_balance_when_all_is_posted(tx: Connection) -> None:
    clock = Clock(tx, BEGINNING)
    fill(tx, clock)
    clock.forward(days=40)
    call(tx, "expire_credits", max_accounts=1000)
    names = (*MOVEMENTS, "balances")
    query = f"SELECT asset, {', '.join(names)} FROM ledger.trial_balance"
    for asset, *posted in tx.execute(query.encode()).fetchall():
        (whole,) = liability(tx, since="2000-01-01T00:00:00Z", by="ever", asset=asset)
        assert [whole[name] for name in (*MOVEMENTS, "closing")] == posted
        assert whole["opening"] == 0


@pytest.mark.parametrize("by", ["day", "week", "month"])
def test_closing_is_the_sum_of_the_balances_at_that_time(tx: Connection, by: str) -> None:
    """With clocks that were set back, holds, and expiries that nobody has posted."""
    clock = Clock(tx, BEGINNING)
    begin = clock.now
    fill(tx, clock)
    clock.forward(days=3)
    record(tx, owner_id="early", amount=7)
    clock.forward(days=-2)
    record(tx, owner_id="early", amount=4)
    record(tx, owner_id="lapsing", amount=9, expires_at=clock.ahead(days=1))
    place(tx, 2, owner_id="lapsing")
    clock.forward(days=9)
    found = liability(tx, since=begin - timedelta(days=1), by=by, time_zone="Europe/Berlin")
    assert sum(1 for row in found if moved(row)) >= 1
    for row in found:
        assert row["opening"] == owed_at(tx, row["period_start"] - MICROSECOND)
    for row in found[:-1]:
        assert row["closing"] == owed_at(tx, row["period_end"] - MICROSECOND)
    assert found[-1]["closing"] == owed_at(tx, clock.now)


def test_entry_of_a_clock_that_was_ahead_counts_from_the_next_one_on(
    tx: Connection, clock: Clock
) -> None:
    clock.set("2030-05-01T00:00:00Z")
    record(tx, amount=7)
    clock.set("2030-02-10T00:00:00Z")
    record(tx, amount=4)
    clock.set("2030-03-10T00:00:00Z")
    found = liability(tx, since="2030-01-01T00:00:00Z")
    assert [moved(month) for month in found] == [{}, {"issued": 11}, {}]


def test_entry_of_the_future_counts_although_nothing_has_followed(
    tx: Connection, clock: Clock
) -> None:
    clock.set("2030-05-01T00:00:00Z")
    record(tx, amount=7)
    clock.set("2030-02-10T12:00:00Z")
    january, february = liability(tx, since="2030-01-01T00:00:00Z")
    assert (moved(january), moved(february)) == ({}, {"issued": 7})


def test_what_is_before_an_entry_of_the_future_counts_with_it(tx: Connection, clock: Clock) -> None:
    clock.set("2030-02-10T12:00:00Z")
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    clock.forward(hours=2)
    record(tx, operation="CONTENT_ACCESS")
    clock.forward(hours=-2)
    (until_now,) = liability(tx, since="2030-02-01T00:00:00Z", until=clock.now)
    assert moved(until_now) == {"issued": 10, "expired": -10}
    assert owed_at(tx, clock.now - MICROSECOND) == 0


def test_periods_begin_by_the_calendar_of_the_zone(tx: Connection, clock: Clock) -> None:
    clock.set("2030-11-03T12:00:00Z")
    record(tx, amount=1)
    days = liability(
        tx, since="2030-03-30T23:30:00+01:00", until="2030-04-02T00:00:00+02:00",
        by="day", time_zone="Europe/Berlin",
    )  # fmt: skip
    lengths = [day["period_end"] - day["period_start"] for day in days]
    assert [length / timedelta(hours=1) for length in lengths] == [0.5, 23, 24]
    long = liability(
        tx, since="2030-10-27T00:00:00+02:00", until="2030-10-28T00:00:00+01:00",
        by="day", time_zone="Europe/Berlin",
    )  # fmt: skip
    assert [day["period_end"] - day["period_start"] for day in long] == [timedelta(hours=25)]


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        # Clocks are set back over midnight: by two and three hours, by one, by half of one.
        ("Asia/Chita", "2014-10-26", "2014-10-25T14:00:00Z"),
        ("Antarctica/Casey", "2023-03-09", "2023-03-08T13:00:00Z"),
        ("America/Havana", "2020-11-01", "2020-11-01T04:00:00Z"),
        ("Australia/Lord_Howe", "2020-04-05", "2020-04-04T13:00:00Z"),
        # They are set forward at midnight.
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
    ],
)
def test_day_begins_at_its_first_instant(tx: Connection, zone: str, day: str, begins: str) -> None:
    first = scalar(tx, "SELECT ledger_core.first_instant(%s::timestamp, %s)", day, zone)
    assert first == datetime.fromisoformat(begins)


def test_day_that_a_zone_left_out_is_no_period(tx: Connection, clock: Clock) -> None:
    clock.set("2012-01-02T00:00:00Z")
    record(tx, amount=1)
    days = liability(
        tx, since="2011-12-29T10:00:00Z", until="2012-01-01T10:00:00Z",
        by="day", time_zone="Pacific/Apia",
    )  # fmt: skip
    assert [day["period_end"] - day["period_start"] for day in days] == [timedelta(days=1)] * 3


def test_until_belongs_to_the_next_period(tx: Connection, clock: Clock) -> None:
    record(tx, amount=1)
    clock.forward(hours=1)
    record(tx, amount=2)
    clock.forward(hours=1)
    at = datetime(2030, 1, 1, 1, tzinfo=UTC)
    (before,) = liability(tx, since="2030-01-01T00:00:00Z", until=at)
    (after,) = liability(tx, since=at)
    (none,) = liability(tx, since=at, until=at)
    assert [row["issued"] for row in (before, after, none)] == [1, 2, 0]
    assert before["closing"] == after["opening"] == none["opening"] == none["closing"] == 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"since": "2031-01-01T00:00:00Z"}, "since"),
        ({"since": None}, "since"),
        ({"since": "2029-01-01T00:00:00Z", "until": "2028-01-01T00:00:00Z"}, "until"),
        ({"since": "2029-01-01T00:00:00Z", "asset": "CREDITS"}, "asset"),
        ({"since": "2029-01-01T00:00:00Z", "asset": None}, "asset"),
        ({"since": "2029-01-01T00:00:00Z", "by": "hour"}, "by"),
        ({"since": "2029-01-01T00:00:00Z", "by": None}, "by"),
        ({"since": "2029-01-01T00:00:00Z", "time_zone": "Mars/Base"}, "time_zone"),
        ({"since": "2029-01-01T00:00:00Z", "time_zone": None}, "time_zone"),
        ({"since": "-infinity"}, "since"),
        ({"since": "2000-01-01T00:00:00Z", "by": "day"}, "by"),
    ],
)
def test_what_is_malformed_is_refused_by_its_name(
    tx: Connection, clock: Clock, arguments: dict[str, Any], field: str
) -> None:
    clock.set("2030-01-02T00:00:00Z")
    with refused(tx, "LG001") as refusal:
        rows(tx, "liability", **arguments)
    assert refusal.detail["field"] == field


def test_classes_add_up_and_are_what_lots_keep(conn: Connection) -> None:
    clock = Clock(conn, BEGINNING)
    fill(conn, clock)
    prize: Row = {"app": "app1", "owner_id": "joan", "operation": "PRIZE", "nonce": "each day"}
    call(conn, "grant_allowance", **prize, amount=12, period="day", carry_over_most=5)
    clock.forward(days=2, hours=1)
    names = ("opening", *MOVEMENTS, "closing")
    together = liability(conn, since=BEGINNING, by="day")
    by_class = rows(conn, "liability", since=BEGINNING, by="day", by_class=True)
    assert {row["credit_class"] for row in by_class} == {None, "free", "paid"}
    sums: dict[Any, dict[str, int]] = {}
    for row in by_class:
        assert row["opening"] + sum(row[name] for name in MOVEMENTS) == row["closing"]
        day = sums.setdefault(row["period_start"], dict.fromkeys(names, 0))
        for name in names:
            day[name] += row[name]
    assert sums == {row["period_start"]: {name: row[name] for name in names} for row in together}

    def in_lots() -> dict[str, int]:
        query = """
            SELECT parts.credit_class, sum(parts.amount)
            FROM ledger.accounts
            CROSS JOIN LATERAL ledger.balance_parts(owner_id, asset) AS parts
            WHERE asset = 'CREDIT' AND credit_class IS NOT NULL
            GROUP BY parts.credit_class
        """
        return {name: int(amount) for name, amount in conn.execute(query)}

    last = {row["credit_class"]: row["closing"] for row in by_class if row["period_end"] is None}
    del last[None]
    assert last == in_lots()
    while call(conn, "expire_credits")["expire_credits"]:
        pass
    assert rows(conn, "liability", since=BEGINNING, by="day", by_class=True) == by_class
