"""The routes of a service, as its OpenAPI document lists them; a test finds one that is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from ledger_py.http.json_schemas import Json, parameters, reference
from ledger_py.http.limits import CURSOR, KEY
from ledger_py.http.openapi_responses import responses
from ledger_py.http.problems import PROBLEM_TYPES, ProblemType
from ledger_py.http.schemas import (
    AccountPath,
    BalanceQuery,
    BatchAnswer,
    BatchRequest,
    CaptureRequest,
    EntriesQuery,
    EntryPage,
    EventsQuery,
    ExtendRequest,
    HoldPage,
    HoldPath,
    HoldRequest,
    HoldsQuery,
    Liveness,
    OperationList,
    PastBalance,
    Readiness,
    RecordRequest,
    ReleaseRequest,
    ReversalRequest,
    Statement,
    StatementQuery,
)
from ledger_py.operations import BaseLedgerOperation
from ledger_py.structs import Balance, Hold, RecordedEntry

__all__ = ("paths",)

_FROM_DATABASE: Final = ("database_unavailable", "database_busy")
_WHEN_READING: Final = ("invalid_request", *_FROM_DATABASE)
_WITH_BODY: Final = (
    "malformed_json",
    "body_too_large",
    "unsupported_media_type",
    "not_authorized",
    "unknown_app",
    *_WHEN_READING,
)
_WHEN_WRITING: Final = ("nonce_conflict", "account_frozen", "insufficient_balance", *_WITH_BODY)
_BY_OPERATION: Final = ("amount_out_of_bounds", "unknown_operation", "operation_not_allowed")
_WHEN_RECORDING: Final = ("claim_limit_reached", *_BY_OPERATION, *_WHEN_WRITING)
_OF_A_HOLD: Final = ("hold_not_found", "hold_closed", *_WITH_BODY)

_RECORDED: Final = RecordedEntry(
    entry_id=1,
    seq=1,
    owner_id="test_user",
    asset="CREDIT",
    app="app1",
    operation="CREDIT_ADD",
    amount=10,
    balance=10,
    nonce="123e4567-e89b-12d3-a456-426655440000",
    metadata=None,
    recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
    replayed=False,
)

_IDEMPOTENCY_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Stands in for `nonce`. When both are given they must be equal.",
    "schema": {"type": "string", **KEY},
}

_LAST_EVENT_ID: Final[Json] = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "Where to go on: the `id` of the last event, as a browser sends it.",
    "schema": {"type": "string", **CURSOR},
}


def paths(operations: type[BaseLedgerOperation]) -> Json:
    """Describe the routes.

    Args:
        operations: The app's operations.
    """
    return {
        "/ledger": {"post": _record_entry(operations)},
        "/ledger/batch": {"post": _record_entries(operations)},
        "/ledger/reversals": {
            "post": {
                **_head("reverse_entry", "ledger", "Take an entry back, wholly or in part"),
                "description": "Records an entry of operation REVERSAL. All reversals of an entry"
                " together never exceed it. Credits that a debit took go back to where they came"
                " from; a credit can be taken back only while it is available.",
                "parameters": [_IDEMPOTENCY_KEY],
                "requestBody": _body(ReversalRequest),
                "responses": responses(
                    _new_or_replayed("The reversal", RecordedEntry),
                    "entry_not_found",
                    "reversal_exceeds_original",
                    "amount_out_of_bounds",
                    *_WHEN_WRITING,
                ),
            }
        },
        **_holds(),
        **_accounts(),
        "/events": {
            "get": {
                **_head("events", "ledger", "Every entry as it comes, as server-sent events"),
                "description": "Sends every committed entry of the ledger exactly once and those"
                " of an account in order, without end: `event: entry`, `id:` the cursor to go on"
                " behind it, `data:` the entry as JSON. Comments keep the connection alive.",
                "parameters": [_LAST_EVENT_ID, *parameters(EventsQuery, "query")],
                "responses": _as_event_stream(
                    responses({200: ("The events", str)}, *_WHEN_READING)
                ),
            }
        },
        "/operations": {
            "get": {
                **_head("operations", "catalogue", "The app's operations with their rules"),
                "responses": responses(
                    {200: ("The operations", OperationList)}, "unknown_app", *_FROM_DATABASE
                ),
            }
        },
        "/problems": {
            "get": {
                **_head("problem_types", "catalogue", "Every kind of problem"),
                "responses": responses({200: ("The kinds", list[ProblemType])}),
            }
        },
        "/problems/{code}": {
            "get": {
                **_head("problem_type", "catalogue", "One kind of problem"),
                "parameters": [
                    {
                        "name": "code",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "enum": sorted(PROBLEM_TYPES)},
                    }
                ],
                "responses": responses({200: ("The kind", ProblemType)}, "not_found"),
            }
        },
        "/health/live": {
            "get": {
                **_head("live", "health", "The service runs"),
                "responses": responses({200: ("It runs", Liveness)}),
            }
        },
        "/health/ready": {
            "get": {
                **_head("ready", "health", "The service can answer requests"),
                "responses": responses({200: ("It can", Readiness)}, "not_ready"),
            }
        },
    }


def _record_entry(operations: type[BaseLedgerOperation]) -> Json:
    answers = responses(_new_or_replayed("The entry", RecordedEntry), *_WHEN_RECORDING)
    for status, replayed in (("201", False), ("200", True)):
        entry = msgspec.structs.replace(_RECORDED, replayed=replayed)
        content = answers[status]["content"]["application/json"]
        content["example"] = msgspec.to_builtins(entry)
    return {
        **_head("record_entry", "ledger", "Record one entry"),
        "description": "Records the entry or nothing. The same request again is answered with the"
        " first answer (200, `replayed` is true) and changes nothing; a refused request does not"
        " use its nonce up.",
        "parameters": [_IDEMPOTENCY_KEY],
        "requestBody": _body(RecordRequest, _request_examples(operations)),
        "responses": answers,
    }


def _record_entries(operations: type[BaseLedgerOperation]) -> Json:
    requests = [example["value"] for example in _request_examples(operations).values()]
    entries = [{**entry, "nonce": f"batch-7-{n}"} for n, entry in enumerate(requests, start=1)]
    return {
        **_head("record_entries", "ledger", "Record many entries"),
        "description": "Records the entries as if one request came after the other. A refused entry"
        " touches no other, and is answered with the problem that it would have been answered with"
        " by itself (`code` tells it from an entry), unless the batch is atomic: then the first"
        " refusal refuses all, with its `position` counted from 1. The whole may be repeated:"
        " entries that were recorded are answered again.",
        "requestBody": _body(BatchRequest, {"a batch": {"value": {"entries": entries}}}),
        "responses": responses(
            {200: ("What became of each entry, in their order", BatchAnswer)}, *_WHEN_RECORDING
        ),
    }


def _holds() -> Json:
    which = parameters(HoldPath, "path")
    return {
        "/ledger/holds": {
            "post": {
                **_head("place_hold", "ledger", "Reserve credits for a debit"),
                "description": "A hold lowers what is available, not the balance. It ends when it"
                " is captured, released, or expires; credits under it do not expire until then. Its"
                " operation must be a debit without a claim limit.",
                "parameters": [_IDEMPOTENCY_KEY],
                "requestBody": _body(HoldRequest),
                "responses": responses(
                    _new_or_replayed("The hold", Hold), *_BY_OPERATION, *_WHEN_WRITING
                ),
            }
        },
        "/ledger/holds/{hold_nonce}/capture": {
            "post": {
                **_head("capture_hold", "ledger", "Spend what a hold reserves"),
                "description": "Records an entry of the hold's operation. Unless `final` is false,"
                " the hold ends and the rest is given back.",
                "parameters": [*which, _IDEMPOTENCY_KEY],
                "requestBody": _body(CaptureRequest),
                "responses": responses(
                    _new_or_replayed("The entry", RecordedEntry),
                    "nonce_conflict",
                    "account_frozen",
                    "amount_out_of_bounds",
                    *_OF_A_HOLD,
                ),
            },
        },
        "/ledger/holds/{hold_nonce}/release": {
            "post": {
                **_head("release_hold", "ledger", "End a hold and give back what it reserves"),
                "parameters": which,
                "requestBody": {**_body(ReleaseRequest), "required": False},
                "responses": responses({200: ("The hold", Hold)}, *_OF_A_HOLD),
            },
        },
        "/ledger/holds/{hold_nonce}/extend": {
            "post": {
                **_head("extend_hold", "ledger", "Let a hold last longer"),
                "parameters": which,
                "requestBody": _body(ExtendRequest),
                "responses": responses({200: ("The hold", Hold)}, *_OF_A_HOLD),
            },
        },
    }


def _accounts() -> Json:
    return {
        "/ledger/{owner_id}": _reading(
            _head("balance", "ledger", "What an owner has, or had; zeros for an owner never seen"),
            BalanceQuery,
            "The balance; without held and available when a time was given",
            Balance,
            PastBalance,
        ),
        "/ledger/{owner_id}/entries": _reading(
            _head("entries", "ledger", "An account's entries, newest first"),
            EntriesQuery,
            "One page",
            EntryPage,
        ),
        "/ledger/{owner_id}/holds": _reading(
            _head("holds", "ledger", "An account's holds, newest first"),
            HoldsQuery,
            "One page",
            HoldPage,
        ),
        "/ledger/{owner_id}/statement": _reading(
            _head("statement", "ledger", "What moved on an account in a period"),
            StatementQuery,
            "The statement",
            Statement,
        ),
    }


def _reading(head: Json, query: type[msgspec.Struct], meaning: str, *answers: Any) -> Json:
    return {
        "get": {
            **head,
            "parameters": [*parameters(AccountPath, "path"), *parameters(query, "query")],
            "responses": responses({200: (meaning, *answers)}, *_WHEN_READING),
        }
    }


def _new_or_replayed(what: str, answer: type[msgspec.Struct]) -> dict[int, tuple[str, Any]]:
    return {
        201: (f"{what}, made by this request", answer),
        200: (f"{what}, made by the same request earlier", answer),
    }


def _body(struct: Any, examples: Json | None = None) -> Json:
    content: Json = {"schema": reference(struct.__name__)}
    if examples:
        content["examples"] = examples
    return {"required": True, "content": {"application/json": content}}


def _as_event_stream(answers: Json) -> Json:
    answers["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    return answers


def _request_examples(operations: type[BaseLedgerOperation]) -> Json:
    request = {"owner_id": "test_user", "nonce": "123e4567-e89b-12d3-a456-426655440000"}
    examples = {
        "an amount of one's own": {"operation": "CREDIT_ADD", "amount": 10, **request},
        "a debit": {"operation": "CREDIT_SPEND", "amount": -3, **request},
    }
    # The last one is an operation of the app's own, unless it has only what all apps have.
    own = list(operations)[-1].value
    examples["the default amount"] = {"operation": own, **request, "metadata": {"source": "docs"}}
    return {name: {"value": value} for name, value in examples.items()}


def _head(operation_id: str, tag: str, summary: str) -> Json:
    return {"operationId": operation_id, "tags": [tag], "summary": summary}
