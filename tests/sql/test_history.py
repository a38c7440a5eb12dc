"""Balances at a time, and statements of a period."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations_with_replacement
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    Connection,
    Row,
    call,
    count_asset,
    entries,
    record,
    refused,
    rows,
    scalar,
    spend,
)
from tests.sql.full_books import BEGINNING, activities
from tests.sql.lifecycle import capture, extend, place, release, reverse

MICROSECOND = timedelta(microseconds=1)
START = "2030-01-01T00:00:00Z"


@pytest.fixture
def clock(tx: Connection) -> Clock:
    return Clock(tx, START)


def balance_at(conn: Connection, at: datetime | str, owner_id: str = "alice") -> int:
    found: int = call(conn, "balance_at", owner_id=owner_id, at=at)["balance_at"]
    return found


def statement(
    conn: Connection, since: datetime | str, until: datetime | str, owner_id: str = "alice"
) -> list[tuple[Any, ...]]:
    """Return the lines of a statement."""
    found = rows(conn, "statement", owner_id=owner_id, since=since, until=until)
    return [tuple(line.values()) for line in found]


def moments_of(conn: Connection, clock: Clock, owner_id: str) -> list[datetime]:
    """Return all times at which the balance may change, and those just before and after."""
    query = """
        SELECT recorded_at FROM ledger.entries WHERE owner_id = %(owner_id)s
        UNION
        SELECT expires_at FROM ledger.lots WHERE owner_id = %(owner_id)s AND expires_at IS NOT NULL
        UNION SELECT expires_at FROM ledger.holds WHERE owner_id = %(owner_id)s
        UNION SELECT %(now)s
        ORDER BY 1
    """
    steps = conn.execute(query.encode(), {"owner_id": owner_id, "now": clock.now}).fetchall()
    around = {at + d * MICROSECOND for (at,) in steps for d in (-1, 0, 1)}
    return sorted(at for at in around if at <= clock.now)


# balance_at


def test_balance_steps_at_the_exact_microsecond_of_each_entry(tx: Connection, clock: Clock) -> None:
    expected = 0
    for amount in (5, 7, 11):
        clock.forward(seconds=1)
        at = clock.now
        record(tx, amount=amount)
        clock.forward(seconds=1)
        assert balance_at(tx, at - MICROSECOND) == expected
        expected += amount
        assert balance_at(tx, at) == expected
        assert balance_at(tx, at + MICROSECOND) == expected
    assert balance_at(tx, clock.now) == expected


def test_entries_of_the_same_microsecond_count_together(tx: Connection, clock: Clock) -> None:
    for amount in (5, 7):
        record(tx, amount=amount)
    assert balance_at(tx, clock.now) == 12
    assert balance_at(tx, clock.now - MICROSECOND) == 0


def test_expiry_that_is_not_posted_counts_from_its_exact_microsecond(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    record(tx, amount=20, expires_at=clock.ahead(hours=2))
    record(tx, amount=3)
    start = clock.now
    clock.forward(hours=5)
    for hours, before, after in ((1, 33, 23), (2, 23, 3)):
        at = start + timedelta(hours=hours)
        assert (balance_at(tx, at - MICROSECOND), balance_at(tx, at)) == (before, after)
    assert len(entries(tx)) == 3


def test_credits_under_a_hold_expire_when_the_hold_ends(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 4, expires_in="2 hours", nonce="held")
    extend(tx, "held", "3 hours")
    start = clock.now
    clock.forward(hours=5)
    assert balance_at(tx, start + timedelta(hours=1)) == 4
    assert balance_at(tx, start + timedelta(hours=3) - MICROSECOND) == 4
    assert balance_at(tx, start + timedelta(hours=3)) == 0


def test_balance_before_the_first_entry_is_zero(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    assert balance_at(tx, "-infinity") == 0
    assert balance_at(tx, "2029-12-31T23:59:59.999999Z") == 0
    assert balance_at(tx, clock.now, owner_id="nobody") == 0


def test_statement_without_an_end_is_up_to_now(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    clock.forward(hours=1)
    since = clock.now
    record(tx, amount=5)
    clock.forward(hours=1)
    spend(tx, 2)
    open_ended = rows(tx, "statement", owner_id="alice", since=since)
    assert open_ended == rows(tx, "statement", owner_id="alice", since=since, until="infinity")
    assert open_ended == rows(tx, "statement", owner_id="alice", since=since, until=None)
    assert [line["amount"] for line in open_ended] == [10, 5, -2, 13]


def test_assets_have_separate_histories(tx: Connection, clock: Clock) -> None:
    count_asset(tx, "TOKEN")
    record(tx, amount=10)
    found = call(tx, "balance_at", owner_id="alice", at=clock.now, asset="TOKEN")
    assert found["balance_at"] == 0


@pytest.mark.parametrize(
    ("function", "arguments", "field"),
    [
        ("balance_at", {"at": "2030-01-01T00:00:00.000001Z"}, "at"),
        ("balance_at", {"at": "infinity"}, "at"),
        ("balance_at", {"at": None}, "at"),
        ("balance_at", {"at": START, "owner_id": ""}, "owner_id"),
        ("balance_at", {"at": START, "owner_id": None}, "owner_id"),
        ("balance_at", {"at": START, "asset": None}, "asset"),
        ("statement", {"since": None, "until": START}, "since"),
        ("statement", {"since": "2030-01-01T00:00:00.000001Z", "until": "infinity"}, "since"),
        ("statement", {"since": START, "until": "2029-12-31T23:59:59.999999Z"}, "until"),
        ("statement", {"since": START, "until": START, "owner_id": None}, "owner_id"),
    ],
)
def test_malformed_time_of_a_past_balance_is_refused(
    tx: Connection, clock: Clock, function: str, arguments: Row, field: str
) -> None:
    assert clock.now == datetime.fromisoformat(START)
    with refused(tx, "LG001") as refusal:
        rows(tx, function, **{"owner_id": "alice"} | arguments)
    assert refusal.detail["field"] == field


# statement


def test_statement_has_a_line_for_each_app_and_operation(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, nonce="first")
    clock.forward(days=1)
    since = clock.now
    record(tx, amount=5)
    record(tx, amount=6)
    record(tx, app="app2", amount=7)
    spend(tx, 2)
    record(tx, operation="CONTENT_ACCESS")
    reverse(tx, "first", 4)
    clock.forward(days=1)
    assert statement(tx, since, clock.now) == [
        ("opening", None, None, None, 10),
        ("total", "app1", "CONTENT_ACCESS", 1, 0),
        ("total", "app1", "CREDIT_ADD", 2, 11),
        ("total", "app1", "CREDIT_SPEND", 1, -2),
        ("total", "app1", "REVERSAL", 1, -4),
        ("total", "app2", "CREDIT_ADD", 1, 7),
        ("closing", None, None, None, 22),
    ]


def test_period_includes_since_and_excludes_until(tx: Connection, clock: Clock) -> None:
    record(tx, amount=5)
    since = clock.now
    clock.forward(hours=1)
    record(tx, amount=7)
    until = clock.now
    clock.forward(hours=1)
    total = ("total", "app1", "CREDIT_ADD", 1, 5)
    assert statement(tx, since, until) == [
        ("opening", None, None, None, 0),
        total,
        ("closing", None, None, None, 5),
    ]
    assert statement(tx, since + MICROSECOND, until + MICROSECOND) == [
        ("opening", None, None, None, 5),
        ("total", "app1", "CREDIT_ADD", 1, 7),
        ("closing", None, None, None, 12),
    ]


def test_empty_period_has_no_totals(tx: Connection, clock: Clock) -> None:
    record(tx, amount=5)
    clock.forward(seconds=1)
    assert statement(tx, clock.now, clock.now) == [
        ("opening", None, None, None, 5),
        ("closing", None, None, None, 5),
    ]


def test_expiry_that_is_not_posted_is_a_line_without_entries(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    since = clock.ahead(hours=1)
    clock.forward(hours=2)
    expected = [
        ("opening", None, None, None, 10),
        ("total", "ledger", "EXPIRY", 0, -10),
        ("closing", None, None, None, 0),
    ]
    assert statement(tx, since, "infinity") == expected
    assert statement(tx, since + MICROSECOND, "infinity") == [
        ("opening", None, None, None, 0),
        ("closing", None, None, None, 0),
    ]
    call(tx, "expire_credits")
    expected[1] = ("total", "ledger", "EXPIRY", 1, -10)
    assert statement(tx, since, "infinity") == expected


def test_posted_and_unposted_expiries_are_one_line(tx: Connection, clock: Clock) -> None:
    start = clock.now
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    record(tx, amount=20, expires_at=clock.ahead(hours=3))
    clock.forward(hours=2)
    record(tx, amount=1)
    clock.forward(hours=2)
    assert ("total", "ledger", "EXPIRY", 1, -30) in statement(tx, start, "infinity")


# Full books


@pytest.fixture(params=["now", "posted"])
def busy_past(tx: Connection, request: pytest.FixtureRequest) -> Clock:
    """Full books of many owners, in which everything due is settled, or nothing is."""
    clock = Clock(tx, BEGINNING)
    last = "all that was to expire is due"
    for activity in activities(tx, clock):
        if activity == last:
            break
    if request.param == "posted":
        call(tx, "expire_credits")
    return clock


def test_past_balance_equals_that_of_entries_posted_later(tx: Connection, clock: Clock) -> None:
    """Reads compute for a time what settling records as of that time."""
    for activity in activities(tx, clock):
        owners = scalar(tx, "SELECT array_agg(DISTINCT owner_id) FROM ledger.accounts") or []
        before = {
            (owner_id, at): balance_at(tx, at, owner_id)
            for owner_id in owners
            for at in moments_of(tx, clock, owner_id)[-40:]
        }
        with tx.transaction(force_rollback=True):
            call(tx, "expire_credits")
            posted = {
                (owner_id, at): scalar(
                    tx,
                    "SELECT coalesce(sum(amount), 0)::bigint FROM ledger.entries "
                    "WHERE owner_id = %s AND asset = 'CREDIT' AND seq <= (SELECT max(seq) "
                    "FROM ledger.entries AS it WHERE it.owner_id = entries.owner_id "
                    "AND it.asset = 'CREDIT' AND it.recorded_at <= %s)",
                    owner_id,
                    at,
                )
                for owner_id, at in before
            }
        assert (activity, before) == (activity, posted)


@pytest.mark.parametrize("owner_id", ["alice", "carl", "dora", "erik"])
def test_statement_of_any_period_adds_up(tx: Connection, busy_past: Clock, owner_id: str) -> None:
    moments = moments_of(tx, busy_past, owner_id)
    moments = [*moments[:: max(1, len(moments) // 12)], moments[-1]]
    for since, until in combinations_with_replacement(moments, 2):
        opening, *totals, closing = statement(tx, since, until, owner_id)
        assert opening[-1] == balance_at(tx, since - MICROSECOND, owner_id)
        assert closing[-1] == balance_at(tx, until - MICROSECOND, owner_id)
        assert opening[-1] + sum(line[-1] for line in totals) == closing[-1]
        assert {line[0] for line in totals} <= {"total"}
        assert len({line[1:3] for line in totals}) == len(totals)


def test_late_reversal_does_not_change_the_past(tx: Connection, clock: Clock) -> None:
    start = clock.now
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 8, nonce="spent")
    clock.forward(hours=2)
    reverse(tx, "spent", 5)
    back_at = clock.now
    clock.forward(hours=1)
    assert balance_at(tx, start) == 2
    assert balance_at(tx, back_at - MICROSECOND) == 0
    assert balance_at(tx, back_at) == 0
    assert [entry["amount"] for entry in entries(tx)] == [10, -8, -2, 5, -5]


def test_end_of_a_hold_does_not_change_the_past(tx: Connection, clock: Clock) -> None:
    start = clock.now
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 6, expires_in="1 day", nonce="held")
    clock.forward(hours=2)
    capture(tx, "held", 2, final=False)
    clock.forward(hours=2)
    release(tx, "held")
    clock.forward(hours=2)
    seen = [balance_at(tx, start + timedelta(minutes=minutes)) for minutes in range(0, 301, 30)]
    assert seen == [10, 10, 6, 6, 4, 4, 4, 4, 0, 0, 0]
