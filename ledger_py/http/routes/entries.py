"""Recording entries: one, many, transfers and reversals."""

from __future__ import annotations

from typing import Final

import msgspec

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import (
    AccountClosed,
    AccountFrozen,
    AmountOutOfBounds,
    BudgetExceeded,
    ClaimLimitReached,
    ClaimNotReserved,
    EntryNotFound,
    InsufficientBalance,
    NonceConflict,
    NotTransferable,
    OperationNotAllowed,
    OtherPartition,
    ReversalExceedsOriginal,
    UnknownOperation,
)
from ledger_py.http.bodies import Batch, decode_batch
from ledger_py.http.callers import Caller
from ledger_py.http.problems import Problem
from ledger_py.http.recorder import Recorder
from ledger_py.http.routing import Route
from ledger_py.http.schemas import (
    BatchAnswer,
    BatchRequest,
    RecordRequest,
    RequestedOperation,
    ReversalRequest,
    TransferRequest,
)
from ledger_py.http.turns import Turns
from ledger_py.structs import RecordedEntry, Transfer

_OF_RECORDING: Final = (
    AmountOutOfBounds,
    UnknownOperation,
    OperationNotAllowed,
    NonceConflict,
    InsufficientBalance,
    ClaimLimitReached,
    ClaimNotReserved,
    AccountClosed,
    AccountFrozen,
    BudgetExceeded,
)


@Route(
    "POST",
    "/ledger",
    answers="The entry",
    recorded=True,
    refuses=_OF_RECORDING,
)
async def record_entry(
    recorder: Recorder, caller: Caller, body: RecordRequest[RequestedOperation], nonce: str
) -> RecordedEntry:
    """Record one entry.

    Records the entry or nothing. Repeating the request returns the first answer (200, `replayed` is
    true) and changes nothing. A refused request does not use up its nonce.
    """
    return await recorder.record(body, nonce, caller)


@Route(
    "POST",
    "/ledger/batch",
    answers="The results, in the order of the entries",
    body=BatchRequest,
    decode_many=decode_batch,
    refuses=(*_OF_RECORDING, NotTransferable, OtherPartition),
)
async def record_entries(
    recorder: Recorder, caller: Caller, turns: Turns, body: Batch
) -> BatchAnswer:
    """Record many entries.

    Records the entries as if one request came after the other. A refused entry affects no other:
    its result is the problem that a single request would have been answered with (`code` tells it
    from an entry). If the batch is atomic, the first refusal refuses all, with its `position`
    counted from 1. The batch may be repeated: entries that were recorded are answered again. An
    entry with `to_owner_id` is a transfer.
    """
    if body.atomic:
        _refuse_with_first(body.problems)
    recorded: list[msgspec.Raw] = []
    if None in body.problems:
        recorded = await recorder.record_batch(
            body.requests, atomic=body.atomic, owner_id=body.owner_id, caller=caller
        )
    left = iter(recorded)
    results = await turns.each(
        body.problems,
        lambda problem: next(left) if problem is None else msgspec.Raw(problem.encode()),
    )
    return BatchAnswer(results=results)


def _refuse_with_first(problems: list[Problem | None]) -> None:
    for position, problem in enumerate(problems, start=1):
        if problem is not None:
            values = {**problem.values, "position": position}
            raise Problem(problem.type.code, problem.detail, values=values)


@Route(
    "POST",
    "/ledger/transfers",
    answers="The entries of both sides",
    recorded=True,
    refuses=(
        AmountOutOfBounds,
        UnknownOperation,
        OperationNotAllowed,
        NotTransferable,
        OtherPartition,
        NonceConflict,
        InsufficientBalance,
        ClaimLimitReached,
        AccountClosed,
        AccountFrozen,
        BudgetExceeded,
    ),
    about="from_owner_id",
)
async def transfer_credits(
    ledger: AsyncLedger, body: TransferRequest[RequestedOperation], nonce: str
) -> Transfer:
    """Transfer credits from one owner to another.

    Records the entries of both sides, or nothing. The credits keep their expiry, class and use. The
    operation must be `transferable` (see `/operations`); its budgets and its claim limit are the
    sender's. Reversing the transfer by its nonce takes back both sides.
    """
    return await ledger.transfer_credits(
        from_owner_id=body.from_owner_id,
        to_owner_id=body.to_owner_id,
        operation=body.operation,
        nonce=nonce,
        amount=body.amount,
        metadata=body.metadata,
        spender=body.spender,
    )


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
        AccountClosed,
        AccountFrozen,
    ),
    about="original_nonce",
)
async def reverse_entry(ledger: AsyncLedger, body: ReversalRequest, nonce: str) -> RecordedEntry:
    """Reverse an entry, wholly or in part.

    Records an entry of operation REVERSAL. All reversals of an entry together never exceed it. The
    credits of a reversed debit return to where they came from; a credit can be reversed only while
    it is available. A transfer is taken back on both sides.
    """
    return await ledger.reverse_entry(
        nonce=nonce,
        original_nonce=body.original_nonce,
        amount=body.amount,
        metadata=body.metadata,
        free_claim=body.free_claim,
        owner_id=body.owner_id,
    )
