"""Reversals: an entry is taken back by another one, wholly or partly."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    MAX_AMOUNT,
    Connection,
    Row,
    balance,
    call,
    entries,
    record,
    refused,
    spend,
)
from tests.sql.lifecycle import (
    adjust,
    amounts,
    capture,
    item,
    lots,
    operate,
    place,
    record_batch,
    reverse,
    spendable,
)

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def spent(tx: Connection, clock: Clock) -> Row:  # noqa: ARG001 (the clock stands before anything is recorded)
    """A spend of 30 under the nonce "spent", from 100 credits that do not expire."""
    record(tx, amount=100, nonce="bought")
    return spend(tx, 30, nonce="spent")


# Amounts


def test_reverse_entry_returns_the_entry(tx: Connection, clock: Clock, spent: Row) -> None:
    entry = reverse(tx, "spent", nonce="r", metadata={"why": "mistake"})
    del entry["entry_id"]
    assert entry == {
        "seq": 3,
        "owner_id": "alice",
        "asset": "CREDIT",
        "app": "app1",
        "operation": "REVERSAL",
        "amount": 30,
        "balance": 100,
        "nonce": "r",
        "metadata": {"why": "mistake"},
        "expires_at": None,
        "hold_nonce": None,
        "reverses_seq": spent["seq"],
        "recorded_at": clock.now,
        "replayed": False,
        "spender": None,
        "quantity": None,
        "overdrawn": None,
    }


@pytest.mark.usefixtures("spent")
def test_partial_reversal_takes_back_the_given_amount(tx: Connection) -> None:
    assert reverse(tx, "spent", 10)["amount"] == 10
    assert balance(tx) == 80


@pytest.mark.usefixtures("spent")
def test_reversal_without_amount_takes_back_the_rest(tx: Connection) -> None:
    reverse(tx, "spent", 10)
    assert reverse(tx, "spent")["amount"] == 20
    assert balance(tx) == 100


@pytest.mark.usefixtures("spent")
def test_reversals_of_an_entry_together_never_exceed_it(tx: Connection) -> None:
    reverse(tx, "spent", 10)
    reverse(tx, "spent", 15)
    with refused(tx, "LG305") as refusal:
        reverse(tx, "spent", 6)
    assert refusal.detail == {
        "original_nonce": "spent",
        "original_amount": -30,
        "amount": 6,
        "reversed": 25,
        "expired": 0,
        "reversible": 5,
    }
    assert reverse(tx, "spent", 5)["balance"] == 100


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize("amount", [None, 1])
def test_entry_that_is_wholly_reversed_cannot_be_reversed(
    tx: Connection, amount: int | None
) -> None:
    reverse(tx, "spent")
    with refused(tx, "LG305") as refusal:
        reverse(tx, "spent", amount)
    assert (refusal.detail["reversed"], refusal.detail["reversible"]) == (30, 0)
    assert balance(tx) == 100


@pytest.mark.usefixtures("spent")
def test_reversal_of_more_than_the_original_takes_nothing_back(tx: Connection) -> None:
    with refused(tx, "LG305"):
        reverse(tx, "spent", 31)
    assert balance(tx) == 70


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize("amount", [0, -1, -30, -(2**63)])
def test_amount_of_a_reversal_is_positive(tx: Connection, amount: int) -> None:
    with refused(tx, "LG002") as refusal:
        reverse(tx, "spent", amount)
    assert refusal.detail == {"amount": amount, "min_amount": 1, "max_amount": 30}


@pytest.mark.usefixtures("spent")
def test_reversal_of_the_largest_number_is_too_much(tx: Connection) -> None:
    with refused(tx, "LG305"):
        reverse(tx, "spent", 2**63 - 1)


def test_entry_of_zero_cannot_be_reversed(tx: Connection) -> None:
    record(tx, operation="CONTENT_ACCESS", nonce="n")
    with refused(tx, "LG305") as refusal:
        reverse(tx, "n")
    assert (refusal.detail["original_amount"], refusal.detail["reversible"]) == (0, 0)


@pytest.mark.usefixtures("spent")
def test_reversal_of_a_debit_cannot_pass_2_to_the_53_less_1(tx: Connection) -> None:
    adjust(tx, MAX_AMOUNT - 70)
    with refused(tx, "LG002") as refusal:
        reverse(tx, "spent", 1)
    assert refusal.detail["max_balance"] == MAX_AMOUNT


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nonce", None),
        ("nonce", ""),
        ("nonce", "n" * 256),
        ("original_nonce", None),
        ("original_nonce", ""),
        ("metadata", "[]"),
        ("app", None),
    ],
)
def test_malformed_reversal_is_refused_with_the_field(
    tx: Connection, field: str, value: Any
) -> None:
    with refused(tx, "LG001") as refusal:
        reverse(tx, **{"original_nonce": "spent"} | {field: value})
    assert refusal.detail["field"] == field


# Entries of others


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize(("app", "nonce"), [("app2", "spent"), ("app1", "no such")])
def test_entry_that_the_app_did_not_record_is_not_found(
    tx: Connection, app: str, nonce: str
) -> None:
    with refused(tx, "LG104") as refusal:
        reverse(tx, nonce, app=app)
    assert refusal.detail == {"app": app, "original_nonce": nonce}


def test_app_reverses_its_own_of_two_entries_with_one_nonce(tx: Connection) -> None:
    record(tx, app="app1", amount=100, nonce="n")
    record(tx, app="app2", amount=7, nonce="n")
    assert reverse(tx, "n", app="app2")["amount"] == -7


def test_hold_cannot_be_reversed(tx: Connection) -> None:
    record(tx, amount=100)
    place(tx, 30, nonce="h")
    with refused(tx, "LG104"):
        reverse(tx, "h")


@pytest.mark.usefixtures("spent")
def test_unknown_app_cannot_reverse(tx: Connection) -> None:
    with refused(tx, "LG101") as refusal:
        reverse(tx, "spent", app="app9")
    assert refusal.detail == {"app": "app9"}


@pytest.mark.parametrize("operation", ["EXPIRY", "ADJUSTMENT"])
def test_entries_of_the_ledger_itself_belong_to_no_app(
    tx: Connection, clock: Clock, operation: str
) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    clock.forward(hours=1)
    adjust(tx, 5)
    (nonce,) = [entry["nonce"] for entry in entries(tx) if entry["operation"] == operation]
    with refused(tx, "LG104"):
        reverse(tx, nonce, app="app1")
    with refused(tx, "LG101"):
        reverse(tx, nonce, app="ledger")


@pytest.mark.usefixtures("spent")
def test_reversal_cannot_be_reversed(tx: Connection) -> None:
    reverse(tx, "spent", 10, nonce="r")
    with refused(tx, "LG001") as refusal:
        reverse(tx, "r")
    assert refusal.detail == {
        "field": "original_nonce",
        "reason": "is itself a reversal",
        "original_nonce": "r",
    }


@pytest.mark.usefixtures("spent")
def test_frozen_account_takes_no_reversal(tx: Connection) -> None:
    operate(tx, "freeze_account")
    for nonce in ("spent", "bought"):
        with refused(tx, "LG303"):
            reverse(tx, nonce, 1)


def test_entry_of_a_retired_operation_can_be_reversed(tx: Connection) -> None:
    record(tx, amount=5)
    record(tx, operation="CONTENT_CREATION", nonce="n")
    call(tx, "retire_operation", operation="CONTENT_CREATION")
    assert reverse(tx, "n")["balance"] == 5


def test_entry_of_a_batch_can_be_reversed(tx: Connection) -> None:
    record(tx, amount=5)
    record_batch(tx, [item(7, nonce="n")])
    assert reverse(tx, "n")["balance"] == 5


# Credits


@pytest.mark.usefixtures("spent")
def test_credit_is_taken_back_while_it_is_available(tx: Connection) -> None:
    with refused(tx, "LG301") as refusal:
        reverse(tx, "bought")
    assert refusal.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "available": 70,
        "required": 100,
        "min_balance": 0,
    }
    assert reverse(tx, "bought", 70)["balance"] == 0


def test_credit_under_a_hold_is_not_available_to_take_back(tx: Connection) -> None:
    record(tx, amount=100, nonce="bought")
    place(tx, 30)
    with refused(tx, "LG301") as refusal:
        reverse(tx, "bought")
    assert refusal.detail["available"] == 70
    reverse(tx, "bought", 70)
    assert spendable(tx) == (30, 30, 0)


@pytest.mark.usefixtures("spent")
def test_credit_can_be_taken_back_down_to_the_floor(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-30)
    assert reverse(tx, "bought")["balance"] == -30


def test_credit_that_does_not_expire_is_taken_from_such_credits_first(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    record(tx, amount=10, nonce="bought")
    reverse(tx, "bought", 6)
    assert lots(tx) == [10]
    clock.forward(hours=1)
    assert balance(tx) == 4


def test_reversal_of_a_spent_credit_takes_from_lots(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, nonce="bought")
    spend(tx, 8)
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    reverse(tx, "bought")
    assert lots(tx) == [2]
    clock.forward(hours=1)
    assert balance(tx) == 0


def test_credit_that_expires_is_taken_from_its_own_lot_first(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    record(tx, amount=10, expires_at=clock.ahead(hours=2), nonce="late")
    record(tx, amount=10)
    reverse(tx, "late", 7)
    assert lots(tx) == [10, 3]


def test_reversal_of_a_spent_lot_takes_the_rest_like_a_debit(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1), nonce="early")
    spend(tx, 9)
    record(tx, amount=10, expires_at=clock.ahead(hours=3))
    record(tx, amount=10, expires_at=clock.ahead(hours=2))
    record(tx, amount=10)
    reverse(tx, "early")
    assert lots(tx) == [0, 10, 1]


def test_lot_that_paid_off_an_overdraft_can_be_taken_back(tx: Connection, clock: Clock) -> None:
    operate(tx, "set_min_balance", min_balance=-10)
    spend(tx, 4)
    record(tx, amount=10, expires_at=clock.ahead(hours=1), nonce="n")
    assert reverse(tx, "n")["balance"] == -4
    assert lots(tx) == [0]


def test_expired_credit_cannot_be_taken_back(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1), nonce="n")
    record(tx, amount=100)
    clock.forward(hours=1)
    with refused(tx, "LG305") as refusal:
        reverse(tx, "n")
    assert refusal.detail == {
        "original_nonce": "n",
        "original_amount": 10,
        "amount": 0,
        "reversed": 0,
        "expired": 10,
        "reversible": 0,
    }
    assert balance(tx) == 100


def test_spent_part_of_an_expired_lot_can_be_taken_back(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1), nonce="n")
    spend(tx, 4)
    record(tx, amount=100)
    clock.forward(hours=1)
    with refused(tx, "LG305") as refusal:
        reverse(tx, "n", 5)
    assert (refusal.detail["expired"], refusal.detail["reversible"]) == (6, 4)
    assert reverse(tx, "n")["amount"] == -4
    assert balance(tx) == 96


def test_credit_taken_back_in_part_expires_with_the_rest(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1), nonce="n")
    reverse(tx, "n", 4)
    clock.forward(hours=1)
    record(tx, amount=1)
    assert amounts(tx)[1:] == [("REVERSAL", -4), ("EXPIRY", -6), ("CREDIT_ADD", 1)]


# Debits: refunds to lots


def test_debit_goes_back_to_its_lot(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 8, nonce="s")
    reverse(tx, "s", 5)
    assert lots(tx) == [7]
    clock.forward(hours=1)
    assert balance(tx) == 0


def test_lots_are_refunded_in_reverse_order(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=2))
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    record(tx, amount=10)
    spend(tx, 25, nonce="s")
    left = []
    for amount in (3, 4, 6, 8, 4):
        reverse(tx, "s", amount)
        left.append((balance(tx) - sum(lots(tx)), *lots(tx)))
    assert left == [(8, 0, 0), (10, 2, 0), (10, 8, 0), (10, 10, 6), (10, 10, 10)]


def test_later_of_two_lots_that_expire_together_is_refunded_first(
    tx: Connection, clock: Clock
) -> None:
    for _ in range(2):
        record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 20, nonce="s")
    reverse(tx, "s", 12)
    assert lots(tx) == [2, 10]


def test_credits_that_go_back_to_an_expired_lot_expire_at_once(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 8, nonce="s")
    clock.forward(hours=2)
    entry = reverse(tx, "s")
    assert (entry["amount"], entry["balance"]) == (8, 8)
    assert amounts(tx)[2:] == [("EXPIRY", -2), ("REVERSAL", 8), ("EXPIRY", -8)]
    assert entries(tx)[-1]["recorded_at"] == clock.now
    assert spendable(tx) == (0, 0, 0)


def test_only_the_part_from_the_expired_lot_expires_at_once(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    record(tx, amount=10, expires_at=clock.ahead(hours=5))
    record(tx, amount=10)
    spend(tx, 24, nonce="s")
    clock.forward(hours=2)
    reverse(tx, "s")
    assert amounts(tx)[-2:] == [("REVERSAL", 24), ("EXPIRY", -10)]
    assert balance(tx) == 20


def test_reversed_credits_of_an_expired_lot_cannot_be_reversed_again(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 8, nonce="s")
    clock.forward(hours=2)
    reverse(tx, "s")
    with refused(tx, "LG305"):
        reverse(tx, "s")


def test_capture_goes_back_to_the_lots_that_the_hold_reserved(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=2))
    place(tx, 6, nonce="h", expires_in="1 day")
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    capture(tx, "h", nonce="c")
    assert lots(tx) == [4, 10]
    reverse(tx, "c")
    assert lots(tx) == [10, 10]


def test_capture_of_expired_credits_that_is_reversed_expires_at_once(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    place(tx, 10, nonce="h", expires_in="1 day")
    clock.forward(hours=2)
    capture(tx, "h", nonce="c")
    reverse(tx, "c")
    assert amounts(tx)[-2:] == [("REVERSAL", 10), ("EXPIRY", -10)]
    assert balance(tx) == 0


def test_debit_goes_back_to_the_overdraft_before_the_lot(tx: Connection, clock: Clock) -> None:
    operate(tx, "set_min_balance", min_balance=-10)
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    spend(tx, 10, nonce="s")
    spend(tx, 4)
    reverse(tx, "s")
    assert (balance(tx), lots(tx)) == (6, [6])
    clock.forward(hours=1)
    assert balance(tx) == 0


def test_reversal_of_a_debit_without_lots_touches_no_lot(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    spend(tx, 8, nonce="s")
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    reverse(tx, "s")
    assert lots(tx) == [10]
    clock.forward(hours=1)
    assert balance(tx) == 10


# Retries


@pytest.mark.usefixtures("spent")
def test_same_reversal_again_gets_the_first_answer(tx: Connection) -> None:
    first = reverse(tx, "spent", 10, nonce="r", metadata={"why": 1})
    again = reverse(tx, "spent", 10, nonce="r", metadata={"why": 1})
    assert again == first | {"replayed": True}
    assert balance(tx) == 80


@pytest.mark.usefixtures("spent")
def test_reversal_of_everything_is_replayed_when_nothing_is_left(tx: Connection) -> None:
    reverse(tx, "spent", 10)
    first = reverse(tx, "spent", nonce="r")
    assert reverse(tx, "spent", nonce="r") == first | {"replayed": True}


@pytest.mark.usefixtures("spent")
def test_reversal_is_replayed_on_a_frozen_account(tx: Connection) -> None:
    reverse(tx, "spent", nonce="r")
    operate(tx, "freeze_account")
    assert reverse(tx, "spent", nonce="r")["replayed"] is True


def test_reversal_of_a_credit_is_replayed_when_nothing_is_available(tx: Connection) -> None:
    record(tx, amount=10, nonce="bought")
    first = reverse(tx, "bought", nonce="r")
    assert reverse(tx, "bought", nonce="r") == first | {"replayed": True}


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize(
    "changed",
    [
        {"original_nonce": "bought"},
        {"amount": 11},
        {"amount": None},
        {"metadata": {}},
        {"metadata": None},
    ],
    ids=str,
)
def test_different_reversal_under_a_used_nonce_is_refused(
    tx: Connection, changed: dict[str, Any]
) -> None:
    request: dict[str, Any] = {"nonce": "r", "original_nonce": "spent", "amount": 10}
    request["metadata"] = {"why": 1}
    reverse(tx, **request)
    with refused(tx, "LG201") as refusal:
        reverse(tx, **request | changed)
    assert refusal.detail == {"app": "app1", "nonce": "r"}
    assert balance(tx) == 80


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize("nonce", ["bought", "spent"])
def test_reversal_cannot_have_the_nonce_of_another_entry(tx: Connection, nonce: str) -> None:
    with refused(tx, "LG201"):
        reverse(tx, "spent", nonce=nonce)


@pytest.mark.usefixtures("spent")
def test_reversal_cannot_have_the_nonce_of_an_entry_of_another_owner(tx: Connection) -> None:
    record(tx, owner_id="bob", nonce="of bob")
    with refused(tx, "LG201") as refusal:
        reverse(tx, "spent", nonce="of bob")
    assert refusal.detail == {"app": "app1", "nonce": "of bob"}


@pytest.mark.usefixtures("spent")
def test_entry_cannot_have_the_nonce_of_a_reversal(tx: Connection) -> None:
    reverse(tx, "spent", nonce="r")
    with refused(tx, "LG201"):
        record(tx, amount=30, nonce="r")


@pytest.mark.usefixtures("spent")
def test_refused_reversal_does_not_use_up_its_nonce(tx: Connection) -> None:
    with refused(tx, "LG305"):
        reverse(tx, "spent", 31, nonce="r")
    assert reverse(tx, "spent", 30, nonce="r")["replayed"] is False


# The journal view


def test_journal_shows_the_chain_on_both_entries(tx: Connection, spent: Row) -> None:
    for amount in (10, 15):
        reverse(tx, "spent", amount)
    reverse(tx, "bought", 5)
    journal = tx.execute(
        "SELECT seq, operation, amount, reversed_amount, reverses_seq "
        "FROM ledger.entry_journal WHERE owner_id = 'alice' ORDER BY seq"
    )
    assert journal.fetchall() == [
        (1, "CREDIT_ADD", 100, 5, None),
        (spent["seq"], "CREDIT_SPEND", -30, 25, None),
        (3, "REVERSAL", 10, 0, 2),
        (4, "REVERSAL", 15, 0, 2),
        (5, "REVERSAL", -5, 0, 1),
    ]


@pytest.mark.usefixtures("spent")
def test_refused_reversal_has_no_effect(tx: Connection) -> None:
    before = entries(tx)
    with refused(tx, "LG305"):
        reverse(tx, "spent", 31)
    assert entries(tx) == before


def test_reversal_in_another_asset_is_another_request(tx: Connection) -> None:
    define = {"description": "Another asset", "default_amount": 5, "asset": "GEM"}
    call(tx, "define_operation", operation="GEM_ADD", **define)
    call(tx, "allow_operation", app="app1", operation="GEM_ADD")
    credit = record(tx, owner_id="olga", operation="CREDIT_ADD", amount=5)
    gem = record(tx, owner_id="olga", operation="GEM_ADD", amount=5)
    assert credit["seq"] == gem["seq"]
    reverse(tx, credit["nonce"], nonce="refund")

    with refused(tx, "LG201"):
        reverse(tx, gem["nonce"], nonce="refund")
