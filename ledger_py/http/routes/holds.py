"""Holds: reserving credits, and spending, releasing or extending what is reserved."""

from __future__ import annotations

from datetime import timedelta

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import (
    AccountClosed,
    AccountFrozen,
    AmountOutOfBounds,
    BudgetExceeded,
    HoldClosed,
    HoldNotFound,
    InsufficientBalance,
    NonceConflict,
    OperationNotAllowed,
    UnknownOperation,
)
from ledger_py.http.routing import Route
from ledger_py.http.schemas import (
    CaptureRequest,
    ExtendRequest,
    GrowRequest,
    HoldPath,
    HoldRequest,
    ReleaseRequest,
    RequestedOperation,
)
from ledger_py.structs import Hold, RecordedEntry


@Route(
    "POST",
    "/ledger/holds",
    answers="The hold",
    recorded=True,
    refuses=(
        AmountOutOfBounds,
        UnknownOperation,
        OperationNotAllowed,
        NonceConflict,
        InsufficientBalance,
        AccountClosed,
        AccountFrozen,
        BudgetExceeded,
    ),
    about="owner_id",
)
async def place_hold(
    ledger: AsyncLedger, body: HoldRequest[RequestedOperation], nonce: str
) -> Hold:
    """Reserve credits for a debit.

    A hold lowers what is available, not the balance. It ends when it is captured, released, or
    expires; credits under it do not expire until then. Its operation must be a debit without a
    claim limit.
    """
    return await ledger.place_hold(
        owner_id=body.owner_id,
        operation=body.operation,
        nonce=nonce,
        amount=body.amount,
        expires_in=timedelta(seconds=body.expires_in),
        metadata=body.metadata,
        spender=body.spender,
        quantity=body.quantity,
    )


@Route(
    "POST",
    "/ledger/holds/{hold_nonce}/capture",
    answers="The entry",
    recorded=True,
    refuses=(
        HoldNotFound,
        HoldClosed,
        AmountOutOfBounds,
        NonceConflict,
        InsufficientBalance,
        AccountClosed,
        AccountFrozen,
        BudgetExceeded,
    ),
    about="hold_nonce",
)
async def capture_hold(
    ledger: AsyncLedger, at: HoldPath, body: CaptureRequest, nonce: str
) -> RecordedEntry:
    """Capture a hold: spend what it reserves.

    Records an entry of the hold's operation. Unless `final` is false, the hold ends and the rest is
    released. More than it reserves is refused, unless `beyond` says otherwise.
    """
    return await ledger.capture_hold(
        hold_nonce=at.hold_nonce,
        nonce=nonce,
        amount=body.amount,
        final=body.final,
        metadata=body.metadata,
        owner_id=body.owner_id,
        beyond=body.beyond,
        quantity=body.quantity,
    )


@Route(
    "POST",
    "/ledger/holds/{hold_nonce}/release",
    answers="The hold",
    refuses=(HoldNotFound, HoldClosed),
    body_required=False,
    about="hold_nonce",
)
async def release_hold(ledger: AsyncLedger, at: HoldPath, body: ReleaseRequest) -> Hold:
    """Release a hold and what it reserves.

    The hold ends, and its owner may spend again what it still reserved. What was captured stays
    spent. The request needs no nonce: it may be repeated, and then answers with the hold as it is.
    """
    return await ledger.release_hold(hold_nonce=at.hold_nonce, owner_id=body.owner_id)


@Route(
    "POST",
    "/ledger/holds/{hold_nonce}/extend",
    answers="The hold",
    refuses=(HoldNotFound, HoldClosed),
    about="hold_nonce",
)
async def extend_hold(ledger: AsyncLedger, at: HoldPath, body: ExtendRequest) -> Hold:
    """Extend a hold.

    The hold expires so many seconds from now, or when it would have expired without this request,
    if that is later. It must still be open.
    """
    return await ledger.extend_hold(
        hold_nonce=at.hold_nonce,
        expires_in=timedelta(seconds=body.expires_in),
        owner_id=body.owner_id,
    )


@Route(
    "POST",
    "/ledger/holds/{hold_nonce}/grow",
    answers="The hold",
    recorded=True,
    refuses=(
        HoldNotFound,
        HoldClosed,
        AmountOutOfBounds,
        NonceConflict,
        InsufficientBalance,
        AccountClosed,
        AccountFrozen,
        BudgetExceeded,
    ),
    about="hold_nonce",
)
async def grow_hold(ledger: AsyncLedger, at: HoldPath, body: GrowRequest, nonce: str) -> Hold:
    """Let a hold grow: reserve more.

    As often as needed, while it is open. A refusal leaves the hold as it was. It does not last
    longer: that is for `extend`.
    """
    return await ledger.grow_hold(
        hold_nonce=at.hold_nonce, nonce=nonce, by=body.by, owner_id=body.owner_id
    )
