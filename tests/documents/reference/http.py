"""A page about the HTTP interface, made from the OpenAPI document of app1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from apps.app1.operations import App1Operation
from ledger_py.errors import ERRORS_BY_SQLSTATE, PartitionUnavailable
from ledger_py.http.openapi import openapi_document
from tests.documents.reference.markdown import fenced, prose, table

__all__ = ("http",)

Json = dict[str, Any]

_STATE = {error.code: state for state, error in ERRORS_BY_SQLSTATE.items()}
_WIDTH = 118
_SHOWN_ONCE = {"Idempotency-Key", "Cache-Control", "dry_run"}


def http() -> str:
    """Describe every route and every body.

    Returns:
        The page, without its beginning.
    """
    document = openapi_document("app1", App1Operation)
    routes = [
        (path, method.upper(), operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    parts = [
        "## All routes",
        table(
            ("route", "what it does"),
            [
                (f"[`{method} {path}`](#{one['operationId'].lower()})", prose(one["summary"]))
                for path, method, one in routes
            ],
        ),
        "## Parameters of many routes",
        table(
            ("parameter", "where", "meaning"),
            [
                (f"`{one['name']}`", one["in"], _described(one))
                for one in {
                    one["name"]: one
                    for *_, operation in routes
                    for one in operation.get("parameters", ())
                    if one["name"] in _SHOWN_ONCE
                }.values()
            ],
        ),
    ]
    for tag in document["tags"]:
        parts += [f"## {tag['name'].capitalize()}", prose(tag["description"])]
        for path, method, operation in routes:
            if operation["tags"][0] == tag["name"]:
                parts += _route(path, method, operation)
    parts += ["## Bodies", "The objects that requests and answers are made of."]
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts += _schema(name, schema)
    return "\n\n".join(parts)


def _route(path: str, method: str, operation: Json) -> Iterator[str]:
    yield f"### {operation['operationId']}"
    yield f"`{method} {path}`: {prose(operation['summary'])}."
    if told := operation.get("description"):
        yield prose(told)
    parameters = operation.get("parameters", ())
    if shown := [one for one in parameters if one["name"] not in _SHOWN_ONCE]:
        yield table(
            ("parameter", "where", "type", "meaning"),
            [
                (
                    f"`{one['name']}`" + ("" if one.get("required") else ", optional"),
                    one["in"],
                    _type(one["schema"]),
                    _described(one),
                )
                for one in shown
            ],
        )
    if often := [f"`{one['name']}`" for one in parameters if one["name"] in _SHOWN_ONCE]:
        yield f"It takes {' and '.join(often)} [as other routes do](#parameters-of-many-routes)."
    if body := operation.get("requestBody"):
        (content,) = body["content"].values()
        yield f"The body is a {_type(content['schema'])}:"
        (example, *_) = content["examples"].values()
        yield fenced(_wrapped(example["value"]))
    answers = ((status, _answer(answer)) for status, answer in operation["responses"].items())
    yield table(("status", "answer"), [(status, answer) for status, answer in answers if answer])


def _answer(answer: Json) -> str:
    """Describe an answer; problems that any route can have are told once for all of them."""
    codes = re.findall(r"^- `(\w+)`", answer["description"], re.MULTILINE)
    if codes:
        return ", ".join(
            f"[`{code}`](refusals.md#{_STATE[code].lower()}-{code})"
            for code in codes
            if code in _STATE and code != PartitionUnavailable.code
        )
    types = [_type(content["schema"]) for content in answer.get("content", {}).values()]
    return f"{prose(answer['description'])}" + (f": {', '.join(types)}" if types else "")


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield f"### {name}"
    if told := schema.get("description"):
        yield prose(" ".join(told.split()))
    if "enum" in schema:
        yield "One of " + ", ".join(f"`{one}`" for one in schema["enum"]) + "."
    required = set(schema.get("required", ()))
    if fields := schema.get("properties"):
        yield table(
            ("field", "type", "meaning"),
            [
                (
                    f"`{field}`" + ("" if field in required else ", optional"),
                    _type(one),
                    _described(one),
                )
                for field, one in fields.items()
            ],
        )


def _described(one: Json) -> str:
    text = prose(" ".join(one.get("description", "").split()))
    schema = one.get("schema", one)
    if schema.get("default") is not None:
        text += f" Default: `{json.dumps(schema['default'])}`."
    return text


def _type(schema: Json) -> str:
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "allOf" in schema:
        return _type(schema["allOf"][0])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}{_bounds(schema, 'Items')}"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    kind = {"date-time": "time"}.get(schema.get("format", ""), schema.get("type", "anything"))
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{kind}, {_number(low)} to {_number(high)}"
    if low is not None:
        return f"{kind}, from {_number(low)}"
    return f"{kind}{_bounds(schema, 'Length')}"


def _bounds(schema: Json, what: str) -> str:
    low, high = schema.get(f"min{what}"), schema.get(f"max{what}")
    unit = "characters" if what == "Length" else "items"
    if high is None:
        return ""
    return f", {low or 0} to {high} {unit}"


def _number(value: int) -> str:
    return {2**53 - 1: "2^53 - 1", 1 - 2**53: "-(2^53 - 1)"}.get(value, str(value))


def _wrapped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDTH else json.dumps(value, ensure_ascii=False, indent=2)
