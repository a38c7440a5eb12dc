"""Metadata is kept to the digit, and a member that is given twice is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest

from tests.fixtures.database import database_of
from tests.http.problems import assert_problem

JSON = {"content-type": "application/json"}
USD = "12345678901234567.89"


def post(api: httpx.Client, path: str, body: str) -> httpx.Response:
    return api.post(path, content=body, headers=JSON)


def entry(owner: str, nonce: str, metadata: str) -> str:
    return (
        f'{{"owner_id":"{owner}","operation":"CREDIT_ADD","nonce":"{owner}-{nonce}","amount":5,'
        f'"metadata":{metadata}}}'
    )


def exact(response: httpx.Response) -> Any:
    assert response.is_success, response.text
    return json.loads(response.text, parse_float=Decimal)


@pytest.mark.parametrize(
    "number",
    [
        USD,
        "1.10",
        "0.1",
        "1e999",
        "1E-300",
        "123456789012345678901234567890",
        "0.1000000000000000001",
    ],
)
def test_number_is_stored_and_answered_to_the_digit(
    api: httpx.Client, module_db: str, owner: str, number: str
) -> None:
    request = entry(owner, "n", f'{{"x": {number}}}')

    first = exact(post(api, "/ledger", request))
    again = exact(post(api, "/ledger", request))
    batch = exact(post(api, "/ledger/batch", f'{{"entries":[{request}]}}'))["results"][0]
    listed = exact(api.get(f"/ledger/{owner}/entries"))["entries"][0]

    for answer in (first, again, batch, listed):
        assert Decimal(answer["metadata"]["x"]) == Decimal(number)
    assert again["replayed"]
    assert batch["replayed"]
    with psycopg.connect(database_of(module_db, owner)) as conn:
        row = conn.execute(
            "SELECT metadata = %s::jsonb FROM ledger.entries WHERE owner_id = %s",
            [f'{{"x": {number}}}', owner],
        ).fetchone()
    assert row == (True,)


def test_number_that_differs_in_the_last_digit_is_another_request(
    api: httpx.Client, owner: str
) -> None:
    exact(post(api, "/ledger", entry(owner, "n", f'{{"usd": {USD}}}')))

    other = post(api, "/ledger", entry(owner, "n", '{"usd": 12345678901234567.88}'))

    assert_problem(other, 409, "nonce_conflict")


def test_holds_captures_and_reversals_keep_metadata_to_the_digit(
    api: httpx.Client, owner: str
) -> None:
    exact(post(api, "/ledger", entry(owner, "n", "null")))
    metadata = f'"metadata": {{"usd": {USD}}}'
    answers = [
        exact(post(api, path, body))
        for path, body in (
            (
                "/ledger/holds",
                f'{{"owner_id":"{owner}","operation":"CREDIT_SPEND","amount":3,'
                f'"nonce":"{owner}-h",{metadata}}}',
            ),
            (f"/ledger/holds/{owner}-h/capture", f'{{"nonce":"{owner}-c",{metadata}}}'),
            (
                "/ledger/reversals",
                f'{{"nonce":"{owner}-r","original_nonce":"{owner}-c",{metadata}}}',
            ),
        )
    ]
    answers += exact(api.get(f"/ledger/{owner}/holds"))["holds"]

    assert [answer["metadata"]["usd"] for answer in answers] == [Decimal(USD)] * 4


@pytest.mark.parametrize("number", ["1e20000", "1e-16384", "1e99999999999999999999"])
def test_number_that_no_metadata_can_hold_is_refused(
    api: httpx.Client, owner: str, number: str
) -> None:
    response = post(api, "/ledger", entry(owner, "n", f'{{"x": {number}}}'))

    assert_problem(response, 422, "invalid_request", field="metadata")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/ledger", '{{"amount": -1, "amount" : 5, {rest}}}', "amount"),
        ("/ledger", '{{"amount": null, "\\u0061mount": 5, {rest}}}', "amount"),
        ("/ledger", '{{"amount":5,"metadata":{{"a":1,"a":2}},{rest}}}', "metadata"),
        ("/ledger", '{{"amount":5,"metadata":{{"a":[{{"b:":1,"b:"\n:2}}]}},{rest}}}', "metadata"),
        ("/ledger", '{{"amount":5,"metadata":{{}},"metadata":{{"a":1}},{rest}}}', "metadata"),
        ("/ledger/batch", '{{"entries": [{{"amount":5,{rest}}}], "entries": []}}', "entries"),
        ("/ledger/batch", '{{"entries": [], "entries": [{{"amount":5,{rest}}}]}}', "entries"),
        ("/ledger/batch", '{{"atomic":true,"entries":[],"atomic":false}}', "atomic"),
        ("/ledger/holds", '{{"amount":1,"amount":2,{rest}}}', "amount"),
        ("/ledger/reversals", '{{"nonce":"x","nonce":"y","original_nonce":"z"}}', "nonce"),
        ("/ledger/holds/h/capture", '{{"nonce":"x","final":false,"final":true}}', "final"),
        ("/ledger/holds/h/extend", '{{"expires_in":900,"expires_in":901}}', "expires_in"),
    ],
)
def test_member_given_twice_is_refused(
    api: httpx.Client, owner: str, path: str, body: str, field: str
) -> None:
    rest = f'"owner_id":"{owner}","operation":"CREDIT_ADD","nonce":"{owner}-n"'

    response = post(api, path, body.format(rest=rest))

    problem = assert_problem(response, 422, "invalid_request", field=field)
    assert "twice" in problem["detail"]
    assert api.get(f"/ledger/{owner}").json()["entry_count"] == 0


def test_entry_of_a_batch_with_a_member_twice_is_refused_alone(
    api: httpx.Client, owner: str
) -> None:
    bad = entry(owner, "b", '{"a": 1, "a": 2}')
    good = entry(owner, "a", '{"text": "like \\": a member\\" :"}')

    results = exact(post(api, "/ledger/batch", f'{{"entries":[{bad},{good}]}}'))["results"]

    assert (results[0]["code"], results[0]["field"]) == ("invalid_request", "metadata")
    assert "'a' twice" in results[0]["detail"]
    assert results[1]["balance"] == 5


def test_colons_in_texts_are_no_members(api: httpx.Client, owner: str) -> None:
    metadata = '{"a:\\":b": [":", "x : y", {"a": "\\":", "b": {"a": 1}}]}'

    answer = exact(post(api, "/ledger", entry(owner, "job:1 :", metadata)))

    assert answer["metadata"] == json.loads(metadata)
