"""The OpenAPI document is correct, and its pages need no internet."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import msgspec
import pytest

from apps.app1.operations import App1Operation
from apps.app2.operations import App2Operation
from ledger_py.http.openapi import openapi_document
from ledger_py.http.problems import PROBLEM_TYPES
from ledger_py.http.requests import body_decoder, decode_batch
from ledger_py.http.schemas import RecordRequest, RequestedOperation
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


def test_examples_of_requests_are_accepted(document: dict[str, Any]) -> None:
    content = document["paths"]["/ledger"]["post"]["requestBody"]["content"]["application/json"]

    for example in content["examples"].values():
        decode = body_decoder(RecordRequest[RequestedOperation])
        request = decode(msgspec.json.encode(example["value"]))
        assert request.operation in App1Operation.__members__


def test_example_of_a_batch_is_accepted(document: dict[str, Any]) -> None:
    body = document["paths"]["/ledger/batch"]["post"]["requestBody"]
    example = body["content"]["application/json"]["examples"]["batch"]["value"]

    entries, atomic = decode_batch(msgspec.json.encode(example))

    assert len(entries) > 1
    assert all(isinstance(entry, RecordRequest) for entry in entries)
    assert not atomic


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
        *("200", "201", "400", "402", "403", "404", "409", "413", "415", "422", "500", "503")
    }
    assert "insufficient_balance" in responses["402"]["description"]
    for status, response in responses.items():
        for content in response["content"].get("application/problem+json", {}).get("examples", {}):
            assert PROBLEM_TYPES[content].status == int(status)


def test_every_problem_type_can_be_read(api: httpx.Client) -> None:
    kinds = api.get("/problems").json()

    assert {kind["code"] for kind in kinds} == PROBLEM_TYPES.keys()
    for kind in kinds:
        assert kind["meaning"]
        assert api.get(f"/problems/{kind['code']}").json() == kind


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/redoc"])
def test_pages_load_nothing_from_other_hosts(api: httpx.Client, path: str) -> None:
    page = api.get(path)

    loaded = re.findall(r'(?:src|href|url:|spec-url)\s*=?\s*"([^"]*)"', page.text)
    assert page.headers["content-type"].startswith("text/html")
    assert "//" not in page.text
    assert "/openapi.json" in page.text
    assert loaded
    for address in loaded:
        assert address == "data:," or api.get(page.url.join(address)).status_code == 200


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
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
