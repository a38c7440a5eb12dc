"""Refusals of the ledger are problems with the values of the refusal."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import psycopg

from ledger_py.errors import ERRORS_BY_SQLSTATE
from ledger_py.http.problems import PROBLEM_TYPES

Record = Callable[..., httpx.Response]


def test_overdraft_is_refused_with_what_is_available(record: Record, owner: str) -> None:
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


def test_problems_have_the_status_of_the_database(
    conn: psycopg.Connection[tuple[str, str, int]],
) -> None:
    rows = conn.execute("SELECT sqlstate, code, http_status FROM ledger.error_codes").fetchall()
    answered = {code: status for _, code, status in rows if status < 500}

    kinds = {error.code: PROBLEM_TYPES.get(error.code) for error in ERRORS_BY_SQLSTATE.values()}

    assert {code: kind.status for code, kind in kinds.items() if kind is not None} == answered


def test_hold_that_has_ended_says_how(record: Record, api: httpx.Client, owner: str) -> None:
    record(amount=10)
    hold = {"owner_id": owner, "operation": "CREDIT_SPEND", "nonce": f"{owner}-job", "amount": 5}
    api.post("/ledger/holds", json=hold).raise_for_status()
    api.post(f"/ledger/holds/{owner}-job/release").raise_for_status()

    problem = api.post(f"/ledger/holds/{owner}-job/capture", json={"nonce": f"{owner}-pay"}).json()

    assert (problem["status"], problem["hold_status"]) == (409, "released")
