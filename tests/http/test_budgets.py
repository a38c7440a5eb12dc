"""Budgets over HTTP: `…/budgets`, and the refusal of what goes beyond one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.http.problems import assert_problem

Record = Callable[..., httpx.Response]

BY = {"actor": "olga", "reason": "agreed"}


@pytest.fixture
def limit(api: httpx.Client, owner: str, record: Record) -> Callable[..., httpx.Response]:
    """Sets the budget `monthly` of an owner with 100 credits."""
    record(amount=100)

    def set_budget(most: int = 10, **fields: Any) -> httpx.Response:
        body = {"most": most, "period": "month"} | BY | fields
        return api.put(f"/ledger/{owner}/budgets/monthly", json=body)

    return set_budget


def test_budget_that_is_set_is_listed_with_what_is_used_of_it(
    api: httpx.Client, owner: str, record: Record, limit: Callable[..., httpx.Response]
) -> None:
    made = limit()
    assert made.status_code == 200, made.text
    record(operation="CREDIT_SPEND", amount=-3)

    listed = api.get(f"/ledger/{owner}/budgets").json()

    assert listed["owner_id"] == owner
    (budget,) = listed["budgets"]
    assert budget == made.json() | {"spent": 3}
    assert (budget["most"], budget["app"], budget["own"]) == (10, "app1", True)


def test_spending_beyond_a_budget_says_when_to_come_again(
    record: Record, limit: Callable[..., httpx.Response]
) -> None:
    limit()
    record(operation="CREDIT_SPEND", amount=-3)

    refused = record(operation="CREDIT_SPEND", amount=-8)

    problem = assert_problem(refused, 409, "budget_exceeded")
    assert (problem["budget"], problem["most"], problem["required"]) == ("monthly", 10, 8)
    left = datetime.fromisoformat(problem["resets_at"]) - datetime.now(UTC)
    assert abs(int(refused.headers["retry-after"]) - left.total_seconds()) < 60


def test_request_that_exceeds_the_budget_alone_is_told_that_waiting_does_not_help(
    record: Record, limit: Callable[..., httpx.Response]
) -> None:
    limit()

    refused = record(operation="CREDIT_SPEND", amount=-11)

    assert "Waiting does not help" in assert_problem(refused, 409, "budget_exceeded")["hint"]


def test_budget_for_ever_has_no_time_to_come_again(
    record: Record, limit: Callable[..., httpx.Response]
) -> None:
    limit(period="ever")

    refused = record(operation="CREDIT_SPEND", amount=-11)

    assert assert_problem(refused, 409, "budget_exceeded")["resets_at"] is None
    assert "retry-after" not in refused.headers


def test_batch_and_hold_are_refused_as_a_single_request(
    api: httpx.Client, owner: str, limit: Callable[..., httpx.Response]
) -> None:
    limit(most=0)
    spend = {"owner_id": owner, "operation": "CREDIT_SPEND", "nonce": f"b-{owner}"}

    (result,) = api.post("/ledger/batch", json={"entries": [spend]}).json()["results"]
    assert result["code"] == "budget_exceeded"
    held = api.post("/ledger/holds", json=spend | {"amount": 1, "nonce": f"h-{owner}"})
    assert_problem(held, 409, "budget_exceeded")


def test_dropped_budget_is_gone(
    api: httpx.Client, owner: str, limit: Callable[..., httpx.Response]
) -> None:
    limit()
    dropped = api.delete(f"/ledger/{owner}/budgets/monthly", params=BY)
    assert dropped.json()["budgets"] == []
    again = api.delete(f"/ledger/{owner}/budgets/monthly", params=BY)
    assert_problem(again, 404, "budget_not_found")


def test_dry_run_sets_nothing(
    api: httpx.Client, owner: str, limit: Callable[..., httpx.Response]
) -> None:
    limit()
    body = {"most": 99, "period": "month"} | BY
    tried = api.put(f"/ledger/{owner}/budgets/monthly?dry_run=true", json=body)
    assert (tried.json()["most"], tried.json()["dry_run"]) == (99, True)
    (budget,) = api.get(f"/ledger/{owner}/budgets").json()["budgets"]
    assert budget["most"] == 10
