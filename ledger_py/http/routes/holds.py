"""`/ledger/holds` and what lies below it: reserving credits, and what becomes of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from ledger_py.http.bodies import read_json
from ledger_py.http.database import Database
from ledger_py.http.decoding import agree_on_nonce, decode_body
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.logs import RequestLog
from ledger_py.http.routes.answers import answer_recorded
from ledger_py.http.routes.paths import decode_path
from ledger_py.http.schemas import (
    CaptureRequest,
    ExtendRequest,
    HoldPath,
    HoldRequest,
    ReleaseRequest,
    RequestedOperation,
)
from ledger_py.structs import Hold

__all__ = ("hold_routes",)

# Litestar hands the segment over as the path has it; decode_path decodes it.
_HOLD: Final = "/ledger/holds/{hold_nonce:str}"


def hold_routes(database: Database, feed: ChangeFeed) -> list[HTTPRouteHandler]:
    """Make the routes.

    Args:
        database: Where holds are kept.
        feed: Who is told that something was recorded.
    """

    @post("/ledger/holds", name="place_hold")
    async def place_hold(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Reserve credits: 201, or 200 for a hold that had been placed before."""
        body, idempotency_key = await read_json(request.scope, request.receive)
        wanted = decode_body(body, HoldRequest[RequestedOperation])
        nonce = agree_on_nonce(wanted.nonce, idempotency_key)
        hold = await database.call(
            lambda ledger: ledger.place_hold(
                owner_id=wanted.owner_id,
                operation=wanted.operation,
                nonce=nonce,
                amount=wanted.amount,
                expires_in=timedelta(seconds=wanted.expires_in),
                metadata=wanted.metadata,
            )
        )
        return answer_recorded(hold, RequestLog.of(request.scope))

    @post(f"{_HOLD}/capture", name="capture_hold")
    async def capture_hold(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Spend what a hold reserves: 201, or 200 for a capture that had been made before."""
        hold_nonce = _nonce_of(request)
        body, idempotency_key = await read_json(request.scope, request.receive)
        capture = decode_body(body, CaptureRequest)
        nonce = agree_on_nonce(capture.nonce, idempotency_key)
        entry = await database.call(
            lambda ledger: ledger.capture_hold(
                hold_nonce=hold_nonce,
                nonce=nonce,
                amount=capture.amount,
                final=capture.final,
                metadata=capture.metadata,
            )
        )
        feed.changed()
        return answer_recorded(entry, RequestLog.of(request.scope))

    @post(f"{_HOLD}/release", name="release_hold", status_code=200)
    async def release_hold(request: Request[Any, Any, Any]) -> Hold:
        """End a hold and give back what it still reserves."""
        hold_nonce = _nonce_of(request)
        body, _ = await read_json(request.scope, request.receive, optional=True)
        decode_body(body or b"{}", ReleaseRequest)
        return await database.call(lambda ledger: ledger.release_hold(hold_nonce=hold_nonce))

    @post(f"{_HOLD}/extend", name="extend_hold", status_code=200)
    async def extend_hold(request: Request[Any, Any, Any]) -> Hold:
        """Let a hold last longer."""
        hold_nonce = _nonce_of(request)
        body, _ = await read_json(request.scope, request.receive)
        expires_in = timedelta(seconds=decode_body(body, ExtendRequest).expires_in)
        return await database.call(
            lambda ledger: ledger.extend_hold(hold_nonce=hold_nonce, expires_in=expires_in)
        )

    return [place_hold, capture_hold, release_hold, extend_hold]


def _nonce_of(request: Request[Any, Any, Any]) -> str:
    hold_nonce = decode_path(request, HoldPath).hold_nonce
    RequestLog.of(request.scope).nonce = hold_nonce
    return hold_nonce
