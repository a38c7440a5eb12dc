"""Answers to requests that record: 201 for what is new, 200 for the first answer again."""

from __future__ import annotations

import msgspec
from litestar import Response

from ledger_py.http.logs import RequestLog
from ledger_py.http.wire import JSON_MEDIA_TYPE
from ledger_py.structs import Hold, RecordedEntry

__all__ = ("answer_recorded", "encode_json", "status_of")

encode_json = msgspec.json.Encoder().encode


def status_of(recorded: RecordedEntry | Hold, log: RequestLog) -> int:
    """Find the status of an answer, and note the outcome in the log.

    Args:
        recorded: What the ledger has answered.
        log: The log of the request.
    """
    log.outcome = "replayed" if recorded.replayed else "recorded"
    return 200 if recorded.replayed else 201


def answer_recorded(recorded: RecordedEntry | Hold, log: RequestLog) -> Response[bytes]:
    """Make the answer of a handler.

    Args:
        recorded: What the ledger has answered.
        log: The log of the request, which learns what the answer is about.
    """
    log.owner = recorded.owner_id
    log.operation = recorded.operation
    log.nonce = recorded.nonce
    return Response(
        encode_json(recorded), status_code=status_of(recorded, log), media_type=JSON_MEDIA_TYPE
    )
