"""`POST /ledger/reversals`: taking entries back."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from ledger_py.http.bodies import read_json
from ledger_py.http.database import Database
from ledger_py.http.decoding import agree_on_nonce, decode_body
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.logs import RequestLog
from ledger_py.http.routes.answers import answer_recorded
from ledger_py.http.schemas import ReversalRequest

__all__ = ("reversal_route",)


def reversal_route(database: Database, feed: ChangeFeed) -> HTTPRouteHandler:
    """Make the route.

    Args:
        database: Where entries are reversed.
        feed: Who is told that something was recorded.
    """

    @post("/ledger/reversals", name="reverse_entry")
    async def reverse_entry(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Take back an entry of this app: 201, or 200 for what had been taken back before."""
        body, idempotency_key = await read_json(request.scope, request.receive)
        reversal = decode_body(body, ReversalRequest)
        nonce = agree_on_nonce(reversal.nonce, idempotency_key)
        entry = await database.call(
            lambda ledger: ledger.reverse_entry(
                nonce=nonce,
                original_nonce=reversal.original_nonce,
                amount=reversal.amount,
                metadata=reversal.metadata,
                free_claim=reversal.free_claim,
            )
        )
        feed.changed()
        return answer_recorded(entry, RequestLog.of(request.scope))

    return reverse_entry
