"""`POST /ledger/batch`: recording many entries."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from ledger_py.http.bodies import read_json
from ledger_py.http.decoding import decode_batch
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.problems import Problem, problem_of
from ledger_py.http.recorder import Recorder
from ledger_py.http.routes.answers import encode_json
from ledger_py.http.schemas import BatchAnswer, RecordRequest
from ledger_py.http.wire import JSON_MEDIA_TYPE
from ledger_py.structs import RecordedEntry, Refusal

__all__ = ("batch_route",)


def batch_route(recorder: Recorder, feed: ChangeFeed) -> HTTPRouteHandler:
    """Make the route.

    Args:
        recorder: Who records.
        feed: Who is told that something was recorded.
    """

    @post("/ledger/batch", name="record_entries", status_code=200)
    async def record_entries(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Record entries as if one request came after the other, and answer for each."""
        body, _ = await read_json(request.scope, request.receive, many=True)
        entries, atomic = decode_batch(body)
        if atomic:
            _refuse_with_first(entries)
        requests = [entry for entry in entries if isinstance(entry, RecordRequest)]
        recorded = iter(await recorder.record_batch(requests, atomic=atomic))
        feed.changed()
        results = [
            _result(next(recorded)) if isinstance(entry, RecordRequest) else entry.members()
            for entry in entries
        ]
        return Response(encode_json(BatchAnswer(results=results)), media_type=JSON_MEDIA_TYPE)

    return record_entries


def _refuse_with_first(entries: list[RecordRequest[str] | Problem]) -> None:
    for position, entry in enumerate(entries, start=1):
        if isinstance(entry, Problem):
            values = {**entry.values, "position": position}
            raise Problem(entry.type.code, entry.detail, values=values)


def _result(result: RecordedEntry | Refusal) -> RecordedEntry | dict[str, Any]:
    return problem_of(result.error).members() if isinstance(result, Refusal) else result
