"""Holds that grow while the work goes on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, new_nonce, record, refused, rows, scalar, spend
from tests.sql.lifecycle import (
    capture,
    extend,
    grow,
    operate,
    place,
    release,
    spendable,
)

G: Row = {"app": "app1", "hold_nonce": "h", "nonce": "g", "by": 1}


@pytest.fixture(autouse=True)
def _credits(tx: Connection, clock: Clock) -> None:  # noqa: ARG001
    record(tx, amount=100, nonce="start")
    place(tx, 30, nonce="h")


def problems(tx: Connection) -> list[Any]:
    return rows(tx, "verify")


def test_growth_reserves_more_and_returns_the_hold(tx: Connection) -> None:
    hold = grow(tx, "h", 25)

    assert (hold["nonce"], hold["amount"], hold["captured"], hold["remaining"]) == ("h", 55, 0, 55)
    assert (hold["status"], hold["replayed"]) == ("open", False)
    assert spendable(tx) == (100, 55, 45)
    assert problems(tx) == []


def test_hold_grows_any_number_of_times(tx: Connection) -> None:
    for _ in range(5):
        grow(tx, "h", 2)

    assert grow(tx, "h", 1)["amount"] == 41
    assert capture(tx, "h")["amount"] == -41
    assert problems(tx) == []


def test_same_growth_again_is_replayed_and_changes_nothing(tx: Connection) -> None:
    grow(tx, "h", 5, nonce="g")
    grow(tx, "h", 6)

    again = grow(tx, "h", 5, nonce="g")

    assert (again["replayed"], again["amount"]) == (True, 41)
    assert spendable(tx) == (100, 41, 59)


def test_growth_is_replayed_after_the_hold_has_ended(tx: Connection) -> None:
    grow(tx, "h", 5, nonce="g")
    release(tx, "h")

    again = grow(tx, "h", 5, nonce="g")

    assert (again["replayed"], again["status"]) == (True, "released")


@pytest.mark.parametrize(
    "other",
    [{"by": 6}, {"hold_nonce": "other"}, {"hold_nonce": "other", "by": 6}],
    ids=["by", "hold", "both"],
)
def test_other_growth_under_a_used_nonce_is_refused(tx: Connection, other: dict[str, Any]) -> None:
    place(tx, 1, nonce="other")
    grow(tx, "h", 5, nonce="g")

    with refused(tx, "LG201"):
        call(tx, "grow_hold", **G | {"by": 5} | other)
    assert spendable(tx) == (100, 36, 64)


@pytest.mark.parametrize("nonce", ["start", "h"])
def test_growth_cannot_have_the_nonce_of_an_entry_or_a_hold(tx: Connection, nonce: str) -> None:
    with refused(tx, "LG201"):
        grow(tx, "h", 5, nonce=nonce)


def test_nonce_of_a_growth_is_taken_for_entries_and_holds(tx: Connection) -> None:
    grow(tx, "h", 5, nonce="g")

    with refused(tx, "LG201"):
        spend(tx, 1, nonce="g")
    with refused(tx, "LG201"):
        place(tx, 1, nonce="g")
    with refused(tx, "LG201"):
        capture(tx, "h", 1, nonce="g")


def test_retry_of_the_hold_compares_with_what_was_asked_first(tx: Connection) -> None:
    grow(tx, "h", 5)

    again = place(tx, 30, nonce="h")

    assert (again["replayed"], again["amount"]) == (True, 35)
    with refused(tx, "LG201"):
        place(tx, 35, nonce="h")


def test_growth_beyond_what_is_available_leaves_the_hold_as_it_was(tx: Connection) -> None:
    with refused(tx, "LG301") as refusal:
        grow(tx, "h", 71, nonce="g")

    assert (refusal.detail["available"], refusal.detail["required"]) == (70, 71)
    assert spendable(tx) == (100, 30, 70)
    assert grow(tx, "h", 70, nonce="g")["amount"] == 100


def test_growth_of_a_closed_hold_is_refused(tx: Connection, clock: Clock) -> None:
    place(tx, 1, nonce="released")
    release(tx, "released")
    place(tx, 1, nonce="captured")
    capture(tx, "captured")

    for closed in ("released", "captured"):
        with refused(tx, "LG304") as refusal:
            grow(tx, closed, 1)
        assert refusal.detail["hold_status"] == closed
    clock.forward(minutes=15)
    with refused(tx, "LG304") as refusal:
        grow(tx, "h", 1)
    assert refusal.detail["hold_status"] == "expired"


def test_growth_on_a_frozen_account_is_refused(tx: Connection) -> None:
    operate(tx, "freeze_account")

    with refused(tx, "LG303"):
        grow(tx, "h", 1)


def test_growth_of_an_unknown_hold_is_refused(tx: Connection) -> None:
    with refused(tx, "LG105"):
        grow(tx, "nothing", 1)
    with refused(tx, "LG105"):
        grow(tx, "h", 1, owner_id="bob")
    assert grow(tx, "h", 1, owner_id="alice")["amount"] == 31


@pytest.mark.parametrize("by", [0, -1, 2**63 - 1, -(2**63)])
def test_growth_is_positive_and_within_the_bounds(tx: Connection, by: int) -> None:
    with refused(tx, "LG002") as refusal:
        grow(tx, "h", by)
    assert refusal.detail["max_by"] == 1_000_000_000 - 30


@pytest.mark.parametrize("missing", ["hold_nonce", "nonce", "by"])
def test_null_is_refused(tx: Connection, missing: str) -> None:
    with refused(tx, "LG001"):
        call(tx, "grow_hold", **G | {missing: None})


def test_growth_does_not_prolong_the_hold(tx: Connection, clock: Clock) -> None:
    before = place(tx, 30, nonce="h")["expires_at"]
    clock.forward(minutes=5)

    assert grow(tx, "h", 5)["expires_at"] == before


def test_growth_reserves_from_lots_that_it_has_already(tx: Connection, clock: Clock) -> None:
    record(tx, owner_id="bob", amount=10, expires_at=clock.ahead(minutes=5))
    record(tx, owner_id="bob", amount=10, expires_at=clock.ahead(minutes=6))
    record(tx, owner_id="bob", amount=10)
    place(tx, 5, owner_id="bob", nonce="b")

    grow(tx, "b", 3)
    grow(tx, "b", 9)
    reserved = tx.execute("SELECT amount FROM ledger.hold_lots ORDER BY lot_seq").fetchall()

    assert reserved == [(10,), (7,)]
    clock.forward(minutes=10)
    assert spendable(tx, "bob") == (27, 17, 10)
    assert capture(tx, "b", 12)["amount"] == -12
    assert spendable(tx, "bob") == (10, 0, 10)
    assert problems(tx) == []


def test_growth_after_a_partial_capture(tx: Connection) -> None:
    capture(tx, "h", 10, final=False)
    hold = grow(tx, "h", 5)

    assert (hold["amount"], hold["captured"], hold["remaining"]) == (35, 10, 25)
    assert capture(tx, "h", 25, final=False)["balance"] == 65
    with refused(tx, "LG304"):
        grow(tx, "h", 1)
    assert problems(tx) == []


def test_what_an_expired_hold_has_grown_by_is_free_again(tx: Connection, clock: Clock) -> None:
    grow(tx, "h", 20)
    clock.forward(minutes=15)

    assert spendable(tx) == (100, 0, 100)
    spend(tx, 100)
    assert problems(tx) == []


def test_growth_is_an_event_with_its_nonce_and_amount(tx: Connection, clock: Clock) -> None:
    grow(tx, "h", 5, nonce="g")
    extend(tx, "h", "1 hour")

    events = tx.execute(
        "SELECT event, hold -> 'amount', hold -> 'growth' FROM ledger.hold_events"
        " WHERE hold_nonce = 'h' ORDER BY event_seq"
    ).fetchall()

    at = clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert events == [
        ("placed", 30, None),
        ("grown", 35, {"nonce": "g", "by": 5, "grown_at": at}),
        ("extended", 35, None),
    ]


def test_timeline_shows_what_was_held(tx: Connection, clock: Clock) -> None:
    clock.forward(minutes=1)
    grow(tx, "h", 5)
    clock.forward(minutes=1)
    steps = rows(tx, "timeline", owner_id="alice", since=clock.ahead(minutes=-3))

    assert [step["held"] for step in steps][-1] == 35
    assert 30 in [step["held"] for step in steps]


@pytest.mark.parametrize(
    ("planted", "problem"),
    [
        ("UPDATE ledger.hold_growths SET amount = amount + 1", "growth not as noted"),
        ("UPDATE ledger.hold_growths SET nonce = 'x'", "growth not as noted"),
        ("UPDATE ledger.hold_growths SET grown_at = grown_at + '1 s'", "growth not as noted"),
        ("UPDATE ledger.hold_growths SET hold_nonce = 'other'", "growth not as noted"),
        ("DELETE FROM ledger.hold_growths", "growth not as noted"),
        (
            "INSERT INTO ledger.hold_growths"
            " SELECT owner_id, asset, app, 'x', hold_nonce, 1, grown_at FROM ledger.hold_growths",
            "growth not as noted",
        ),
        ("UPDATE ledger.holds SET amount = amount + 1 WHERE nonce = 'h'", "amount wrong"),
        ("DELETE FROM ledger_core.nonces WHERE nonce = 'g'", "nonce not taken"),
    ],
)
def test_planted_growth_is_found(tx: Connection, planted: str, problem: str) -> None:
    place(tx, 1, nonce="other")
    grow(tx, "h", 5, nonce="g")
    for table in ("ledger.hold_growths", "ledger_core.nonces"):
        tx.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")

    tx.execute(planted)

    assert problem in [found["problem"] for found in problems(tx)]
    tx.execute("ROLLBACK")


def test_bounds_of_now_apply_to_growth(tx: Connection) -> None:
    rule = {"operation": "SMALL", "description": "Small", "min_amount": -10, "max_amount": -1}
    call(tx, "define_operation", **rule)
    call(tx, "allow_operation", app="app1", operation="SMALL")
    place(tx, 4, nonce="s", operation="SMALL")

    assert grow(tx, "s", 6)["amount"] == 10
    with refused(tx, "LG002"):
        grow(tx, "s", 1)
    call(tx, "define_operation", **rule | {"min_amount": -12})
    call(tx, "retire_operation", operation="SMALL")
    assert grow(tx, "s", 2)["amount"] == 12
    assert scalar(tx, "SELECT held FROM ledger.accounts WHERE owner_id = 'alice'") == 42


def test_growth_needs_a_nonce_of_its_own_per_app(tx: Connection) -> None:
    place(tx, 1, app="app2", nonce="h2")
    nonce = new_nonce()
    grow(tx, "h", 1, nonce=nonce)

    assert grow(tx, "h2", 1, nonce=nonce, app="app2")["amount"] == 2
