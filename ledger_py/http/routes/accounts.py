"""Reading accounts: `GET /ledger/{owner_id}` and what lies below it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import UnknownApp, UnknownOperation
from ledger_py.fields import Time
from ledger_py.http.problems import Problem
from ledger_py.http.routing import Route
from ledger_py.http.schemas import (
    AccountPath,
    AccountQuery,
    BalanceParts,
    BalanceQuery,
    EntriesQuery,
    EntryPage,
    Forecast,
    ForecastQuery,
    HoldPage,
    HoldsQuery,
    LotPage,
    LotsQuery,
    PastBalance,
    SpenderPage,
    SpendersQuery,
    Statement,
    StatementQuery,
    StatementTotal,
    Timeline,
    TimelineQuery,
)
from ledger_py.structs import Balance, Hold

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@Route(
    "GET",
    "/ledger/{owner_id}",
    answers="The balance; without held and available when a time was given",
    refuses=(UnknownApp, UnknownOperation),
)
async def balance(
    ledger: AsyncLedger, at: AccountPath, query: BalanceQuery
) -> Balance | PastBalance:
    """Read a balance, now or at a past time.

    Zeros for an owner never seen. The balance is the sum of the entries; what open holds reserve is
    in it, and is not available. With `at`, the answer is the balance at that time and nothing else.
    """
    if query.at is None:
        return await ledger.balance(
            owner_id=at.owner_id,
            asset=query.asset,
            for_app=query.for_app,
            for_operation=query.for_operation,
        )
    for name in ("for_app", "for_operation"):
        if getattr(query, name) is not None:
            raise Problem.of_field(name, "is about now: leave it out, or `at`")
    found = await ledger.balance_at(owner_id=at.owner_id, at=query.at, asset=query.asset)
    return PastBalance(owner_id=at.owner_id, asset=query.asset, at=query.at, balance=found)


@Route("GET", "/ledger/{owner_id}/entries", answers="One page")
async def entries(ledger: AsyncLedger, at: AccountPath, query: EntriesQuery) -> EntryPage:
    """List an account's entries, newest first.

    Entries of all apps. Entries that are recorded between two pages do not shift the second.
    """
    page = await ledger.entries_of(
        owner_id=at.owner_id,
        asset=query.asset,
        before_seq=None if query.cursor is None else int(query.cursor),
        max_rows=query.limit,
    )
    # Entries are numbered from 1 without gaps, so no page follows number 1.
    more = len(page) == query.limit and page[-1].seq > 1
    return EntryPage(entries=page, next=str(page[-1].seq) if more else None)


@Route("GET", "/ledger/{owner_id}/holds", answers="One page")
async def holds(ledger: AsyncLedger, at: AccountPath, query: HoldsQuery) -> HoldPage:
    """List an account's holds, newest first.

    Holds of all apps, also those that have ended, unless `status` selects some.
    """
    found = await ledger.holds_of(
        owner_id=at.owner_id,
        asset=query.asset,
        status=query.status,
        before=_placed_before(query.cursor),
        max_rows=query.limit + 1,  # one more tells whether there is another page
    )
    page = found[: query.limit]
    return HoldPage(holds=page, next=_hold_cursor(page[-1]) if len(found) > len(page) else None)


@Route("GET", "/ledger/{owner_id}/parts", answers="The parts")
async def balance_parts(ledger: AsyncLedger, at: AccountPath, query: AccountQuery) -> BalanceParts:
    """Read what a balance consists of: by class, use, expiry and priority.

    The parts add up to the balance, and are in the order in which they are spent.
    """
    parts = await ledger.balance_parts(owner_id=at.owner_id, asset=query.asset)
    return BalanceParts(owner_id=at.owner_id, asset=query.asset, parts=parts)


@Route("GET", "/ledger/{owner_id}/lots", answers="One page")
async def lots(ledger: AsyncLedger, at: AccountPath, query: LotsQuery) -> LotPage:
    """List an account's lots, in the order in which they are spent.

    A lot is what is left of the credits of one entry that expire, or have a class, a priority or a
    limited use. Other credits are in no lot, and are spent after those of priority 100.
    """
    found = await ledger.lots_of(
        owner_id=at.owner_id,
        asset=query.asset,
        after_seq=None if query.cursor is None else int(query.cursor),
        max_rows=query.limit + 1,  # one more tells whether there is another page
    )
    page = found[: query.limit]
    return LotPage(lots=page, next=str(page[-1].seq) if len(found) > len(page) else None)


@Route("GET", "/ledger/{owner_id}/timeline", answers="The timeline")
async def timeline(ledger: AsyncLedger, at: AccountPath, query: TimelineQuery) -> Timeline:
    """Read the balance of an account over time, as steps for a curve.

    If there are more steps than `points`, time is divided into equal stretches, each of which keeps
    its least, its most and its last balance and held credits.
    """
    steps = await ledger.timeline(
        owner_id=at.owner_id,
        asset=query.asset,
        since=query.since,
        until=query.until,
        points=query.points,
    )
    return Timeline(owner_id=at.owner_id, asset=query.asset, steps=steps)


@Route("GET", "/ledger/{owner_id}/forecast", answers="The forecast")
async def forecast(ledger: AsyncLedger, at: AccountPath, query: ForecastQuery) -> Forecast:
    """Read what will happen to an account by the clock alone, if nobody calls.

    Credits that expire and holds that end. Held credits do not expire before their hold ends.
    """
    events = await ledger.forecast(
        owner_id=at.owner_id, asset=query.asset, until=query.until, max_rows=query.limit
    )
    return Forecast(owner_id=at.owner_id, asset=query.asset, events=events)


@Route("GET", "/ledger/{owner_id}/statement", answers="The statement")
async def statement(ledger: AsyncLedger, at: AccountPath, query: StatementQuery) -> Statement:
    """Read the statement of an account for a period.

    The balance before the period, the sums of its entries by app and operation, and the balance at
    its end. The opening and the totals make the closing.
    """
    opening, *totals, closing = await ledger.statement(
        owner_id=at.owner_id, since=query.since, until=query.until, asset=query.asset
    )
    return Statement(
        owner_id=at.owner_id,
        asset=query.asset,
        since=query.since,
        until=query.until,
        opening=opening.amount,
        totals=msgspec.convert(totals, list[StatementTotal], from_attributes=True),
        closing=closing.amount,
    )


@Route("GET", "/ledger/{owner_id}/spenders", answers="One page")
async def statement_by_spender(
    ledger: AsyncLedger, at: AccountPath, query: SpendersQuery
) -> SpenderPage:
    """Read what each spender of an account spent in a period, in the order of their names.

    Entries without a spender are in the statement only.
    """
    found = await ledger.statement_by_spender(
        owner_id=at.owner_id,
        since=query.since,
        until=query.until,
        asset=query.asset,
        after_spender=query.cursor,
        max_rows=query.limit + 1,  # one more tells whether there is another page
    )
    page = found[: query.limit]
    return SpenderPage(spenders=page, next=page[-1].spender if len(found) > len(page) else None)


def _hold_cursor(hold: Hold) -> str:
    """Make a cursor of the time at which a hold was placed, which is unique in its account."""
    return str((hold.placed_at - _EPOCH) // timedelta(microseconds=1))


def _placed_before(cursor: str | None) -> datetime | None:
    if cursor is None:
        return None
    if cursor.isdigit():
        return _EPOCH + timedelta(microseconds=int(cursor))
    try:
        return msgspec.convert(cursor, Time)
    except msgspec.ValidationError as error:
        raise Problem.of_field("cursor", "must be `next` of another page") from error
