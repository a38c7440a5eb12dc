"""`GET /ledger/{owner_id}` and its entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from tests.http.problems import assert_problem
from tests.http.running import make_service, running
from tests.sql.calls import record as sql_record
from tests.sql.lifecycle import place

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
    "...",
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
    # The client would remove dot segments.
    return quote(owner, safe="").replace(".", "%2E")


def test_unknown_owner_has_zeros(api: httpx.Client) -> None:
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
        "next_allowance_at": None,
        "next_allowance_amount": None,
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


@pytest.mark.parametrize("nonce", ["a/b", "//", "...", "a%2Fb", "ü 😀", "capture", "x" * 255])
def test_any_hold_can_be_addressed(
    api: httpx.Client, record: Record, owner: str, nonce: str
) -> None:
    record(amount=10)
    hold = {"owner_id": owner, "operation": "CREDIT_SPEND", "amount": 1, "nonce": nonce}
    api.post("/ledger/holds", json=hold).raise_for_status()

    response = api.post(f"/ledger/holds/{encoded(nonce)}/release")

    assert (response.status_code, response.json()["nonce"]) == (200, nonce)


@pytest.mark.parametrize("dots", [".", ".."])
def test_new_owner_or_hold_that_browsers_cannot_address_is_refused(
    api: httpx.Client, record: Record, owner: str, dots: str
) -> None:
    record(amount=10)
    hold = {"owner_id": owner, "operation": "CREDIT_SPEND", "amount": 1, "nonce": dots}

    assert_problem(record(owner_id=dots), 422, "invalid_request", field="owner_id")
    assert_problem(api.post("/ledger/holds", json=hold), 422, "invalid_request", field="nonce")


@pytest.mark.parametrize("dots", [".", ".."])
def test_older_owner_that_browsers_cannot_address_is_read_by_others(
    ledger_db: str, dots: str
) -> None:
    with psycopg.connect(ledger_db) as conn:
        conn.execute("INSERT INTO ledger.accounts (owner_id, asset) VALUES (%s, 'CREDIT')", [dots])
    with running(make_service(ledger_db)) as api:
        body = {"owner_id": dots, "operation": "CREDIT_ADD", "nonce": "n"}

        assert api.post("/ledger", json=body).status_code == 201
        assert api.get(f"/ledger/{encoded(dots)}").json()["balance"] == 10


def test_unknown_asset_is_named_with_those_that_there_are(api: httpx.Client) -> None:
    problem = assert_problem(api.get("/ledger/alice?asset=CREDITS"), 422, "invalid_request")

    assert problem["reason"] == "is not an asset of this ledger, which has CREDIT"
    assert (problem["field"], problem["asset"]) == ("asset", "CREDITS")


def test_entry_reads_as_it_was_recorded(api: httpx.Client, record: Record, owner: str) -> None:
    recorded = record(metadata={"order": 7}).json()
    del recorded["replayed"]

    assert api.get(f"/ledger/{owner}/entries").json()["entries"] == [recorded]


@pytest.mark.parametrize(("list_of", "number"), [("entries", "seq"), ("holds", "amount")])
def test_pages_follow_one_another_down_to_the_first(
    api: httpx.Client, record: Record, owner: str, list_of: str, number: str
) -> None:
    for n in range(1, 6):
        record(amount=10)
        hold = {"owner_id": owner, "operation": "CREDIT_SPEND", "amount": n}
        api.post("/ledger/holds", json=hold | {"nonce": f"{owner}-{n}"}).raise_for_status()

    pages: list[list[int]] = []
    query = {"limit": "2"}
    while "cursor" not in query or query["cursor"]:
        page = api.get(f"/ledger/{owner}/{list_of}", params=query).json()
        pages.append([found[number] for found in page[list_of]])
        query["cursor"] = page["next"]

    assert pages == [[5, 4], [3, 2], [1]]


@pytest.mark.parametrize("by_time", [False, True])
def test_pages_of_holds_lose_none_that_were_placed_within_a_millisecond(
    ledger_db: str, by_time: bool
) -> None:
    """The cursor is no time that a client could parse and round; those of release 0.1 were."""
    with psycopg.connect(ledger_db) as conn:
        sql_record(conn, amount=10)
        place(conn, 1)
        # Once the clock was ahead: those that follow are placed a microsecond apart.
        conn.execute("ALTER TABLE ledger.holds DISABLE TRIGGER ALL")
        conn.execute("UPDATE ledger.holds SET placed_at = '2999-01-01T00:00:00.999997Z'")
        for _ in range(4):
            place(conn, 1)

    found: list[Any] = []
    query = {"limit": "1"}
    with running(make_service(ledger_db)) as api:
        placed = api.get("/ledger/alice/holds").json()["holds"]
        while len(found) < 5:
            page = api.get("/ledger/alice/holds", params=query).json()
            found += page["holds"]
            query["cursor"] = found[-1]["placed_at"] if by_time else page["next"]
            assert query["cursor"] is None or by_time or query["cursor"].isdigit()

    assert found == placed
    assert page["next"] is None


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00%2B14:00", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"]
)
def test_any_past_time_can_be_read(api: httpx.Client, time: str) -> None:
    assert api.get(f"/ledger/alice?at={time}").status_code == 200
