"""Allowances in the methods of the clients; what they mean is tested in SQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger_py import AsyncLedger
from ledger_py.errors import (
    AllowanceEnded,
    AllowanceNotFound,
    AmountOutOfBounds,
    InvalidRequest,
    NonceConflict,
)

pytestmark = pytest.mark.anyio

AHEAD = datetime(2999, 1, 1, tzinfo=UTC)
PLAN: dict[str, Any] = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "plan"}


async def test_allowance_comes_at_once_and_is_listed(ledger: AsyncLedger) -> None:
    granted = await ledger.grant_allowance(
        **PLAN, amount=500, carry_over_most=100, carry_over_for=2, metadata={"plan": "pro"}
    )
    assert (granted.owner_id, granted.asset, granted.app) == ("alice", "CREDIT", "app1")
    assert (granted.amount, granted.period, granted.time_zone) == (500, "month", "UTC")
    assert (granted.carry_over_most, granted.carry_over_for) == (100, 2)
    assert (granted.status, granted.replayed, granted.metadata) == ("open", False, {"plan": "pro"})
    assert granted.next_at is not None
    assert timedelta(days=27) < granted.next_at - granted.starts_at < timedelta(days=32)

    balance = await ledger.balance(owner_id="alice")
    assert (balance.balance, balance.next_expiry_at) == (500, granted.next_at)
    assert (balance.next_allowance_at, balance.next_allowance_amount) == (granted.next_at, 500)
    (entry,) = await ledger.entries_of(owner_id="alice")
    assert (entry.amount, entry.nonce) == (500, "ledger:allowance:plan:0")
    assert entry.metadata == {"plan": "pro"}
    (listed,) = await ledger.allowances_of(owner_id="alice")
    assert (listed.nonce, listed.next_at, listed.replayed) == ("plan", granted.next_at, None)


async def test_same_request_is_replayed_and_another_is_refused(ledger: AsyncLedger) -> None:
    await ledger.grant_allowance(**PLAN, amount=5)
    again = await ledger.grant_allowance(**PLAN, amount=5)
    assert again.replayed is True
    assert (await ledger.balance(owner_id="alice")).entry_count == 1
    with pytest.raises(NonceConflict):
        await ledger.grant_allowance(**PLAN, amount=6)


async def test_credit_of_the_future_is_an_allowance_without_a_period(ledger: AsyncLedger) -> None:
    gift = await ledger.grant_allowance(**PLAN, amount=3, period=None, starts_at=AHEAD)
    assert (gift.period, gift.next_at, gift.starts_at) == (None, AHEAD, AHEAD)
    (event,) = await ledger.forecast(owner_id="alice")
    assert (event.at, event.kind, event.amount, event.balance) == (AHEAD, "allowance", 3, 3)
    assert (event.seq, event.app, event.nonce) == (None, "app1", "plan")


async def test_larger_amount_comes_at_once_or_from_the_next_period_on(ledger: AsyncLedger) -> None:
    await ledger.grant_allowance(**PLAN, amount=500)
    later = await ledger.change_allowance(allowance_nonce="plan", nonce="larger", amount=600)
    assert (later.amount, later.replayed) == (600, False)
    assert (await ledger.balance(owner_id="alice")).balance == 500
    change: dict[str, Any] = {"allowance_nonce": "plan", "nonce": "at once", "amount": 800}
    await ledger.change_allowance(**change, from_next_period=False, owner_id="alice")
    balance = await ledger.balance(owner_id="alice")
    assert (balance.balance, balance.next_allowance_amount) == (700, 800)
    assert (await ledger.change_allowance(**change, from_next_period=False)).replayed is True
    with pytest.raises(NonceConflict):
        await ledger.change_allowance(**change)


@pytest.mark.parametrize("at", [AHEAD, None])
async def test_end_can_be_taken_back_until_it_has_come(
    ledger: AsyncLedger, at: datetime | None
) -> None:
    await ledger.grant_allowance(**PLAN, amount=5)
    ended = await ledger.end_allowance(allowance_nonce="plan", at=at)
    assert (ended.status, ended.replayed) == ("open" if at else "ended", False)
    if at is None:
        with pytest.raises(AllowanceEnded) as raised:
            await ledger.end_allowance(allowance_nonce="plan", at="infinity")
        assert raised.value.detail["allowance_nonce"] == "plan"
        assert raised.value.detail.keys() == {"app", "allowance_nonce", "ends_at"}
        return
    assert ended.ends_at == AHEAD
    resumed = await ledger.end_allowance(allowance_nonce="plan", at="infinity", owner_id="alice")
    assert (resumed.ends_at, resumed.status, resumed.replayed) == (None, "open", False)


async def test_what_is_left_can_be_forfeited(ledger: AsyncLedger) -> None:
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="bought", amount=10)
    await ledger.grant_allowance(**PLAN, amount=5)
    await ledger.end_allowance(allowance_nonce="plan", forfeit=True)
    assert (await ledger.balance(owner_id="alice")).balance == 10
    (entry, *_) = await ledger.entries_of(owner_id="alice")
    assert (entry.operation, entry.amount) == ("FORFEITURE", -5)


async def test_unknown_allowance_is_not_found(ledger: AsyncLedger) -> None:
    with pytest.raises(AllowanceNotFound) as raised:
        await ledger.end_allowance(allowance_nonce="none", owner_id="alice")
    assert raised.value.detail == {
        "app": "app1",
        "allowance_nonce": "none",
        "owner_id": "alice",
    }


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"period": "decade"}, "period"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"carry_over_for": 61}, "carry_over_for"),
        ({"occurrences": 0}, "occurrences"),
        ({"nonce": "ledger:plan"}, "nonce"),
        ({"starts_at": datetime(2030, 1, 1)}, "starts_at"),
    ],
)
async def test_malformed_allowance_is_refused(
    ledger: AsyncLedger, changed: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await ledger.grant_allowance(**(PLAN | {"amount": 5} | changed))
    assert raised.value.detail["field"] == field


async def test_amount_beyond_the_bounds_is_refused(ledger: AsyncLedger) -> None:
    with pytest.raises(AmountOutOfBounds):
        await ledger.grant_allowance(**PLAN, amount=1_000_000_001)


@pytest.mark.parametrize("at", ["tomorrow", "-infinity", 7, datetime(2030, 1, 1)])
async def test_end_that_is_no_time_is_refused(ledger: AsyncLedger, at: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await ledger.end_allowance(allowance_nonce="plan", at=at)
    assert raised.value.detail["field"] == "at"
