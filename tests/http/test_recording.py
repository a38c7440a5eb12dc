"""`POST /ledger`."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.http.problems import assert_problem

Record = Callable[..., httpx.Response]


def test_answer_is_exactly_the_entry(record: Record, owner: str) -> None:
    response = record(amount=10, nonce=f"first-of-{owner}")

    entry = response.json()
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    assert datetime.fromisoformat(entry.pop("recorded_at")).utcoffset() == timedelta(0)
    assert entry.pop("entry_id") > 0
    assert entry == {
        "seq": 1,
        "owner_id": owner,
        "asset": "CREDIT",
        "app": "app1",
        "operation": "CREDIT_ADD",
        "amount": 10,
        "balance": 10,
        "nonce": f"first-of-{owner}",
        "metadata": None,
        "replayed": False,
    }


def test_trailing_slash_is_ignored(api: httpx.Client, owner: str) -> None:
    body = {"owner_id": owner, "operation": "CREDIT_ADD", "nonce": f"slash-{owner}"}

    assert api.post("/ledger/", json=body).status_code == 201


def test_null_counts_as_left_out(record: Record) -> None:
    response = record(amount=None, metadata=None, expires_at=None, claim_subject=None)

    assert response.status_code == 201
    assert response.json()["amount"] == 10


def test_metadata_round_trips(record: Record) -> None:
    metadata = {
        "text": "über \U0001f600 \\u0000 \x7f",
        "number": 12345678901234567890123,
        "fraction": 0.1,
        "nested": {"list": [1, None, True]},
    }

    assert record(metadata=metadata).json()["metadata"] == metadata


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8"],
)
def test_parameters_of_the_media_type_are_ignored(
    api: httpx.Client, owner: str, content_type: str
) -> None:
    body = f'{{"owner_id": "{owner}", "operation": "CREDIT_ADD", "nonce": "{content_type}"}}'

    response = api.post("/ledger", content=body, headers={"content-type": content_type})

    assert response.status_code == 201


class TestIdempotencyKey:
    """The header that may stand in for the nonce."""

    @staticmethod
    def post(api: httpx.Client, owner: str, key: str | bytes, **fields: Any) -> httpx.Response:
        body = {"owner_id": owner, "operation": "CREDIT_ADD", **fields}
        encoded = key.encode() if isinstance(key, str) else key
        return api.post("/ledger", json=body, headers={b"Idempotency-Key": encoded})

    def test_header_may_repeat_the_nonce(self, api: httpx.Client, owner: str) -> None:
        assert self.post(api, owner, f"key-{owner}", nonce=f"key-{owner}").status_code == 201

    @pytest.mark.parametrize("key", ["", "x" * 256, b"\xff"], ids=["empty", "long", "not UTF-8"])
    def test_header_must_be_a_valid_nonce(
        self, api: httpx.Client, owner: str, key: str | bytes
    ) -> None:
        response = self.post(api, owner, key)

        assert_problem(response, 422, "invalid_request", field="Idempotency-Key")

    @pytest.mark.parametrize("around", [" {}", "{} ", "\t{}\t "])
    def test_white_space_around_the_header_is_ignored(
        self, api: httpx.Client, owner: str, around: str
    ) -> None:
        # httpx does not send such values.
        connection = http.client.HTTPConnection(api.base_url.host, api.base_url.port or 80)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": around.format(f"key-{owner}"),
        }
        body = json.dumps({"owner_id": owner, "operation": "CREDIT_ADD"})
        with closing(connection):
            connection.request("POST", "/ledger", body, headers)
            assert connection.getresponse().status == 201

        assert self.post(api, owner, f"key-{owner}").status_code == 200

    def test_header_may_be_given_only_once(self, api: httpx.Client, owner: str) -> None:
        response = api.post(
            "/ledger",
            json={"owner_id": owner, "operation": "CREDIT_ADD"},
            headers=[("Idempotency-Key", "one"), ("Idempotency-Key", "two")],
        )

        assert_problem(response, 422, "invalid_request", field="Idempotency-Key")
