"""The limits in the OpenAPI document are those of the database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from apps.app1.operations import App1Operation
from apps.app2.operations import App2Operation
from ledger_py.http.openapi import openapi_document
from tests.sql.calls import Connection, call, refused, scalar

Json = dict[str, Any]

DOCUMENTS = {
    "app1": openapi_document("app1", App1Operation),
    "app2": openapi_document("app2", App2Operation),
}

# Numbers and texts that the database does not limit or does not provide.
WITHOUT_LIMITS = {
    *("StatementTotal.amount", "Operation.claim_time_zone", "Operation.expires_after"),
    *("Operation.description", "Liveness.status", "Readiness.status"),
    *("ProblemType.code", "ProblemType.status", "ProblemType.title", "ProblemType.meaning"),
    *("Problem.type", "Problem.title", "Problem.status", "Problem.detail"),
    *("Problem.field", "Problem.reason", "Problem.hint"),
}


def fields(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield the fields of all bodies and all parameters, with their schemas."""
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            yield f"{name}.{field}", value_of(described)
    for path, methods in document["paths"].items():
        for route in methods.values():
            for parameter in route.get("parameters", ()):
                yield f"{path} {parameter['name']}", value_of(parameter["schema"])


def value_of(schema: Json) -> Json:
    """Get the schema of a value that is not null, with the description of the field."""
    options: list[Json] = schema.get("anyOf", [schema])
    return schema | next(option for option in options if option != {"type": "null"})


def described(field: str, app: str = "app1") -> Json:
    """Get the schema of one field."""
    return dict(fields(DOCUMENTS[app]))[field]


def named(name: str) -> dict[str, Json]:
    """Get the schemas of all fields and parameters of a name."""
    return {
        f"{app} {field}": schema
        for app, document in DOCUMENTS.items()
        for field, schema in fields(document)
        if re.split(r"[. ]", field)[-1] == name
    }


def constraint(tx: Connection, name: str) -> str:
    definition: str = scalar(
        tx, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", name
    )
    return definition


def numbers_in(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"-?\d+", text)]


@pytest.mark.parametrize("app", DOCUMENTS)
def test_every_number_and_text_has_limits(app: str) -> None:
    for field, schema in fields(DOCUMENTS[app]):
        if schema.get("type") == "integer":
            limited = "minimum" in schema
        elif schema.get("type") == "string":
            limited = bool(schema.keys() & {"maxLength", "pattern", "enum", "format"})
        else:
            continue
        # Any value is a Cache-Control; an unknown one is ignored.
        unlimited = field in WITHOUT_LIMITS or field.endswith(" Cache-Control")
        assert limited != unlimited, field


@pytest.mark.parametrize(
    ("name", "constraint_name"),
    [
        ("asset", "operations_asset_well_formed"),
        ("app", "apps_name_well_formed"),
        ("operation", "operations_name_well_formed"),
    ],
)
def test_name_has_the_form_of_the_database(tx: Connection, name: str, constraint_name: str) -> None:
    found = {field: schema for field, schema in named(name).items() if "$ref" not in schema}
    definition = constraint(tx, constraint_name)

    assert len(found) > 5
    for field, schema in found.items():
        assert f"'{schema['pattern']}'" in definition, field


def test_asset_in_a_query_has_the_form_of_the_database(tx: Connection) -> None:
    schema = described("/ledger/{owner_id} asset")
    longest = "A" * schema["maxLength"]

    define = {"operation": "LONGEST", "description": "Counts it", "default_amount": 1}
    call(tx, "define_operation", **define, asset=longest)
    call(tx, "balance", owner_id="alice", asset=longest)
    for asset in ("", f"{longest}A", "credit", "1", "A-B"):
        assert not re.search(schema["pattern"], asset)
        with refused(tx, "LG001") as refusal:
            call(tx, "balance", owner_id="alice", asset=asset)
        assert refusal.detail["field"] == "asset"


@pytest.mark.parametrize(
    "name",
    ["owner_id", "nonce", "hold_nonce", "original_nonce", "claim_subject", "Idempotency-Key"],
)
def test_key_has_the_length_of_the_database(tx: Connection, name: str) -> None:
    found = named(name)

    assert found
    for schema in found.values():
        lengths = (schema["minLength"], schema["maxLength"])
        for length in lengths:
            scalar(tx, "SELECT ledger_core.check_key('x', repeat('ü', %s))", length)
        for length in (lengths[0] - 1, lengths[1] + 1):
            with refused(tx, "LG001"):
                scalar(tx, "SELECT ledger_core.check_key('x', repeat('ü', %s))", length)


def test_lifetime_of_a_hold_has_the_bounds_of_the_database(tx: Connection) -> None:
    check = "SELECT ledger_core.check_expires_in(make_interval(secs => %s))"
    found = named("expires_in")

    assert len(found) == 4
    for schema in found.values():
        for seconds in (schema["minimum"], schema["maximum"]):
            scalar(tx, check, seconds)
        for seconds in (schema["minimum"] - 1, schema["maximum"] + 1):
            with refused(tx, "LG001"):
                scalar(tx, check, seconds)


@pytest.mark.parametrize(
    ("field", "constraint_name"),
    [
        ("RecordRequest.amount", "operations_bounds_exact_in_json"),
        ("Entry.amount", "operations_bounds_exact_in_json"),
        ("RecordedEntry.amount", "operations_bounds_exact_in_json"),
        ("Operation.claim_limit", "operations_claim_limit_positive"),
        ("Operation.default_amount", "operations_bounds_exact_in_json"),
        ("Operation.min_amount", "operations_bounds_exact_in_json"),
        ("Operation.max_amount", "operations_bounds_exact_in_json"),
    ],
)
def test_number_has_the_bounds_of_the_database(
    tx: Connection, field: str, constraint_name: str
) -> None:
    schema = described(field)

    bounds = numbers_in(constraint(tx, constraint_name).replace("'", ""))
    assert [min(bounds), max(bounds)] == [schema["minimum"], schema["maximum"]]


@pytest.mark.parametrize(
    "field",
    [
        *("RecordedEntry.balance", "Balance.balance", "PastBalance.balance"),
        *("Statement.opening", "Statement.closing"),
    ],
)
def test_balance_has_the_bounds_of_the_functions(tx: Connection, field: str) -> None:
    schema = described(field)

    most = scalar(tx, "SELECT ledger_core.max_amount()")
    assert [-most, most] == [schema["minimum"], schema["maximum"]]


@pytest.mark.parametrize(
    ("field", "function", "arguments"),
    [
        (
            "HoldRequest.amount",
            "place_hold",
            {"owner_id": "alice", "operation": "CREDIT_SPEND", "nonce": "n"},
        ),
        ("CaptureRequest.amount", "capture_hold", {"hold_nonce": "job", "nonce": "n"}),
        ("ReversalRequest.amount", "reverse_entry", {"original_nonce": "gift", "nonce": "n"}),
    ],
)
def test_positive_amount_has_the_minimum_of_the_database(
    tx: Connection, field: str, function: str, arguments: Json
) -> None:
    alice: Json = {"app": "app1", "owner_id": "alice"}
    call(tx, "record_entry", **alice, operation="CREDIT_ADD", nonce="gift", amount=10)
    call(tx, "place_hold", **alice, operation="CREDIT_SPEND", nonce="job", amount=5)
    least = described(field)["minimum"]

    with refused(tx, "LG002") as refusal:
        call(tx, function, app="app1", amount=least - 1, **arguments)
    assert refusal.detail["min_amount"] == least
    call(tx, function, app="app1", amount=least, **arguments)


def test_batch_has_the_size_limit_of_the_database(tx: Connection) -> None:
    most = described("BatchRequest.entries")["maxItems"]
    batch = "SELECT count(*) FROM ledger.record_entries('app1', %s::jsonb)"

    with refused(tx, "LG001") as refusal:
        scalar(tx, batch, f"[{','.join(['1'] * (most + 1))}]")
    assert numbers_in(refusal.detail["reason"]) == [most]


def test_description_of_metadata_has_the_limits_of_the_database(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        scalar(tx, "SELECT ledger_core.check_metadata('[]')")

    for field in ("RecordRequest", "HoldRequest", "CaptureRequest", "ReversalRequest"):
        description = described(f"{field}.metadata")["description"]
        assert numbers_in(description) == numbers_in(refusal.detail["reason"])


@pytest.mark.parametrize("field", ["/events after", "/events Last-Event-ID"])
def test_feed_cursor_has_the_form_of_the_database(tx: Connection, field: str) -> None:
    schema = described(field)
    longest = "-".join(["9" * 9, "9" * 19, "9" * 18, "f" * 8])
    position = schema["pattern"].removeprefix("^((").partition(")|")[0]  # also of each partition
    of_today, of_old = position.split("|")

    body = scalar(tx, "SELECT prosrc FROM pg_proc WHERE oid = 'ledger_core.feed_position'::regproc")
    assert f"'^{of_today}$'" in body
    assert f"'^{of_old}$'" in body
    assert len(longest) <= schema["maxLength"]
    assert re.search(schema["pattern"], longest)


def test_limits_of_the_database_are_refused_in_its_words(
    tx: Connection, api: httpx.Client, record: Any, owner: str
) -> None:
    """Values beyond the documented limits are refused in the words of the database."""
    record(amount=10)
    longest = described("HoldRequest.expires_in")["maximum"]
    asset = "A" * described("/ledger/{owner_id} asset")["maxLength"]
    hold = {"owner_id": owner, "operation": "CREDIT_SPEND", "nonce": f"hold of {owner}"}
    with refused(tx, "LG001") as of_life:
        scalar(tx, "SELECT ledger_core.check_expires_in(make_interval(secs => %s))", longest + 1)
    with refused(tx, "LG001") as of_asset:
        scalar(tx, "SELECT ledger_core.check_known_account('alice', %s)", f"{asset}A")

    too_long = api.post("/ledger/holds", json=hold | {"amount": 1, "expires_in": longest + 1})
    too_little = api.post("/ledger/holds", json=hold | {"amount": 0, "expires_in": longest})
    just_right = api.post("/ledger/holds", json=hold | {"amount": 1, "expires_in": longest})
    no_asset = api.get(f"/ledger/{owner}?asset={asset}A")

    assert (too_long.status_code, too_long.json()["reason"]) == (422, of_life.detail["reason"])
    assert (too_little.status_code, too_little.json()["code"]) == (422, "amount_out_of_bounds")
    assert just_right.status_code == 201
    assert (no_asset.status_code, no_asset.json()["reason"]) == (422, of_asset.detail["reason"])
    unknown = api.get(f"/ledger/{owner}?asset={asset}").json()
    assert unknown["reason"].startswith("is not an asset of this ledger, which has ")
