"""Dry runs: calls answer and refuse as ever, and leave nothing behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from ledger_py import AsyncLedger
from ledger_py.errors import ClaimLimitReached, InsufficientBalance
from tests.client.clients import Connect, ledger_on

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[True, False], ids=["autocommit", "transaction"])
async def conn(
    connect: Connect, ledger_db: str, request: pytest.FixtureRequest
) -> AsyncIterator[AsyncConnection[Any]]:
    async with connect(ledger_db, autocommit=request.param) as connection:
        yield connection


@pytest.fixture
async def ledger(conn: AsyncConnection[Any]) -> AsyncLedger:
    """The ledger of app1; alice has 10 credits."""
    ledger = ledger_on(conn)
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="gift", amount=10)
    return ledger


async def spend(ledger: AsyncLedger, amount: int = -3) -> Any:
    return await ledger.record_entry(
        owner_id="alice", operation="CREDIT_SPEND", nonce="n", amount=amount
    )


async def test_dry_run_answers_as_the_call_would(ledger: AsyncLedger) -> None:
    async with ledger.dry_run():
        dry = await spend(ledger)
        assert (await spend(ledger)).replayed is True
    real = await spend(ledger)

    assert (dry.seq, dry.balance, dry.replayed) == (real.seq, real.balance, real.replayed)
    assert (real.seq, real.balance, real.replayed) == (2, 7, False)


async def test_dry_run_keeps_nothing(ledger: AsyncLedger) -> None:
    before = await ledger.balance(owner_id="alice")
    async with ledger.dry_run():
        await spend(ledger)
        await ledger.record_entry(owner_id="alice", operation="SIGNUP_CREDIT", nonce="s")
        await ledger.place_hold(owner_id="alice", operation="CREDIT_SPEND", nonce="h", amount=1)
        await ledger.transfer_credits(
            from_owner_id="alice", to_owner_id="bob", operation="CREDIT_GIFT", nonce="t", amount=1
        )

    assert (await ledger.balance(owner_id="bob")).entry_count == 0
    assert await ledger.balance(owner_id="alice") == before
    # Neither the nonce nor the claim is used up.
    assert (await spend(ledger, -4)).replayed is False
    claim = await ledger.record_entry(owner_id="alice", operation="SIGNUP_CREDIT", nonce="s2")
    assert claim.seq == 3


async def test_refusal_in_a_dry_run_leaves_the_connection_usable(ledger: AsyncLedger) -> None:
    with pytest.raises(InsufficientBalance) as refusal:
        async with ledger.dry_run():
            await spend(ledger, -11)
    assert refusal.value.detail["available"] == 10

    await ledger.record_entry(owner_id="alice", operation="SIGNUP_CREDIT", nonce="s")
    with pytest.raises(ClaimLimitReached):
        async with ledger.dry_run():
            await ledger.record_entry(owner_id="alice", operation="SIGNUP_CREDIT", nonce="s2")
    assert (await ledger.balance(owner_id="alice")).balance == 13


async def test_dry_run_in_a_transaction_undoes_its_own_block_only(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    async with conn.transaction():
        await conn.execute("CREATE TABLE orders (id integer)")
        await spend(ledger, -1)
        async with ledger.dry_run():
            await conn.execute("INSERT INTO orders VALUES (1)")
            await ledger.record_entry(
                owner_id="alice", operation="CREDIT_SPEND", nonce="other", amount=-9
            )
    cursor = await conn.execute("SELECT count(*) FROM orders")
    assert await cursor.fetchone() == (0,)
    assert (await ledger.balance(owner_id="alice")).balance == 9


async def test_other_errors_of_a_dry_run_are_raised(ledger: AsyncLedger) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        async with ledger.dry_run():
            await ledger.conn.execute("SELECT 1 / 0")
    assert (await spend(ledger)).seq == 2
