"""`POST /ledger`: recording an entry.

The one hot route, so it is plain ASGI, and the service calls it without asking Litestar for it.
"""

from __future__ import annotations

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from ledger_py.http.bodies import read_json
from ledger_py.http.decoding import agree_on_nonce, decode_record_request
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.logs import RequestLog
from ledger_py.http.problems import PROBLEM_MEDIA_TYPE, Problem
from ledger_py.http.recorder import Recorder
from ledger_py.http.routes.answers import encode_json, status_of
from ledger_py.http.wire import ClientGone, send_answer
from ledger_py.structs import RecordedEntry

__all__ = ("recording_route",)


def recording_route(recorder: Recorder, feed: ChangeFeed) -> ASGIRouteHandler:
    """Make the route.

    Args:
        recorder: Who records.
        feed: Who is told that something was recorded.
    """

    # Litestar resolves this annotation by name, so the names must be those of this module.
    @asgi("/ledger", name="record_entry", copy_scope=False)
    async def record_entry(scope: Scope, receive: Receive, send: Send) -> None:
        """Record one entry: 201, or 200 for a request that had been recorded before."""
        log = RequestLog.of(scope)
        try:
            entry = await _record(recorder, log, scope, receive)
        except ClientGone:
            log.outcome = "abandoned"
        except Exception as error:
            problem = log.fail(error)
            await send_answer(
                send,
                problem.type.status,
                problem.encode(),
                media_type=PROBLEM_MEDIA_TYPE,
                headers=problem.headers,
            )
        else:
            feed.changed()
            await send_answer(send, status_of(entry, log), encode_json(entry))

    return record_entry


async def _record(
    recorder: Recorder, log: RequestLog, scope: Scope, receive: Receive
) -> RecordedEntry:
    if log.method != "POST":
        raise Problem(
            "method_not_allowed", "Entries are recorded by POST.", headers=[("allow", "POST")]
        )
    body, idempotency_key = await read_json(scope, receive)
    request = decode_record_request(body)
    log.owner = request.owner_id
    log.operation = request.operation
    nonce = agree_on_nonce(request.nonce, idempotency_key)
    log.nonce = nonce
    return await recorder.record(request, nonce)
