"""Batches: accepted items and the result of each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from psycopg import AsyncConnection

from apps.app1.operations import App1Operation
from ledger_py import AsyncLedger, EntryRequest, RecordedEntry, Refusal
from ledger_py.errors import (
    AmountOutOfBounds,
    InsufficientBalance,
    InvalidRequest,
    LedgerError,
    NonceConflict,
    UnknownApp,
    UnknownOperation,
)
from tests.client.clients import ledger_on

pytestmark = pytest.mark.anyio


def add(nonce: str, amount: int = 7, **more: Any) -> EntryRequest:
    """Make a request to credit alice."""
    operation = App1Operation.CREDIT_ADD
    return EntryRequest(owner_id="alice", operation=operation, nonce=nonce, amount=amount, **more)


def spend(nonce: str, amount: int) -> EntryRequest:
    """Make a request to debit alice."""
    return EntryRequest(owner_id="alice", operation="CREDIT_SPEND", nonce=nonce, amount=amount)


# Results


async def test_entries_are_returned_as_recorded(ledger: AsyncLedger) -> None:
    results = await ledger.record_entries([add("n-1", metadata={"order": 7}), spend("n-2", -3)])
    entries = await ledger.entries_of(owner_id="alice")
    assert results == [
        RecordedEntry(**msgspec.structs.asdict(entry), replayed=False) for entry in entries[::-1]
    ]
    assert [(entry.seq, entry.amount, entry.balance) for entry in entries] == [
        (2, -3, 4),
        (1, 7, 7),
    ]
    assert entries[1].metadata == {"order": 7}


async def test_results_are_in_the_order_of_the_items(ledger: AsyncLedger) -> None:
    requests = [
        EntryRequest(owner_id=f"owner-{number % 7}", operation="CREDIT_ADD", nonce=f"n-{number}")
        for number in range(500)
    ]
    results = await ledger.record_entries(request for request in requests)
    assert [result.nonce for result in results if isinstance(result, RecordedEntry)] == [
        request.nonce for request in requests
    ]


async def test_results_of_several_owners_keep_the_order_of_the_items(ledger: AsyncLedger) -> None:
    claimed, added, refused = await ledger.record_entries(
        [
            {"owner_id": "zoe", "operation": "SIGNUP_CREDIT", "nonce": "n-1"},
            add("n-2"),
            {"owner_id": "bob", "operation": "CREDIT_SPEND", "nonce": "n-3"},
        ]
    )
    assert isinstance(claimed, RecordedEntry)
    assert (claimed.owner_id, claimed.nonce, claimed.amount) == ("zoe", "n-1", 3)
    assert isinstance(added, RecordedEntry)
    assert (added.owner_id, added.nonce, added.replayed) == ("alice", "n-2", False)
    assert isinstance(refused, Refusal)
    assert (refused.position, refused.detail["owner_id"]) == (3, "bob")


async def test_item_with_all_fields_is_recorded(ledger: AsyncLedger) -> None:
    expires_at = datetime(2101, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    request = add("n-1", metadata={"a": None}, expires_at=expires_at, claim_subject="device-7")
    (result,) = await ledger.record_entries([request])
    assert isinstance(result, RecordedEntry)
    assert (result.metadata, result.expires_at) == ({"a": None}, expires_at)


async def test_refused_item_does_not_affect_the_others(ledger: AsyncLedger) -> None:
    results = await ledger.record_entries(
        [add("n-1"), spend("n-2", -8), spend("n-3", -2), add("n-1"), add("n-1", 8)]
    )
    first, refused, third, again, conflict = results
    assert isinstance(first, RecordedEntry)
    assert again == msgspec.structs.replace(first, replayed=True)
    assert isinstance(third, RecordedEntry)
    assert third.balance == 5
    assert isinstance(refused, Refusal)
    assert (refused.position, refused.code) == (2, "insufficient_balance")
    assert isinstance(conflict, Refusal)
    assert (conflict.position, conflict.code) == (5, "nonce_conflict")
    assert (await ledger.balance(owner_id="alice")).entry_count == 2


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        ({"owner_id": ""}, InvalidRequest),
        ({"amount": 0}, AmountOutOfBounds),
        ({"operation": "NO_SUCH_OPERATION"}, UnknownOperation),
        ({"operation": "CREDIT_SPEND", "amount": -1}, InsufficientBalance),
        ({"nonce": "used"}, NonceConflict),
    ],
)
async def test_refusal_carries_the_error_of_the_single_call(
    ledger: AsyncLedger, request_: dict[str, Any], refusal: type[LedgerError]
) -> None:
    await ledger.record_entry(owner_id="bob", operation="CREDIT_ADD", nonce="used")
    complete = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n-1"} | request_
    (result,) = await ledger.record_entries([complete])
    with pytest.raises(refusal) as raised:
        await ledger.record_entry(**complete)
    assert isinstance(result, Refusal)
    error = result.error
    assert type(error) is refusal
    assert str(error) == str(raised.value)
    assert (error.code, error.sqlstate, error.detail, error.hint) == (
        raised.value.code,
        raised.value.sqlstate,
        raised.value.detail,
        raised.value.hint,
    )


async def test_metadata_and_errors_of_items_can_be_written_as_json(ledger: AsyncLedger) -> None:
    results = await ledger.record_entries([add("n-1"), spend("n-2", -9)])
    entry, refusal = msgspec.json.decode(msgspec.json.encode(results))
    assert entry["nonce"] == "n-1"
    assert (refusal["position"], refusal["detail"]["required"]) == (2, 9)


# All or none


async def test_atomic_batch_without_refusals_is_recorded(ledger: AsyncLedger) -> None:
    results = await ledger.record_entries([add("n-1"), spend("n-2", -7)], atomic=True)
    assert [type(result) for result in results] == [RecordedEntry, RecordedEntry]


async def test_refused_atomic_batch_raises_its_first_refusal(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    with pytest.raises(InsufficientBalance) as refused:
        async with conn.transaction():
            await ledger.record_entries([add("n-1"), spend("n-2", -8), add("", 0)], atomic=True)
    assert refused.value.detail["position"] == 2
    assert refused.value.detail["required"] == 8
    assert (await ledger.balance(owner_id="alice")).entry_count == 0


# Items


ITEM = {
    "owner_id": "alice",
    "operation": App1Operation.CREDIT_ADD,
    "nonce": "n-1",
    "amount": 7,
    "metadata": {},
}


@pytest.mark.parametrize(
    "item",
    [
        ITEM,
        ITEM | {"expires_at": None, "claim_subject": None},
        MappingProxyType(ITEM | {"metadata": MappingProxyType({})}),
        MappingProxyType(ITEM | {"metadata": MappingProxyType({}), "expires_at": None}),
    ],
)
async def test_mapping_is_equivalent_to_a_request(
    ledger: AsyncLedger, item: Mapping[str, Any]
) -> None:
    first, again = await ledger.record_entries([add("n-1", metadata={}), item])
    assert isinstance(first, RecordedEntry)
    assert again == msgspec.structs.replace(first, replayed=True)


async def test_json_array_is_equivalent_to_requests(ledger: AsyncLedger) -> None:
    requests = [add("n-1", metadata={"text": "\\u0000 žluťoučký"}), spend("n-2", -8)]
    first, refused = await ledger.record_entries(requests)
    again, refused_again = await ledger.record_entries(msgspec.json.encode(requests))
    assert isinstance(first, RecordedEntry)
    assert again == msgspec.structs.replace(first, replayed=True)
    assert refused_again == refused


async def test_metadata_round_trips(ledger: AsyncLedger) -> None:
    metadata = {
        "text": "žluťoučký \\u0000 \N{SNOWMAN} \"quoted\" 'single' %s \\",
        "integer": 12345678901234567890123,
        "float": 0.1,
        "nested": [{"empty": {}}, None, True, [], "null"],
    }
    (result,) = await ledger.record_entries([add("n-1", metadata=metadata)])
    assert isinstance(result, RecordedEntry)
    assert result.metadata == metadata
    single = await ledger.record_entry(
        owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=7, metadata=metadata
    )
    assert single.replayed


async def test_empty_batch_has_no_results(ledger: AsyncLedger) -> None:
    assert await ledger.record_entries([]) == []


async def test_too_long_batch_is_refused(ledger: AsyncLedger) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await ledger.record_entries(add(f"n-{number}") for number in range(10_001))
    assert refused.value.detail["field"] == "entries"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (add("n-2", metadata={"a": float("nan")}), "cannot be written as JSON"),
        (add("n-2", metadata={"a": [float("-inf")]}), "cannot be written as JSON"),
        (add("n-2", metadata={"a": object()}), "cannot be written as JSON"),
        (add("n-2", metadata={"a": "\0"}), "must not contain the NUL character"),
        (add("n\0-2"), "must not contain the NUL character"),
        (add("\ud800"), "must be valid Unicode"),
        ({"nonce": object()}, "cannot be written as JSON"),
    ],
)
async def test_unsendable_item_is_named_and_nothing_is_sent(
    ledger: AsyncLedger, item: EntryRequest, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await ledger.record_entries([add("n-1"), item, add("n-3")])
    assert refused.value.detail["reason"].startswith(reason)
    assert (refused.value.detail["field"], refused.value.detail["position"]) == ("entries", 2)
    assert (await ledger.balance(owner_id="alice")).entry_count == 0


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"amount": 7.0}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": "7"}, "amount"),
        ({"amount": 2**63}, "amount"),
        ({"owner_id": 7}, "owner_id"),
        ({"metadata": [1]}, "metadata"),
        ({"expires_at": datetime(2101, 1, 1)}, "expires_at"),
        ({"no_such_field": 7}, "no_such_field"),
    ],
)
async def test_malformed_item_is_refused_alone(
    ledger: AsyncLedger, item: dict[str, Any], field: str
) -> None:
    complete = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n-1"}
    refused, recorded = await ledger.record_entries([complete | item, complete])
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, InvalidRequest)
    assert refused.detail["field"] == field
    assert isinstance(recorded, RecordedEntry)


@pytest.mark.parametrize(
    "entries", [b"\xff", b"[", b"{}", b"null", b"", rb'[{"nonce": "\u0000"}]', b'["\\ud800"]']
)
async def test_bytes_other_than_a_json_array_of_entries_are_refused(
    ledger: AsyncLedger, entries: bytes
) -> None:
    with pytest.raises(InvalidRequest):
        await ledger.record_entries(entries)


async def test_unregistered_app_is_refused(conn: AsyncConnection[Any]) -> None:
    with pytest.raises(UnknownApp):
        await ledger_on(conn, app="app99").record_entries([add("n-1")])
