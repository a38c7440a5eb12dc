"""Credits of a class, of limited use, through the clients."""

from __future__ import annotations

import pytest

from ledger_py import AsyncLedger
from ledger_py.errors import InsufficientBalance, UnknownOperation

pytestmark = pytest.mark.anyio


async def grant(ledger: AsyncLedger) -> None:
    """Give alice a prize of 25 for content, and 2 credits of her own."""
    await ledger.record_entry(owner_id="alice", operation="CONTEST_PRIZE", nonce="prize")
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="paid", amount=2)


async def test_balance_for_a_purpose(ledger: AsyncLedger) -> None:
    await grant(ledger)
    found = await ledger.balance(owner_id="alice", for_app="app1", for_operation="CREDIT_SPEND")
    assert (found.balance, found.available) == (27, 2)
    assert (await ledger.balance(owner_id="alice")).available == 27
    with pytest.raises(UnknownOperation):
        await ledger.balance(owner_id="alice", for_operation="NONE")


async def test_parts_of_a_balance_and_their_lots(ledger: AsyncLedger) -> None:
    await grant(ledger)
    prize, rest = await ledger.balance_parts(owner_id="alice")
    assert (prize.credit_class, prize.usable_for, prize.usable_in) == (
        "free",
        ["CONTENT_CREATION"],
        None,
    )
    assert (prize.amount, prize.held, prize.priority) == (25, 0, 100)
    assert (rest.credit_class, rest.usable_for, rest.expires_at, rest.amount) == (
        None,
        None,
        None,
        2,
    )
    (lot,) = await ledger.lots_of(owner_id="alice")
    assert (lot.credit_class, lot.usable_for, lot.expires_at) == (
        prize.credit_class,
        prize.usable_for,
        prize.expires_at,
    )


async def test_refusal_says_what_is_for_others(ledger: AsyncLedger) -> None:
    await grant(ledger)
    with pytest.raises(InsufficientBalance) as refused:
        await ledger.record_entry(
            owner_id="alice", operation="CREDIT_SPEND", nonce="job", amount=-3
        )
    assert refused.value.detail["available"] == 2
    assert refused.value.detail["available_to_others"] == 25


async def test_rule_tells_what_its_credits_are(ledger: AsyncLedger) -> None:
    rules = {rule.operation: rule for rule in await ledger.operations_of()}
    prize, plain = rules["CONTEST_PRIZE"], rules["CREDIT_ADD"]
    assert (prize.credit_class, prize.usable_for) == ("free", ["CONTENT_CREATION"])
    assert (plain.credit_class, plain.priority, plain.usable_for) == (None, None, None)
