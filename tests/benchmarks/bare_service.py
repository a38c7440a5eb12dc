"""The floor of the service: a plain Litestar route with the same bodies and no database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Litestar, post

__all__ = ("app",)


class Request(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The request body, as in the service."""

    owner_id: str
    operation: str
    nonce: str
    amount: int | None = None
    metadata: dict[str, Any] | None = None


class Entry(msgspec.Struct, kw_only=True):
    """The response body, as in the service."""

    entry_id: int
    seq: int
    owner_id: str
    asset: str
    app: str
    operation: str
    amount: int
    balance: int
    nonce: str
    metadata: dict[str, Any] | None
    recorded_at: datetime
    replayed: bool


@post("/ledger")
async def record_entry(data: Request) -> Entry:
    """Answer as if the entry had been recorded."""
    return Entry(
        entry_id=1,
        seq=1,
        owner_id=data.owner_id,
        asset="CREDIT",
        app="app1",
        operation=data.operation,
        amount=data.amount or 0,
        balance=999_999_999,
        nonce=data.nonce,
        metadata=data.metadata,
        recorded_at=datetime.now(UTC),
        replayed=False,
    )


app = Litestar([record_entry], openapi_config=None, logging_config=None)
