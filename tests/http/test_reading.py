"""`GET /ledger/{owner_id}` and its entries."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest

Record = Callable[..., httpx.Response]

STRANGE_OWNERS = [
    "a/b",
    "/",
    "//",
    "a/entries",
    "entries",
    "ledger",
    "batch",
    "holds",
    "reversals",
    "holds/1/capture",
    ".",
    "..",
    "a.b",
    " ",
    "a b",
    "a+b",
    "a%2Fb",
    "%",
    "a?b#c",
    "ünïcode 😀",
    "a\nb",
    "x" * 255,
]


def encoded(owner: str) -> str:
    # The client would take dots for directories.
    return quote(owner, safe="").replace(".", "%2E")


def test_an_owner_never_seen_has_nothing(api: httpx.Client) -> None:
    response = api.get("/ledger/nobody")

    assert response.status_code == 200
    assert response.json() == {
        "owner_id": "nobody",
        "asset": "CREDIT",
        "balance": 0,
        "held": 0,
        "available": 0,
        "entry_count": 0,
        "next_expiry_at": None,
        "next_expiry_amount": None,
    }


@pytest.mark.parametrize("strange", STRANGE_OWNERS)
def test_any_owner_can_be_addressed(api: httpx.Client, strange: str) -> None:
    body = {"owner_id": strange, "operation": "CREDIT_ADD", "amount": 7, "nonce": f"for {strange}"}
    api.post("/ledger", json={**body, "nonce": body["nonce"][:255]}).raise_for_status()  # type: ignore[index]

    balance = api.get(f"/ledger/{encoded(strange)}").json()
    entries = api.get(f"/ledger/{encoded(strange)}/entries").json()["entries"]

    holds = api.get(f"/ledger/{encoded(strange)}/holds").json()["holds"]

    assert (balance["owner_id"], balance["balance"]) == (strange, 7)
    assert holds == []
    assert [entry["owner_id"] for entry in entries] == [strange]


def test_an_entry_reads_as_it_was_answered_when_it_was_recorded(
    api: httpx.Client, record: Record, owner: str
) -> None:
    recorded = record(metadata={"order": 7}).json()
    del recorded["replayed"]

    assert api.get(f"/ledger/{owner}/entries").json()["entries"] == [recorded]


def test_pages_follow_one_another_down_to_the_first_entry(
    api: httpx.Client, record: Record, owner: str
) -> None:
    for _ in range(5):
        record()

    pages = []
    cursor = None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = api.get(f"/ledger/{owner}/entries", params=query).json()
        pages.append([entry["seq"] for entry in page["entries"]])
        cursor = page["next"]
        if cursor is None:
            break

    assert pages == [[5, 4], [3, 2], [1]]


def test_a_full_page_that_ends_with_the_first_entry_is_the_last(
    api: httpx.Client, record: Record, owner: str
) -> None:
    record()
    record()

    assert api.get(f"/ledger/{owner}/entries?limit=2").json()["next"] is None


def test_a_page_has_fifty_entries_unless_more_are_asked_for(
    api: httpx.Client, record: Record, owner: str
) -> None:
    for _ in range(51):
        record()

    usual = api.get(f"/ledger/{owner}/entries").json()["entries"]
    more = api.get(f"/ledger/{owner}/entries?limit=500").json()["entries"]

    assert (len(usual), len(more)) == (50, 51)


def test_the_operations_of_the_app_are_listed_with_their_rules(api: httpx.Client) -> None:
    answer = api.get("/operations").json()

    by_name = {operation["operation"]: operation for operation in answer["operations"]}
    assert answer["app"] == "app1"
    assert sorted(by_name) == [
        "CONTENT_ACCESS",
        "CONTENT_CREATION",
        "CREDIT_ADD",
        "CREDIT_SPEND",
        "DAILY_REWARD",
        "SIGNUP_CREDIT",
    ]
    assert by_name["DAILY_REWARD"]["claim_period"] == "day"
    assert by_name["CONTENT_CREATION"]["default_amount"] == -5
