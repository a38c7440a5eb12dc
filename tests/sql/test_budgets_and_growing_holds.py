"""Budgets, where holds grow and captures go beyond them, and amounts come from quantities."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, balance, call, record, refused, rows
from tests.sql.lifecycle import capture, grow, place, record_batch, release

USED = "USED"
BY = {"actor": "olga", "reason": "agreed"}


@pytest.fixture(autouse=True)
def budget(tx: Connection, clock: Clock) -> Iterator[None]:  # noqa: ARG001
    """Alice may use 20 a day of an operation that costs 2 for 1000. The books are verified."""
    call(
        tx,
        "define_operation",
        operation=USED,
        description="Used",
        min_amount=-1000,
        max_amount=-1,
        unit_amount=-2,
        unit_size=1000,
        max_debt=100,
    )
    call(tx, "allow_operation", app="app1", operation=USED)
    record(tx, amount=100)
    rule = {"budget": "limit", "most": 20, "period": "day", "operation": USED}
    call(tx, "set_budget", owner_id="alice", **rule, **BY)
    yield
    assert rows(tx, "verify") == []


def used(tx: Connection) -> tuple[int, int]:
    (row,) = rows(tx, "budgets_of", owner_id="alice")
    return row["spent"], row["held"]


def test_growth_counts_and_is_refused_beyond_the_budget(tx: Connection) -> None:
    place(tx, 12, nonce="h", operation=USED)
    assert grow(tx, "h", 5)["remaining"] == 17
    assert used(tx) == (0, 17)
    with refused(tx, "LG307") as refusal:
        grow(tx, "h", 4)
    assert (refusal.detail["held"], refusal.detail["required"]) == (17, 4)
    assert grow(tx, "h", 3)["remaining"] == 20
    release(tx, "h")
    assert used(tx) == (0, 0)


@pytest.mark.parametrize("beyond", ["available", "debt"])
def test_capture_beyond_its_hold_counts_in_full(tx: Connection, beyond: str) -> None:
    place(tx, 10, nonce="h", operation=USED)
    with refused(tx, "LG307") as refusal:
        capture(tx, "h", 21, beyond=beyond)
    assert (refusal.detail["spent"], refusal.detail["required"]) == (10, 11)
    assert used(tx) == (0, 10)
    capture(tx, "h", 20, beyond=beyond)
    assert used(tx) == (20, 0)


def test_growth_and_capture_count_in_the_period_of_their_hold(tx: Connection, clock: Clock) -> None:
    place(tx, 15, nonce="h", operation=USED, expires_in="3 days")
    clock.forward(days=1)
    assert used(tx) == (0, 0)
    with refused(tx, "LG307"):
        grow(tx, "h", 6)
    grow(tx, "h", 5)
    capture(tx, "h", 20)
    assert used(tx) == (0, 0)
    record(tx, operation=USED, quantity=10_000)
    assert used(tx) == (20, 0)


def test_quantities_count_as_the_amounts_that_they_make(tx: Connection) -> None:
    record(tx, operation=USED, quantity=4_001)  # 9
    place(tx, None, nonce="h", operation=USED, quantity=2_500)  # 5
    assert used(tx) == (9, 5)
    items = [
        {"owner_id": "alice", "operation": USED, "nonce": f"b-{n}", "quantity": 1_500}  # 3
        for n in range(3)
    ]
    codes = [row["code"] for row in record_batch(tx, items)]
    assert codes == [None, None, "budget_exceeded"]
    assert used(tx) == (15, 5)
    assert balance(tx) == 85


def test_budget_of_everybody_that_is_defined_later_counts_growth(tx: Connection) -> None:
    place(tx, 10, nonce="h", operation=USED, owner_id="alice")
    rule = {"budget": "of-all", "most": 15, "period": "day", "operation": USED}
    call(tx, "define_budget", **rule)
    with refused(tx, "LG307") as refusal:
        grow(tx, "h", 6)
    assert refusal.detail["budget"] == "of-all"
    with refused(tx, "LG307") as refusal:
        capture(tx, "h", 16, beyond="debt")
    assert refusal.detail["budget"] == "of-all"
    grow(tx, "h", 5)
