"""Allowances: credits that come at the beginning of every period."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import (
    AccountClosed,
    AccountFrozen,
    AllowanceEnded,
    AllowanceNotFound,
    AmountOutOfBounds,
    InvalidRequest,
    NonceConflict,
    OperationNotAllowed,
    UnknownOperation,
)
from ledger_py.fields import Time
from ledger_py.http.routing import Route
from ledger_py.http.schemas import (
    LAST_YEAR,
    AccountPath,
    AccountQuery,
    AllowanceChange,
    AllowanceEnd,
    AllowancePath,
    AllowanceRequest,
    Allowances,
    RequestedOperation,
)
from ledger_py.structs import Allowance


@Route(
    "POST",
    "/ledger/allowances",
    answers="The allowance",
    recorded=True,
    refuses=(
        AmountOutOfBounds,
        UnknownOperation,
        OperationNotAllowed,
        NonceConflict,
        AccountClosed,
        AccountFrozen,
    ),
    about="owner_id",
)
async def grant_allowance(
    ledger: AsyncLedger, body: AllowanceRequest[RequestedOperation], nonce: str
) -> Allowance:
    """Grant an allowance: credits that come at the beginning of every period.

    Nothing has to run for it. The credits expire when the next period begins, but for what is
    carried over; other credits of the owner are not touched. Its operation must be a credit without
    a claim limit, and its nonce have 200 characters at most.
    """
    return await ledger.grant_allowance(
        owner_id=body.owner_id,
        operation=body.operation,
        nonce=nonce,
        amount=body.amount,
        period=body.period,
        starts_at=body.starts_at,
        time_zone=body.time_zone,
        carry_over_most=body.carry_over_most,
        carry_over_for=body.carry_over_for,
        occurrences=body.occurrences,
        ends_at=body.ends_at,
        metadata=body.metadata,
    )


@Route(
    "POST",
    "/ledger/allowances/{allowance_nonce}/change",
    answers="The allowance",
    recorded=True,
    refuses=(
        AllowanceNotFound,
        AllowanceEnded,
        AmountOutOfBounds,
        OperationNotAllowed,
        NonceConflict,
        AccountClosed,
        AccountFrozen,
    ),
    about="allowance_nonce",
)
async def change_allowance(
    ledger: AsyncLedger, at: AllowancePath, body: AllowanceChange, nonce: str
) -> Allowance:
    """Change how many credits come from an allowance.

    From the next period on; or at once, if it is more: then the rest of it comes now. Credits that
    have come are the owner's.
    """
    return await ledger.change_allowance(
        allowance_nonce=at.allowance_nonce,
        nonce=nonce,
        amount=body.amount,
        from_next_period=body.from_next_period,
        owner_id=body.owner_id,
    )


@Route(
    "POST",
    "/ledger/allowances/{allowance_nonce}/end",
    answers="The allowance",
    refuses=(AllowanceNotFound, AllowanceEnded),
    body_required=False,
    about="allowance_nonce",
)
async def end_allowance(ledger: AsyncLedger, at: AllowancePath, body: AllowanceEnd) -> Allowance:
    """End an allowance, now or later.

    What has come stays until it expires, unless it is forfeited. The request needs no nonce: it may
    be repeated, and then answers with the allowance as it is.
    """
    return await ledger.end_allowance(
        allowance_nonce=at.allowance_nonce,
        at=_end(body.at),
        forfeit=body.forfeit,
        owner_id=body.owner_id,
    )


@Route("GET", "/ledger/{owner_id}/allowances", answers="The allowances")
async def allowances(ledger: AsyncLedger, at: AccountPath, query: AccountQuery) -> Allowances:
    """List the allowances of an owner, the next to come first.

    Allowances of all apps, also those that have ended.
    """
    found = await ledger.allowances_of(owner_id=at.owner_id, asset=query.asset)
    return Allowances(owner_id=at.owner_id, asset=query.asset, allowances=found)


def _end(text: str | None) -> datetime | Literal["infinity"] | None:
    if text is None:
        return None
    if text == "infinity":
        return "infinity"
    try:
        time: datetime = msgspec.convert(text, Time)
    except msgspec.ValidationError as error:
        reason = "must be a time of RFC 3339 with a time zone, or infinity"
        raise InvalidRequest.of_field("at", reason) from error
    if time.year > LAST_YEAR:
        raise InvalidRequest.of_field("at", f"must not be later than the year {LAST_YEAR}")
    return time
