"""The OpenAPI document of a service, made from its routes and the structs that they use.

Litestar does not make it, because it describes only what it decodes itself, and it decodes laxly.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import metadata
from types import UnionType
from typing import Any, Final, get_args, get_origin

import msgspec

from ledger_py.errors import (
    BudgetExceeded,
    ClaimLimitReached,
    InsufficientBalance,
    NonceConflict,
    NotAuthorized,
    OperationNotAllowed,
    PartitionUnavailable,
    UnknownApp,
    WrongPartition,
)
from ledger_py.fields import DATABASE_LIMITS, Key
from ledger_py.http.examples import answer_examples, request_examples
from ledger_py.http.problems import (
    PROBLEM_MEDIA_TYPE,
    PROBLEM_TYPES,
    Problem,
    ProblemType,
    problem_of,
)
from ledger_py.http.routes import ROUTES
from ledger_py.http.routing import JSON, Route
from ledger_py.http.schemas import BatchAnswer
from ledger_py.operations import BaseLedgerOperation
from ledger_py.structs import RecordedEntry

__all__ = ("openapi_document",)

Json = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/{name}"

_REQUEST_ID: Final[Json] = {
    "description": "The id of the request in the service's log; the caller's own, if it sent one.",
    "schema": {"type": "string"},
}
_AGE: Final[Json] = {
    "description": "Seconds that the answer is behind at most, if it comes from a standby: what was"
    " acknowledged earlier is in it. Without it, the answer is current.",
    "schema": {"type": "integer"},
}
_DRY_RUN: Final[Json] = {
    "type": "boolean",
    "description": "True in the answer to a dry run, and else left out.",
}
_RETRY_AFTER: Final[Json] = {
    "description": "Seconds after which the request may be repeated. Of `budget_exceeded`: until"
    " the next period of the budget begins, if there is one.",
    "schema": {"type": "integer"},
}


def openapi_document(app: str, operations: type[BaseLedgerOperation]) -> Json:
    """Describe the service of an app.

    Args:
        app: The name of the app.
        operations: The app's operations, which become an enum in the document.

    Returns:
        An OpenAPI 3.1 document, ready to be encoded.
    """
    requests, answers = request_examples(operations), answer_examples(app)
    paths: dict[str, Json] = defaultdict(dict)
    for route in ROUTES:
        paths[route.path][route.method.lower()] = _operation(
            route, requests.get(route.name, {}), answers[route.name]
        )
    package = metadata("shared-ledger")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Shared Ledger: {app}",
            "version": package["Version"],
            "description": f"Credits of the users of {app}, in the ledger that all apps share."
            " Errors are answered with a problem (RFC 9457): `code` names its kind, and"
            " `/problems/{code}` describes it. Texts must not contain NUL or lone surrogates;"
            " fields that are not described are refused. The service does not authenticate its"
            " callers: the network before it decides who may reach it.",
            "contact": {"name": package["Author"]},
            "license": {
                "name": package["License-Expression"],
                "identifier": package["License-Expression"],
            },
        },
        # Relative to the document, so that it holds behind every prefix.
        "servers": [{"url": "."}],
        "security": [],
        "tags": [
            {"name": "ledger", "description": "Recording entries and reading accounts."},
            {
                "name": "catalogue",
                "description": "The operations of the app, and the kinds of problems.",
            },
            {"name": "health", "description": "Checks for monitoring."},
        ],
        "paths": dict(paths),
        "components": {"schemas": _components(operations)},
    }


# Routes


def _operation(route: Route, requests: Json, answers: Json) -> Json:
    summary, _, description = (inspect.getdoc(route.function) or "").partition("\n")
    described: Json = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": summary.removesuffix("."),
        "description": " ".join(description.split()),
    }
    parameters = list(_parameters(route))
    if parameters:
        described["parameters"] = parameters
    if route.body_type is not None:
        described["requestBody"] = _request_body(route, requests)
    described["responses"] = _success(route, answers) | _problems(route)
    return described


def _parameters(route: Route) -> Iterator[Json]:
    yield from _parameters_of(route.parameters.get("at"), "path")
    yield from _parameters_of(route.parameters.get("headers"), "header")
    yield from _parameters_of(route.query_type, "query")
    if "nonce" in route.parameters:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Stands in for `nonce`. When both are given they must be equal.",
            "schema": _schema_of(Key),
        }
    if route.reads:
        yield {
            "name": "Cache-Control",
            "in": "header",
            "description": "`no-cache`: answer as of now. `max-age=N`: not older than N seconds."
            " It makes a difference where services read on a standby.",
            "schema": {"type": "string"},
        }


def _parameters_of(struct: type[msgspec.Struct] | None, place: str) -> Iterator[Json]:
    if struct is None:
        return
    schema = _schemas_of([struct])[struct.__name__]
    for name, field in schema["properties"].items():
        # An optional parameter is left out; there is no null in an address.
        value = next((one for one in field.get("anyOf", ()) if one != {"type": "null"}), field)
        yield {
            "name": name,
            "in": place,
            "required": name in schema["required"],
            "description": value.pop("description"),
            "schema": value,
        }


def _request_body(route: Route, examples: Json) -> Json:
    content = {
        "schema": _reference(_plain_name(route.body_type)),
        "examples": _named(examples),
    }
    return {"required": route.body_required, "content": {JSON: content}}


def _success(route: Route, examples: Json) -> Json:
    if not route.recorded:
        return {"200": _answer(route, route.answers, examples)}
    replayed = {name: _replayed(example) for name, example in examples.items()}
    return {
        "201": _answer(route, f"{route.answers}, made by this request", examples),
        "200": _answer(route, f"{route.answers}, made by the same request earlier", replayed),
    }


def _replayed(example: Any) -> Any:
    """Return the example of an answer as that to the same request again."""
    if isinstance(example, list):
        return [_replayed(one) for one in example]
    if not isinstance(example, dict):
        return example
    return {name: name == "replayed" or _replayed(value) for name, value in example.items()}


def _answer(route: Route, meaning: str, examples: Json) -> Json:
    content: Json = {"schema": _schema_of_answer(route), "examples": _named(examples)}
    return {
        "description": meaning,
        "headers": {"X-Request-ID": _REQUEST_ID} | ({"Age": _AGE} if route.reads else {}),
        "content": {route.media_type: content},
    }


def _named(examples: Json) -> Json:
    return {name: {"value": value} for name, value in examples.items()}


def _schema_of_answer(route: Route) -> Json:
    if route.media_type != JSON:
        return {"type": "string", "description": "Each `data:` holds an `Entry` as JSON."}
    schemas = [_schema_of(type_) for type_ in _returned(route)]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _returned(route: Route) -> tuple[Any, ...]:
    type_ = route.parameters["return"]
    return get_args(type_) if isinstance(type_, UnionType) else (type_,)


def _codes(route: Route) -> Iterator[str]:
    """List the codes of the problems that a route can answer with."""
    for refusal in route.refuses:
        yield refusal if isinstance(refusal, str) else refusal.code
    parameters = route.parameters.keys()
    if route.body_type is not None:
        yield from ("malformed_json", "body_too_large", "unsupported_media_type")
    if route.writes:
        yield from (NotAuthorized.code, UnknownApp.code, "cross_origin")
    if route.body_type or route.query_type or parameters & {"at", "headers"}:
        yield "invalid_request"
    if parameters & {"ledger", "recorder", "feed"}:
        # On a cluster, or through a front.
        yield from ("database_unavailable", "database_busy", PartitionUnavailable.code)
    if parameters & {"ledger", "recorder"} and parameters & {"at", "body"}:
        yield WrongPartition.code
    yield from ("bad_request", "unknown_host", "internal_error")


def _problems(route: Route) -> Json:
    by_status: dict[int, list[ProblemType]] = defaultdict(list)
    for code in _codes(route):
        by_status[PROBLEM_TYPES[code].status].append(PROBLEM_TYPES[code])
    return {str(status): _problem(kinds) for status, kinds in sorted(by_status.items())}


def _problem(kinds: Sequence[ProblemType]) -> Json:
    headers = {"X-Request-ID": _REQUEST_ID}
    if kinds[0].status == 503 or BudgetExceeded.code in {kind.code for kind in kinds}:
        headers["Retry-After"] = _RETRY_AFTER
    examples = {kind.code: _EXAMPLES.get(kind.code) or Problem(kind.code) for kind in kinds}
    return {
        "description": "\n".join(f"- `{kind.code}`: {kind.meaning}" for kind in kinds),
        "headers": headers,
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {
                    "allOf": [_reference("Problem")],
                    "properties": {"code": {"enum": [kind.code for kind in kinds]}},
                },
                "examples": _named({code: problem.members() for code, problem in examples.items()}),
            }
        },
    }


_EXAMPLES: Final = {
    problem.type.code: problem
    for problem in (
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
            BudgetExceeded(
                "A budget does not allow it.",
                detail={
                    "owner_id": "test_user",
                    "asset": "CREDIT",
                    "budget": "monthly",
                    "spender": None,
                    "most": 1000,
                    "spent": 990,
                    "held": 8,
                    "required": 3,
                    "resets_at": "2030-02-01T00:00:00.000000Z",
                },
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
}


# Structs


def _components(operations: type[BaseLedgerOperation]) -> dict[str, Json]:
    structs = [_with_enum(route.body_type, operations) for route in ROUTES if route.body_type]
    for route in ROUTES:
        if route.media_type == JSON:
            structs += _returned(route)
    schemas = _schemas_of(structs)
    for schema in schemas.values():
        for field in schema.get("properties", {}).values():
            _say_plainly(field)
    schemas[operations.__name__] |= {
        "type": "string",
        "description": "The operations of this app.",
    }
    schemas["Problem"] = _PROBLEM
    for struct in (struct for route in ROUTES if route.writes for struct in _returned(route)):
        schemas[struct.__name__]["properties"]["dry_run"] = _DRY_RUN
    # msgspec cannot decode a union of structs, and so does not describe one.
    schemas[BatchAnswer.__name__]["properties"]["results"]["items"] = {
        "anyOf": [_reference(RecordedEntry.__name__), _reference("Problem")]
    }
    return schemas


def _with_enum(struct: Any, operations: type[BaseLedgerOperation]) -> Any:
    """Replace the type by which operations are decoded with the app's enum."""
    generic = get_origin(struct) or struct
    return generic[operations] if getattr(generic, "__parameters__", ()) else generic


def _plain_name(struct: Any) -> str:
    name: str = (get_origin(struct) or struct).__name__
    return name


def _reference(name: str) -> Json:
    return {"$ref": _REFERENCE.format(name=name)}


def _schema_of(type_: Any) -> Json:
    """Make the schema of a type, in which structs are references."""
    (schema,), _ = msgspec.json.schema_components([type_], ref_template=_REFERENCE)
    return schema


def _schemas_of(types: Sequence[Any]) -> dict[str, Json]:
    """Make the schemas of structs, and of the structs that they refer to, by their names."""
    _, schemas = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    encoded = msgspec.json.encode(schemas).decode()
    for name, schema in schemas.items():
        # msgspec adds the parameter to the name of a generic struct.
        plain = schema["title"].partition("[")[0]
        encoded = encoded.replace(f'"{name}"', f'"{plain}"').replace(f'/{name}"', f'/{plain}"')
        encoded = encoded.replace(f'"{schema["title"]}"', f'"{plain}"')
    plainly_named: dict[str, Json] = msgspec.json.decode(encoded)
    _state_database_limits(plainly_named)
    return plainly_named


def _say_plainly(field: Json) -> None:
    """Say what a field is in the way that generators of clients understand.

    What is said of a field stands beside its type. A default becomes a part of the description,
    because generators take a field that has one for a field that is always there, and demand it of
    requests. An object of any members says so.
    """
    options = field.get("anyOf", [])
    for option in options:
        for keyword in ("description", "examples"):
            if keyword in option:
                field[keyword] = option.pop(keyword)
    default = field.pop("default", None)
    if default is not None:
        encoded = msgspec.json.encode(default).decode()
        field["description"] += f" Left out: `{encoded}`."
    for option in (field, *options):
        if option.get("type") == "object":
            option.setdefault("additionalProperties", True)


def _state_database_limits(schema: Any) -> None:
    """Replace the limits of the decoder with those of the database."""
    if isinstance(schema, dict):
        schema.update(schema.pop(DATABASE_LIMITS, {}))
        for value in schema.values():
            _state_database_limits(value)
    elif isinstance(schema, list):
        for value in schema:
            _state_database_limits(value)


_PROBLEM: Final[Json] = {
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
