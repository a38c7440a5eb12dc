"""Reading the JSON body of a request, as every route that takes one does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from ledger_py.http.wire import RequestHeaders, read_body

if TYPE_CHECKING:
    from litestar.types import Receive, Scope

    from ledger_py.http.service import LedgerService

__all__ = ("MAX_BODY", "read_json")

MAX_BODY: Final = 1024 * 1024
"""The largest body in bytes, unless it holds many entries: far more than the fields and 16 KiB of
metadata can need. The settings may allow less."""


async def read_json(
    scope: Scope, receive: Receive, *, many: bool = False, optional: bool = False
) -> tuple[bytes, bytes | None]:
    """Read the body of a request that must be JSON.

    Args:
        scope: The ASGI scope of the request.
        receive: The ASGI channel of the request.
        many: The body may be as large as the settings say.
        optional: There may be no body, and then nothing need be said about it.

    Returns:
        The body, and the header Idempotency-Key as it was sent or None.

    Raises:
        Problem: The body is said to be something else than JSON, or is too large.
        ClientGone: The caller hung up.
    """
    headers = RequestHeaders(scope)
    if not optional:
        headers.require_json()
    limit = cast("LedgerService", scope["litestar_app"]).settings.max_body
    body = await read_body(
        receive, announced=headers.content_length, limit=limit if many else min(MAX_BODY, limit)
    )
    if optional and body:
        headers.require_json()
    return body, headers.idempotency_key
