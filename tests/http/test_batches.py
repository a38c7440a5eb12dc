"""`POST /ledger/batch`: each entry is answered like a single request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.http.problems import assert_problem
from tests.http.running import make_service, running

Body = dict[str, Any]
PostBatch = Callable[..., httpx.Response]

JSON = {"content-type": "application/json"}


@pytest.fixture
def entry(owner: str) -> Callable[..., Body]:
    """Make an entry of the test's owner, whose nonce begins with the owner."""

    def make(nonce: str, operation: str = "CREDIT_ADD", **fields: Any) -> Body:
        return {"owner_id": owner, "operation": operation, "nonce": f"{owner}-{nonce}"} | fields

    return make


@pytest.fixture
def post_batch(api: httpx.Client) -> PostBatch:
    """Record a batch."""

    def post(*entries: Any, **fields: Any) -> httpx.Response:
        return api.post("/ledger/batch", json={"entries": entries} | fields)

    return post


def outcomes(response: httpx.Response) -> list[Any]:
    """The balance after each entry, or the code of its problem."""
    assert response.status_code == 200, response.text
    return [result.get("code", result.get("balance")) for result in response.json()["results"]]


def test_results_are_in_the_order_of_the_entries(
    post_batch: PostBatch, entry: Callable[..., Body], owner: str
) -> None:
    response = post_batch(
        entry("a", amount=10),
        entry("b", "CREDIT_SPEND", amount=-4),
        entry("c", "CREDIT_SPEND", amount=-7),
        entry("d", "NOTHING"),
        entry("a", amount=10),
        entry("a", amount=11),
        entry("e", "CREDIT_SPEND", amount=-6),
    )

    assert outcomes(response) == [
        10,
        6,
        "insufficient_balance",
        "unknown_operation",
        10,
        "nonce_conflict",
        0,
    ]
    results = response.json()["results"]
    assert [results[0]["replayed"], results[4]["replayed"]] == [False, True]
    assert results[2]["status"] == 402
    assert (results[2]["available"], results[2]["required"]) == (6, 7)
    assert (results[0]["owner_id"], results[0]["nonce"]) == (owner, f"{owner}-a")


def test_refused_entry_gets_the_problem_of_a_single_request(
    api: httpx.Client, post_batch: PostBatch, entry: Callable[..., Body]
) -> None:
    refused = [
        entry("a", "CREDIT_SPEND", amount=-4),
        entry("b", amount=-4),
        entry("c", "TOKENS_USED", amount=-1),
        entry("d", amount="7"),
        entry("e", metadata={"x": "a\0b"}),
        entry("f", metadata=[]),
        entry("g", color="red"),
        entry("h", expires_at="1999-01-01T00:00:00Z"),
    ]

    results = post_batch(*refused).json()["results"]

    singly = [api.post("/ledger", json=body).json() for body in refused]
    # An entry of a batch may have a receiver, too.
    singly[6]["hint"] = singly[6]["hint"].replace("nonce.", "nonce, to_owner_id.")
    assert results == singly


def test_malformed_entry_is_refused_alone(
    post_batch: PostBatch, entry: Callable[..., Body]
) -> None:
    response = post_batch(
        7,
        entry("a"),
        None,
        {},
        [entry("b")],
        entry("c", amount=1.5),
        entry("d") | {"nonce": None},
        entry("e"),
    )

    assert outcomes(response) == [
        *["invalid_request", 10, "invalid_request", "invalid_request", "invalid_request"],
        *["invalid_request", "invalid_request", 20],
    ]
    fields = [result.get("field") for result in response.json()["results"]]
    assert fields == ["entry", None, "entry", "owner_id", "entry", "amount", "nonce", None]


@pytest.fixture
def post_with_metadata(api: httpx.Client, entry: Callable[..., Body]) -> PostBatch:
    """Record three entries, of which the second has a value in its metadata just as given."""

    def post(value: bytes) -> httpx.Response:
        entries = [json.dumps(entry(name, metadata={"x": 0})).encode() for name in "abc"]
        entries[1] = entries[1].replace(b'"x": 0', b'"x": ' + value)
        body = b'{"entries": [' + b",".join(entries) + b"]}"
        return api.post("/ledger/batch", content=body, headers=JSON)

    return post


@pytest.mark.parametrize("value", [rb'"\u0000"', b"1e99999", b"1" * 5000])
def test_entry_that_cannot_be_stored_is_refused_alone(
    post_with_metadata: PostBatch, value: bytes
) -> None:
    assert outcomes(post_with_metadata(value)) == [10, "invalid_request", 20]


@pytest.mark.parametrize("value", [rb'"\ud800"', b"NaN", b"[" * 5_000 + b"]" * 5_000])
def test_entry_that_is_not_json_refuses_the_batch(
    post_with_metadata: PostBatch, value: bytes
) -> None:
    assert_problem(post_with_metadata(value), 422, "invalid_request", field="entries")


@pytest.mark.parametrize(
    ("bad", "status", "code"),
    [
        ({"operation": "CREDIT_SPEND", "amount": -99}, 402, "insufficient_balance"),
        ({"operation": "NOTHING"}, 422, "unknown_operation"),
        ({"amount": "7"}, 422, "invalid_request"),
        ({"nonce": None}, 422, "invalid_request"),
    ],
)
def test_atomic_batch_is_refused_with_its_first_refusal(
    post_batch: PostBatch,
    entry: Callable[..., Body],
    count_entries: Callable[[], int],
    bad: Body,
    status: int,
    code: str,
) -> None:
    before = count_entries()

    response = post_batch(entry("a"), entry("b") | bad, entry("c") | bad, atomic=True)

    assert_problem(response, status, code, position=2)
    assert count_entries() == before


def test_empty_batch_has_no_results(post_batch: PostBatch) -> None:
    assert outcomes(post_batch()) == []


def test_batch_may_have_ten_thousand_entries(
    api: httpx.Client, entry: Callable[..., Body], owner: str
) -> None:
    batch = [entry(str(n), amount=1, owner_id=f"{owner}-{n % 100}") for n in range(10_000)]

    results = api.post("/ledger/batch", json={"entries": batch}).json()["results"]

    assert [result["nonce"] for result in results] == [body["nonce"] for body in batch]
    assert {result["seq"] for result in results[-100:]} == {100}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"entries": null}', "entries"),
        (b'{"entries": [], "atomic": 1}', "atomic"),
        (b'{"entries": [], "atomic": "true"}', "atomic"),
        (b'{"entries": [7], "atomic": null}', "atomic"),
        (b'{"entries": [' + b"7," * 10_000 + b"7]}", "entries"),
    ],
)
def test_bad_field_of_a_batch_is_named(api: httpx.Client, body: bytes, field: str) -> None:
    response = api.post("/ledger/batch", content=body, headers=JSON)

    assert_problem(response, 422, "invalid_request", field=field)


def test_settings_limit_the_size_of_a_batch(ledger_db: str, entry: Callable[..., Body]) -> None:
    large = [entry(str(n), metadata={"x": "y" * 10_000}) for n in range(200)]
    with running(make_service(ledger_db, max_body=3_000_000)) as api:
        accepted = api.post("/ledger/batch", json={"entries": large})
        refused = api.post("/ledger/batch", json={"entries": large * 2})

    assert len(outcomes(accepted)) == 200
    assert_problem(refused, 413, "body_too_large")
