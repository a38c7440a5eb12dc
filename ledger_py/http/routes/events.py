"""`GET /events`: the change feed as server-sent events."""

from __future__ import annotations

from litestar.response.streaming import ASGIStreamingResponse

from ledger_py.errors import GenerationNeeded, InvalidRequest
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.routing import Route
from ledger_py.http.schemas import EventsHeaders, EventsQuery


@Route(
    "GET",
    "/events",
    answers="The events",
    media_type="text/event-stream",
    refuses=(GenerationNeeded,),
)
async def events(
    feed: ChangeFeed, headers: EventsHeaders, query: EventsQuery
) -> ASGIStreamingResponse:
    """Follow all entries as server-sent events.

    An endless stream of every committed entry of the ledger, exactly once, with those of an account
    in order: `event: entry`, `id:` the cursor to resume after it, `data:` the entry as JSON.
    Comments keep the connection alive.
    """
    try:
        stream = await feed.listen(headers.last_event_id or query.after)
    except InvalidRequest as refusal:
        if refusal.detail.get("field") != "cursor":
            raise
        sent_as = "Last-Event-ID" if headers.last_event_id else "after"
        raise InvalidRequest.of_field(sent_as, refusal.detail["reason"]) from refusal
    return ASGIStreamingResponse(
        iterator=stream,
        media_type="text/event-stream",
        # Ask proxies not to buffer the stream.
        headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
    )
