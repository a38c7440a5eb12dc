"""`ledger.lots_of`: the open lots of an account, as they would be spent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, record, refused, rows, spend
from tests.sql.lifecycle import capture, lots, place, reverse


def lots_of(conn: Connection, **more: Any) -> list[Row]:
    return rows(conn, "lots_of", **{"owner_id": "alice"} | more)


def left(conn: Connection) -> list[tuple[int, int, int]]:
    """Read number, remaining and held credits of alice's lots."""
    return [(row["seq"], row["remaining"], row["held"]) for row in lots_of(conn)]


def test_lots_come_as_they_are_spent(tx: Connection, clock: Clock) -> None:
    record(tx, amount=100)
    record(tx, amount=3, expires_at=clock.ahead(days=2))
    record(tx, amount=4, expires_at=clock.ahead(days=1))
    record(tx, amount=5, expires_at=clock.ahead(days=1))
    assert left(tx) == [(3, 4, 0), (4, 5, 0), (2, 3, 0)]
    for spent, rest in ((3, [(3, 1, 0), (4, 5, 0), (2, 3, 0)]), (2, [(4, 4, 0), (2, 3, 0)])):
        spend(tx, spent)
        assert left(tx) == rest


def test_lot_tells_which_entry_granted_it(tx: Connection, clock: Clock) -> None:
    entry = record(
        tx, app="app2", operation="CREDIT_ADD", amount=7, nonce="n", expires_at=clock.ahead(days=1)
    )
    spend(tx, 2)
    assert lots_of(tx) == [
        {
            "seq": 1,
            "app": "app2",
            "operation": "CREDIT_ADD",
            "nonce": "n",
            "amount": 7,
            "remaining": 5,
            "held": 0,
            "expires_at": entry["expires_at"],
            "recorded_at": entry["recorded_at"],
            "credit_class": None,
            "priority": 100,
            "usable_for": None,
            "usable_in": None,
        }
    ]


def test_what_has_expired_is_gone_before_it_is_posted(tx: Connection, clock: Clock) -> None:
    record(tx, amount=3, expires_at=clock.ahead(hours=1))
    record(tx, amount=4, expires_at=clock.ahead(hours=2))
    clock.forward(minutes=59, seconds=59)
    assert left(tx) == [(1, 3, 0), (2, 4, 0)]
    clock.forward(seconds=1)
    assert left(tx) == [(2, 4, 0)]
    assert lots(tx) == [3, 4]


def test_held_credits_stay_until_their_hold_ends(tx: Connection, clock: Clock) -> None:
    record(tx, amount=5, expires_at=clock.ahead(hours=1))
    place(tx, 3, expires_in="3 hours")
    place(tx, 1, expires_in="2 hours")
    assert left(tx) == [(1, 5, 4)]
    for hours, expected in ((1, [(1, 4, 4)]), (1, [(1, 3, 3)]), (1, [])):
        clock.forward(hours=hours)
        assert left(tx) == expected
    assert lots(tx) == [5]


def test_captured_and_returned_credits_are_counted(tx: Connection, clock: Clock) -> None:
    record(tx, amount=9, expires_at=clock.ahead(hours=9))
    hold = place(tx, 5, expires_in="3 hours")
    taken = capture(tx, hold["nonce"], 2, final=False)
    assert left(tx) == [(1, 7, 3)]
    reverse(tx, taken["nonce"], 1)
    assert left(tx) == [(1, 8, 3)]


def test_pages_follow_each_other_without_gap_or_repetition(tx: Connection, clock: Clock) -> None:
    for hours in (3, 1, 2, 1, 1, 3, 2):
        record(tx, amount=1, expires_at=clock.ahead(hours=hours))
    whole = lots_of(tx)
    seen: list[Row] = []
    after_seq = None
    while page := lots_of(tx, after_seq=after_seq, max_rows=2):
        seen += page
        after_seq = page[-1]["seq"]
        if len(seen) == 2:
            spend(tx, 1)  # the first lot is gone, and shifts nothing
    assert seen == whole
    assert [row["seq"] for row in seen] == [2, 4, 5, 3, 7, 1, 6]


def test_page_after_what_is_no_lot_is_refused(tx: Connection) -> None:
    record(tx)
    with refused(tx, "LG001") as refusal:
        lots_of(tx, after_seq=1)
    assert refusal.detail["field"] == "after_seq"


def test_page_has_50_lots_by_default(tx: Connection, clock: Clock) -> None:
    for _ in range(51):
        record(tx, amount=1, expires_at=clock.ahead(hours=1))
    assert len(lots_of(tx)) == 50


@pytest.mark.parametrize("max_rows", [0, 1001, None])
def test_page_has_1_to_1000_lots(tx: Connection, max_rows: int | None) -> None:
    with refused(tx, "LG001") as refusal:
        lots_of(tx, max_rows=max_rows)
    assert refusal.detail["field"] == "max_rows"


def test_lots_of_frozen_and_unknown_owners_are_read_too(tx: Connection, clock: Clock) -> None:
    record(tx, amount=1, expires_at=clock.ahead(hours=1))
    call(tx, "freeze_account", owner_id="alice", actor="Ann", reason="Because")
    assert left(tx) == [(1, 1, 0)]
    assert lots_of(tx, owner_id="nobody") == []
