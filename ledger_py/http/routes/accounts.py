"""Reading accounts: `GET /ledger/{owner_id}` and what lies below it."""

from __future__ import annotations

import msgspec

from ledger_py.client_async import AsyncLedger
from ledger_py.http.routing import Route
from ledger_py.http.schemas import (
    AccountPath,
    BalanceQuery,
    EntriesQuery,
    EntryPage,
    HoldPage,
    HoldsQuery,
    PastBalance,
    Statement,
    StatementQuery,
    StatementTotal,
)
from ledger_py.structs import Balance


@Route(
    "GET",
    "/ledger/{owner_id}",
    answers="The balance; without held and available when a time was given",
)
async def balance(
    ledger: AsyncLedger, at: AccountPath, query: BalanceQuery
) -> Balance | PastBalance:
    """Read a balance, now or at a past time.

    Zeros for an owner never seen. The balance is the sum of the entries; what open holds reserve is
    in it, and is not available. With `at`, the answer is the balance at that time and nothing else.
    """
    if query.at is None:
        return await ledger.balance(owner_id=at.owner_id, asset=query.asset)
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
        before=query.cursor,
        max_rows=query.limit + 1,  # one more tells whether there is another page
    )
    page = found[: query.limit]
    return HoldPage(holds=page, next=page[-1].placed_at if len(found) > len(page) else None)


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
