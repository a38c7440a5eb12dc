"""Holds: credits that are reserved, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
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


def balance_of(api: httpx.Client, owner: str) -> tuple[int, int, int]:
    balance = api.get(f"/ledger/{owner}").json()
    return balance["balance"], balance["held"], balance["available"]


def test_a_hold_lowers_what_is_available(api: httpx.Client, place: Place, owner: str) -> None:
    response = place(metadata={"job": 7})

    hold = response.json()
    placed_at = datetime.fromisoformat(hold.pop("placed_at"))
    assert response.status_code == 201
    assert datetime.fromisoformat(hold.pop("expires_at")) - placed_at == timedelta(minutes=15)
    assert hold == {
        "owner_id": owner,
        "asset": "CREDIT",
        "app": "app1",
        "operation": "CREDIT_SPEND",
        "nonce": owner,
        "amount": 40,
        "captured": 0,
        "remaining": 40,
        "status": "open",
        "closed_at": None,
        "metadata": {"job": 7},
        "replayed": False,
    }
    assert balance_of(api, owner) == (100, 40, 60)


def test_the_same_hold_again_is_the_first_one(place: Place) -> None:
    first = place()
    again = place()

    assert again.status_code == 200
    assert again.json() == first.json() | {"replayed": True}


def test_a_hold_lasts_as_many_seconds_as_it_says(place: Place) -> None:
    hold = place(expires_in=90).json()

    lasts = datetime.fromisoformat(hold["expires_at"]) - datetime.fromisoformat(hold["placed_at"])
    assert lasts == timedelta(seconds=90)


def test_more_than_is_available_cannot_be_held(place: Place) -> None:
    response = place(amount=101)

    assert response.status_code == 402
    assert (response.json()["available"], response.json()["required"]) == (100, 101)


def test_a_capture_spends_and_gives_back_the_rest(
    api: httpx.Client, place: Place, owner: str
) -> None:
    place()

    response = api.post(f"/ledger/holds/{owner}/capture", json={"nonce": f"{owner}-c", "amount": 7})

    entry = response.json()
    assert response.status_code == 201
    assert (entry["amount"], entry["balance"], entry["hold_nonce"]) == (-7, 93, owner)
    assert balance_of(api, owner) == (93, 0, 93)


def test_the_same_capture_again_is_the_first_one(
    api: httpx.Client, place: Place, owner: str
) -> None:
    place()
    body = {"nonce": f"{owner}-c", "amount": 7}
    first = api.post(f"/ledger/holds/{owner}/capture", json=body)
    again = api.post(f"/ledger/holds/{owner}/capture", json=body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"replayed": True}


def test_captures_that_are_not_final_leave_the_rest_held(
    api: httpx.Client, place: Place, owner: str
) -> None:
    place()
    for n in range(3):
        body = {"nonce": f"{owner}-{n}", "amount": 10, "final": False}
        assert api.post(f"/ledger/holds/{owner}/capture", json=body).status_code == 201

    assert balance_of(api, owner) == (70, 10, 60)


def test_the_nonce_of_a_capture_may_be_the_header(
    api: httpx.Client, place: Place, owner: str
) -> None:
    place()

    response = api.post(
        f"/ledger/holds/{owner}/capture", json={}, headers={"Idempotency-Key": f"{owner}-key"}
    )

    assert (response.json()["nonce"], response.json()["amount"]) == (f"{owner}-key", -40)


def test_a_release_gives_everything_back(api: httpx.Client, place: Place, owner: str) -> None:
    place()

    first = api.post(f"/ledger/holds/{owner}/release")
    again = api.post(f"/ledger/holds/{owner}/release", json={})

    assert (first.status_code, again.status_code) == (200, 200)
    assert (first.json()["status"], first.json()["replayed"]) == ("released", False)
    assert again.json()["replayed"] is True
    assert balance_of(api, owner) == (100, 0, 100)


def test_a_hold_can_be_made_to_last_longer(api: httpx.Client, place: Place, owner: str) -> None:
    before = place().json()

    response = api.post(f"/ledger/holds/{owner}/extend", json={"expires_in": 86_400})

    assert response.status_code == 200
    assert response.json()["expires_at"] > before["expires_at"]


def test_a_hold_that_has_ended_cannot_be_captured(
    api: httpx.Client, place: Place, owner: str
) -> None:
    place()
    api.post(f"/ledger/holds/{owner}/release")

    for action, body in (("capture", {"nonce": f"{owner}-c"}), ("extend", {"expires_in": 60})):
        response = api.post(f"/ledger/holds/{owner}/{action}", json=body)
        assert (response.status_code, response.json()["code"]) == (409, "hold_closed")
        assert response.json()["hold_nonce"] == owner


@pytest.mark.parametrize(
    ("action", "body"),
    [("capture", {"nonce": "c"}), ("release", {}), ("extend", {"expires_in": 9})],
)
def test_a_hold_that_was_never_placed_is_not_found(
    api: httpx.Client, action: str, body: dict[str, Any]
) -> None:
    response = api.post(f"/ledger/holds/nothing/{action}", json=body)

    assert (response.status_code, response.json()["code"]) == (404, "hold_not_found")


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


def test_holds_are_listed_by_their_state(api: httpx.Client, place: Place, owner: str) -> None:
    place(nonce=f"{owner}-1")
    place(nonce=f"{owner}-2")
    api.post(f"/ledger/holds/{owner}-1/release")

    listed = api.get(f"/ledger/{owner}/holds?status=open").json()["holds"]

    assert [hold["nonce"] for hold in listed] == [f"{owner}-2"]
    assert api.get(f"/ledger/{owner}/holds?asset=GOLD").json() == {"holds": [], "next": None}


GOOD = {"owner_id": "alice", "operation": "CREDIT_SPEND", "nonce": "n", "amount": 1}

WRONG_FIELDS: list[tuple[str, Any]] = [
    *[("amount", value) for value in ("7", 1.5, True, None, 2**53)],
    *[("expires_in", value) for value in (0, -1, "PT15M", 1.5, None, 10**10, 367 * 86_400)],
    ("owner_id", ""),
    ("owner_id", "a\0b"),
    ("nonce", "x" * 256),
    ("nonce", None),
    ("metadata", []),
    ("metadata", {"x": "a\0b"}),
    ("operation", "CREDIT_ADD"),
    ("operation", 7),
    ("status", "open"),
]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        *(("/ledger/holds", GOOD | {field: value}, field) for field, value in WRONG_FIELDS),
        ("/ledger/holds", {}, "owner_id"),
        ("/ledger/holds", [], "body"),
        ("/ledger/holds/h/capture", {}, "nonce"),
        ("/ledger/holds/h/capture", {"nonce": ""}, "nonce"),
        ("/ledger/holds/h/capture", {"nonce": "n", "final": None}, "final"),
        ("/ledger/holds/h/capture", {"nonce": "n", "final": "no"}, "final"),
        ("/ledger/holds/h/capture", {"nonce": "n", "amount": "1"}, "amount"),
        ("/ledger/holds/h/capture", {"nonce": "n", "hold_nonce": "h"}, "hold_nonce"),
        ("/ledger/holds/h/release", {"nonce": "n"}, "nonce"),
        ("/ledger/holds/h/extend", {}, "expires_in"),
        ("/ledger/holds/h/extend", {"expires_in": "PT1H"}, "expires_in"),
        ("/ledger/holds/%00/extend", {"expires_in": 60}, "hold_nonce"),
        ("/ledger/holds/%ff/release", {}, "hold_nonce"),
        (f"/ledger/holds/{'x' * 256}/capture", {"nonce": "n"}, "hold_nonce"),
    ],
)
def test_a_field_that_is_not_acceptable_is_named(
    api: httpx.Client, path: str, body: Any, field: str
) -> None:
    response = api.post(path, content=json.dumps(body).encode(), headers=JSON)

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["field"] == field


@pytest.mark.parametrize("path", ["", "/h/capture", "/h/release", "/h/extend"])
def test_what_is_not_json_is_refused(api: httpx.Client, path: str) -> None:
    malformed = api.post(f"/ledger/holds{path}", content=b"{", headers=JSON)
    other = api.post(f"/ledger/holds{path}", content=b"{}", headers={"content-type": "text/plain"})

    assert (malformed.status_code, other.status_code) == (400, 415)


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
