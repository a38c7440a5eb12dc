"""What the ledger refuses arrives as a problem with the values of the refusal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import httpx
import psycopg
import pytest

from ledger_py.errors import ERRORS_BY_SQLSTATE
from ledger_py.http.problems import PROBLEM_TYPES

Record = Callable[..., httpx.Response]


def test_spending_more_than_there_is_says_what_there_is(record: Record, owner: str) -> None:
    record(amount=2)

    response = record(operation="CREDIT_SPEND", amount=-3)

    problem = response.json()
    assert response.status_code == 402
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["hint"]
    assert problem["detail"]
    assert (
        problem.items()
        >= {
            "type": "/problems/insufficient_balance",
            "title": "Insufficient balance",
            "status": 402,
            "code": "insufficient_balance",
            "owner_id": owner,
            "asset": "CREDIT",
            "available": 2,
            "required": 3,
        }.items()
    )


def test_a_refused_request_does_not_use_its_nonce_up(record: Record) -> None:
    refused = record(operation="CREDIT_SPEND", amount=-3, nonce="spend-later")
    record(amount=3)
    accepted = record(operation="CREDIT_SPEND", amount=-3, nonce="spend-later")

    assert (refused.status_code, accepted.status_code) == (402, 201)


def test_claiming_too_often_says_when_to_come_back(record: Record) -> None:
    record(operation="DAILY_REWARD")

    response = record(operation="DAILY_REWARD")

    assert (response.status_code, response.json()["code"]) == (409, "claim_limit_reached")
    assert datetime.fromisoformat(response.json()["next_eligible_at"]).tzinfo is not None


def test_a_claim_that_never_returns_says_so(record: Record) -> None:
    record(operation="SIGNUP_CREDIT")

    response = record(operation="SIGNUP_CREDIT")

    assert (response.status_code, response.json()["next_eligible_at"]) == (409, None)


def test_a_nonce_of_a_different_request_is_a_conflict(record: Record) -> None:
    record(nonce="taken", amount=1)

    response = record(nonce="taken", amount=2)

    assert (response.status_code, response.json()["code"]) == (409, "nonce_conflict")
    assert response.json()["nonce"] == "taken"


@pytest.mark.parametrize("amount", [0, -1, 1_000_000_001, 2**53 - 1, -(2**53) + 1])
def test_an_amount_outside_the_bounds_is_told_them(record: Record, amount: int) -> None:
    response = record(amount=amount)

    assert (response.status_code, response.json()["code"]) == (422, "amount_out_of_bounds")
    assert (response.json()["min_amount"], response.json()["max_amount"]) == (1, 1_000_000_000)


def test_a_wrong_sign_is_asked_about(record: Record) -> None:
    response = record(operation="CREDIT_SPEND", amount=3)

    assert "-3" in response.json()["hint"]


@pytest.mark.parametrize("operation", ["TOKENS_USED", "PLAN_ALLOWANCE"])
def test_an_operation_of_another_app_is_not_allowed(record: Record, operation: str) -> None:
    response = record(operation=operation, amount=1)

    assert (response.status_code, response.json()["code"]) == (422, "operation_not_allowed")


@pytest.mark.parametrize("operation", ["NOTHING", "credit_add", "CREDIT_ADD ", "ü", "x" * 255])
def test_an_operation_that_does_not_exist_is_unknown(record: Record, operation: str) -> None:
    response = record(operation=operation)

    assert (response.status_code, response.json()["code"]) == (422, "unknown_operation")


def test_problems_have_the_status_that_the_database_gives_them(
    conn: psycopg.Connection[tuple[str, str, int]],
) -> None:
    rows = conn.execute("SELECT sqlstate, code, http_status FROM ledger.error_codes").fetchall()
    answered = {code: status for _, code, status in rows if status < 500}

    kinds = {error.code: PROBLEM_TYPES.get(error.code) for error in ERRORS_BY_SQLSTATE.values()}

    assert {code: kind.status for code, kind in kinds.items() if kind is not None} == answered
