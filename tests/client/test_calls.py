"""Arguments, results and errors of the client's methods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import AsyncConnection

from apps.app1.operations import App1Operation
from ledger_py import AsyncLedger
from ledger_py.errors import (
    AmountOutOfBounds,
    ClaimLimitReached,
    InsufficientBalance,
    InvalidRequest,
    LedgerError,
    NonceConflict,
    OperationNotAllowed,
    UnknownApp,
    UnknownOperation,
)
from ledger_py.operations import SHARED_OPERATIONS, compare_operation_set
from ledger_py.structs import Balance, RecordedEntry
from tests.client.clients import count_asset, ledger_on

pytestmark = pytest.mark.anyio


# Recording


async def test_entry_is_returned_as_recorded(ledger: AsyncLedger) -> None:
    before = datetime.now(UTC)
    entry = await ledger.record_entry(
        owner_id="alice",
        operation=App1Operation.CREDIT_ADD,
        nonce="n-1",
        amount=7,
        metadata={"reason": "gift"},
    )
    assert entry == RecordedEntry(
        entry_id=entry.entry_id,
        seq=1,
        owner_id="alice",
        asset="CREDIT",
        app="app1",
        operation="CREDIT_ADD",
        amount=7,
        balance=7,
        nonce="n-1",
        metadata={"reason": "gift"},
        recorded_at=entry.recorded_at,
        replayed=False,
    )
    assert before - timedelta(minutes=1) < entry.recorded_at < before + timedelta(minutes=1)


async def test_repeated_request_is_replayed(ledger: AsyncLedger) -> None:
    first, again = [
        await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=7)
        for _ in range(2)
    ]
    assert not first.replayed
    assert again == msgspec.structs.replace(first, replayed=True)


async def test_missing_amount_takes_the_default(ledger: AsyncLedger) -> None:
    entry = await ledger.record_entry(owner_id="alice", operation="SIGNUP_CREDIT", nonce="n-1")
    assert entry.amount == 3


async def test_metadata_round_trips(ledger: AsyncLedger) -> None:
    metadata = {
        "text": "žluťoučký \\u0000 \N{SNOWMAN} \"quoted\" 'single' %s \\",
        "integer": 12345678901234567890123,
        "float": 0.1,
        "nested": [{"empty": {}}, None, True, []],
    }
    entry = await ledger.record_entry(
        owner_id="alice", operation="CREDIT_ADD", nonce="n-1", metadata=metadata
    )
    assert entry.metadata == metadata


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (Decimal("12345678901234567.89"), Decimal("12345678901234567.89")),
        (Decimal("1.10"), Decimal("1.10")),
        (Decimal("0.5"), 0.5),
        (Decimal("1E+30"), 10**30),
        (1e-7, 1e-7),
        (None, None),
    ],
)
async def test_numbers_in_metadata_are_kept_to_the_digit(
    ledger: AsyncLedger, sent: object, read: object
) -> None:
    metadata = {"number": sent, "nothing": None}
    request: dict[str, Any] = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n-1"}

    entry = await ledger.record_entry(**request, metadata=metadata)
    (again,) = await ledger.record_entries([{**request, "metadata": metadata}])

    assert entry.metadata is not None
    assert (type(entry.metadata["number"]), str(entry.metadata["number"])) == (
        type(read),
        str(read),
    )
    assert isinstance(again, RecordedEntry)
    assert again.replayed


async def test_metadata_with_a_number_beyond_float_can_be_read(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await conn.execute(
        "SELECT ledger.record_entry(app => 'app1', owner_id => 'alice', operation => 'CREDIT_ADD',"
        " nonce => 'n-1', metadata => '{\"huge\": 1e5000}')"
    )
    (entry,) = await ledger.entries_of(owner_id="alice")
    assert entry.metadata is not None
    assert entry.metadata["huge"] == 10**5000
    assert msgspec.json.encode(entry)


async def test_expiry_is_returned_in_utc(conn: AsyncConnection[Any], ledger: AsyncLedger) -> None:
    await conn.execute("SET TimeZone = 'Asia/Kathmandu'")
    await conn.execute("SET DateStyle = 'German'")
    expires_at = datetime(2101, 2, 3, 4, 5, 6, 789, tzinfo=timezone(timedelta(hours=-7)))
    entry = await ledger.record_entry(
        owner_id="alice", operation="CREDIT_ADD", nonce="n-1", expires_at=expires_at
    )
    assert entry.expires_at == expires_at
    assert entry.expires_at.tzinfo is UTC
    assert entry.recorded_at.tzinfo is UTC


# Reading


async def test_unknown_owner_has_a_zero_balance(ledger: AsyncLedger) -> None:
    assert await ledger.balance(owner_id="nobody") == Balance(
        owner_id="nobody",
        asset="CREDIT",
        balance=0,
        held=0,
        available=0,
        entry_count=0,
        next_expiry_at=None,
        next_expiry_amount=None,
        next_allowance_at=None,
        next_allowance_amount=None,
    )


async def test_balance_is_per_asset(ledger: AsyncLedger) -> None:
    await count_asset(ledger, "TOKEN")
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=7)
    credit = await ledger.balance(owner_id="alice")
    other = await ledger.balance(owner_id="alice", asset="TOKEN")
    assert (credit.balance, credit.available, credit.entry_count) == (7, 7, 1)
    assert (other.asset, other.balance, other.entry_count) == ("TOKEN", 0, 0)


async def test_entries_are_paged_newest_first(ledger: AsyncLedger) -> None:
    for number in range(1, 6):
        await ledger.record_entry(
            owner_id="alice", operation="CREDIT_ADD", nonce=f"n-{number}", amount=number
        )
    first = await ledger.entries_of(owner_id="alice", max_rows=3)
    second = await ledger.entries_of(owner_id="alice", max_rows=3, before_seq=first[-1].seq)
    assert [entry.seq for entry in first] == [5, 4, 3]
    assert [(entry.amount, entry.balance) for entry in second] == [(2, 3), (1, 1)]


async def test_unknown_owner_has_no_entries(ledger: AsyncLedger) -> None:
    assert await ledger.entries_of(owner_id="nobody") == []


async def test_operations_are_listed_with_their_rules(ledger: AsyncLedger) -> None:
    operations = {operation.operation: operation for operation in await ledger.operations_of()}
    reward = operations["DAILY_REWARD"]
    assert (reward.shared, reward.default_amount, reward.claim_period) == (True, 1, "day")
    assert (operations["CREDIT_SPEND"].min_amount, operations["CREDIT_SPEND"].max_amount) == (
        -1_000_000_000,
        -1,
    )
    assert operations["CREDIT_SPEND"].claim_limit is None
    assert operations["CONTENT_CREATION"].shared is False


async def test_enum_of_app1_equals_its_set_in_the_database(ledger: AsyncLedger) -> None:
    names = [found.operation for found in await ledger.operations_of()]
    assert compare_operation_set(App1Operation, names) is None


async def test_shared_operations_are_those_of_the_database(ledger: AsyncLedger) -> None:
    shared = {found.operation for found in await ledger.operations_of() if found.shared}
    assert shared == set(SHARED_OPERATIONS)


# Refusals


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("amount", 1.0, "must be an integer, not float"),
        ("amount", True, "must be an integer, not bool"),
        ("amount", "7", "must be an integer, not str"),
        ("amount", 2**63, "must fit into 64 bits"),
        ("amount", -(2**63) - 1, "must fit into 64 bits"),
        ("owner_id", "al\0ice", "must not contain the NUL character"),
        ("owner_id", "\ud800", "must be valid Unicode"),
        ("owner_id", 7, "must be a text, not int"),
        ("nonce", b"n-1", "must be a text, not bytes"),
        ("operation", "CREDIT\0ADD", "must not contain the NUL character"),
        ("metadata", {"a": "\0"}, "must not contain the NUL character"),
        ("metadata", {"a\\\0": 1}, "must not contain the NUL character"),
        ("metadata", {"a": "\ud800"}, "must be valid Unicode"),
        ("metadata", {"a": float("nan")}, "cannot be written as JSON"),
        ("metadata", {"a": Decimal("NaN")}, "cannot be written as JSON"),
        ("metadata", {"a": Decimal("1E+20000")}, "cannot be written as JSON"),
        ("metadata", {"a": object()}, "cannot be written as JSON"),
        ("metadata", {("a",): 1}, "cannot be written as JSON"),
        ("expires_at", datetime(2101, 1, 1), "must have a time zone"),
        ("expires_at", "2101-01-01", "must be a datetime, not str"),
    ],
)
async def test_unsendable_value_is_refused_and_nothing_is_sent(
    conn: AsyncConnection[Any], ledger: AsyncLedger, field: str, value: object, reason: str
) -> None:
    await conn.execute("CREATE TEMPORARY TABLE work ON COMMIT DROP AS SELECT 7 AS number")
    request: dict[str, Any] = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n-1"}
    with pytest.raises(InvalidRequest) as refused:
        await ledger.record_entry(**request | {field: value})
    assert refused.value.detail["field"] == field
    assert refused.value.detail["reason"].startswith(reason)
    work = await conn.execute("SELECT number FROM work")
    assert await work.fetchone() == (7,)


async def test_deeply_nested_metadata_is_refused(ledger: AsyncLedger) -> None:
    metadata: dict[str, Any] = {}
    for _ in range(100_000):
        metadata = {"a": metadata}
    with pytest.raises(InvalidRequest, match="cannot be written as JSON"):
        await ledger.record_entry(
            owner_id="alice", operation="CREDIT_ADD", nonce="n-1", metadata=metadata
        )


async def test_page_size_beyond_32_bits_is_refused(ledger: AsyncLedger) -> None:
    with pytest.raises(InvalidRequest, match="must fit into 32 bits"):
        await ledger.entries_of(owner_id="alice", max_rows=2**31)


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        ({"owner_id": ""}, InvalidRequest),
        ({"owner_id": None}, InvalidRequest),
        ({"nonce": "n" * 256}, InvalidRequest),
        ({"metadata": [1]}, InvalidRequest),
        ({"amount": 0}, AmountOutOfBounds),
        ({"amount": 2**63 - 1}, AmountOutOfBounds),
        ({"operation": "NO_SUCH_OPERATION"}, UnknownOperation),
        ({"operation": "TOKENS_USED"}, OperationNotAllowed),
        ({"operation": App1Operation.CREDIT_SPEND, "amount": -1}, InsufficientBalance),
    ],
)
async def test_refusal_is_raised_as_its_class(
    ledger: AsyncLedger, request_: dict[str, Any], refusal: type[LedgerError]
) -> None:
    complete: dict[str, Any] = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n-1"}
    with pytest.raises(refusal) as refused:
        await ledger.record_entry(**complete | request_)
    assert type(refused.value) is refusal
    assert isinstance(refused.value.__cause__, psycopg.Error)
    assert refused.value.__cause__.sqlstate == refusal.sqlstate


async def test_refusal_carries_its_values(ledger: AsyncLedger) -> None:
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=2)
    with pytest.raises(InsufficientBalance) as refused:
        await ledger.record_entry(owner_id="alice", operation="CREDIT_SPEND", nonce="n", amount=-3)
    detail = refused.value.detail
    assert (detail["available"], detail["required"]) == (2, 3)
    assert (detail["owner_id"], detail["asset"]) == ("alice", "CREDIT")
    assert refused.value.hint


async def test_claim_beyond_the_limit_reports_the_next_eligible_time(ledger: AsyncLedger) -> None:
    await ledger.record_entry(owner_id="alice", operation="SIGNUP_CREDIT", nonce="n-1")
    with pytest.raises(ClaimLimitReached) as refused:
        await ledger.record_entry(owner_id="alice", operation="SIGNUP_CREDIT", nonce="n-2")
    assert refused.value.detail["next_eligible_at"] is None


async def test_used_nonce_with_a_different_request_is_refused(ledger: AsyncLedger) -> None:
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=2)
    with pytest.raises(NonceConflict) as refused:
        await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=3)
    assert refused.value.detail == {"app": "app1", "nonce": "n-1"}


async def test_unregistered_app_is_refused(conn: AsyncConnection[Any]) -> None:
    with pytest.raises(UnknownApp) as refused:
        await ledger_on(conn, app="app99").operations_of()
    assert refused.value.detail == {"app": "app99"}
