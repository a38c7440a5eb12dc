"""Bad requests get a problem that names the field, and record nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.http.problems import assert_problem
from tests.http.running import make_service, running

GOOD = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n", "amount": 1}
JSON = {"content-type": "application/json"}


def replaced(**fields: Any) -> bytes:
    return json.dumps(GOOD | fields).encode()


def spliced(field: str, value: bytes) -> bytes:
    """A body with a literal value, JSON or not."""
    rest = json.dumps({name: kept for name, kept in GOOD.items() if name != field})
    return rest.encode()[:-1] + b', "' + field.encode() + b'": ' + value + b"}"


def nested(depth: int) -> bytes:
    return spliced("metadata", b'{"x": ' + b"[" * depth + b"]" * depth + b"}")


TEXTS = ("owner_id", "operation", "nonce", "claim_subject")

WRONG_FIELDS = {
    **{f"{field} empty": (field, replaced(**{field: ""})) for field in TEXTS},
    **{f"{field} of 256 characters": (field, replaced(**{field: "x" * 256})) for field in TEXTS},
    **{f"{field} with NUL": (field, replaced(**{field: "a\0b"})) for field in TEXTS},
    **{f"{field} half a character": (field, spliced(field, rb'"\ud800"')) for field in TEXTS},
    **{f"{field} null": (field, replaced(**{field: None})) for field in TEXTS[:3]},
    "amount a text": ("amount", replaced(amount="7")),
    "amount a fraction": ("amount", replaced(amount=1.5)),
    "amount 1.0": ("amount", spliced("amount", b"1.0")),
    "amount 1e2": ("amount", spliced("amount", b"1e2")),
    "amount 1e999": ("amount", spliced("amount", b"1e999")),
    "amount a boolean": ("amount", replaced(amount=True)),
    "amount 2^53": ("amount", replaced(amount=2**53)),
    "amount -2^53": ("amount", replaced(amount=-(2**53))),
    "amount 2^63": ("amount", replaced(amount=2**63)),
    "amount -2^63 - 1": ("amount", replaced(amount=-(2**63) - 1)),
    "amount 2^64": ("amount", replaced(amount=2**64)),
    "amount of 400 digits": ("amount", spliced("amount", b"1" * 400)),
    "amount of 5000 digits": ("amount", spliced("amount", b"1" * 5000)),
    "amount NaN": ("amount", spliced("amount", b"NaN")),
    "amount Infinity": ("amount", spliced("amount", b"-Infinity")),
    "metadata a text": ("metadata", replaced(metadata="x")),
    "metadata too large": ("metadata", replaced(metadata={"x": "y" * 16_384})),
    "metadata of 5000 digits": ("metadata", spliced("metadata", b'{"x": ' + b"1" * 5000 + b"}")),
    "metadata 1e99999": ("metadata", spliced("metadata", b'{"x": 1e99999}')),
    "metadata NaN": ("metadata", spliced("metadata", b'{"x": [NaN]}')),
    "metadata with NUL": ("metadata", replaced(metadata={"x": "a\0b"})),
    "metadata with a name with NUL": ("metadata", replaced(metadata={"a\0b": 1})),
    "metadata half a character": ("metadata", spliced("metadata", rb'{"x": ["\udfff"]}')),
    "metadata of 990 levels": ("metadata", nested(990)),
    "metadata of 5000 levels": ("metadata", nested(5_000)),
    "metadata of 50000 levels": ("metadata", nested(50_000)),
    "expires_at a date": ("expires_at", replaced(expires_at="2999-01-01")),
    "expires_at without zone": ("expires_at", replaced(expires_at="2999-01-01T00:00:00")),
    "expires_at not a time": ("expires_at", replaced(expires_at="soon")),
    "expires_at a number": ("expires_at", replaced(expires_at=32_503_680_000)),
    "expires_at in the past": ("expires_at", replaced(expires_at="1999-01-01T00:00:00Z")),
    "expires_at year 1": ("expires_at", replaced(expires_at="0001-01-01T00:00:00+14:00")),
    "expires_at year 9999": ("expires_at", replaced(expires_at="9999-01-01T00:00:00Z")),
    "expires_at year 10000": ("expires_at", replaced(expires_at="9999-12-31T23:59:59-14:00")),
    "expires_at 31 February": ("expires_at", replaced(expires_at="2999-02-31T00:00:00Z")),
    "field in the wrong case": ("Amount", replaced(Amount=1)),
    "field of the answer": ("balance", replaced(balance=1_000_000)),
    "app in the body": ("app", replaced(app="app2")),
    "a text": ("body", b'"x"'),
    "null": ("body", b"null"),
}

MALFORMED = {
    "no body": b"",
    "spaces": b"  ",
    "cut off": replaced()[:-1],
    "something after it": replaced() + b"x",
    "a comma too many": replaced()[:-1] + b",}",
    "apostrophes": replaced().replace(b'"', b"'"),
    "not UTF-8": replaced(owner_id="a").replace(b'"a"', b'"\xff"'),
    "UTF-16": replaced().decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + replaced(),
    "a control character": spliced("owner_id", b'"a\x01"'),
    "a form": b"owner_id=alice&operation=CREDIT_ADD",
    "binary": bytes(range(256)),
    "half a character in a name": replaced()[:-1] + rb', "\ud800": 1}',
}


@pytest.fixture(autouse=True)
def _ledger_is_unchanged(count_entries: Callable[[], int]) -> Any:
    before = count_entries()
    yield
    assert count_entries() == before


@pytest.mark.parametrize(("field", "body"), WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_bad_field_is_named(api: httpx.Client, field: str, body: bytes) -> None:
    problem = assert_problem(
        api.post("/ledger", content=body, headers=JSON), 422, "invalid_request"
    )

    assert problem["field"] == field
    assert problem["detail"] == f"{field}: {problem['reason']}"


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_json_is_refused(api: httpx.Client, body: bytes) -> None:
    assert_problem(api.post("/ledger", content=body, headers=JSON), 400, "malformed_json")


@pytest.mark.parametrize(
    "media_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "*/*"],
)
def test_wrong_content_type_is_refused(api: httpx.Client, media_type: str | None) -> None:
    headers = {} if media_type is None else {"content-type": media_type}

    response = api.post("/ledger", content=replaced(), headers=headers)

    assert_problem(response, 415, "unsupported_media_type", field="Content-Type")


def test_chunked_body_is_refused_once_it_is_too_large(
    api: httpx.Client,
) -> None:
    response = api.post("/ledger", content=(b" " * 65_536 for _ in range(160)), headers=JSON)

    assert_problem(response, 413, "body_too_large")


def test_settings_limit_the_size_of_bodies(ledger_db: str) -> None:
    with running(make_service(ledger_db, max_body=1_024)) as api:
        response = api.post("/ledger", content=replaced() + b" " * 1_024, headers=JSON)

    assert_problem(response, 413, "body_too_large", limit=1_024)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/ledger/alice/nothing",
        "/ledger/alice/entries/1",
        "/ledger//entries",
        "/ledger/alice//entries",
        "/ledger/holds/1",
        "/ledger/holds//entries",
        "/docs/assets/..%2F..%2Fpyproject.toml",
        "/docs/assets/scalar.js",
        "/problems/nothing",
        "/openapi.yaml",
    ],
)
def test_unknown_address_is_not_found(api: httpx.Client, path: str) -> None:
    assert_problem(api.get(path), 404, "not_found")


SINCE = "since=2020-01-01T00:00:00Z"
UNTIL = "until=2999-01-01T00:00:00Z"

# The parameter at fault is the last one, unless another is named.
WRONG_QUERIES: list[tuple[str, str | None]] = [
    *((f"?at={value}", None) for value in ("", "now", "2020-01-01", "1577836800")),
    *((f"?at={value}", None) for value in ("2020-01-01T00:00:00", "9999-12-31T23:59:59-14:00")),
    *((f"/entries?limit={value}", None) for value in ("0", "501", "-1", "+7", "ten", "1.0", "")),
    *((f"/entries?limit={value}", None) for value in ("%EF%BC%97", "9" * 20, "1&limit=2")),
    *((f"/entries?cursor={value}", None) for value in ("", "x", "-1", "9" * 19)),
    *((f"/entries?asset={value}", None) for value in ("", "%00", "x" * 256)),
    *((f"{path}asset=CREDITS", None) for path in ("?", "?at=2020-01-01T00:00:00Z&")),
    *((f"{path}?asset=CREDITS", None) for path in ("/entries", "/holds")),
    (f"/statement?{SINCE}&asset=CREDITS", None),
    ("/entries?asset=%ff", "query"),
    *((f"/holds?{query}", None) for query in ("limit=0", "limit=501", "status=closed")),
    *((f"/holds?cursor={value}", None) for value in ("", "x", "-1", "9" * 18, "2030-01-01")),
    *((f"/holds?cursor=2030-{value}", None) for value in ("01-01T00:00:00", "13-01T00:00:00Z")),
    ("/statement", "since"),
    (f"/statement?{SINCE}&until=", None),
    (f"/statement?{UNTIL}", "since"),
    (f"/statement?{UNTIL}&{SINCE}&{SINCE}", None),
    (f"/statement?{SINCE}&until=2020-02-31T00:00:00Z", None),
    (f"/statement?{SINCE}&until=2019-12-31T00:00:00Z", None),
]


@pytest.mark.parametrize(("path", "field"), WRONG_QUERIES)
def test_bad_query_parameter_is_named(api: httpx.Client, path: str, field: str | None) -> None:
    response = api.get(f"/ledger/alice{path}")

    expected = field or re.findall(r"(\w+)=", path)[-1]
    assert_problem(response, 422, "invalid_request", field=expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("expires_in", value) for value in (0, -1, "PT15M", 1.5, None, 10**10, 367 * 86_400)],
        *[("amount", value) for value in (2**53, -(2**53), 2**63)],
    ],
)
def test_bad_value_for_a_hold_is_named(api: httpx.Client, name: str, value: Any) -> None:
    hold = {"owner_id": "alice", "operation": "CREDIT_SPEND", "nonce": "n", "amount": 1}

    response = api.post("/ledger/holds", json=hold | {name: value})

    assert_problem(response, 422, "invalid_request", field=name)


def test_last_of_two_members_with_one_name_counts(api: httpx.Client) -> None:
    body = replaced()[:-1] + b', "amount": "7"}'

    response = api.post("/ledger", content=body, headers=JSON)

    assert_problem(response, 422, "invalid_request", field="amount")


def test_long_name_of_an_unknown_field_is_shortened(api: httpx.Client) -> None:
    response = api.post("/ledger", content=replaced(**{"x" * 100_000: 1}), headers=JSON)

    assert_problem(response, 422, "invalid_request")
    assert len(response.content) < 1_000
