"""Large bodies, whatever they hold: answered like small ones, and nobody waits for them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ledger_py.http import turns as module
from ledger_py.http.bodies import MAX_BODY, MAX_DEPTH, decode_batch
from ledger_py.http.problems import Problem
from ledger_py.http.room import SMALL_BODY
from ledger_py.http.turns import Turns
from tests.http.problems import assert_problem

JSON = {"content-type": "application/json"}


def entry(number: int, metadata: bytes, amount: bytes = b"1") -> bytes:
    return b'{"owner_id":"o","operation":"CREDIT_ADD","nonce":"n%d","amount":%b,"metadata":%b}' % (
        number,
        amount,
        metadata,
    )


def batch(*entries: bytes, rest: bytes = b"") -> bytes:
    return b'{"entries":[' + b",".join(entries) + b"]" + rest + b"}"


def many(metadata: bytes, count: int = 5_000, amount: bytes = b"1") -> bytes:
    return batch(*(entry(number, metadata, amount) for number in range(count)))


def nested(depth: int) -> bytes:
    """Metadata with so many objects and arrays within each other."""
    return b'{"x":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def in_list(item: bytes, count: int) -> bytes:
    return b'{"x":[' + b",".join([item] * count) + b"]}"


HOSTILE = {
    "arrays": many(in_list(b"[]", 200)),
    "objects": many(in_list(b"{}", 200)),
    "nested deeply": many(nested(300)),
    "nested as deeply as is read": many(nested(MAX_DEPTH - 3)),
    "members given twice": many(b"{" + b",".join([b'"a":1'] * 100) + b"}"),
    "colons in texts": many(b'{"x":"' + rb"\":" * 200 + b'"}'),
    "escaped characters": many(b'{"x":"' + rb"\u0041" * 120 + b'"}', 10_000),
    "NUL": many(rb'{"x":"\u0000"}', 10_000),
    "fractions": many(in_list(b"1.5", 200)),
    "large exponents": many(in_list(b"1e9999", 100)),
    "many digits": many(b'{"x":1.' + b"1" * 16_000 + b"}", 500),
    "wrong amounts": many(b"{}", 10_000, b'"x"'),
    "wrong entries": batch(*[b"1"] * 10_000),
}


@pytest.mark.anyio
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
async def test_batch_is_decoded_in_many_steps(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    class CountedTurns(Turns):
        taken = 0

        async def __aenter__(self) -> None:
            self.taken += 1
            await super().__aenter__()

    # Each step takes a turn of its own.
    monkeypatch.setattr(module, "_AT_ONCE", 0.0)
    monkeypatch.setattr(module, "_SLICE", 0.0)
    turns = CountedTurns()

    decoded = await decode_batch(body, turns)

    assert turns.taken > 30
    assert len(decoded.problems) == (body.count(b'"nonce"') or 10_000)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        (batch(*[b"1"] * 2_000_000), "invalid_request", "entries: must have at most 10000 items"),
        (batch(*[b"[]"] * 10_001), "invalid_request", "entries: must have at most 10000 items"),
        (b"[" * 4_000_000, "invalid_request", "body: must be an object, not an array"),
        (
            batch(b"[" * 1_000_000),
            "invalid_request",
            f"entries: must not be nested more than {MAX_DEPTH} deep",
        ),
        (many(nested(300))[:-3], "malformed_json", "Input data was truncated"),
        (many(b'{"x":"' + b"y" * 600 + b'"}') + b"x", "malformed_json", None),
        (
            b"{" + b",".join([b'"entries":[]'] * 100_000) + b"}",
            "invalid_request",
            "body: has a member twice",
        ),
        (
            batch(entry(1, b"{}"), rest=b',"atomic":false,"atomic":false' + b" " * SMALL_BODY),
            "invalid_request",
            "body: has a member twice",
        ),
        (
            many(b"{}")[:-1] + b',"entries":[]}',
            "invalid_request",
            "body: has a member twice",
        ),
        (batch(rest=b',"' + b"x" * 1_000_000 + b'":1'), "invalid_request", None),
    ],
    ids=[
        *("too many", "one too many", "brackets", "open brackets", "cut off", "something after it"),
        *("members", "atomic twice", "entries twice", "long name"),
    ],
)
async def test_large_body_that_is_no_batch_is_refused(
    body: bytes, code: str, detail: str | None
) -> None:
    with pytest.raises(Problem) as refused:
        await decode_batch(body, Turns())

    assert refused.value.type.code == code
    assert refused.value.detail == (detail or refused.value.detail)
    assert len(refused.value.encode()) < 1_000


def test_others_are_answered_while_a_batch_is_decoded(api: httpx.Client, owner: str) -> None:
    hostile = HOSTILE["nested as deeply as is read"].replace(b'"o"', f'"{owner}"'.encode())
    events: list[Any] = []

    def post() -> None:
        response = api.post("/ledger/batch", content=hostile, headers=JSON)
        events.append(response.status_code)

    thread = threading.Thread(target=post)
    thread.start()
    while thread.is_alive():
        events.append(api.get("/health/live").is_success)
    thread.join()

    assert events.index(200) > 10


def test_large_batch_is_answered_like_small_ones(api: httpx.Client, owner: str) -> None:
    def request(number: int) -> dict[str, Any]:
        amount: Any = {3: "x", 5: 2**60}.get(number % 7, 1)
        nonce = None if number % 11 == 0 else f"{owner}-{number}"
        operation = "NOTHING" if number % 13 == 0 else "CREDIT_ADD"
        given = {"owner_id": owner, "operation": operation, "amount": amount}
        return given | {"nonce": nonce, "metadata": {"text": "ü: \\ " * 20}}

    requests = [request(number) for number in range(1_500)]
    assert len(json.dumps({"entries": requests})) > 4 * SMALL_BODY

    large = api.post("/ledger/batch", json={"entries": requests}).json()["results"]
    small: list[Any] = []
    for at in range(0, len(requests), 100):
        entries = {"entries": requests[at : at + 100]}
        small += api.post("/ledger/batch", json=entries).json()["results"]

    assert [result.get("nonce") for result in large if "nonce" in result] == [
        request["nonce"]
        for request, result in zip(requests, large, strict=True)
        if "nonce" in result
    ]
    assert len({result.get("code") for result in large}) == 3
    assert [
        result | {"replayed": True} if "nonce" in result else result for result in large
    ] == small


def test_atomic_batch_is_refused_with_its_first_wrong_entry(api: httpx.Client) -> None:
    entries = [entry(number, b'{"x":"' + b"y" * 300 + b'"}') for number in range(1_000)]
    entries[700] = entries[800] = b"1"

    response = api.post(
        "/ledger/batch", content=batch(*entries, rest=b',"atomic":true'), headers=JSON
    )

    assert_problem(response, 422, "invalid_request", field="entry", position=701)


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, 300])
def test_nesting_is_limited(
    api: httpx.Client, post_single: Callable[[bytes], Any], depth: int
) -> None:
    body = batch(entry(1, nested(depth)))

    alone = post_single(nested(depth))
    in_batch = api.post("/ledger/batch", content=body, headers=JSON).json()["results"][0]

    by_ledger = "must be a JSON object of at most 16384 bytes, nested at most 64 deep"
    by_service = f"must not be nested more than {MAX_DEPTH} deep"
    reason = by_ledger if depth < MAX_DEPTH else by_service
    assert [(answer["field"], answer["reason"]) for answer in (alone, in_batch)] == [
        ("metadata", reason)
    ] * 2


@pytest.fixture
def post_single(api: httpx.Client) -> Callable[[bytes], Any]:
    """Post an entry with metadata; return the answer."""

    def post(metadata: bytes) -> Any:
        return api.post("/ledger", content=entry(1, metadata), headers=JSON).json()

    return post


def test_brackets_in_texts_are_no_levels(post_single: Callable[[bytes], Any]) -> None:
    text = rb'{"x\"[": "' + rb"[{\"\\[" * 200 + b'"}'

    assert post_single(text)["metadata"] == json.loads(text)


def test_text_without_end_is_malformed(api: httpx.Client) -> None:
    text = entry(1, b'{"x": "' + rb"\"[" * 20_000)

    response = api.post("/ledger", content=text, headers=JSON)

    assert_problem(response, 400, "malformed_json")


def test_entry_of_a_batch_is_no_larger_than_one_alone(api: httpx.Client, owner: str) -> None:
    good = entry(1, b"{}").replace(b'"o"', f'"{owner}"'.encode()).replace(b"n1", owner.encode())
    large = good[:-1] + b" " * MAX_BODY + b"}"

    results = api.post("/ledger/batch", content=batch(large, good), headers=JSON).json()["results"]
    alone = api.post("/ledger", content=large, headers=JSON)

    assert results[0]["detail"] == f"entry: must have at most {MAX_BODY} bytes"
    assert results[1]["balance"] == 1
    assert_problem(alone, 413, "body_too_large", limit=MAX_BODY)


@pytest.mark.parametrize("size", [SMALL_BODY - 500, SMALL_BODY + 500, MAX_BODY - 500])
def test_white_space_counts_and_is_read(api: httpx.Client, owner: str, size: int) -> None:
    body = {"owner_id": owner, "operation": "CREDIT_ADD", "nonce": owner, "amount": 1}

    response = api.post("/ledger", content=json.dumps(body) + " " * size, headers=JSON)

    assert response.status_code == 201
