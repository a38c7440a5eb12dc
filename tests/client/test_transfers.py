"""Transfers in the methods of the clients; what they mean is tested in SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ledger_py import AsyncLedger, EntryRequest, RecordedEntry, Refusal
from ledger_py.errors import (
    AccountFrozen,
    AmountOutOfBounds,
    InsufficientBalance,
    InvalidRequest,
    NonceConflict,
    NotTransferable,
)

pytestmark = pytest.mark.anyio

SOON = datetime(2999, 1, 1, tzinfo=UTC)
GIFT: dict[str, Any] = {
    "from_owner_id": "alice",
    "to_owner_id": "bob",
    "operation": "CREDIT_GIFT",
    "nonce": "gift",
    "amount": 5,
}


async def give(ledger: AsyncLedger, amount: int, **more: Any) -> None:
    """Give alice credits."""
    nonce = f"bought {amount}"
    await ledger.record_entry(
        owner_id="alice", operation="CREDIT_ADD", nonce=nonce, amount=amount, **more
    )


async def balances(ledger: AsyncLedger) -> list[int]:
    return [(await ledger.balance(owner_id=owner)).balance for owner in ("alice", "bob")]


async def test_transfer_returns_both_sides(ledger: AsyncLedger) -> None:
    await give(ledger, 2, expires_at=SOON)
    await give(ledger, 10)
    moved = await ledger.transfer_credits(**GIFT, metadata={"card": 7}, spender="kim")
    assert (moved.sent.owner_id, moved.sent.nonce, moved.sent.amount) == ("alice", "gift", -5)
    assert (moved.sent.balance, moved.sent.spender) == (7, "kim")
    assert [(one.owner_id, one.amount, one.expires_at) for one in moved.received] == [
        ("bob", 2, SOON),
        ("bob", 3, None),
    ]
    assert [one.metadata for one in moved.received] == [{"card": 7}] * 2
    assert moved.replayed is False
    assert await balances(ledger) == [7, 5]


async def test_same_request_is_replayed_and_another_is_refused(ledger: AsyncLedger) -> None:
    await give(ledger, 10)
    first = await ledger.transfer_credits(**GIFT)
    again = await ledger.transfer_credits(**GIFT)
    assert again.replayed is True
    assert again.sent == msgspec.structs.replace(first.sent, replayed=True)
    assert again.received == [msgspec.structs.replace(first.received[0], replayed=True)]
    with pytest.raises(NonceConflict):
        await ledger.transfer_credits(**(GIFT | {"amount": 6}))


async def test_transfer_is_reversed_by_its_nonce(ledger: AsyncLedger) -> None:
    await give(ledger, 10)
    moved = await ledger.transfer_credits(**GIFT)
    await ledger.reverse_entry(nonce="part", original_nonce="gift", amount=2)
    assert await balances(ledger) == [7, 3]
    with pytest.raises(InvalidRequest) as raised:
        await ledger.reverse_entry(nonce="alone", original_nonce=moved.received[0].nonce)
    assert raised.value.detail["transfer_nonce"] == "gift"


async def test_operation_must_be_transferable(ledger: AsyncLedger) -> None:
    await give(ledger, 10)
    with pytest.raises(NotTransferable) as raised:
        await ledger.transfer_credits(**(GIFT | {"operation": "CREDIT_SPEND"}))
    assert raised.value.detail == {"app": "app1", "operation": "CREDIT_SPEND"}


async def test_transferable_operation_is_for_transfers_only(ledger: AsyncLedger) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await ledger.record_entry(
            owner_id="alice", operation="CREDIT_GIFT", nonce="spent", amount=-5
        )
    assert raised.value.detail["field"] == "operation"
    assert "transfer_credits" in str(raised.value.hint)


async def test_rule_tells_what_is_transferable(ledger: AsyncLedger) -> None:
    rules = {rule.operation: rule.transferable for rule in await ledger.operations_of()}
    assert [name for name, transferable in rules.items() if transferable] == ["CREDIT_GIFT"]


async def test_more_than_the_sender_has_is_refused(ledger: AsyncLedger) -> None:
    await give(ledger, 4)
    with pytest.raises(InsufficientBalance) as raised:
        await ledger.transfer_credits(**GIFT)
    assert (raised.value.detail["owner_id"], raised.value.detail["available"]) == ("alice", 4)


async def test_frozen_receiver_is_named(ledger: AsyncLedger) -> None:
    await give(ledger, 10)
    await ledger.freeze_account(owner_id="bob", actor="Olga", reason="Fraud")
    with pytest.raises(AccountFrozen) as raised:
        await ledger.transfer_credits(**GIFT)
    assert raised.value.detail["owner_id"] == "bob"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"to_owner_id": "alice"}, "to_owner_id"),
        ({"to_owner_id": ""}, "to_owner_id"),
        ({"from_owner_id": "a\0"}, "from_owner_id"),
        ({"amount": 1.5}, "amount"),
        ({"amount": None}, "amount"),
        ({"nonce": "ledger:x"}, "nonce"),
        ({"spender": "*"}, "spender"),
        ({"metadata": [1]}, "metadata"),
    ],
)
async def test_malformed_transfer_is_refused(
    ledger: AsyncLedger, changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await ledger.transfer_credits(**(GIFT | changed))
    assert raised.value.detail["field"] == field


async def test_negative_amount_is_refused(ledger: AsyncLedger) -> None:
    with pytest.raises(AmountOutOfBounds) as raised:
        await ledger.transfer_credits(**(GIFT | {"amount": -5}))
    assert raised.value.detail["max_amount"] == 1000


async def test_items_of_a_batch_transfer(ledger: AsyncLedger) -> None:
    await give(ledger, 7)
    gift = EntryRequest(
        owner_id="alice", to_owner_id="bob", operation="CREDIT_GIFT", nonce="one", amount=5
    )
    more = {"owner_id": "alice", "to_owner_id": "bob", "operation": "CREDIT_GIFT", "amount": 5}
    first, second, third = await ledger.record_entries(
        [gift, more | {"nonce": "two"}, more | {"nonce": "three", "amount": 2}]
    )
    assert isinstance(first, RecordedEntry)
    assert (first.owner_id, first.amount, first.balance) == ("alice", -5, 2)
    assert isinstance(second, Refusal)
    assert isinstance(second.error, InsufficientBalance)
    assert isinstance(third, RecordedEntry)
    assert await balances(ledger) == [0, 7]
    with pytest.raises(InsufficientBalance) as raised:
        await ledger.record_entries([more | {"nonce": "four"}], atomic=True)
    assert raised.value.detail["position"] == 1
