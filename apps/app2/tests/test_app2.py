"""App 2 through its HTTP API, alone and beside app 1."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from apps.app1.operations import App1Operation
from apps.app2.main import app
from apps.app2.operations import App2Operation
from ledger_py.operations import BaseLedgerOperation
from tests.http.running import make_service, running


@pytest.fixture
def api(ledger_db: str) -> Iterator[httpx.Client]:
    with running(make_service(ledger_db, "app2", App2Operation)) as client:
        yield client


@pytest.fixture
def api_of_app1(ledger_db: str) -> Iterator[httpx.Client]:
    with running(make_service(ledger_db, "app1", App1Operation)) as client:
        yield client


def record(
    api: httpx.Client, operation: BaseLedgerOperation, nonce: str, amount: int | None = None
) -> httpx.Response:
    body = {"owner_id": "ann", "operation": operation, "nonce": nonce, "amount": amount}
    return api.post("/ledger", json=body)


def test_module_provides_the_service() -> None:
    assert "/ledger" in {route.path for route in app.routes}


def test_tokens_used_cost_the_given_amount(api: httpx.Client) -> None:
    record(api, App2Operation.CREDIT_ADD, "bought")

    entry = record(api, App2Operation.TOKENS_USED, "job", -7).json()

    assert (entry["amount"], entry["balance"]) == (-7, 3)


def test_tokens_used_have_no_default(api: httpx.Client) -> None:
    response = record(api, App2Operation.TOKENS_USED, "job")

    assert response.status_code == 422


PLAN = {"owner_id": "ann", "operation": App2Operation.PLAN_ALLOWANCE, "nonce": "plan of ann"}


def test_allowance_lasts_until_the_next_one_comes(api: httpx.Client) -> None:
    allowance = api.post("/ledger/allowances", json=PLAN).json()

    balance = api.get("/ledger/ann").json()

    assert allowance["amount"] == balance["balance"] == balance["next_expiry_amount"] == 1000
    assert allowance["next_at"] == balance["next_expiry_at"] == balance["next_allowance_at"]


def test_allowance_that_is_granted_twice_does_not_stack(api: httpx.Client) -> None:
    statuses = [api.post("/ledger/allowances", json=PLAN).status_code for _ in range(2)]

    assert statuses == [201, 200]
    assert api.get("/ledger/ann").json()["balance"] == 1000


def test_operations_of_app1_are_refused(api: httpx.Client) -> None:
    response = record(api, App1Operation.CONTENT_ACCESS, "seen")

    assert (response.status_code, response.json()["code"]) == (422, "operation_not_allowed")


def test_credits_from_one_app_can_be_spent_in_the_other(
    api: httpx.Client, api_of_app1: httpx.Client
) -> None:
    record(api_of_app1, App1Operation.CREDIT_ADD, "bought in app1")

    entry = record(api, App2Operation.TOKENS_USED, "job", -4).json()

    assert (entry["app"], entry["seq"], entry["balance"]) == ("app2", 2, 6)
    assert api_of_app1.get("/ledger/ann").json() == api.get("/ledger/ann").json()


def test_nonces_are_per_app(api: httpx.Client, api_of_app1: httpx.Client) -> None:
    first = record(api_of_app1, App1Operation.CREDIT_ADD, "the same nonce")
    second = record(api, App2Operation.CREDIT_ADD, "the same nonce")

    assert (first.status_code, second.status_code) == (201, 201)


def test_shared_reward_is_claimed_once_across_apps(
    api: httpx.Client, api_of_app1: httpx.Client
) -> None:
    record(api_of_app1, App1Operation.SIGNUP_CREDIT, "welcome")

    assert record(api, App2Operation.SIGNUP_CREDIT, "welcome").status_code == 409


def test_both_apps_record_concurrently_for_one_owner(
    api: httpx.Client, api_of_app1: httpx.Client
) -> None:
    record(api, App2Operation.CREDIT_ADD, "a start", 60)

    def spend(number: int) -> int:
        if number % 2:
            return record(api, App2Operation.TOKENS_USED, f"job {number}", -1).status_code
        spent = record(api_of_app1, App1Operation.CREDIT_SPEND, f"order {number}", -1)
        return spent.status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(spend, range(100)))

    entries = api.get("/ledger/ann/entries?limit=500").json()["entries"]
    assert (statuses.count(201), statuses.count(402)) == (60, 40)
    assert [entry["seq"] for entry in entries] == list(range(61, 0, -1))
    assert [entry["balance"] for entry in entries] == list(range(61))
    assert {entry["app"] for entry in entries} == {"app1", "app2"}
