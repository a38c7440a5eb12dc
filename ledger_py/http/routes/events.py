"""`GET /events`: the change feed as server-sent events."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream

from ledger_py.http.decoding import decode_query
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.schemas import EventsQuery

__all__ = ("events_route",)


def events_route(feed: ChangeFeed) -> HTTPRouteHandler:
    """Make the route.

    Args:
        feed: The change feed.
    """

    @get("/events", media_type="text/event-stream")
    async def events(request: Request[Any, Any, Any]) -> Stream:
        """Send every entry of the ledger, once, from a cursor on and without end."""
        query = decode_query(request.scope["query_string"], EventsQuery)
        stream = await feed.listen(request.headers.get("last-event-id") or query.after)
        # Proxies are asked not to collect what should arrive at once.
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
        return Stream(stream, media_type="text/event-stream", headers=headers)

    return events
