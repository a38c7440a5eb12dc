"""How the OpenAPI document describes answers: by the structs and by the kinds of problems."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ledger_py.errors import (
    ClaimLimitReached,
    InsufficientBalance,
    NonceConflict,
    OperationNotAllowed,
)
from ledger_py.http.json_schemas import Json, reference, schema_of
from ledger_py.http.problems import (
    PROBLEM_MEDIA_TYPE,
    PROBLEM_TYPES,
    Problem,
    ProblemType,
    problem_of,
)

__all__ = ("problem_schema", "responses")

_ALWAYS: Final = ("bad_request", "internal_error")

_EXAMPLES: Final = (
    Problem.of_field("amount", "must be an integer, not a string"),
    problem_of(
        InsufficientBalance(
            "The account has too few available credits.",
            detail={"owner_id": "test_user", "asset": "CREDIT", "available": 2, "required": 3},
        )
    ),
    problem_of(
        ClaimLimitReached(
            "The operation was claimed as often as it may be.",
            detail={"next_eligible_at": "2030-01-02T00:00:00Z"},
        )
    ),
    problem_of(
        NonceConflict(
            "The nonce was used by a different request.",
            detail={"app": "app1", "nonce": "123e4567-e89b-12d3-a456-426655440000"},
        )
    ),
    problem_of(
        OperationNotAllowed(
            "The operation is not in the set of this app.",
            detail={"app": "app1", "operation": "TOKENS_USED"},
        )
    ),
    Problem("malformed_json", "JSON is malformed: invalid character (byte 17)"),
    Problem(
        "not_ready",
        "database: cannot be reached",
        values={"checks": {"database": "cannot be reached"}},
    ),
)
_EXAMPLES_BY_CODE: Final = {problem.type.code: problem for problem in _EXAMPLES}

_REQUEST_ID: Final[Json] = {
    "description": "The id of the request in the service's log; the caller's own, if it sent one.",
    "schema": {"type": "string"},
}
_RETRY_AFTER: Final[Json] = {
    "description": "Seconds after which the request may be repeated.",
    "schema": {"type": "integer"},
}


def responses(answers: dict[int, tuple[str, *tuple[Any, ...]]], *codes: str) -> Json:
    """Describe the answers of a route.

    Args:
        answers: By status what it means and the type of the body, or several types.
        codes: The kinds of problems that can happen, beside those that always can.
    """
    described: Json = {
        str(status): {
            "description": description,
            "headers": {"X-Request-ID": _REQUEST_ID},
            "content": {"application/json": {"schema": _schema_of_any(types)}},
        }
        for status, (description, *types) in answers.items()
    }
    kinds_by_status = defaultdict(list)
    for code in (*codes, *_ALWAYS):
        kinds_by_status[PROBLEM_TYPES[code].status].append(PROBLEM_TYPES[code])
    for status, kinds in sorted(kinds_by_status.items()):
        described[str(status)] = _problem_response(kinds)
    return described


def _schema_of_any(types: Sequence[Any]) -> Json:
    schemas = [schema_of(type_) for type_ in types]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _problem_response(kinds: list[ProblemType]) -> Json:
    content: Json = {
        "schema": {
            "allOf": [reference("Problem")],
            "properties": {"code": {"enum": [kind.code for kind in kinds]}},
        }
    }
    content["examples"] = {
        kind.code: {"value": msgspec.json.decode(_example_of(kind).encode())} for kind in kinds
    }
    headers = {"X-Request-ID": _REQUEST_ID}
    if kinds[0].status == 503:
        headers["Retry-After"] = _RETRY_AFTER
    return {
        "description": "\n".join(f"- `{kind.code}`: {kind.meaning}" for kind in kinds),
        "headers": headers,
        "content": {PROBLEM_MEDIA_TYPE: content},
    }


def _example_of(kind: ProblemType) -> Problem:
    return _EXAMPLES_BY_CODE.get(kind.code) or Problem(kind.code, kind.meaning)


def problem_schema() -> Json:
    """Describe the body of a problem."""
    return {
        "title": "Problem",
        "description": "Why a request failed (RFC 9457), with the values that belong to it.",
        "type": "object",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string", "description": "Where this kind of problem is described."},
            "title": {"type": "string", "description": "The kind of problem, for people."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": {"type": "string", "description": "What happened this time, for people."},
            "code": {
                "type": "string",
                "enum": sorted(PROBLEM_TYPES),
                "description": "The kind of problem, for programs.",
            },
            "field": {"type": "string", "description": "The field that is not acceptable."},
            "reason": {"type": "string", "description": "What is wrong with it."},
            "hint": {"type": "string", "description": "Advice."},
        },
        "additionalProperties": True,
    }
