"""Holds: the methods, and the `hold` block."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from apps.app1.operations import App1Operation
from ledger_py import AsyncLedger
from ledger_py.errors import (
    AmountOutOfBounds,
    HoldClosed,
    HoldNotFound,
    InsufficientBalance,
    InvalidRequest,
    NonceConflict,
)
from ledger_py.structs import Hold
from tests.client.clients import Connect, count_asset, ledger_on

pytestmark = pytest.mark.anyio

# Expires before the next call.
ONE_MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
async def conn(connect: Connect, ledger_db: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection in autocommit mode."""
    async with connect(ledger_db, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def ledger(conn: AsyncConnection[Any]) -> AsyncLedger:
    """The ledger of app1; alice has 10 credits."""
    ledger = ledger_on(conn)
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="gift", amount=10)
    return ledger


async def place(ledger: AsyncLedger, **more: Any) -> Hold:
    """Hold 6 of alice's credits."""
    request: dict[str, Any] = {
        "owner_id": "alice",
        "operation": App1Operation.CREDIT_SPEND,
        "nonce": "job-7",
        "amount": 6,
    }
    return await ledger.place_hold(**request | more)


async def available(ledger: AsyncLedger) -> tuple[int, int]:
    """Return alice's balance and available credits."""
    balance = await ledger.balance(owner_id="alice")
    return balance.balance, balance.available


async def statuses(ledger: AsyncLedger) -> list[str]:
    """Return the status of each of alice's holds, newest first."""
    return [hold.status for hold in await ledger.holds_of(owner_id="alice")]


# The methods


async def test_hold_is_returned_as_placed(ledger: AsyncLedger) -> None:
    before = datetime.now(UTC)
    hold = await place(ledger, expires_in=timedelta(days=2, microseconds=1), metadata={"job": 7})
    assert hold == Hold(
        owner_id="alice",
        asset="CREDIT",
        app="app1",
        operation="CREDIT_SPEND",
        nonce="job-7",
        amount=6,
        captured=0,
        remaining=6,
        status="open",
        placed_at=hold.placed_at,
        expires_at=hold.placed_at + timedelta(days=2, microseconds=1),
        closed_at=None,
        metadata={"job": 7},
        replayed=False,
    )
    assert before - timedelta(minutes=1) < hold.placed_at < before + timedelta(minutes=1)
    assert hold.placed_at.tzinfo is UTC
    assert await available(ledger) == (10, 4)


async def test_default_expiry_matches_the_database(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    hold = await place(ledger)
    cursor = await conn.execute(
        "SELECT expires_at - placed_at FROM ledger.place_hold(app => 'app1', owner_id => 'alice',"
        " operation => 'CREDIT_SPEND', nonce => 'job-8', amount => 1)"
    )
    assert await cursor.fetchone() == (hold.expires_at - hold.placed_at,)


async def test_repeated_hold_is_replayed(ledger: AsyncLedger) -> None:
    first, again = [await place(ledger, expires_in=timedelta(hours=36)) for _ in range(2)]
    assert (first.replayed, again.replayed) == (False, True)
    assert again.placed_at == first.placed_at
    with pytest.raises(NonceConflict):
        await place(ledger, expires_in=timedelta(hours=35))


async def test_capture_spends_and_releases_the_rest(ledger: AsyncLedger) -> None:
    await place(ledger)
    entry = await ledger.capture_hold(
        hold_nonce="job-7", nonce="job-7-done", amount=2, metadata={"tokens": 2}
    )
    assert (entry.amount, entry.balance, entry.operation) == (-2, 8, "CREDIT_SPEND")
    assert (entry.hold_nonce, entry.metadata) == ("job-7", {"tokens": 2})
    assert await available(ledger) == (8, 8)
    (hold,) = await ledger.holds_of(owner_id="alice")
    assert (hold.status, hold.captured, hold.remaining) == ("captured", 2, 0)
    assert hold.closed_at == entry.recorded_at


async def test_partial_captures_continue_until_the_final_one(ledger: AsyncLedger) -> None:
    await place(ledger)
    await ledger.capture_hold(hold_nonce="job-7", nonce="part-1", amount=2, final=False)
    assert await available(ledger) == (8, 4)
    last = await ledger.capture_hold(hold_nonce="job-7", nonce="part-2")
    assert last.amount == -4
    with pytest.raises(HoldClosed) as refused:
        await ledger.capture_hold(hold_nonce="job-7", nonce="part-3", amount=1)
    detail = refused.value.detail
    assert (detail["app"], detail["hold_nonce"], detail["status"]) == ("app1", "job-7", "captured")
    assert detail["closed_at"]


async def test_capture_beyond_the_hold_is_refused(ledger: AsyncLedger) -> None:
    await place(ledger)
    with pytest.raises(AmountOutOfBounds) as refused:
        await ledger.capture_hold(hold_nonce="job-7", nonce="n-1", amount=7)
    assert refused.value.detail == {"amount": 7, "min_amount": 1, "max_amount": 6}


async def test_release_can_be_repeated(ledger: AsyncLedger) -> None:
    await place(ledger)
    first, again = [await ledger.release_hold(hold_nonce="job-7") for _ in range(2)]
    assert (first.status, first.remaining, first.replayed) == ("released", 0, False)
    assert again.replayed
    assert await available(ledger) == (10, 10)


async def test_extension_never_shortens_a_hold(ledger: AsyncLedger) -> None:
    placed = await place(ledger)
    longer = await ledger.extend_hold(hold_nonce="job-7", expires_in=timedelta(hours=1))
    same = await ledger.extend_hold(hold_nonce="job-7", expires_in=timedelta(minutes=1))
    assert placed.expires_at + timedelta(minutes=44) < longer.expires_at == same.expires_at


async def test_holds_are_listed_newest_first(ledger: AsyncLedger) -> None:
    await count_asset(ledger, "TOKEN")
    for number in range(1, 4):
        await place(ledger, nonce=f"job-{number}", amount=number)
    await ledger.release_hold(hold_nonce="job-2")
    holds = await ledger.holds_of(owner_id="alice")
    assert [hold.nonce for hold in holds] == ["job-3", "job-2", "job-1"]
    page = await ledger.holds_of(owner_id="alice", before=holds[0].placed_at, max_rows=1)
    assert page == holds[1:2]
    still_open = await ledger.holds_of(owner_id="alice", status="open")
    assert [hold.nonce for hold in still_open] == ["job-3", "job-1"]
    assert await ledger.holds_of(owner_id="alice", asset="TOKEN") == []
    assert await ledger.holds_of(owner_id="nobody") == []


async def test_hold_expires_on_time(ledger: AsyncLedger) -> None:
    await place(ledger, expires_in=ONE_MICROSECOND)
    assert await statuses(ledger) == ["expired"]
    assert await available(ledger) == (10, 10)
    with pytest.raises(HoldClosed) as refused:
        await ledger.capture_hold(hold_nonce="job-7", nonce="n-1")
    assert refused.value.detail["status"] == "expired"


async def test_unknown_hold_is_not_found(ledger: AsyncLedger) -> None:
    with pytest.raises(HoldNotFound) as refused:
        await ledger.release_hold(hold_nonce="job-7")
    assert refused.value.detail == {"app": "app1", "hold_nonce": "job-7"}


@pytest.mark.parametrize(
    "expires_in",
    [
        timedelta(0),
        timedelta(seconds=-1),
        timedelta(days=367),
        timedelta.max,
        timedelta.min,
        None,
        "15 minutes",
        900,
    ],
)
async def test_invalid_expiry_of_a_hold_is_refused(ledger: AsyncLedger, expires_in: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await place(ledger, expires_in=expires_in)
    assert refused.value.detail["field"] == "expires_in"


async def test_final_must_be_a_boolean(ledger: AsyncLedger) -> None:
    with pytest.raises(InvalidRequest, match="must be a boolean, not int"):
        await ledger.capture_hold(hold_nonce="job-7", nonce="n-1", final=1)  # type: ignore[arg-type]


# The block


class JobFailed(Exception):
    """Raised by the work in a block."""


JOB: dict[str, Any] = {
    "owner_id": "alice",
    "operation": App1Operation.CREDIT_SPEND,
    "nonce": "job-7",
    "amount": 6,
}
OVERDUE_JOB = JOB | {"expires_in": ONE_MICROSECOND}


async def test_block_holds_and_captures_the_used_amount(ledger: AsyncLedger) -> None:
    async with ledger.hold(**JOB, expires_in=timedelta(hours=1), metadata={"job": 7}) as hold:
        assert hold.placed.expires_at - hold.placed.placed_at == timedelta(hours=1)
        assert hold.placed.metadata == {"job": 7}
        assert await available(ledger) == (10, 4)
        entry = await hold.capture(2, metadata={"tokens": 2})
    assert (entry.nonce, entry.amount) == ("job-7:capture", -2)
    assert (entry.hold_nonce, entry.metadata) == ("job-7", {"tokens": 2})
    assert await available(ledger) == (8, 8)
    assert await statuses(ledger) == ["captured"]


async def test_capture_without_an_amount_spends_the_whole_hold(ledger: AsyncLedger) -> None:
    async with ledger.hold(**JOB) as hold:
        await hold.capture(nonce="all")
    (entry, _) = await ledger.entries_of(owner_id="alice")
    assert (entry.nonce, entry.amount) == ("all", -6)


async def test_partial_captures_have_distinct_nonces(ledger: AsyncLedger) -> None:
    async with ledger.hold(**JOB) as hold:
        for _ in range(3):
            await hold.capture(1, final=False)
    entries = await ledger.entries_of(owner_id="alice")
    assert [entry.nonce for entry in entries] == [
        "job-7:capture-3",
        "job-7:capture-2",
        "job-7:capture",
        "gift",
    ]
    assert await available(ledger) == (7, 7)
    assert await statuses(ledger) == ["released"]


async def test_block_without_a_capture_releases_the_hold(ledger: AsyncLedger) -> None:
    async with ledger.hold(**JOB):
        pass
    assert await available(ledger) == (10, 10)
    assert await statuses(ledger) == ["released"]


async def test_exception_releases_the_hold_and_propagates(ledger: AsyncLedger) -> None:
    with pytest.raises(JobFailed):
        async with ledger.hold(**JOB) as hold:
            await hold.capture(1, final=False)
            raise JobFailed
    assert await available(ledger) == (9, 9)
    assert await statuses(ledger) == ["released"]


async def test_exception_after_the_capture_keeps_it(ledger: AsyncLedger) -> None:
    with pytest.raises(JobFailed):
        async with ledger.hold(**JOB) as hold:
            await hold.capture(2)
            raise JobFailed
    assert await available(ledger) == (8, 8)
    assert await statuses(ledger) == ["captured"]


async def test_refused_capture_releases_the_hold(ledger: AsyncLedger) -> None:
    with pytest.raises(AmountOutOfBounds):
        async with ledger.hold(**JOB) as hold:
            await hold.capture(7)
    assert await statuses(ledger) == ["released"]


async def test_insufficient_balance_is_raised_on_entry(ledger: AsyncLedger) -> None:
    with pytest.raises(InsufficientBalance):
        async with ledger.hold(**JOB | {"amount": 11}):
            pytest.fail("the block was entered")
    assert await statuses(ledger) == []


async def test_hold_that_expired_in_the_block_is_no_error_on_exit(ledger: AsyncLedger) -> None:
    async with ledger.hold(**OVERDUE_JOB):
        pass
    assert await statuses(ledger) == ["expired"]


async def test_hold_that_expired_in_the_block_adds_no_note_to_an_exception(
    ledger: AsyncLedger,
) -> None:
    with pytest.raises(JobFailed) as failed:
        async with ledger.hold(**OVERDUE_JOB):
            raise JobFailed
    assert not hasattr(failed.value, "__notes__")


async def test_hold_that_was_captured_elsewhere_is_no_error_on_exit(ledger: AsyncLedger) -> None:
    async with ledger.hold(**JOB):
        await ledger.capture_hold(hold_nonce="job-7", nonce="elsewhere")
    assert await statuses(ledger) == ["captured"]


async def test_capture_after_expiry_is_refused(ledger: AsyncLedger) -> None:
    with pytest.raises(HoldClosed):
        async with ledger.hold(**OVERDUE_JOB) as hold:
            await hold.capture(1)
    assert await available(ledger) == (10, 10)


async def test_hold_can_be_extended_within_the_block(ledger: AsyncLedger) -> None:
    async with ledger.hold(**JOB) as hold:
        longer = await hold.extend(timedelta(hours=1))
        assert longer.expires_at > hold.placed.expires_at
        await hold.capture()


async def test_retry_continues_with_an_open_hold(ledger: AsyncLedger) -> None:
    first = await place(ledger, expires_in=timedelta(hours=1))
    captured = await ledger.capture_hold(
        hold_nonce="job-7", nonce="job-7:capture", amount=2, final=False
    )
    async with ledger.hold(**JOB, expires_in=timedelta(hours=1)) as hold:
        assert hold.placed.placed_at == first.placed_at
        assert hold.placed.expires_at > first.expires_at
        again = await hold.capture(2, final=False)
        await hold.capture(1)
    assert again.replayed
    assert again.seq == captured.seq
    assert await available(ledger) == (7, 7)


@pytest.mark.parametrize("status", ["captured", "released"])
async def test_retry_after_the_hold_has_ended_is_refused_on_entry(
    ledger: AsyncLedger, status: str
) -> None:
    async with ledger.hold(**JOB) as hold:
        if status == "captured":
            await hold.capture()
    with pytest.raises(HoldClosed) as refused:
        async with ledger.hold(**JOB):
            pytest.fail("the block was entered")
    assert refused.value.detail["status"] == status


# The block in a transaction


async def test_block_leaves_the_transaction_open(transacting: AsyncLedger) -> None:
    with pytest.raises(JobFailed):
        async with transacting.hold(**JOB):
            raise JobFailed
    assert transacting.conn.info.transaction_status == TransactionStatus.INTRANS
    await transacting.conn.rollback()
    assert await statuses(transacting) == []


async def test_hold_that_expired_in_the_block_does_not_fail_the_transaction(
    transacting: AsyncLedger,
) -> None:
    async with transacting.hold(**OVERDUE_JOB):
        pass
    await transacting.record_entry(owner_id="alice", operation="CREDIT_SPEND", nonce="n-1")
    assert await available(transacting) == (9, 9)


async def test_failed_transaction_rolls_the_hold_back(transacting: AsyncLedger) -> None:
    with pytest.raises(InsufficientBalance) as refused:
        async with transacting.hold(**JOB):
            await transacting.record_entry(
                owner_id="alice", operation="CREDIT_SPEND", nonce="n-1", amount=-5
            )
    assert not hasattr(refused.value, "__notes__")
    await transacting.conn.rollback()
    assert await statuses(transacting) == []
    assert await available(transacting) == (10, 10)


async def test_caught_database_error_is_not_raised_on_exit(
    transacting: AsyncLedger,
) -> None:
    async with transacting.hold(**JOB):
        with pytest.raises(psycopg.errors.DivisionByZero):
            await transacting.conn.execute("SELECT 1 / 0")
    assert transacting.conn.info.transaction_status == TransactionStatus.INERROR


async def test_rolled_back_placing_is_no_error_on_exit(transacting: AsyncLedger) -> None:
    async with transacting.hold(**JOB):
        await transacting.conn.rollback()
    assert await statuses(transacting) == []


async def test_rolled_back_capture_is_followed_by_a_release(
    ledger: AsyncLedger, conn: AsyncConnection[Any]
) -> None:
    with pytest.raises(JobFailed):
        async with ledger.hold(**JOB) as hold, conn.transaction():
            await hold.capture(2)
            raise JobFailed
    assert await statuses(ledger) == ["released"]
    assert await available(ledger) == (10, 10)


async def test_release_of_a_committed_hold_is_committed(
    ledger: AsyncLedger, transacting: AsyncLedger
) -> None:
    with pytest.raises(JobFailed):
        async with transacting.hold(**JOB):
            await transacting.conn.commit()
            assert await available(ledger) == (10, 4)
            raise JobFailed
    assert await available(ledger) == (10, 10)


async def test_block_works_in_a_pipeline(ledger: AsyncLedger, conn: AsyncConnection[Any]) -> None:
    async with conn.pipeline():
        async with ledger.hold(**JOB) as hold:
            await hold.capture(2)
        with pytest.raises(JobFailed):
            async with ledger.hold(**JOB | {"nonce": "job-8"}):
                raise JobFailed
    assert await statuses(ledger) == ["released", "captured"]


# A lost connection


async def test_lost_connection_does_not_hide_the_exception(ledger: AsyncLedger) -> None:
    with pytest.raises(JobFailed) as failed:
        async with ledger.hold(**JOB):
            await ledger.conn.close()
            raise JobFailed
    (note,) = failed.value.__notes__
    assert note.startswith("The hold 'job-7' could not be released: ")


async def test_lost_connection_is_raised_without_another_exception(ledger: AsyncLedger) -> None:
    with pytest.raises(psycopg.OperationalError):
        async with ledger.hold(**JOB):
            await ledger.conn.close()
