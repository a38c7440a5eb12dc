"""`ledger.forecast`: what the clock alone will do to an account, held against what it then does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, entries, record, refused, rows, spend
from tests.sql.lifecycle import capture, extend, place, release, spendable


def forecast(conn: Connection, **more: Any) -> list[Row]:
    return rows(conn, "forecast", **{"owner_id": "alice"} | more)


def events(conn: Connection, **more: Any) -> list[tuple[Any, ...]]:
    """Read kind, amount, balance, held, and the lot or the hold."""
    return [
        (it["kind"], it["amount"], it["balance"], it["held"], it["seq"] or it["nonce"])
        for it in forecast(conn, **more)
    ]


def test_account_with_nothing_to_come_has_no_forecast(tx: Connection) -> None:
    assert forecast(tx) == []
    record(tx, amount=5)
    assert forecast(tx) == []


def test_expiries_come_in_the_order_of_time(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    later = record(tx, amount=3, expires_at=clock.ahead(hours=2), nonce="later")
    record(tx, amount=4, expires_at=clock.ahead(hours=1))
    spend(tx, 1)
    assert events(tx) == [("expiry", -3, 13, 0, 3), ("expiry", -3, 10, 0, 2)]
    assert forecast(tx)[1] == {
        "at": later["expires_at"],
        "kind": "expiry",
        "amount": -3,
        "balance": 10,
        "held": 0,
        "seq": 2,
        "app": "app1",
        "operation": "CREDIT_ADD",
        "nonce": "later",
    }


def test_end_of_a_hold_gives_back_what_it_still_reserves(tx: Connection) -> None:
    record(tx, amount=10)
    hold = place(tx, 6, nonce="h", expires_in="1 hour")
    capture(tx, "h", 2, final=False)
    assert forecast(tx) == [
        {
            "at": hold["expires_at"],
            "kind": "hold_end",
            "amount": 4,
            "balance": 8,
            "held": 0,
            "seq": None,
            "app": "app1",
            "operation": "CREDIT_SPEND",
            "nonce": "h",
        }
    ]


def test_held_credits_expire_when_their_hold_ends(tx: Connection, clock: Clock) -> None:
    record(tx, amount=5, expires_at=clock.ahead(hours=1))
    record(tx, amount=5, expires_at=clock.ahead(hours=9))
    place(tx, 3, nonce="long", expires_in="3 hours")
    place(tx, 4, nonce="short", expires_in="30 minutes")
    assert events(tx) == [
        ("hold_end", 4, 10, 3, "short"),
        ("expiry", -2, 8, 3, 1),
        ("hold_end", 3, 8, 0, "long"),
        ("expiry", -3, 5, 0, 1),
        ("expiry", -5, 0, 0, 2),
    ]


def test_holds_end_before_credits_expire_at_the_same_moment(tx: Connection, clock: Clock) -> None:
    record(tx, amount=5, expires_at=clock.ahead(hours=1))
    place(tx, 3, nonce="h", expires_in="1 hour")
    assert events(tx) == [("hold_end", 3, 5, 0, "h"), ("expiry", -5, 0, 0, 1)]


def test_what_is_overdue_counts_in_the_balance_and_is_not_forecast(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=5, expires_at=clock.ahead(hours=1))
    record(tx, amount=7, expires_at=clock.ahead(hours=2))
    clock.forward(hours=1)
    assert events(tx) == [("expiry", -7, 0, 0, 2)]
    clock.forward(hours=1)
    assert events(tx) == []


def test_forecast_ends_at_a_time_which_it_includes(tx: Connection, clock: Clock) -> None:
    for hours in (1, 2, 3):
        record(tx, amount=1, expires_at=clock.ahead(hours=hours))
    assert len(events(tx, until=clock.ahead(hours=2))) == 2
    assert len(events(tx, until=clock.ahead(hours=2, microseconds=-1))) == 1
    assert events(tx, until=clock.now) == []
    assert [len(events(tx, max_rows=most)) for most in (1, 2, 3, 4)] == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("field", "value"),
    [("owner_id", ""), ("asset", "credit"), ("max_rows", 0), ("max_rows", 1001)],
)
def test_malformed_request_is_refused(tx: Connection, field: str, value: Any) -> None:
    with refused(tx, "LG001") as refusal:
        forecast(tx, **{field: value})
    assert refusal.detail["field"] == field


def test_what_was_forecast_happens(tx: Connection, clock: Clock) -> None:
    """Lots and holds that overlap in many ways; then the clock moves from event to event."""
    for amount, hours in ((5, 1), (6, 3), (4, 3), (9, 6), (2, 2)):
        record(tx, amount=amount, expires_at=clock.ahead(hours=hours))
    record(tx, amount=3)
    for amount, hours in ((4, 2), (3, 3), (6, 7), (2, 5), (1, 3)):
        place(tx, amount, nonce=f"h{amount}-{hours}", expires_in=f"{hours} hours")
    extend(tx, "h2-5", "8 hours")
    capture(tx, "h6-7", 2, final=False)
    release(tx, "h1-3")
    expected = forecast(tx)
    assert {it["kind"] for it in expected} == {"hold_end", "expiry"}
    for most in range(1, len(expected) + 1):
        assert forecast(tx, max_rows=most) == expected[:most]

    after: dict[datetime, tuple[int, int]] = {
        it["at"]: (it["balance"], it["held"]) for it in expected
    }
    for at, (balance, held) in after.items():
        clock.set(at)
        assert spendable(tx)[:2] == (balance, held)
        assert forecast(tx) == [it for it in expected if it["at"] > at]
    call(tx, "expire_credits", max_accounts=10)
    assert forecast(tx) == []
    posted: dict[datetime, int] = {}
    for it in expected:
        if it["kind"] == "expiry":
            posted[it["at"]] = posted.get(it["at"], 0) + it["amount"]
    assert {
        entry["recorded_at"]: entry["amount"]
        for entry in entries(tx)
        if entry["operation"] == "EXPIRY"
    } == posted
    ended = [(it["at"], it["nonce"]) for it in expected if it["kind"] == "hold_end"]
    closed = rows(tx, "holds_of", owner_id="alice", status="expired")
    assert sorted(ended) == sorted((it["closed_at"], it["nonce"]) for it in closed)
