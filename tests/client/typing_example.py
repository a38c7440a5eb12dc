"""Typical uses of the client, checked by mypy and never run.

A line that must be refused carries the ignore for it; mypy reports an ignore that it did not need.
"""

from __future__ import annotations

from typing import Any, assert_type

import psycopg
from psycopg.rows import DictRow

from ledger_py import (
    AsyncLedger,
    AsyncOpenHold,
    Balance,
    BaseLedgerOperation,
    Entry,
    EntryRequest,
    Hold,
    Ledger,
    OpenHold,
    Operation,
    RecordedEntry,
    Refusal,
)


class ShopOperation(BaseLedgerOperation):
    """An app's enum."""

    DAILY_REWARD = "DAILY_REWARD"
    SIGNUP_CREDIT = "SIGNUP_CREDIT"
    CREDIT_SPEND = "CREDIT_SPEND"
    CREDIT_ADD = "CREDIT_ADD"


def sync_calls(conn: psycopg.Connection) -> None:
    """The sync client returns structs."""
    ledger = Ledger(conn, app="shop")
    entry = ledger.record_entry(
        owner_id="alice",
        operation=ShopOperation.CREDIT_SPEND,
        amount=-3,
        nonce="order-7",
        metadata={"order_id": 7},
    )
    assert_type(entry, RecordedEntry)
    assert_type(entry.metadata, dict[str, Any] | None)
    assert_type(ledger.balance(owner_id="alice"), Balance)
    assert_type(ledger.entries_of(owner_id="alice"), list[Entry])
    assert_type(ledger.operations_of(), list[Operation])
    request = EntryRequest(owner_id="alice", operation=ShopOperation.CREDIT_ADD, nonce="n-1")
    assert_type(ledger.record_entries([request]), list[RecordedEntry | Refusal])
    ledger.record_entries([{"owner_id": "alice"}])
    ledger.record_entries(b"[]", atomic=True)
    assert_type(ledger.holds_of(owner_id="alice"), list[Hold])
    assert_type(ledger.expire_credits(), int)
    with ledger.hold(owner_id="alice", operation="CREDIT_SPEND", nonce="n-2", amount=7) as hold:
        assert_type(hold, OpenHold)
        assert_type(hold.capture(7), RecordedEntry)


async def async_calls(conn: psycopg.AsyncConnection) -> None:
    """The async client returns awaitable structs."""
    ledger = AsyncLedger(conn, app="shop")
    entry = await ledger.record_entry(
        owner_id="alice", operation=ShopOperation.CREDIT_ADD, nonce="n-1"
    )
    assert_type(entry, RecordedEntry)
    assert_type(await ledger.balance(owner_id="alice"), Balance)
    assert_type(await ledger.entries_of(owner_id="alice"), list[Entry])
    assert_type(await ledger.operations_of(), list[Operation])
    assert_type(await ledger.record_entries([]), list[RecordedEntry | Refusal])
    assert_type(await ledger.expire_credits(), int)
    async with ledger.hold(
        owner_id="alice", operation="CREDIT_SPEND", nonce="n-2", amount=7
    ) as hold:
        assert_type(hold, AsyncOpenHold)
        assert_type(await hold.capture(7), RecordedEntry)


def rows_of_any_shape(conn: psycopg.Connection[DictRow]) -> None:
    """The connection's row factory does not matter."""
    assert_type(Ledger(conn, app="shop").balance(owner_id="alice"), Balance)


def operation_as_text(ledger: Ledger) -> None:
    """An operation may be a plain text."""
    ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1")


def refused(ledger: Ledger, conn: psycopg.Connection, entry: Entry) -> None:
    """Calls that a type checker refuses."""
    ledger.record_entry(owner_id="alice", operation=7, nonce="n-1")  # type: ignore[arg-type]
    ledger.record_entry(
        owner_id="alice",
        operation="CREDIT_ADD",
        nonce="n-1",
        amount=1.0,  # type: ignore[arg-type]
    )
    ledger.record_entry(owner_id="alice", operation="CREDIT_ADD")  # type: ignore[call-arg]
    ledger.record_entry("alice", "CREDIT_ADD", "n-1")  # type: ignore[call-arg]
    AsyncLedger(conn, app="shop")  # type: ignore[arg-type]
    entry.amount = 7  # type: ignore[misc]
    ledger.holds_of(owner_id="alice", status="lost")  # type: ignore[arg-type]
    ledger.extend_hold(hold_nonce="n-1", expires_in="15 minutes")  # type: ignore[arg-type]
