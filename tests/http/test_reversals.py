"""`POST /ledger/reversals`: taking entries back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Record = Callable[..., httpx.Response]
Reverse = Callable[..., httpx.Response]


@pytest.fixture
def reverse(api: httpx.Client, record: Record, owner: str) -> Reverse:
    """Reverse the spending of 10 of the owner's 30 credits; keyword arguments are fields."""
    record(amount=30)
    record(operation="CREDIT_SPEND", amount=-10, nonce=f"{owner}-spent")

    def post(**fields: Any) -> httpx.Response:
        body = {"nonce": f"{owner}-back", "original_nonce": f"{owner}-spent"} | fields
        return api.post("/ledger/reversals", json=body)

    return post


def test_an_entry_is_taken_back(reverse: Reverse, owner: str) -> None:
    response = reverse(metadata={"reason": "the job failed"})

    entry = response.json()
    assert response.status_code == 201
    assert (entry["operation"], entry["amount"], entry["balance"]) == ("REVERSAL", 10, 30)
    assert (entry["owner_id"], entry["reverses_seq"]) == (owner, 2)
    assert entry["metadata"] == {"reason": "the job failed"}


def test_the_same_reversal_again_is_the_first_one(reverse: Reverse) -> None:
    first, again = reverse(), reverse()

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"replayed": True}


def test_an_entry_is_taken_back_in_parts_and_never_beyond(reverse: Reverse, owner: str) -> None:
    parts = [reverse(nonce=f"{owner}-{n}", amount=4) for n in range(3)]

    assert [part.status_code for part in parts] == [201, 201, 409]
    assert parts[2].json()["code"] == "reversal_exceeds_original"
    assert parts[2].json()["reversible"] == 2


def test_an_entry_that_was_never_recorded_is_not_found(reverse: Reverse) -> None:
    response = reverse(original_nonce="nothing")

    assert (response.status_code, response.json()["code"]) == (404, "entry_not_found")


def test_a_claim_can_be_freed(api: httpx.Client, record: Record, owner: str) -> None:
    record(operation="SIGNUP_CREDIT", nonce=f"{owner}-claim")
    body = {"nonce": f"{owner}-back", "original_nonce": f"{owner}-claim", "free_claim": True}
    assert api.post("/ledger/reversals", json=body).status_code == 201

    assert record(operation="SIGNUP_CREDIT").status_code == 201


def test_the_nonce_may_be_the_header(api: httpx.Client, record: Record, owner: str) -> None:
    record(nonce=f"{owner}-added")

    response = api.post(
        "/ledger/reversals",
        json={"original_nonce": f"{owner}-added"},
        headers={"Idempotency-Key": f"{owner}-key"},
    )

    assert (response.status_code, response.json()["nonce"]) == (201, f"{owner}-key")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"nonce": None}, "nonce"),
        ({"nonce": ""}, "nonce"),
        ({"original_nonce": None}, "original_nonce"),
        ({"original_nonce": "a\0b"}, "original_nonce"),
        ({"amount": "7"}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"free_claim": 1}, "free_claim"),
        ({"metadata": "x"}, "metadata"),
        ({"operation": "REVERSAL"}, "operation"),
    ],
)
def test_a_field_that_is_not_acceptable_is_named(
    reverse: Reverse, fields: dict[str, Any], field: str
) -> None:
    response = reverse(**fields)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["field"] == field


@pytest.mark.parametrize("amount", [0, -1])
def test_an_amount_that_is_not_positive_is_out_of_bounds(reverse: Reverse, amount: int) -> None:
    response = reverse(amount=amount)

    assert (response.status_code, response.json()["code"]) == (422, "amount_out_of_bounds")
