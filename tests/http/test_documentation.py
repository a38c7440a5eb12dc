"""The OpenAPI document is correct, and its pages need no internet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from apps.app1.operations import App1Operation
from apps.app2.operations import App2Operation
from ledger_py.http.bodies import body_decoder, decode_batch
from ledger_py.http.openapi import openapi_document
from ledger_py.http.problems import PROBLEM_TYPES
from ledger_py.http.schemas import RecordRequest, RequestedOperation
from ledger_py.http.turns import Turns
from ledger_py.operations import BaseLedgerOperation


@pytest.fixture(scope="module")
def document(api: httpx.Client) -> dict[str, Any]:
    response = api.get("/openapi.json")
    assert response.headers["content-type"] == "application/json"
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize(("app", "operations"), [("app1", App1Operation), ("app2", App2Operation)])
def test_operations_are_an_enum_of_the_app(app: str, operations: type[BaseLedgerOperation]) -> None:
    document = openapi_document(app, operations)

    schemas = document["components"]["schemas"]
    field = schemas["RecordRequest"]["properties"]["operation"]
    assert field == {"$ref": f"#/components/schemas/{operations.__name__}"}
    assert schemas[operations.__name__]["enum"] == sorted(operations)


def test_references_resolve(document: dict[str, Any]) -> None:
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))

    assert referred <= document["components"]["schemas"].keys()


@pytest.mark.parametrize(("app", "operations"), [("app1", App1Operation), ("app2", App2Operation)])
def test_document_is_valid_and_every_example_fits_its_schema(
    app: str, operations: type[BaseLedgerOperation]
) -> None:
    document = openapi_document(app, operations)

    validate(document)
    for where, content in _contents(document):
        assert content["examples"], where
        schema = content["schema"] | {"components": document["components"]}
        validator = Draft202012Validator(schema, format_checker=FormatChecker())
        for name, example in content["examples"].items():
            faults = [fault.message for fault in validator.iter_errors(example["value"])]
            assert faults == [], f"{where}, {name}"


def _contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """List the bodies of the document: with the operation and the status, but for requests."""
    for operation in _operations(document):
        bodies = {"request": operation["requestBody"]} if "requestBody" in operation else {}
        for status, body in (bodies | operation["responses"]).items():
            for content in body["content"].values():
                yield f"{operation['operationId']}, {status}", content


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_examples_of_requests_are_accepted(document: dict[str, Any]) -> None:
    content = document["paths"]["/ledger"]["post"]["requestBody"]["content"]["application/json"]

    for example in content["examples"].values():
        decode = body_decoder(RecordRequest[RequestedOperation])
        request = decode(msgspec.json.encode(example["value"]))
        assert request.operation in App1Operation.__members__


@pytest.mark.anyio
async def test_example_of_a_batch_is_accepted(document: dict[str, Any]) -> None:
    body = document["paths"]["/ledger/batch"]["post"]["requestBody"]
    example = body["content"]["application/json"]["examples"]["batch"]["value"]

    batch = await decode_batch(msgspec.json.encode(example), Turns())

    assert len(batch.problems) > 1
    assert set(batch.problems) == {None}
    assert not batch.atomic


def test_every_operation_every_parameter_and_every_section_is_described(
    document: dict[str, Any],
) -> None:
    described = [*document["tags"], document["info"]]
    for operation in _operations(document):
        described += [operation, *operation.get("parameters", ())]

    assert [one for one in described if not one.get("description")] == []


def test_document_names_its_license_and_contact_and_that_nobody_is_authenticated(
    document: dict[str, Any],
) -> None:
    assert document["info"]["license"] == {"name": "MIT", "identifier": "MIT"}
    assert document["info"]["contact"]["name"]
    assert document["security"] == []
    assert "not authenticate" in document["info"]["description"]


def test_functions_of_generated_clients_keep_their_names(document: dict[str, Any]) -> None:
    assert [operation["operationId"] for operation in _operations(document)] == [
        *("record_entry", "record_entries", "transfer_credits", "reverse_entry"),
        *("place_hold", "capture_hold", "release_hold", "extend_hold", "grow_hold"),
        *("balance", "entries", "holds", "balance_parts", "lots", "timeline", "forecast"),
        *("statement", "statement_by_spender"),
        *("grant_allowance", "change_allowance", "end_allowance", "allowances"),
        *("budgets", "set_budget", "drop_budget", "events"),
        *("operations", "problem_types", "problem_type", "live", "ready"),
    ]


def test_field_with_a_default_is_not_demanded_by_generated_clients(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]

    for schema in schemas.values():
        assert [f for f in schema.get("properties", {}).values() if "default" in f] == []
    assert schemas["RecordRequest"]["required"] == ["owner_id", "operation"]
    assert schemas["HoldRequest"]["properties"]["expires_in"]["description"].endswith("`900`.")


def test_every_field_is_described(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        for name, field in schema.get("properties", {}).items():
            options = field.get("anyOf", [field])
            assert "$ref" in field or any(
                option.get("description") for option in [field, *options]
            ), f"{schema['title']}.{name}"


def test_problems_are_described_where_they_can_happen(document: dict[str, Any]) -> None:
    responses = document["paths"]["/ledger"]["post"]["responses"]

    assert set(responses) == {
        *("200", "201", "400", "402", "403", "404", "409", "413", "415", "421", "422"),
        *("500", "503"),
    }
    assert "insufficient_balance" in responses["402"]["description"]
    for status, response in responses.items():
        for content in response["content"].get("application/problem+json", {}).get("examples", {}):
            assert PROBLEM_TYPES[content].status == int(status)


def test_cursor_of_a_cluster_fits_its_schema(document: dict[str, Any]) -> None:
    (after,) = document["paths"]["/events"]["get"]["parameters"][:1]
    pattern = re.compile(after["schema"]["pattern"])

    for cursor in ("7130-4", "2-7130-4-0011aabb", "p0:7130-4", "p0:2-7130-4-0011aabb,p1:9-1"):
        assert pattern.fullmatch(cursor), cursor
    for cursor in ("", "p0", "p0:", "p0:7130-4,", "7130-4,p0:7130-4", "P0:7130-4"):
        assert not pattern.fullmatch(cursor), cursor


def test_every_problem_type_can_be_read(api: httpx.Client) -> None:
    kinds = api.get("/problems").json()

    assert {kind["code"] for kind in kinds} == PROBLEM_TYPES.keys()
    for kind in kinds:
        assert kind["meaning"]
        assert api.get(f"/problems/{kind['code']}").json() == kind


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/redoc"])
def test_pages_load_nothing_from_other_hosts(api: httpx.Client, path: str) -> None:
    page = api.get(path)

    loaded = re.findall(r'(?:src|href|data-document)\s*=?\s*"([^"]*)"', page.text)
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in page.text
    assert "/openapi.json" in page.text
    assert loaded
    for address in loaded:
        assert address == "data:," or api.get(page.url.join(address)).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/redoc"])
def test_policy_of_pages_allows_the_service_alone(api: httpx.Client, path: str) -> None:
    page = api.get(path)

    directives = page.headers["content-security-policy"].split("; ")
    sources = {name: allowed for name, _, allowed in (one.partition(" ") for one in directives)}
    assert sources["default-src"] == sources["frame-ancestors"] == "'none'"
    assert sources["script-src"] == sources["connect-src"] == "'self'"
    assert not any("http" in allowed or "*" in allowed for allowed in sources.values())
    assert "<script>" not in page.text


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("start-swagger-ui.js", "text/javascript"),
        ("start-redoc.js", "text/javascript"),
        ("swagger-ui.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
        ("redoc.js", "text/javascript"),
    ],
)
def test_assets_load_nothing_from_other_hosts(
    api: httpx.Client, name: str, media_type: str
) -> None:
    asset = api.get(f"/docs/assets/{name}")

    assert asset.headers["content-type"].split(";")[0] == media_type
    assert not re.search(r"""url\(["']?(?:https?:)?//""", asset.text)
    assert not re.search(r"""\b(?:from|import)\s*\(?["']https?://""", asset.text)


def test_root_redirects_to_the_documentation(api: httpx.Client) -> None:
    response = api.get("/")

    assert response.next_request is not None
    assert (response.status_code, response.next_request.url.path) == (302, "/docs")
