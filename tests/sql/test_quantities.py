"""Prices by quantity: how much was used makes the amount."""

from __future__ import annotations

import random
from fractions import Fraction
from math import ceil, floor
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    MAX_AMOUNT,
    Connection,
    Row,
    call,
    fails,
    record,
    refused,
    rows,
    scalar,
)
from tests.sql.lifecycle import capture, grow, item, place, record_batch, reverse, spendable

TOKENS = "TOKENS"


HOLD: Row = {"amount": None, "operation": TOKENS, "nonce": "h"}


def define(conn: Connection, **rule: Any) -> None:
    plain: Row = {
        "operation": TOKENS,
        "description": "Tokens",
        "min_amount": -1000,
        "max_amount": 0,
        "unit_amount": -2,
        "unit_size": 1000,
    }
    call(conn, "define_operation", **plain | rule)


@pytest.fixture(autouse=True)
def _price(tx: Connection, clock: Clock) -> None:  # noqa: ARG001
    define(tx)
    call(tx, "allow_operation", app="app1", operation=TOKENS)
    record(tx, amount=100, nonce="start")


def use(tx: Connection, quantity: int | None, **arguments: Any) -> Row:
    return record(tx, operation=TOKENS, quantity=quantity, **arguments)


def kept(tx: Connection, nonce: str) -> Any:
    return tx.execute(
        "SELECT quantity, unit_amount, unit_size, rounding, amount_defaulted FROM ledger.entries"
        " WHERE nonce = %s",
        [nonce],
    ).fetchone()


def right(tx: Connection) -> bool:
    return rows(tx, "verify") == []


def exact(quantity: int, unit_amount: int, unit_size: int, rounding: str) -> int:
    """The amount as the document says it, in rational numbers."""
    size = Fraction(quantity * abs(unit_amount), unit_size)
    rounded = {"up": ceil(size), "down": floor(size), "nearest": floor(size + Fraction(1, 2))}
    return (1 if unit_amount > 0 else -1) * min(rounded[rounding], MAX_AMOUNT + 1)


def some_price(rng: random.Random, most: int) -> tuple[int, int, int, str]:
    """Make a quantity and a price, of numbers up to most."""
    return (
        rng.randint(0, most),
        rng.choice([1, -1]) * rng.randint(1, most),
        rng.randint(1, most),
        rng.choice(["up", "down", "nearest"]),
    )


@pytest.mark.parametrize("most", [3, 10, 1000, 2**30, MAX_AMOUNT])
def test_amount_is_exact(tx: Connection, most: int) -> None:
    rng = random.Random(most)
    prices = [some_price(rng, most) for _ in range(2000)]
    prices += [(MAX_AMOUNT, -1, MAX_AMOUNT, "up"), (MAX_AMOUNT, 1, MAX_AMOUNT - 1, "down")]

    found = tx.execute(
        "SELECT ledger_core.amount_of_quantity(q, a, s, r)"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[]) AS it (q, a, s, r)",
        [list(values) for values in zip(*prices, strict=True)],
    ).fetchall()

    assert [amount for (amount,) in found] == [exact(*price) for price in prices]


def test_quantity_makes_the_amount_and_both_are_kept(tx: Connection) -> None:
    entry = use(tx, 1840, nonce="u")

    assert (entry["amount"], entry["balance"], entry["quantity"]) == (-4, 96, 1840)
    assert kept(tx, "u") == (1840, -2, 1000, "up", True)
    assert right(tx)


@pytest.mark.parametrize(
    ("rounding", "quantity", "amount"),
    [
        ("up", 0, 0),
        ("up", 1, -1),
        ("up", 500, -1),
        ("up", 501, -2),
        ("down", 499, 0),
        ("down", 500, -1),
        ("down", 999, -1),
        ("nearest", 249, 0),
        ("nearest", 250, -1),
        ("nearest", 749, -1),
        ("nearest", 750, -2),
    ],
)
def test_rounding(tx: Connection, rounding: str, quantity: int, amount: int) -> None:
    define(tx, rounding=rounding)

    assert use(tx, quantity)["amount"] == amount
    assert right(tx)


def test_credits_have_prices_too(tx: Connection) -> None:
    rule = {"min_amount": 0, "max_amount": 50, "unit_amount": 3, "unit_size": 2}
    define(tx, operation="STEPS", **rule, rounding="nearest")
    call(tx, "allow_operation", app="app1", operation="STEPS")

    assert record(tx, operation="STEPS", quantity=5)["amount"] == 8
    with refused(tx, "LG002"):
        record(tx, operation="STEPS", quantity=34)


def test_unit_is_one_and_rounding_up_unless_said(tx: Connection) -> None:
    define(tx, unit_size=None)

    assert use(tx, 7, nonce="u")["amount"] == -14
    assert kept(tx, "u")[1:4] == (-2, 1, "up")


def test_amount_beyond_the_bounds_is_refused_with_quantity_and_price(tx: Connection) -> None:
    with refused(tx, "LG002") as refusal:
        use(tx, 500_001)
    assert refusal.detail == {
        "operation": TOKENS,
        "amount": -1001,
        "min_amount": -1000,
        "max_amount": 0,
        "quantity": 500_001,
        "unit_amount": -2,
        "unit_size": 1000,
        "rounding": "up",
    }


def test_too_little_is_refused_where_the_bounds_say_so(tx: Connection) -> None:
    define(tx, max_amount=-1, rounding="down")

    with refused(tx, "LG002") as refusal:
        use(tx, 499)
    assert refusal.detail["amount"] == 0


@pytest.mark.parametrize("quantity", [-1, 2**53, 2**63 - 1, -(2**63)])
def test_quantity_is_from_zero_to_the_largest_exact_number(tx: Connection, quantity: int) -> None:
    with refused(tx, "LG001") as refusal:
        use(tx, quantity)
    assert refusal.detail["field"] == "quantity"
    with refused(tx, "LG001"):
        place(tx, None, operation=TOKENS, quantity=quantity)
    (result,) = record_batch(tx, [item(operation=TOKENS, quantity=quantity)])
    assert result["detail"]["field"] == "quantity"


def test_largest_quantity_is_exact(tx: Connection) -> None:
    define(tx, min_amount=-MAX_AMOUNT, unit_amount=-MAX_AMOUNT, unit_size=MAX_AMOUNT)

    with refused(tx, "LG301") as refusal:
        use(tx, MAX_AMOUNT)
    assert refusal.detail["required"] == MAX_AMOUNT


def test_amount_and_quantity_together_are_refused(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        use(tx, 1000, amount=-2)
    assert refusal.detail["field"] == "quantity"
    with refused(tx, "LG001"):
        place(tx, 2, operation=TOKENS, quantity=1000)
    place(tx, 2, operation=TOKENS, nonce="h")
    with refused(tx, "LG001"):
        capture(tx, "h", 2, quantity=1000)
    (result,) = record_batch(tx, [item(-2, operation=TOKENS, quantity=1000)])
    assert (result["code"], result["detail"]["field"]) == ("invalid_request", "quantity")


def test_quantity_without_a_price_is_refused(tx: Connection) -> None:
    arguments: Row = {"operation": "CREDIT_SPEND", "quantity": 5}
    reason = "the operation has no price by quantity"
    with refused(tx, "LG001") as refusal:
        record(tx, **arguments)
    assert refusal.detail["reason"] == reason
    with refused(tx, "LG001") as refusal:
        place(tx, None, **arguments)
    assert refusal.detail["reason"] == reason
    place(tx, 5, nonce="h")
    with refused(tx, "LG001") as refusal:
        capture(tx, "h", quantity=5)
    assert refusal.detail["reason"] == reason
    (result,) = record_batch(tx, [item(**arguments)])
    assert result["detail"]["reason"] == reason


def test_neither_amount_nor_quantity_takes_the_default_or_is_refused(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        use(tx, None)
    assert refusal.detail["field"] == "amount"
    define(tx, default_amount=-7)

    assert use(tx, None, nonce="u")["amount"] == -7
    assert kept(tx, "u") == (None, None, None, None, True)
    assert use(tx, None, amount=-3)["amount"] == -3
    assert right(tx)


# What is the same request


def test_same_quantity_is_the_same_request_though_the_price_has_changed(tx: Connection) -> None:
    use(tx, 1840, nonce="u")
    define(tx, unit_amount=-3)

    again = use(tx, 1840, nonce="u")

    assert (again["replayed"], again["amount"]) == (True, -4)
    (result,) = record_batch(tx, [item(operation=TOKENS, quantity=1840, nonce="u")])
    assert (result["replayed"], result["amount"]) == (True, -4)
    define(tx, unit_amount=None, unit_size=None)
    assert use(tx, 1840, nonce="u")["replayed"]
    assert right(tx)


def test_other_quantity_of_the_same_amount_is_another_request(tx: Connection) -> None:
    use(tx, 1840, nonce="u")

    for arguments in ({"quantity": 1841}, {"amount": -4}, {}):
        with refused(tx, "LG201"):
            record(tx, operation=TOKENS, nonce="u", **arguments)
        (result,) = record_batch(tx, [item(operation=TOKENS, nonce="u", **arguments)])
        assert result["code"] == "nonce_conflict"


# Batches


def test_batch_records_quantities_as_single_calls_do(tx: Connection) -> None:
    items = [item(operation=TOKENS, quantity=quantity) for quantity in (0, 1, 1840, 600_000)]
    items += [item(1), item(operation=TOKENS, quantity=None, amount=-1)]

    results = record_batch(tx, items)

    assert [result["amount"] for result in results] == [0, -1, -4, None, 1, -1]
    assert [result["quantity"] for result in results] == [0, 1, 1840, None, None, None]
    assert results[3]["detail"]["quantity"] == 600_000
    assert kept(tx, items[2]["nonce"]) == (1840, -2, 1000, "up", True)
    assert right(tx)


@pytest.mark.parametrize("quantity", ["7", 7.5, True, [], {}, 7.0])
def test_quantity_of_an_item_is_an_integer(tx: Connection, quantity: Any) -> None:
    (result,) = record_batch(tx, [item(operation=TOKENS, quantity=quantity)])

    assert (result["code"], result["detail"]["field"]) == ("invalid_request", "quantity")


# Holds


def test_hold_by_quantity_keeps_the_price_for_its_captures(tx: Connection) -> None:
    hold = place(tx, None, operation=TOKENS, quantity=4000, nonce="h")
    assert (hold["amount"], hold["quantity"]) == (8, 4000)
    define(tx, unit_amount=-50)
    assert place(tx, None, operation=TOKENS, quantity=4000, nonce="h")["replayed"]

    entry = capture(tx, "h", quantity=1840, nonce="c", final=False)

    assert (entry["amount"], entry["quantity"]) == (-4, 1840)
    assert kept(tx, "c") == (1840, -2, 1000, "up", True)
    assert capture(tx, "h", quantity=1840, nonce="c", final=False)["replayed"]
    with refused(tx, "LG201"):
        capture(tx, "h", quantity=1841, nonce="c", final=False)
    with refused(tx, "LG201"):
        capture(tx, "h", 4, nonce="c", final=False)
    assert capture(tx, "h", quantity=1500)["amount"] == -3
    assert right(tx)


def test_hold_by_amount_is_captured_at_the_price_of_now(tx: Connection) -> None:
    place(tx, 8, operation=TOKENS, nonce="h")
    define(tx, unit_amount=-3)

    assert capture(tx, "h", quantity=1840, nonce="c")["amount"] == -6
    assert kept(tx, "c")[1] == -3
    assert right(tx)


def test_hold_by_quantity_of_another_quantity_is_another_request(tx: Connection) -> None:
    place(tx, None, operation=TOKENS, quantity=4000, nonce="h")

    for arguments in ({"quantity": 3999}, {"amount": 8}):
        with refused(tx, "LG201"):
            place(tx, **HOLD | arguments)


@pytest.mark.parametrize("quantity", [0, 500_001])
def test_hold_by_quantity_is_within_the_bounds(tx: Connection, quantity: int) -> None:
    with refused(tx, "LG002") as refusal:
        place(tx, None, operation=TOKENS, quantity=quantity)
    assert (refusal.detail["min_amount"], refusal.detail["max_amount"]) == (1, 1000)
    assert (refusal.detail["quantity"], refusal.detail["unit_amount"]) == (quantity, -2)


def test_capture_of_nothing_is_refused(tx: Connection) -> None:
    place(tx, None, operation=TOKENS, quantity=4000, nonce="h")

    with refused(tx, "LG002") as refusal:
        capture(tx, "h", quantity=0)
    assert (refusal.detail["amount"], refusal.detail["quantity"]) == (0, 0)


def test_hold_by_quantity_grows_and_goes_into_debt(tx: Connection) -> None:
    define(tx, max_debt=20)
    place(tx, None, operation=TOKENS, quantity=25_000, nonce="h")
    grow(tx, "h", 30)
    assert place(tx, None, operation=TOKENS, quantity=25_000, nonce="h")["amount"] == 80

    with refused(tx, "LG002"):
        capture(tx, "h", quantity=55_000)
    entry = capture(tx, "h", quantity=55_000, beyond="debt")

    assert (entry["amount"], entry["balance"], entry["overdrawn"]) == (-110, -10, True)
    assert spendable(tx) == (-10, 0, -10)
    assert right(tx)


def test_reversal_has_no_quantity(tx: Connection) -> None:
    use(tx, 1840, nonce="u")

    assert reverse(tx, "u")["quantity"] is None
    assert right(tx)


# The rule


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"unit_amount": 0}, "unit_amount"),
        ({"unit_amount": 2}, "unit_amount"),
        ({"unit_amount": -(2**53)}, "unit_amount"),
        ({"unit_size": 0}, "unit_size"),
        ({"unit_size": -1}, "unit_size"),
        ({"unit_size": 2**53}, "unit_size"),
        ({"rounding": "sideways"}, "rounding"),
        ({"unit_amount": None}, "unit_size"),
        ({"unit_amount": None, "unit_size": None, "rounding": "up"}, "rounding"),
        ({"min_amount": 0, "max_amount": 5}, "unit_amount"),
        ({"min_amount": 0, "max_amount": 0}, "unit_amount"),
    ],
)
def test_price_that_does_not_fit_is_refused(
    tx: Connection, rule: dict[str, Any], field: str
) -> None:
    with refused(tx, "LG001") as refusal:
        define(tx, operation="NEW", **rule)
    assert refusal.detail["field"] == field


def test_app_may_have_a_price_of_its_own(tx: Connection) -> None:
    call(tx, "allow_operation", app="app1", operation=TOKENS, unit_amount=-3)
    call(tx, "allow_operation", app="app2", operation=TOKENS)

    assert use(tx, 5, nonce="u")["amount"] == -15
    assert kept(tx, "u")[1:4] == (-3, 1, "up")
    assert use(tx, 5, app="app2")["amount"] == -1
    call(tx, "allow_operation", app="app1", operation=TOKENS)
    assert use(tx, 5)["amount"] == -1
    assert right(tx)


def test_price_of_an_app_stays_within_its_bounds(tx: Connection) -> None:
    call(tx, "allow_operation", app="app1", operation=TOKENS, min_amount=-10, unit_amount=-3)

    with refused(tx, "LG002") as refusal:
        use(tx, 4)
    assert (refusal.detail["min_amount"], refusal.detail["unit_amount"]) == (-10, -3)


@pytest.mark.parametrize(
    ("price", "field"),
    [
        ({"unit_amount": 0}, "unit_amount"),
        ({"unit_size": 5}, "unit_size"),
        ({"rounding": "up"}, "rounding"),
    ],
)
def test_price_of_an_app_that_does_not_fit_is_refused(
    tx: Connection, price: dict[str, Any], field: str
) -> None:
    with refused(tx, "LG001") as refusal:
        call(tx, "allow_operation", app="app1", operation=TOKENS, **price)
    assert refusal.detail["field"] == field


def test_price_of_an_app_has_the_sign_of_the_operation(tx: Connection) -> None:
    with fails(tx, "LG904"):
        call(tx, "allow_operation", app="app1", operation=TOKENS, unit_amount=3)
        tx.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_rule_is_noted_and_listed(tx: Connection) -> None:
    define(tx, max_debt=5)
    call(tx, "allow_operation", app="app1", operation=TOKENS, unit_amount=-1, unit_size=7)

    (listed,) = [
        rule for rule in rows(tx, "operations_of", app="app1") if rule["operation"] == TOKENS
    ]
    assert [listed[name] for name in ("unit_amount", "unit_size", "rounding", "max_debt")] == [
        -1,
        7,
        "up",
        5,
    ]
    noted = scalar(
        tx,
        "SELECT rule FROM ledger.operation_changes WHERE operation = %s AND app IS NULL"
        " ORDER BY change_id DESC LIMIT 1",
        TOKENS,
    )
    assert [noted[name] for name in ("unit_amount", "unit_size", "rounding", "max_debt")] == [
        -2,
        1000,
        "up",
        5,
    ]
    assert right(tx)


def test_rule_without_price_is_noted_as_it_always_was(tx: Connection) -> None:
    noted = scalar(
        tx, "SELECT rule FROM ledger.operation_changes WHERE operation = 'CREDIT_SPEND' LIMIT 1"
    )

    assert not {"unit_amount", "unit_size", "rounding", "max_debt"} & noted.keys()
    assert right(tx)


def test_call_that_changes_no_price_is_not_noted(tx: Connection) -> None:
    counted = "SELECT count(*) FROM ledger.operation_changes"
    before = scalar(tx, counted)
    define(tx, rounding="up", max_debt=0)
    call(tx, "allow_operation", app="app1", operation=TOKENS)

    assert scalar(tx, counted) == before


def test_prices_of_a_day_can_be_looked_up(tx: Connection, clock: Clock) -> None:
    clock.forward(days=1)
    define(tx, unit_amount=-3)
    clock.forward(days=1)
    call(tx, "allow_operation", app="app1", operation=TOKENS, unit_amount=-1)

    prices = tx.execute(
        "SELECT unit_amount, unit_size, rounding FROM ledger.app_prices"
        " WHERE app = 'app1' AND operation = %s ORDER BY valid_from",
        [TOKENS],
    ).fetchall()
    assert prices == [(-2, 1000, "up"), (-3, 1000, "up"), (-1, 1, "up")]


# Proof


@pytest.mark.parametrize(
    ("planted", "problem"),
    [
        ("UPDATE ledger.entries SET quantity = 5000 WHERE nonce = 'u'", "amount not by its price"),
        ("UPDATE ledger.entries SET unit_amount = -9 WHERE nonce = 'u'", "amount not by its price"),
        ("UPDATE ledger.entries SET quantity = NULL WHERE nonce = 'u'", "quantity without price"),
        ("UPDATE ledger.entries SET rounding = NULL WHERE nonce = 'u'", "quantity without price"),
        (
            "UPDATE ledger.entries SET unit_amount = -20, unit_size = 10000 WHERE nonce = 'u'",
            "price never in force",
        ),
        ("UPDATE ledger.holds SET quantity = 9000 WHERE nonce = 'h'", "amount not by its price"),
        ("UPDATE ledger.holds SET unit_size = 10 WHERE nonce = 'h'", "amount not by its price"),
        (
            "UPDATE ledger.operations SET unit_amount = -1 WHERE operation = 'TOKENS'",
            "rule not as last noted",
        ),
        (
            "UPDATE ledger.operations SET max_debt = 1 WHERE operation = 'TOKENS'",
            "rule not as last noted",
        ),
        (
            "UPDATE ledger.app_operations SET unit_amount = -1, unit_size = 1, rounding = 'up'"
            " WHERE operation = 'TOKENS'",
            "rule not as last noted",
        ),
    ],
)
def test_planted_price_is_found(tx: Connection, planted: str, problem: str) -> None:
    use(tx, 1840, nonce="u")
    place(tx, None, operation=TOKENS, quantity=4000, nonce="h")
    tx.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table in ("entries", "operations", "app_operations"):
        tx.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER")

    tx.execute(planted)

    assert problem in [found["problem"] for found in rows(tx, "verify")]
    tx.execute("ROLLBACK")
