"""Recording entries: one, many, and reversals."""

from __future__ import annotations

from typing import Any, Final

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import (
    AccountFrozen,
    AmountOutOfBounds,
    ClaimLimitReached,
    EntryNotFound,
    InsufficientBalance,
    NonceConflict,
    OperationNotAllowed,
    ReversalExceedsOriginal,
    UnknownOperation,
)
from ledger_py.http.problems import Problem, problem_of
from ledger_py.http.recorder import Recorder
from ledger_py.http.requests import Batch, decode_batch
from ledger_py.http.routing import Route
from ledger_py.http.schemas import (
    BatchAnswer,
    BatchRequest,
    RecordRequest,
    RequestedOperation,
    ReversalRequest,
)
from ledger_py.structs import RecordedEntry, Refusal

_OF_RECORDING: Final = (
    AmountOutOfBounds,
    UnknownOperation,
    OperationNotAllowed,
    NonceConflict,
    InsufficientBalance,
    ClaimLimitReached,
    AccountFrozen,
)


@Route(
    "POST",
    "/ledger",
    answers="The entry",
    recorded=True,
    refuses=_OF_RECORDING,
)
async def record_entry(
    recorder: Recorder, body: RecordRequest[RequestedOperation], nonce: str
) -> RecordedEntry:
    """Record one entry.

    Records the entry or nothing. Repeating the request returns the first answer (200, `replayed` is
    true) and changes nothing. A refused request does not use up its nonce.
    """
    return await recorder.record(body, nonce)


@Route(
    "POST",
    "/ledger/batch",
    answers="The results, in the order of the entries",
    body=BatchRequest,
    decode=decode_batch,
    many=True,
    refuses=_OF_RECORDING,
)
async def record_entries(recorder: Recorder, body: Batch) -> BatchAnswer:
    """Record many entries.

    Records the entries as if one request came after the other. A refused entry affects no other:
    its result is the problem that a single request would have been answered with (`code` tells it
    from an entry). If the batch is atomic, the first refusal refuses all, with its `position`
    counted from 1. The batch may be repeated: entries that were recorded are answered again.
    """
    if body.atomic:
        _refuse_with_first(body.entries)
    requests = [entry for entry in body.entries if isinstance(entry, RecordRequest)]
    recorded = iter(await recorder.record_batch(requests, atomic=body.atomic))
    return BatchAnswer(
        results=[
            _result(next(recorded)) if isinstance(entry, RecordRequest) else entry.members()
            for entry in body.entries
        ]
    )


def _refuse_with_first(entries: list[RecordRequest[str] | Problem]) -> None:
    for position, entry in enumerate(entries, start=1):
        if isinstance(entry, Problem):
            values = {**entry.values, "position": position}
            raise Problem(entry.type.code, entry.detail, values=values)


def _result(result: RecordedEntry | Refusal) -> RecordedEntry | dict[str, Any]:
    return problem_of(result.error).members() if isinstance(result, Refusal) else result


@Route(
    "POST",
    "/ledger/reversals",
    answers="The reversal",
    recorded=True,
    refuses=(
        EntryNotFound,
        ReversalExceedsOriginal,
        AmountOutOfBounds,
        NonceConflict,
        InsufficientBalance,
        AccountFrozen,
    ),
)
async def reverse_entry(ledger: AsyncLedger, body: ReversalRequest, nonce: str) -> RecordedEntry:
    """Reverse an entry, wholly or in part.

    Records an entry of operation REVERSAL. All reversals of an entry together never exceed it. The
    credits of a reversed debit return to where they came from; a credit can be reversed only while
    it is available.
    """
    return await ledger.reverse_entry(
        nonce=nonce,
        original_nonce=body.original_nonce,
        amount=body.amount,
        metadata=body.metadata,
        free_claim=body.free_claim,
    )
