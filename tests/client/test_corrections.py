"""Reversals and operator actions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import AsyncConnection

from ledger_py import AsyncLedger
from ledger_py.errors import (
    AccountFrozen,
    AmountOutOfBounds,
    ClaimLimitReached,
    EntryNotFound,
    InsufficientBalance,
    InvalidRequest,
    NonceConflict,
    ReversalExceedsOriginal,
)
from tests.client.clients import count_asset, ledger_on

pytestmark = pytest.mark.anyio

DECISION = {"actor": "eve@example.org", "reason": "ticket 7"}


@pytest.fixture
async def ledger(conn: AsyncConnection[Any]) -> AsyncLedger:
    """The ledger of app1; alice had 10 credits and has spent 4."""
    ledger = ledger_on(conn)
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="gift", amount=10)
    await ledger.record_entry(owner_id="alice", operation="CREDIT_SPEND", nonce="order", amount=-4)
    return ledger


# Reversals


async def test_reversal_without_an_amount_reverses_the_whole_entry(ledger: AsyncLedger) -> None:
    entry = await ledger.reverse_entry(
        nonce="refund", original_nonce="order", metadata={"reason": "job failed"}
    )
    assert (entry.operation, entry.amount, entry.balance) == ("REVERSAL", 4, 10)
    assert (entry.reverses_seq, entry.metadata) == (2, {"reason": "job failed"})
    assert not entry.replayed


async def test_repeated_reversal_is_replayed(ledger: AsyncLedger) -> None:
    first, again = [
        await ledger.reverse_entry(nonce="refund", original_nonce="order", amount=1)
        for _ in range(2)
    ]
    assert again == msgspec.structs.replace(first, replayed=True)
    with pytest.raises(NonceConflict):
        await ledger.reverse_entry(nonce="refund", original_nonce="order", amount=2)


async def test_reversals_never_exceed_the_original(ledger: AsyncLedger) -> None:
    await ledger.reverse_entry(nonce="refund-1", original_nonce="order", amount=3)
    with pytest.raises(ReversalExceedsOriginal) as refused:
        await ledger.reverse_entry(nonce="refund-2", original_nonce="order", amount=2)
    assert refused.value.detail == {
        "original_nonce": "order",
        "original_amount": -4,
        "amount": 2,
        "reversed": 3,
        "expired": 0,
        "reversible": 1,
    }


async def test_reversal_amount_must_be_positive(ledger: AsyncLedger) -> None:
    with pytest.raises(AmountOutOfBounds) as refused:
        await ledger.reverse_entry(nonce="refund", original_nonce="order", amount=-4)
    assert refused.value.detail == {"amount": -4, "min_amount": 1, "max_amount": 4}


async def test_spent_credit_cannot_be_reversed(ledger: AsyncLedger) -> None:
    with pytest.raises(InsufficientBalance) as refused:
        await ledger.reverse_entry(nonce="back", original_nonce="gift")
    assert (refused.value.detail["available"], refused.value.detail["required"]) == (6, 10)


async def test_reversal_of_an_unknown_entry_is_refused(ledger: AsyncLedger) -> None:
    with pytest.raises(EntryNotFound) as refused:
        await ledger.reverse_entry(nonce="refund", original_nonce="no-such-order")
    assert refused.value.detail == {"app": "app1", "original_nonce": "no-such-order"}


async def claim(ledger: AsyncLedger, nonce: str) -> None:
    """Claim the sign-up credit of alice, which is limited to one."""
    await ledger.record_entry(owner_id="alice", operation="SIGNUP_CREDIT", nonce=nonce)


async def test_reversal_with_free_claim_frees_the_claim(ledger: AsyncLedger) -> None:
    await claim(ledger, "claim-1")
    await ledger.reverse_entry(nonce="back", original_nonce="claim-1", free_claim=True)
    await claim(ledger, "claim-2")


async def test_reversal_keeps_the_claim_by_default(ledger: AsyncLedger) -> None:
    await claim(ledger, "claim-1")
    await ledger.reverse_entry(nonce="back", original_nonce="claim-1")
    with pytest.raises(ClaimLimitReached):
        await claim(ledger, "claim-2")


# Operators


async def test_adjustment_records_actor_and_reason(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    first, again = [
        await ledger.adjust_balance(owner_id="alice", amount=-5, nonce="a-1", **DECISION)
        for _ in range(2)
    ]
    assert (first.app, first.operation, first.balance) == ("ledger", "ADJUSTMENT", 1)
    assert first.metadata == DECISION
    assert again == msgspec.structs.replace(first, replayed=True)
    journal = await conn.execute("SELECT action, actor, reason, seq FROM ledger.operator_actions")
    assert await journal.fetchall() == [("adjust_balance", *DECISION.values(), first.seq)]


async def test_reversal_by_hand_is_replayed_and_journaled(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    first, again = [
        await ledger.reverse_by_hand(
            app="app1",
            original_nonce="gift",
            nonce="r-1",
            amount=2,
            actor=DECISION["actor"],
            reason=DECISION["reason"],
        )
        for _ in range(2)
    ]
    assert (first.app, first.operation, first.amount) == ("app1", "REVERSAL", -2)
    assert first.metadata == DECISION
    assert again == msgspec.structs.replace(first, replayed=True)
    journal = await conn.execute("SELECT action, actor, reason, seq FROM ledger.operator_actions")
    assert await journal.fetchall() == [("reverse_entry", *DECISION.values(), first.seq)]


async def test_allowance_is_ended_by_hand_and_journaled_once(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await ledger.grant_allowance(owner_id="alice", operation="CREDIT_ADD", nonce="plan", amount=100)
    first, again = [
        await ledger.end_allowance_by_hand(
            app="app1",
            allowance_nonce="plan",
            forfeit=True,
            actor=DECISION["actor"],
            reason=DECISION["reason"],
        )
        for _ in range(2)
    ]
    assert (first.status, first.replayed) == ("ended", False)
    assert again == msgspec.structs.replace(first, replayed=True)
    journal = await conn.execute("SELECT action, actor, reason, seq FROM ledger.operator_actions")
    assert await journal.fetchall() == [("end_allowance", *DECISION.values(), 4)]


async def test_adjustment_is_per_asset(ledger: AsyncLedger) -> None:
    await count_asset(ledger, "TOKEN")
    entry = await ledger.adjust_balance(
        owner_id="alice", asset="TOKEN", amount=7, nonce="a-1", **DECISION
    )
    assert (entry.asset, entry.seq, entry.balance) == ("TOKEN", 1, 7)


async def test_adjustment_stops_at_the_floor(ledger: AsyncLedger) -> None:
    with pytest.raises(InsufficientBalance):
        await ledger.adjust_balance(owner_id="alice", amount=-7, nonce="a-1", **DECISION)


async def test_adjustment_without_a_reason_is_refused(ledger: AsyncLedger) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await ledger.adjust_balance(owner_id="alice", amount=1, nonce="a-1", actor="eve", reason="")
    assert refused.value.detail["field"] == "reason"


async def test_negative_floor_allows_an_overdraft(ledger: AsyncLedger) -> None:
    await ledger.set_min_balance(owner_id="alice", min_balance=-5, **DECISION)
    entry = await ledger.record_entry(
        owner_id="alice", operation="CREDIT_SPEND", nonce="n-1", amount=-11
    )
    assert entry.balance == -5
    with pytest.raises(InsufficientBalance) as refused:
        await ledger.set_min_balance(owner_id="alice", min_balance=-4, **DECISION)
    assert refused.value.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "available": -5,
        "min_balance": -4,
    }


async def test_nothing_is_recorded_on_a_frozen_account(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await ledger.freeze_account(owner_id="alice", **DECISION)
    with pytest.raises(AccountFrozen) as refused:
        async with conn.transaction():
            await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1")
    assert refused.value.detail.keys() == {"owner_id", "asset", "frozen_at"}
    await ledger.unfreeze_account(owner_id="alice", **DECISION)
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1")


async def test_freezing_one_asset_leaves_the_others_open(ledger: AsyncLedger) -> None:
    await count_asset(ledger, "TOKEN")
    await ledger.freeze_account(owner_id="alice", asset="TOKEN", **DECISION)
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1")


async def test_overdue_holds_are_settled(ledger: AsyncLedger) -> None:
    assert await ledger.expire_credits() == 0
    for owner_id in ("bob", "carol"):
        await ledger.record_entry(owner_id=owner_id, operation="CREDIT_ADD", nonce=owner_id)
        await ledger.place_hold(
            owner_id=owner_id,
            operation="CREDIT_SPEND",
            nonce=f"job-of-{owner_id}",
            amount=1,
            expires_in=timedelta(microseconds=1),
        )
    assert [await ledger.expire_credits(max_accounts=1) for _ in range(3)] == [1, 1, 0]


async def test_missing_operator_right_is_not_a_refusal(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await conn.execute("CREATE ROLE ledger_test_stranger")
    await conn.execute("GRANT USAGE ON SCHEMA ledger TO ledger_test_stranger")
    await conn.execute("SET LOCAL ROLE ledger_test_stranger")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await ledger.freeze_account(owner_id="alice", **DECISION)
