"""Holds: credits that are reserved, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

Record = Callable[..., httpx.Response]
Place = Callable[..., httpx.Response]

JSON = {"content-type": "application/json"}


@pytest.fixture
def place(api: httpx.Client, record: Record, owner: str) -> Place:
    """Place a hold of the test's owner, who has 100 credits; its nonce is the owner."""
    record(amount=100)

    def post(**fields: Any) -> httpx.Response:
        hold = {"owner_id": owner, "operation": "CREDIT_SPEND", "nonce": owner, "amount": 40}
        return api.post("/ledger/holds", json=hold | fields)

    return post


@pytest.mark.parametrize("nonce", ["a/b", "//", "..", "a%2Fb", "ü 😀", "capture", "x" * 255])
def test_any_nonce_can_be_addressed(api: httpx.Client, place: Place, nonce: str) -> None:
    place(nonce=nonce)
    address = quote(nonce, safe="").replace(".", "%2E")

    response = api.post(f"/ledger/holds/{address}/release")

    assert (response.status_code, response.json()["nonce"]) == (200, nonce)


def test_holds_are_listed_newest_first_page_by_page(
    api: httpx.Client, place: Place, owner: str
) -> None:
    for n in range(5):
        place(nonce=f"{owner}-{n}", amount=n + 1)

    pages = []
    cursor = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = api.get(f"/ledger/{owner}/holds", params=query).json()
        pages.append([hold["amount"] for hold in page["holds"]])
        cursor = page["next"]
        if cursor is None:
            break

    assert pages == [[5, 4], [3, 2], [1]]


@pytest.mark.parametrize("seconds", [0, -1, "PT15M", 1.5, None, 10**10, 367 * 86_400])
def test_lifetime_that_is_not_acceptable_is_refused(place: Place, seconds: Any) -> None:
    response = place(expires_in=seconds)

    assert (response.status_code, response.json()["field"]) == (422, "expires_in")


@pytest.mark.parametrize("amount", [2**53, -(2**53), 2**63])
def test_amount_that_json_does_not_hold_exactly_is_refused(place: Place, amount: int) -> None:
    response = place(amount=amount)

    assert (response.status_code, response.json()["field"]) == (422, "amount")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("status=closed", "status"),
        ("cursor=7", "cursor"),
        ("cursor=2030-01-01", "cursor"),
        ("before=2030-01-01T00:00:00Z", "before"),
    ],
)
def test_a_bad_query_parameter_is_named(api: httpx.Client, query: str, field: str) -> None:
    response = api.get(f"/ledger/alice/holds?{query}")

    assert (response.status_code, response.json()["field"]) == (422, field)
