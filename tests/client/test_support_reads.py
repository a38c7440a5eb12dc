"""Lots, timeline, forecast and find: what comes back, as which struct."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger_py import AsyncLedger, BalanceStep, ClaimState, ComingEvent, Lot, Match
from ledger_py.errors import InvalidRequest

pytestmark = pytest.mark.anyio

TIME = datetime(2999, 1, 1, tzinfo=UTC)
SPEND: Any = {"owner_id": "alice", "operation": "CREDIT_SPEND"}


async def record(ledger: AsyncLedger, amount: int, nonce: str, owner_id: str = "alice") -> datetime:
    """Record credits that expire, and return when."""
    entry = await ledger.record_entry(
        owner_id=owner_id, operation="CREDIT_ADD", nonce=nonce, amount=amount, expires_at=TIME
    )
    return entry.recorded_at


async def test_lots_come_in_pages(ledger: AsyncLedger) -> None:
    at = await record(ledger, 10, "a")
    await record(ledger, 5, "b")
    await ledger.record_entry(**SPEND, nonce="s", amount=-3)
    first, second = await ledger.lots_of(owner_id="alice")
    assert first == Lot(
        seq=1,
        app="app1",
        operation="CREDIT_ADD",
        nonce="a",
        amount=10,
        remaining=7,
        held=0,
        expires_at=TIME,
        recorded_at=at,
    )
    assert await ledger.lots_of(owner_id="alice", max_rows=1) == [first]
    assert await ledger.lots_of(owner_id="alice", after_seq=1) == [second]
    assert await ledger.lots_of(owner_id="nobody") == []


async def test_claims_tell_when_the_next_is_possible(ledger: AsyncLedger) -> None:
    await ledger.record_entry(owner_id="alice", operation="SIGNUP_CREDIT", nonce="n")
    states = await ledger.claims_of(owner_id="alice")
    assert (
        ClaimState(
            operation="SIGNUP_CREDIT",
            app=None,
            claim_limit=1,
            claim_period="ever",
            claim_time_zone="UTC",
            claimed=1,
            last_seq=1,
            next_eligible_at=None,
        )
        in states
    )


async def test_timeline_has_steps_of_balance_and_held(ledger: AsyncLedger) -> None:
    at = await record(ledger, 10, "a")
    hold = await ledger.place_hold(**SPEND, nonce="h", amount=4)
    steps = await ledger.timeline(owner_id="alice", since=at - timedelta(days=1), points=10)
    assert steps == [
        BalanceStep(at=at - timedelta(days=1), balance=0, held=0, seq=0),
        BalanceStep(at=at, balance=10, held=0, seq=1),
        BalanceStep(at=hold.placed_at, balance=10, held=4, seq=1),
    ]
    assert await ledger.timeline(owner_id="alice", until=at) == steps[1:2]
    assert await ledger.timeline(owner_id="nobody") == []


async def test_forecast_has_events_of_lots_and_holds(ledger: AsyncLedger) -> None:
    await record(ledger, 10, "a")
    hold = await ledger.place_hold(**SPEND, nonce="h", amount=4)
    end = ComingEvent(
        at=hold.expires_at,
        kind="hold_end",
        amount=4,
        balance=10,
        held=0,
        seq=None,
        app="app1",
        operation="CREDIT_SPEND",
        nonce="h",
    )
    expiry = ComingEvent(
        at=TIME,
        kind="expiry",
        amount=-10,
        balance=0,
        held=0,
        seq=1,
        app="app1",
        operation="CREDIT_ADD",
        nonce="a",
    )
    assert await ledger.forecast(owner_id="alice") == [end, expiry]
    assert await ledger.forecast(owner_id="alice", until=hold.expires_at) == [end]
    assert await ledger.forecast(owner_id="alice", max_rows=1) == [end]
    assert await ledger.forecast(owner_id="nobody") == []


async def test_find_has_matches_of_every_kind(ledger: AsyncLedger) -> None:
    await record(ledger, 10, "alice")
    await record(ledger, 10, "b", owner_id="alice-2")
    owner, entry, other = await ledger.find(text="alice")
    assert owner == Match(
        kind="owner", owner_id="alice", asset="CREDIT", seq=None, found={"entry_count": 1}
    )
    assert (entry.kind, entry.seq, entry.found["amount"]) == ("entry", 1, 10)
    assert (other.kind, other.owner_id) == ("owner", "alice-2")
    assert await ledger.find(text="alice", max_rows=1) == [owner]


@pytest.mark.parametrize("text", ["", "x" * 256, "\0", "\ud800"])
async def test_text_that_cannot_name_anything_is_refused(ledger: AsyncLedger, text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await ledger.find(text=text)
    assert refused.value.detail["field"] == "text"
