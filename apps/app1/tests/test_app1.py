"""App 1 through its HTTP API."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from apps.app1.main import app
from apps.app1.operations import App1Operation
from tests.http.running import make_service, running


@pytest.fixture
def api(ledger_db: str) -> Iterator[httpx.Client]:
    with running(make_service(ledger_db, "app1", App1Operation)) as client:
        yield client


def record(api: httpx.Client, operation: App1Operation, nonce: str) -> httpx.Response:
    return api.post("/ledger", json={"owner_id": "ann", "operation": operation, "nonce": nonce})


def test_module_provides_the_service() -> None:
    assert "/ledger" in {route.path for route in app.routes}


def test_creating_content_costs_five_credits(api: httpx.Client) -> None:
    record(api, App1Operation.CREDIT_ADD, "bought")

    entry = record(api, App1Operation.CONTENT_CREATION, "written").json()

    assert (entry["amount"], entry["balance"]) == (-5, 5)


def test_creating_content_without_credits_is_refused(api: httpx.Client) -> None:
    record(api, App1Operation.SIGNUP_CREDIT, "welcome")

    response = record(api, App1Operation.CONTENT_CREATION, "written")

    assert response.status_code == 402
    assert (response.json()["available"], response.json()["required"]) == (3, 5)


def test_access_to_content_is_free_and_recorded(api: httpx.Client) -> None:
    entry = record(api, App1Operation.CONTENT_ACCESS, "seen").json()

    assert (entry["seq"], entry["amount"], entry["balance"]) == (1, 0, 0)


def test_prize_of_a_contest_is_for_creating_content(api: httpx.Client) -> None:
    prize = record(api, App1Operation.CONTEST_PRIZE, "first place").json()
    assert (prize["amount"], prize["expires_at"] is None) == (25, False)

    refused = record(api, App1Operation.CREDIT_SPEND, "something else")
    assert refused.status_code == 402
    refusal = refused.json()
    assert (refusal["available"], refusal["available_to_others"]) == (0, 25)
    asked = {"for_operation": App1Operation.CREDIT_SPEND}
    assert api.get("/ledger/ann", params=asked).json()["available"] == 0

    entry = record(api, App1Operation.CONTENT_CREATION, "written").json()
    assert (entry["amount"], entry["balance"]) == (-5, 20)
    (part,) = api.get("/ledger/ann/parts").json()["parts"]
    assert (part["credit_class"], part["usable_for"], part["amount"]) == (
        "free",
        ["CONTENT_CREATION"],
        20,
    )


def test_gift_goes_from_one_member_to_another(api: httpx.Client) -> None:
    record(api, App1Operation.CONTEST_PRIZE, "first place")
    record(api, App1Operation.CREDIT_ADD, "bought")
    gift = {"from_owner_id": "ann", "to_owner_id": "ben", "operation": App1Operation.CREDIT_GIFT}

    # The prize is for publishing content.
    refused = api.post("/ledger/transfers", json=gift | {"nonce": "birthday", "amount": 11})
    given = api.post("/ledger/transfers", json=gift | {"nonce": "birthday", "amount": 10}).json()

    assert (refused.status_code, refused.json()["available"]) == (402, 10)
    assert (given["sent"]["owner_id"], given["sent"]["amount"]) == ("ann", -10)
    assert [(one["owner_id"], one["amount"]) for one in given["received"]] == [("ben", 10)]
    assert api.get("/ledger/ben").json()["balance"] == 10


def test_every_operation_of_the_app_can_be_recorded(api: httpx.Client) -> None:
    # Costly operations last, so that there are credits for them.
    for operation in sorted(App1Operation, key=lambda name: name.startswith("CONTENT")):
        response = record(api, operation, f"one {operation}")
        if operation is App1Operation.CREDIT_GIFT:
            assert "POST /ledger/transfers" in response.json()["hint"]
        else:
            assert response.status_code in (201, 402), response.text
