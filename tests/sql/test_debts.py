"""Captures of more than their hold reserved, and the debts that they may leave."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, call, fails, record, refused, rows, scalar, spend
from tests.sql.lifecycle import (
    adjust,
    capture,
    item,
    lots,
    operate,
    place,
    record_batch,
    release,
    reverse,
    spendable,
)

USED = "USED"


@pytest.fixture(autouse=True)
def _credits(tx: Connection, clock: Clock) -> None:  # noqa: ARG001
    rule = {"operation": USED, "description": "Used", "min_amount": -1000, "max_amount": -1}
    call(tx, "define_operation", **rule, max_debt=20)
    call(tx, "allow_operation", app="app1", operation=USED)
    record(tx, amount=100, nonce="start")


def hold(tx: Connection, amount: int, nonce: str = "h", **arguments: Any) -> None:
    place(tx, amount, nonce=nonce, operation=USED, **arguments)


def debt(tx: Connection, owner_id: str = "alice") -> int:
    found: int = scalar(tx, "SELECT debt FROM ledger.accounts WHERE owner_id = %s", owner_id)
    return found


def owe(tx: Connection, amount: int = 15) -> None:
    """Bring alice so far below her floor: she has nothing left."""
    hold(tx, 100, nonce="owing")
    capture(tx, "owing", 100 + amount, beyond="debt", nonce="owed")


def right(tx: Connection) -> bool:
    return rows(tx, "verify") == []


def test_capture_within_the_hold_says_nothing_of_a_debt(tx: Connection) -> None:
    hold(tx, 10)

    assert capture(tx, "h", 10, beyond="debt")["overdrawn"] is None


@pytest.mark.parametrize("arguments", [{}, {"beyond": "refuse"}, {"beyond": None}])
def test_more_than_is_held_is_refused_unless_told_otherwise(
    tx: Connection, arguments: dict[str, Any]
) -> None:
    hold(tx, 10)

    with refused(tx, "LG002") as refusal:
        capture(tx, "h", 11, **arguments)
    assert refusal.detail == {"amount": 11, "min_amount": 1, "max_amount": 10}


def test_unknown_way_is_refused(tx: Connection) -> None:
    hold(tx, 10)

    with refused(tx, "LG001") as refusal:
        capture(tx, "h", 11, beyond="maybe")
    assert refusal.detail["field"] == "beyond"


def test_hints_say_what_can_be_done_about_more_than_was_held(tx: Connection) -> None:
    hold(tx, 100)
    with refused(tx, "LG002") as refusal:
        capture(tx, "h", 101)
    assert "beyond (available, debt)" in refusal.hint
    with refused(tx, "LG301") as refusal:
        capture(tx, "h", 121, beyond="debt")
    assert "max_debt" in refusal.hint


@pytest.mark.parametrize("beyond", ["available", "debt"])
def test_rest_is_taken_from_what_is_available(tx: Connection, beyond: str) -> None:
    hold(tx, 10)

    entry = capture(tx, "h", 30, beyond=beyond)

    assert (entry["amount"], entry["balance"], entry["overdrawn"]) == (-30, 70, False)
    assert spendable(tx) == (70, 0, 70)
    (found,) = rows(tx, "holds_of", owner_id="alice")
    assert (found["amount"], found["captured"], found["remaining"]) == (10, 30, 0)
    assert found["status"] == "captured"
    assert debt(tx) == 0
    assert right(tx)


def test_available_takes_nothing_of_what_other_holds_reserve(tx: Connection) -> None:
    hold(tx, 10)
    hold(tx, 60, nonce="other")

    with refused(tx, "LG301") as refusal:
        capture(tx, "h", 41, beyond="available", nonce="c")
    assert (refusal.detail["available"], refusal.detail["required"]) == (30, 31)
    assert spendable(tx) == (100, 70, 30)
    assert capture(tx, "h", 40, beyond="available", nonce="c")["balance"] == 60
    assert right(tx)


def test_debt_is_recorded_in_full_down_to_max_debt(tx: Connection) -> None:
    hold(tx, 10)
    hold(tx, 60, nonce="other")

    with refused(tx, "LG301") as refusal:
        capture(tx, "h", 61, beyond="debt", nonce="c")
    assert (refusal.detail["available"], refusal.detail["required"]) == (30, 51)
    assert (refusal.detail["min_balance"], refusal.detail["max_debt"]) == (0, 20)
    entry = capture(tx, "h", 60, beyond="debt", nonce="c")

    assert (entry["amount"], entry["balance"], entry["overdrawn"]) == (-60, 40, True)
    assert spendable(tx) == (40, 60, -20)
    assert debt(tx) == 20
    assert right(tx)


def test_balance_falls_below_zero_and_verify_knows_why(tx: Connection) -> None:
    hold(tx, 100)
    entry = capture(tx, "h", 120, beyond="debt")

    assert (entry["balance"], entry["overdrawn"]) == (-20, True)
    assert spendable(tx) == (-20, 0, -20)
    assert right(tx)


def test_max_debt_is_below_the_floor_of_the_account(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-50)
    hold(tx, 100)

    entry = capture(tx, "h", 150, beyond="debt", final=False)
    assert (entry["balance"], entry["overdrawn"]) == (-50, False)
    operate(tx, "set_min_balance", min_balance=-60)
    hold(tx, 10, nonce="h2")
    entry = capture(tx, "h2", 30, beyond="debt", final=False)
    assert (entry["balance"], entry["overdrawn"], debt(tx)) == (-80, True, 20)
    assert right(tx)


def test_operation_without_max_debt_leaves_none(tx: Connection) -> None:
    place(tx, 100, nonce="h")

    with refused(tx, "LG301") as refusal:
        capture(tx, "h", 101, beyond="debt")
    assert refusal.detail["max_debt"] == 0


def test_second_debt_counts_with_the_first(tx: Connection) -> None:
    hold(tx, 50, nonce="a")
    hold(tx, 50, nonce="b")
    capture(tx, "a", 65, beyond="debt")
    assert debt(tx) == 15

    with refused(tx, "LG301"):
        capture(tx, "b", 56, beyond="debt")
    assert capture(tx, "b", 55, beyond="debt")["balance"] == -20
    assert debt(tx) == 20
    assert right(tx)


def test_capture_beyond_ends_the_hold_also_if_it_is_not_final(tx: Connection) -> None:
    hold(tx, 10)
    capture(tx, "h", 4, final=False)
    capture(tx, "h", 7, final=False, beyond="available")

    with refused(tx, "LG304"):
        capture(tx, "h", 1, beyond="debt")
    assert spendable(tx) == (89, 0, 89)
    assert right(tx)


def test_all_captures_stay_within_the_bounds_of_the_operation(tx: Connection) -> None:
    record(tx, amount=2000)
    hold(tx, 10)
    capture(tx, "h", 4, final=False)

    with refused(tx, "LG002") as refusal:
        capture(tx, "h", 997, beyond="available")
    assert refusal.detail["max_amount"] == 996
    assert capture(tx, "h", 996, beyond="available")["amount"] == -996
    assert right(tx)


def test_frozen_account_gets_no_debt(tx: Connection) -> None:
    hold(tx, 100)
    operate(tx, "freeze_account")

    with refused(tx, "LG303"):
        capture(tx, "h", 110, beyond="debt")


# What is the same request


def test_retry_may_say_another_way_as_long_as_it_allows_what_was_recorded(tx: Connection) -> None:
    hold(tx, 10, nonce="within")
    capture(tx, "within", 5, nonce="1", beyond="debt")
    hold(tx, 10, nonce="beyond")
    capture(tx, "beyond", 15, nonce="2", beyond="debt")
    hold(tx, 80, nonce="owed")
    capture(tx, "owed", 90, nonce="3", beyond="debt")
    allowed = {
        ("within", 5, "1"): {"refuse", "available", "debt"},
        ("beyond", 15, "2"): {"available", "debt"},
        ("owed", 90, "3"): {"debt"},
    }

    for (hold_nonce, amount, nonce), ways in allowed.items():
        for beyond in ("refuse", "available", "debt"):
            if beyond in ways:
                again = capture(tx, hold_nonce, amount, nonce=nonce, beyond=beyond)
                assert again["replayed"]
            else:
                with refused(tx, "LG201"):
                    capture(tx, hold_nonce, amount, nonce=nonce, beyond=beyond)


# Afterwards


def test_nothing_is_spent_until_credits_have_filled_the_debt(tx: Connection) -> None:
    owe(tx)

    with refused(tx, "LG301"):
        spend(tx, 1)
    with refused(tx, "LG301"):
        hold(tx, 1)
    with refused(tx, "LG301"):
        adjust(tx, -1)
    record(tx, amount=10)
    assert debt(tx) == 5
    with refused(tx, "LG301"):
        spend(tx, 1)
    record(tx, amount=7)
    assert (debt(tx), spendable(tx)) == (0, (2, 0, 2))
    spend(tx, 2)
    assert right(tx)


def test_check_admits_nothing_below_the_debt(tx: Connection) -> None:
    owe(tx)

    with fails(tx, "23514"):
        tx.execute("UPDATE ledger.accounts SET balance = balance - 1")


def test_credits_that_expire_fill_the_debt_first(tx: Connection, clock: Clock) -> None:
    owe(tx)

    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    assert (lots(tx), debt(tx)) == ([0], 5)
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    assert (lots(tx), debt(tx)) == ([0, 5], 0)
    assert spendable(tx) == (5, 0, 5)
    clock.forward(hours=2)
    assert spendable(tx) == (0, 0, 0)
    record(tx, amount=1)
    assert right(tx)


def test_credits_that_expire_fill_a_debt_beside_other_holds_first(
    tx: Connection, clock: Clock
) -> None:
    hold(tx, 10)
    hold(tx, 90, nonce="other")
    capture(tx, "h", 25, beyond="debt")
    assert (spendable(tx), debt(tx)) == ((75, 90, -15), 15)

    record(tx, amount=18, expires_at=clock.ahead(minutes=5))
    assert (lots(tx), debt(tx), spendable(tx)) == ([3], 0, (93, 90, 3))
    clock.forward(minutes=6)
    record(tx, amount=1)
    assert spendable(tx) == (91, 90, 1)
    assert right(tx)


def test_batch_fills_a_debt_as_single_calls_do(tx: Connection, clock: Clock) -> None:
    owe(tx)

    results = record_batch(
        tx,
        [
            item(operation="CREDIT_SPEND", amount=-1),
            item(5),
            item(8, expires_at=clock.ahead(hours=1).isoformat()),
            item(operation="CREDIT_SPEND", amount=-1),
            item(4),
            item(operation="CREDIT_SPEND", amount=-2),
        ],
    )

    refusals = ["insufficient_balance", None, None, "insufficient_balance", None, None]
    assert [result["code"] for result in results] == refusals
    assert (debt(tx), spendable(tx)) == (0, (0, 0, 0))
    assert right(tx)


def test_plain_batch_fills_a_debt(tx: Connection) -> None:
    owe(tx)

    record_batch(tx, [item(5), item(6)])
    assert debt(tx) == 4
    record_batch(tx, [item(9), item(operation="CREDIT_SPEND", amount=-5)])
    assert (debt(tx), spendable(tx)) == (0, (0, 0, 0))
    assert right(tx)


def test_reversal_of_the_capture_fills_the_debt(tx: Connection) -> None:
    owe(tx)

    reverse(tx, "owed", 10)
    assert debt(tx) == 5
    reverse(tx, "owed")
    assert (debt(tx), spendable(tx)) == (0, (100, 0, 100))
    assert right(tx)


def test_reversal_of_a_credit_is_refused_while_there_is_a_debt(tx: Connection) -> None:
    owe(tx)

    with refused(tx, "LG301"):
        reverse(tx, "start", 1)


def test_adjustment_fills_the_debt(tx: Connection) -> None:
    owe(tx)

    adjust(tx, 15)
    assert (debt(tx), spendable(tx)) == (0, (0, 0, 0))
    assert right(tx)


def test_hold_that_is_given_back_lowers_the_debt(tx: Connection, clock: Clock) -> None:
    hold(tx, 40, nonce="a")
    hold(tx, 30, nonce="b")
    hold(tx, 30, nonce="c")
    capture(tx, "a", 60, beyond="debt")
    assert debt(tx) == 20

    release(tx, "b")
    assert (debt(tx), spendable(tx)) == (0, (40, 30, 10))
    spend(tx, 10)
    clock.forward(minutes=15)
    assert spendable(tx) == (30, 0, 30)
    spend(tx, 30)
    assert right(tx)


def test_rest_of_a_final_capture_lowers_the_debt(tx: Connection) -> None:
    hold(tx, 50, nonce="a")
    hold(tx, 50, nonce="b")
    capture(tx, "a", 70, beyond="debt")
    capture(tx, "b", 45)

    assert (debt(tx), spendable(tx)) == (15, (-15, 0, -15))
    assert right(tx)


def test_lots_that_a_hold_frees_expire_beside_the_debt(tx: Connection, clock: Clock) -> None:
    spend(tx, 100)
    record(tx, amount=20, expires_at=clock.ahead(hours=1))
    hold(tx, 10, nonce="a")
    hold(tx, 10, nonce="b")
    capture(tx, "a", 25, beyond="debt")
    assert (debt(tx), lots(tx)) == (15, [10])

    release(tx, "b")
    assert (debt(tx), spendable(tx)) == (15, (-5, 0, -5))
    hold_of_others = scalar(tx, "SELECT held FROM ledger.lots WHERE owner_id = 'alice'")
    assert hold_of_others == 0
    clock.forward(hours=2)
    assert spendable(tx) == (-15, 0, -15)
    record(tx, amount=16)
    assert (debt(tx), spendable(tx)) == (0, (1, 0, 1))
    assert right(tx)


def test_capture_beyond_takes_reserved_and_free_credits_of_one_lot(
    tx: Connection, clock: Clock
) -> None:
    spend(tx, 100)
    record(tx, amount=20, expires_at=clock.ahead(hours=1))
    record(tx, amount=20, expires_at=clock.ahead(hours=2))
    record(tx, amount=5)
    hold(tx, 15, nonce="a")

    entry = capture(tx, "a", 30, beyond="available", nonce="c")

    assert (entry["balance"], entry["overdrawn"]) == (15, False)
    assert lots(tx) == [0, 10]
    moved = tx.execute("SELECT amount FROM ledger.lot_movements ORDER BY lot_seq").fetchall()
    assert moved == [(20,), (10,)]
    reverse(tx, "c", 12)
    assert lots(tx) == [2, 20]
    assert right(tx)


def test_capture_beyond_while_other_holds_have_lots(tx: Connection, clock: Clock) -> None:
    record(tx, amount=20, expires_at=clock.ahead(minutes=10))
    hold(tx, 10, nonce="a")
    hold(tx, 30, nonce="b")
    entry = capture(tx, "a", 110, beyond="debt")

    assert (entry["balance"], entry["overdrawn"], debt(tx)) == (10, True, 20)
    clock.forward(minutes=12)
    assert capture(tx, "b", 5, final=False)["balance"] == 5
    clock.forward(minutes=4)
    assert spendable(tx) == (0, 0, 0)
    record(tx, amount=3)
    assert right(tx)


def test_floor_can_be_lowered_to_cover_a_debt(tx: Connection) -> None:
    owe(tx)

    operate(tx, "set_min_balance", min_balance=-10)
    assert (debt(tx), spendable(tx)) == (5, (-15, 0, -15))
    operate(tx, "set_min_balance", min_balance=-40)
    assert debt(tx) == 0
    spend(tx, 25)
    with refused(tx, "LG301"):
        operate(tx, "set_min_balance", min_balance=-39)
    assert right(tx)


# The rule


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"min_amount": -5, "max_amount": -1, "max_debt": -1}, "max_debt"),
        ({"min_amount": -5, "max_amount": -1, "max_debt": 2**53}, "max_debt"),
        ({"min_amount": 1, "max_amount": 5, "max_debt": 1}, "max_debt"),
    ],
)
def test_max_debt_that_does_not_fit_is_refused(
    tx: Connection, rule: dict[str, Any], field: str
) -> None:
    with refused(tx, "LG001") as refusal:
        call(tx, "define_operation", operation="NEW", description="New", **rule)
    assert refusal.detail["field"] == field


def test_lower_max_debt_bounds_what_comes(tx: Connection) -> None:
    rule = {"operation": USED, "description": "Used", "min_amount": -1000, "max_amount": -1}
    owe(tx)
    call(tx, "define_operation", **rule)

    assert right(tx)
    record(tx, amount=20)
    hold(tx, 5)
    with refused(tx, "LG301"):
        capture(tx, "h", 6, beyond="debt")


# Proof


@pytest.mark.parametrize(
    ("planted", "problem"),
    [
        ("UPDATE ledger.accounts SET debt = debt + 1", "debt wrong"),
        ("UPDATE ledger.entries SET overdrawn = FALSE WHERE nonce = 'owed'", "overspent"),
        ("UPDATE ledger.entries SET overdrawn = NULL WHERE nonce = 'owed'", "overspent"),
        (
            "UPDATE ledger.entries SET overdrawn = TRUE WHERE nonce = 'start'",
            "overdrawn without capture",
        ),
        (
            "UPDATE ledger.entries SET overdrawn = NULL WHERE nonce = 'owed'",
            "captured beyond what was reserved",
        ),
        (
            "UPDATE ledger.entries SET overdrawn = FALSE WHERE nonce = 'within'",
            "captured beyond what was reserved",
        ),
        (
            "UPDATE ledger.operation_changes SET rule = rule || '{\"max_debt\": 14}'"
            " WHERE rule ? 'max_debt'",
            "overspent",
        ),
        ("UPDATE ledger.holds SET amount = 115 WHERE nonce = 'owing'", "hold not as last noted"),
    ],
)
def test_planted_debt_is_found(tx: Connection, planted: str, problem: str) -> None:
    hold(tx, 3, nonce="w")
    capture(tx, "w", 3, nonce="within")
    record(tx, amount=3)
    owe(tx)
    for table in ("entries", "operation_changes"):
        tx.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER")

    tx.execute(planted)

    assert problem in [found["problem"] for found in rows(tx, "verify")]
    tx.execute("ROLLBACK")


def test_spend_below_the_floor_after_a_debt_is_found(tx: Connection) -> None:
    owe(tx)
    tx.execute("ALTER TABLE ledger.entries DISABLE TRIGGER USER")
    tx.execute("UPDATE ledger.entries SET hold_nonce = NULL, overdrawn = NULL WHERE nonce = 'owed'")
    assert "overspent" in [found["problem"] for found in rows(tx, "verify")]
    tx.execute("ROLLBACK")
