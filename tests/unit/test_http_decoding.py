"""Decoding: any input becomes a request or a problem."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_py.http.bodies import Batch, body_decoder, decode_batch
from ledger_py.http.problems import Problem
from ledger_py.http.requests import (
    agree_on_nonce,
    decode_path,
    decode_query,
)
from ledger_py.http.schemas import (
    AccountPath,
    BalanceQuery,
    EntriesQuery,
    HoldsQuery,
    RecordRequest,
    RequestedOperation,
    StatementQuery,
)
from ledger_py.http.turns import Turns

T = TypeVar("T")

decode_record_request = body_decoder(RecordRequest[RequestedOperation])

FIELDS = RecordRequest.__struct_fields__

json_values = st.recursive(
    # JSON has no word for what is not finite: such a body is malformed as a whole.
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def attempt(decode: Callable[..., T], *arguments: Any) -> T | Problem:
    try:
        return decode(*arguments)
    except Problem as problem:
        return problem


def assert_decodes_or_names_the_problem(body: bytes) -> None:
    found = attempt(decode_record_request, body)
    if isinstance(found, Problem):
        assert 400 <= found.type.status < 500
        assert msgspec.json.decode(found.encode())["detail"]
    else:
        assert isinstance(found.amount, int | None)
        assert 1 <= len(found.owner_id) <= 255


@given(st.binary())
def test_any_bytes_decode_or_are_a_problem(body: bytes) -> None:
    assert_decodes_or_names_the_problem(body)


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(), json_values))
def test_any_object_decodes_or_is_a_problem(members: dict[str, Any]) -> None:
    assert_decodes_or_names_the_problem(json.dumps(members).encode())


@given(
    st.lists(st.dictionaries(st.sampled_from(FIELDS) | st.text(), json_values) | json_values),
    json_values,
)
def test_any_array_is_a_batch_of_requests_and_problems(entries: list[Any], atomic: Any) -> None:
    def decode(body: bytes) -> Batch:
        return asyncio.run(decode_batch(body, Turns()))

    found = attempt(decode, json.dumps({"entries": entries, "atomic": atomic}).encode())
    if isinstance(found, Problem):
        assert not isinstance(atomic, bool)
    else:
        assert len(found.problems) == len(entries)
        assert len(msgspec.json.decode(found.requests)) == found.problems.count(None)


@pytest.mark.parametrize(
    ("owners", "only"),
    [
        (["alice"], "alice"),
        (["alice"] * 1_000, "alice"),
        (["alice", "bob"], None),
        (["alice"] * 1_000 + ["bob"], None),
        (["alice", "", "alice"], "alice"),  # what is refused is about nobody
        ([""], None),
        ([], None),
    ],
)
def test_batch_knows_its_only_owner(owners: list[str], only: str | None) -> None:
    entry = {"operation": "CREDIT_ADD", "nonce": "n"}
    body = json.dumps({"entries": [entry | {"owner_id": owner} for owner in owners]})

    assert asyncio.run(decode_batch(body.encode(), Turns())).owner_id == only


@given(st.text(), st.integers(-(2**70), 2**70))
def test_values_within_the_limits_are_unchanged(text: str, amount: int) -> None:
    body = {"owner_id": text, "operation": "X", "nonce": text, "amount": amount}
    fits = 1 <= len(text) <= 255 and abs(amount) < 2**53

    found = attempt(decode_record_request, json.dumps(body).encode())

    assert isinstance(found, RecordRequest) == fits
    if isinstance(found, RecordRequest):
        assert (found.owner_id, found.nonce, found.amount) == (text, text, amount)


@given(st.binary())
def test_any_query_decodes_or_is_a_problem(query: bytes) -> None:
    for type_ in (BalanceQuery, EntriesQuery, HoldsQuery, StatementQuery):
        found = attempt(decode_query, query, type_)
        assert isinstance(found, type_) or found.type.code == "invalid_request"


@given(st.text())
def test_any_segment_decodes_or_is_a_problem(segment: str) -> None:
    found = attempt(decode_path, {"owner_id": segment}, AccountPath)
    assert found.values["field"] == "owner_id" if isinstance(found, Problem) else found


@given(st.binary())
def test_any_header_is_a_nonce_or_a_problem(value: bytes) -> None:
    found = attempt(agree_on_nonce, None, value)
    assert found.values["field"] == "Idempotency-Key" if isinstance(found, Problem) else found


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("{}", "owner_id: is required"),
        ('{"owner_id": 7}', "owner_id: must be a string, not an integer"),
        ('{"owner_id": ""}', "owner_id: must not be empty"),
        ('{"amount": 7.0}', "amount: must be an integer, not a number with a fraction"),
        ('{"amount": 9007199254740992}', "amount: must be at most 9007199254740991"),
        ('{"amount": -9007199254740992}', "amount: must be at least -9007199254740991"),
        ('{"expires_at": "2030-01-01T00:00:00"}', "expires_at: must have a time zone"),
        ('{"metadata": []}', "metadata: must be an object, not an array"),
        ('{"a` - at `$.b": 1}', "a` - at `$.b: is not known here"),
        ("[]", "body: must be an object, not an array"),
    ],
)
def test_problems_speak_of_json(body: str, detail: str) -> None:
    with pytest.raises(Problem) as caught:
        decode_record_request(body.encode())

    assert caught.value.detail.startswith(detail)
    assert "`" not in caught.value.values["reason"]


def test_unknown_field_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(Problem) as caught:
        decode_record_request(b'{"quantitiy": 1}')

    assert " quantity," in caught.value.values["hint"]


def test_other_value_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(Problem) as caught:
        decode_query(b"status=closed", HoldsQuery)

    assert caught.value.detail == "status: must be captured, expired, open or released"
