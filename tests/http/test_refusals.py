"""Refusals of the ledger are problems with the values of the refusal."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import psycopg

from ledger_py.errors import ERRORS_BY_SQLSTATE
from ledger_py.http.problems import PROBLEM_TYPES
from tests.http.problems import assert_problem

Record = Callable[..., httpx.Response]


def test_overdraft_is_refused_with_what_is_available(record: Record, owner: str) -> None:
    record(amount=2)

    response = record(operation="CREDIT_SPEND", amount=-3)

    values = {"owner_id": owner, "asset": "CREDIT", "available": 2, "required": 3}
    problem = assert_problem(response, 402, "insufficient_balance", **values)
    assert problem["title"] == "Insufficient balance"
    assert problem["hint"]


def test_problems_have_the_status_of_the_database(
    conn: psycopg.Connection[tuple[str, str, int]],
) -> None:
    rows = conn.execute("SELECT sqlstate, code, http_status FROM ledger.error_codes").fetchall()
    answered = {code: status for _, code, status in rows if status != 500}

    kinds = {error.code: PROBLEM_TYPES.get(error.code) for error in ERRORS_BY_SQLSTATE.values()}

    assert {code: kind.status for code, kind in kinds.items() if kind is not None} == answered


def test_hold_that_has_ended_says_how(record: Record, api: httpx.Client, owner: str) -> None:
    record(amount=10)
    hold = {"owner_id": owner, "operation": "CREDIT_SPEND", "nonce": f"{owner}-job", "amount": 5}
    api.post("/ledger/holds", json=hold).raise_for_status()
    api.post(f"/ledger/holds/{owner}-job/release").raise_for_status()

    response = api.post(f"/ledger/holds/{owner}-job/capture", json={"nonce": f"{owner}-pay"})

    assert_problem(response, 409, "hold_closed", hold_status="released")
