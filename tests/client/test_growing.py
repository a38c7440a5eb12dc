"""Growth of holds, captures beyond them and quantities, in the methods and in the `hold` block."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg import AsyncConnection

from ledger_py import AsyncLedger
from ledger_py.errors import (
    AmountOutOfBounds,
    HoldClosed,
    InsufficientBalance,
    InvalidRequest,
    NonceConflict,
)
from tests.client.clients import Connect, ledger_on

pytestmark = pytest.mark.anyio

DEFINE = """
    SELECT ledger.define_operation(
        operation => 'USED', description => 'Used', min_amount => -1000, max_amount => -1,
        unit_amount => -2, unit_size => 1000, max_debt => 5
    );
    SELECT ledger.allow_operation('app1', 'USED');
"""


@pytest.fixture
async def conn(connect: Connect, ledger_db: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection in autocommit mode."""
    async with connect(ledger_db, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def ledger(conn: AsyncConnection[Any]) -> AsyncLedger:
    """The ledger of app1; alice has 20 credits, and USED has a price and may leave a debt."""
    for statement in DEFINE.split(";\n")[:2]:
        await conn.execute(statement.encode())
    ledger = ledger_on(conn)
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="gift", amount=20)
    return ledger


async def test_hold_grows(ledger: AsyncLedger) -> None:
    await ledger.place_hold(owner_id="alice", operation="USED", nonce="job", amount=6)
    hold = await ledger.grow_hold(hold_nonce="job", nonce="more", by=4)
    assert (hold.amount, hold.remaining, hold.replayed) == (10, 10, False)
    again = await ledger.grow_hold(hold_nonce="job", nonce="more", by=4, owner_id="alice")
    assert (again.amount, again.replayed) == (10, True)
    with pytest.raises(NonceConflict):
        await ledger.grow_hold(hold_nonce="job", nonce="more", by=5)
    with pytest.raises(InsufficientBalance):
        await ledger.grow_hold(hold_nonce="job", nonce="too much", by=11)
    with pytest.raises(AmountOutOfBounds):
        await ledger.grow_hold(hold_nonce="job", nonce="nothing", by=0)
    await ledger.release_hold(hold_nonce="job")
    with pytest.raises(HoldClosed):
        await ledger.grow_hold(hold_nonce="job", nonce="late", by=1)


async def test_entry_by_quantity(ledger: AsyncLedger) -> None:
    entry = await ledger.record_entry(
        owner_id="alice", operation="USED", nonce="used", quantity=1840
    )
    assert (entry.amount, entry.quantity, entry.overdrawn) == (-4, 1840, None)
    with pytest.raises(InvalidRequest):
        await ledger.record_entry(
            owner_id="alice", operation="USED", nonce="both", amount=-4, quantity=1840
        )


async def test_operations_say_their_price(ledger: AsyncLedger) -> None:
    (used,) = [it for it in await ledger.operations_of() if it.operation == "USED"]
    assert (used.unit_amount, used.unit_size, used.rounding, used.max_debt) == (-2, 1000, "up", 5)
    (plain,) = [it for it in await ledger.operations_of() if it.operation == "CREDIT_ADD"]
    assert (plain.unit_amount, plain.unit_size, plain.max_debt) == (None, None, 0)


@pytest.mark.parametrize(
    ("amount", "overdrawn"), [(6, None), (9, False), (20, False), (21, True), (25, True)]
)
async def test_capture_in_full(ledger: AsyncLedger, amount: int, overdrawn: bool | None) -> None:
    async with ledger.hold(owner_id="alice", operation="USED", nonce="job", amount=6) as hold:
        payment = await hold.capture(amount, beyond="debt")
    assert (payment.amount, payment.balance, payment.overdrawn) == (
        -amount,
        20 - amount,
        overdrawn,
    )


async def test_capture_beyond_what_is_allowed_releases_the_hold(ledger: AsyncLedger) -> None:
    with pytest.raises(InsufficientBalance) as refused:
        async with ledger.hold(owner_id="alice", operation="USED", nonce="job", amount=6) as hold:
            await hold.capture(26, beyond="debt")
    assert (refused.value.detail["required"], refused.value.detail["max_debt"]) == (20, 5)
    balance = await ledger.balance(owner_id="alice")
    assert (balance.balance, balance.available) == (20, 20)


async def test_block_grows_and_captures_by_quantity(ledger: AsyncLedger) -> None:
    async with ledger.hold(owner_id="alice", operation="USED", nonce="job", quantity=1000) as hold:
        first = await hold.grow(3)
        second = await hold.grow(3)
        own = await hold.grow(1, nonce="own")
        payment = await hold.capture(quantity=3000, final=False)
    assert (first.amount, second.amount, own.amount) == (5, 8, 9)
    assert (payment.amount, payment.quantity, payment.nonce) == (-6, 3000, "job:capture")


async def test_block_that_is_tried_again_grows_once(ledger: AsyncLedger) -> None:
    # As the block does, in a process that dies then
    await ledger.place_hold(owner_id="alice", operation="USED", nonce="job", amount=2)
    await ledger.grow_hold(hold_nonce="job", nonce="job:grow", by=3)
    async with ledger.hold(owner_id="alice", operation="USED", nonce="job", amount=2) as retried:
        assert retried.placed.amount == 5
        assert (await retried.grow(3)).replayed
        assert (await retried.grow(2)).amount == 7
        await retried.capture(7)
    balance = await ledger.balance(owner_id="alice")
    assert (balance.balance, balance.available) == (13, 13)
