"""Refusals of record_entry, with SQLSTATE and detail."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.calls import (
    MAX_AMOUNT,
    Connection,
    balance,
    call,
    entries,
    record,
    refused,
    spend,
)

# LG001 invalid_request


@pytest.mark.parametrize("field", ["app", "owner_id", "operation", "nonce"])
def test_null_for_a_required_argument_is_refused(tx: Connection, field: str) -> None:
    with refused(tx, "LG001") as refusal:
        record(tx, **{field: None})
    assert refusal.detail == {"field": field, "reason": "is required"}


def test_null_operation_under_a_used_nonce_is_refused(tx: Connection) -> None:
    record(tx, nonce="n", amount=10)
    with refused(tx, "LG001") as refusal:
        record(tx, nonce="n", amount=10, operation=None)
    assert refusal.detail["field"] == "operation"


@pytest.mark.parametrize("field", ["amount", "metadata", "expires_at", "claim_subject"])
def test_null_equals_a_missing_argument_elsewhere(tx: Connection, field: str) -> None:
    first = record(tx, nonce="n")
    again = record(tx, nonce="n", **{field: None})
    assert again == first | {"replayed": True}


@pytest.mark.parametrize("field", ["app", "owner_id", "operation", "nonce", "claim_subject"])
@pytest.mark.parametrize("text", ["", "x" * 256])
def test_keys_have_1_to_255_characters(tx: Connection, field: str, text: str) -> None:
    with refused(tx, "LG001") as refusal:
        record(tx, **{field: text})
    assert refusal.detail == {
        "field": field,
        "reason": "must have 1 to 255 characters",
        "length": len(text),
    }


@pytest.mark.parametrize("json", ["null", "[]", '"text"', "7", "true"])
def test_metadata_is_an_object(tx: Connection, json: str) -> None:
    with refused(tx, "LG001") as refusal:
        record(tx, metadata=json)
    assert refusal.detail == {
        "field": "metadata",
        "reason": "must be a JSON object of at most 16384 bytes, nested at most 64 deep",
    }


def test_metadata_over_16384_bytes_is_refused(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        record(tx, metadata={"k": "x" * (16385 - len('{"k": ""}'))})
    assert refusal.detail["field"] == "metadata"


def test_metadata_is_measured_in_bytes_and_not_in_characters(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        record(tx, metadata={"k": "\N{MONEY BAG}" * 4096})
    assert refusal.detail["field"] == "metadata"


def test_metadata_nested_deeper_than_64_is_refused(tx: Connection) -> None:
    record(tx, metadata=nested(64))
    with refused(tx, "LG001") as refusal:
        record(tx, metadata=nested(65))
    assert refusal.detail["field"] == "metadata"


def nested(depth: int) -> dict[str, Any]:
    """Make an object of the given depth."""
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"k": found}
    return found


def test_operation_without_default_needs_an_amount(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        record(tx, app="app2", operation="TOKENS_USED")
    assert refusal.detail == {
        "field": "amount",
        "reason": "or quantity is required: the operation has no default",
        "operation": "TOKENS_USED",
        "min_amount": -1000000,
        "max_amount": -1,
    }


@pytest.mark.parametrize(
    "at", ["2001-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "infinity", "-infinity"]
)
def test_expiry_is_in_the_future_and_finite(tx: Connection, at: str) -> None:
    with refused(tx, "LG001") as refusal:
        record(tx, expires_at=at)
    assert refusal.detail == {
        "field": "expires_at",
        "reason": "must be a time in the future, before the year 10000",
    }


@pytest.mark.parametrize(("operation", "amount"), [("CREDIT_SPEND", -1), ("CONTENT_ACCESS", 0)])
def test_only_credits_expire(tx: Connection, operation: str, amount: int) -> None:
    record(tx, amount=10)
    with refused(tx, "LG001") as refusal:
        record(tx, operation=operation, amount=amount, expires_at="2099-01-01T00:00:00Z")
    assert refusal.detail == {"field": "expires_at", "reason": "is for credits only"}


# LG002 amount_out_of_bounds


@pytest.mark.parametrize(
    ("operation", "amount", "low", "high"),
    [
        ("CREDIT_ADD", 0, 1, 1_000_000_000),
        ("CREDIT_ADD", 1_000_000_001, 1, 1_000_000_000),
        ("CREDIT_SPEND", 0, -1_000_000_000, -1),
        ("CREDIT_SPEND", -1_000_000_001, -1_000_000_000, -1),
        ("DAILY_REWARD", 2, 1, 1),
        ("CONTENT_ACCESS", 1, 0, 0),
        ("CREDIT_ADD", 2**63 - 1, 1, 1_000_000_000),
        ("CREDIT_ADD", -(2**63), 1, 1_000_000_000),
    ],
)
def test_amount_outside_the_bounds_is_refused_with_the_bounds(
    tx: Connection, operation: str, amount: int, low: int, high: int
) -> None:
    with refused(tx, "LG002") as refusal:
        record(tx, operation=operation, amount=amount)
    assert refusal.detail == {
        "operation": operation,
        "amount": amount,
        "min_amount": low,
        "max_amount": high,
    }
    assert refusal.hint == f"The amount of {operation} is from {low} to {high}."


@pytest.mark.parametrize("amount", [-1_000_000_000, -1])
def test_bounds_are_inclusive(tx: Connection, amount: int) -> None:
    record(tx, amount=1_000_000_000)
    assert record(tx, operation="CREDIT_SPEND", amount=amount)["amount"] == amount


@pytest.mark.parametrize(("operation", "amount"), [("CREDIT_SPEND", 3), ("CREDIT_ADD", -3)])
def test_amount_of_the_wrong_sign_is_refused_with_a_hint(
    tx: Connection, operation: str, amount: int
) -> None:
    record(tx, amount=10)
    with refused(tx, "LG002") as refusal:
        record(tx, operation=operation, amount=amount)
    assert refusal.hint.endswith(f"did you mean {-amount}?")
    assert balance(tx) == 10


def test_bounds_of_the_app_narrow_those_of_the_operation(tx: Connection) -> None:
    call(tx, "allow_operation", app="app1", operation="CREDIT_ADD", max_amount=50)
    with refused(tx, "LG002") as refusal:
        record(tx, amount=51)
    assert (refusal.detail["min_amount"], refusal.detail["max_amount"]) == (1, 50)
    assert record(tx, app="app2", amount=51)["amount"] == 51


def test_balance_can_be_2_to_the_53_less_1(tx: Connection) -> None:
    fill_to(tx, MAX_AMOUNT - 1)
    assert record(tx, amount=1)["balance"] == MAX_AMOUNT


def test_balance_cannot_pass_2_to_the_53_less_1(tx: Connection) -> None:
    fill_to(tx, MAX_AMOUNT)
    with refused(tx, "LG002") as refusal:
        record(tx, amount=1)
    assert refusal.detail == {"amount": 1, "max_balance": MAX_AMOUNT}
    assert balance(tx) == MAX_AMOUNT


def test_largest_overdraft_can_be_used_up_but_not_passed(tx: Connection) -> None:
    call(
        tx,
        "define_operation",
        operation="WRITE_OFF",
        description="All there is",
        min_amount=-MAX_AMOUNT,
        max_amount=-1,
    )
    call(tx, "allow_operation", app="app1", operation="WRITE_OFF")
    record(tx, operation="CONTENT_ACCESS")
    tx.execute("UPDATE ledger.accounts SET min_balance = %s", [-MAX_AMOUNT])
    assert record(tx, operation="WRITE_OFF", amount=-MAX_AMOUNT)["balance"] == -MAX_AMOUNT
    with refused(tx, "LG301"):
        record(tx, operation="WRITE_OFF", amount=-MAX_AMOUNT)


def fill_to(tx: Connection, amount: int) -> None:
    """Set alice's balance by one entry."""
    call(
        tx,
        "define_operation",
        operation="ENDOWMENT",
        description="As much as there can be",
        min_amount=1,
        max_amount=MAX_AMOUNT,
    )
    call(tx, "allow_operation", app="app1", operation="ENDOWMENT")
    record(tx, operation="ENDOWMENT", amount=amount)


# LG101, LG102, LG103


@pytest.mark.parametrize("app", ["app9", "APP1", "ledger", "app1 "])
def test_unknown_app_is_refused(tx: Connection, app: str) -> None:
    with refused(tx, "LG101") as refusal:
        record(tx, app=app)
    assert refusal.detail == {"app": app}


@pytest.mark.parametrize("operation", ["NO_SUCH", "credit_add", "EXPIRY", "REVERSAL", "ADJUSTMENT"])
def test_unknown_operation_is_refused(tx: Connection, operation: str) -> None:
    with refused(tx, "LG102") as refusal:
        record(tx, operation=operation)
    assert refusal.detail == {"app": "app1", "operation": operation}


def test_operation_of_another_app_is_refused(tx: Connection) -> None:
    with refused(tx, "LG103") as refusal:
        record(tx, app="app2", operation="CONTENT_CREATION")
    assert refusal.detail == {"app": "app2", "operation": "CONTENT_CREATION"}


def test_retired_operation_is_refused(tx: Connection) -> None:
    call(tx, "retire_operation", operation="CONTENT_ACCESS")
    with refused(tx, "LG103") as refusal:
        record(tx, operation="CONTENT_ACCESS")
    assert refusal.detail.keys() == {"app", "operation", "retired_at"}
    assert refusal.hint == "The operation is retired."


# LG301 insufficient_balance


def test_overdraft_is_refused_with_the_available_amount(tx: Connection) -> None:
    record(tx, amount=5)
    with refused(tx, "LG301") as refusal:
        spend(tx, 6)
    assert refusal.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "available": 5,
        "required": 6,
        "min_balance": 0,
    }


def test_unknown_owner_cannot_spend(tx: Connection) -> None:
    with refused(tx, "LG301") as refusal:
        spend(tx, 1, owner_id="nobody")
    assert refusal.detail["available"] == 0


def test_debit_is_never_partial(tx: Connection) -> None:
    record(tx, amount=5)
    with refused(tx, "LG301"):
        spend(tx, 6)
    assert balance(tx) == 5


def test_floor_of_an_overdraft_cannot_be_passed(tx: Connection) -> None:
    record(tx, amount=1)
    tx.execute("UPDATE ledger.accounts SET min_balance = -5 WHERE owner_id = 'alice'")
    with refused(tx, "LG301") as refusal:
        spend(tx, 7)
    assert (refusal.detail["available"], refusal.detail["min_balance"]) == (1, -5)


# LG303 account_frozen


def test_frozen_account_takes_no_entries(tx: Connection) -> None:
    record(tx, amount=5)
    tx.execute("UPDATE ledger.accounts SET frozen_at = '2024-02-29T12:00:00.5Z'")
    for operation in ("CREDIT_ADD", "CREDIT_SPEND", "CONTENT_ACCESS"):
        with refused(tx, "LG303") as refusal:
            record(tx, operation=operation)
        assert refusal.detail == {
            "owner_id": "alice",
            "asset": "CREDIT",
            "frozen_at": "2024-02-29T12:00:00.500000Z",
        }


# All


@pytest.mark.parametrize(
    ("sqlstate", "arguments"),
    [
        ("LG001", {"nonce": ""}),
        ("LG001", {"expires_at": "2001-01-01T00:00:00Z"}),
        ("LG002", {"amount": 0}),
        ("LG102", {"operation": "NO_SUCH"}),
        ("LG103", {"operation": "TOKENS_USED"}),
        ("LG301", {"operation": "CREDIT_SPEND", "amount": -1}),
    ],
)
def test_refused_request_has_no_effect(
    tx: Connection, sqlstate: str, arguments: dict[str, Any]
) -> None:
    with refused(tx, sqlstate):
        record(tx, owner_id="never-seen", **arguments)
    assert entries(tx, "never-seen") == []
    for table in ("accounts", "claims", "lots"):
        found = tx.execute(
            f"SELECT 1 FROM ledger.{table} WHERE owner_id = 'never-seen'".encode()
        ).fetchall()
        assert found == []
