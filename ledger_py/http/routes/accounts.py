"""`GET /ledger/{owner_id}` and what lies below it: reading accounts."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler

from ledger_py.http.database import Database
from ledger_py.http.decoding import decode_query
from ledger_py.http.logs import RequestLog
from ledger_py.http.routes.paths import decode_path
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

__all__ = ("account_routes",)

# Litestar hands the segment over as the path has it; decode_path decodes it.
_ACCOUNT: Final = "/ledger/{owner_id:str}"


def account_routes(database: Database) -> list[HTTPRouteHandler]:
    """Make the routes.

    Args:
        database: Where accounts are read.
    """

    @get(_ACCOUNT)
    async def balance(request: Request[Any, Any, Any]) -> Balance | PastBalance:
        """Tell what an owner has or had; zeros for an owner never seen."""
        owner_id = _owner_of(request)
        query = decode_query(request.scope["query_string"], BalanceQuery)
        at = query.at
        if at is None:
            return await database.call(
                lambda ledger: ledger.balance(owner_id=owner_id, asset=query.asset)
            )
        found = await database.call(
            lambda ledger: ledger.balance_at(owner_id=owner_id, at=at, asset=query.asset)
        )
        return PastBalance(owner_id=owner_id, asset=query.asset, at=at, balance=found)

    @get(f"{_ACCOUNT}/entries")
    async def entries(request: Request[Any, Any, Any]) -> EntryPage:
        """List an account's entries, newest first."""
        owner_id = _owner_of(request)
        query = decode_query(request.scope["query_string"], EntriesQuery)
        page = await database.call(
            lambda ledger: ledger.entries_of(
                owner_id=owner_id,
                asset=query.asset,
                before_seq=None if query.cursor is None else int(query.cursor),
                max_rows=query.limit,
            )
        )
        # Entries are numbered from 1 without gaps, so the one with number 1 is the last.
        more = len(page) == query.limit and page[-1].seq > 1
        return EntryPage(entries=page, next=str(page[-1].seq) if more else None)

    @get(f"{_ACCOUNT}/holds")
    async def holds(request: Request[Any, Any, Any]) -> HoldPage:
        """List an account's holds, newest first."""
        owner_id = _owner_of(request)
        query = decode_query(request.scope["query_string"], HoldsQuery)
        found = await database.call(
            lambda ledger: ledger.holds_of(
                owner_id=owner_id,
                asset=query.asset,
                status=query.status,
                before=query.cursor,
                max_rows=query.limit + 1,  # one more tells whether there is another page
            )
        )
        page = found[: query.limit]
        more = len(found) > len(page)
        return HoldPage(holds=page, next=msgspec.to_builtins(page[-1].placed_at) if more else None)

    @get(f"{_ACCOUNT}/statement")
    async def statement(request: Request[Any, Any, Any]) -> Statement:
        """Tell what moved on an account in a period."""
        owner_id = _owner_of(request)
        query = decode_query(request.scope["query_string"], StatementQuery)
        opening, *totals, closing = await database.call(
            lambda ledger: ledger.statement(
                owner_id=owner_id, since=query.since, until=query.until, asset=query.asset
            )
        )
        return Statement(
            owner_id=owner_id,
            asset=query.asset,
            since=query.since,
            until=query.until,
            opening=opening.amount,
            totals=msgspec.convert(totals, list[StatementTotal], from_attributes=True),
            closing=closing.amount,
        )

    return [balance, entries, holds, statement]


def _owner_of(request: Request[Any, Any, Any]) -> str:
    owner_id = decode_path(request, AccountPath).owner_id
    RequestLog.of(request.scope).owner = owner_id
    return owner_id
