"""Advice of the ledger says over HTTP what to do over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from ledger_py.errors import refusal_of_code
from ledger_py.http.problems import REQUESTS_INSTEAD, problem_of
from tests.http.problems import assert_problem
from tests.sql.calls import Connection
from tests.sql.test_attacks import MAY_CALL

SQL = Path(__file__).parents[2] / "sql"
NOT_OVER_HTTP = set(MAY_CALL["ledger_operator"].split()) - set(MAY_CALL["ledger_app"].split())
"""Functions that no service may call; advice that is theirs is for operators."""


def _pieces_of_advice() -> Iterator[tuple[str, str]]:
    """Find the texts in SQL that read like advice, each with the file."""
    for path in sorted((SQL / "functions").rglob("*.sql")):
        if path.parent.name == "functions" and path.stem in NOT_OVER_HTTP:
            continue
        code = re.sub("--.*", "", path.read_text(encoding="utf-8").partition("COMMENT ON")[0])
        for text in re.findall("'((?:[^']|'')*)'", code):
            if re.match(r"[A-Z].* .*[.?]$", text, re.DOTALL):
                yield path.stem, text.replace("''", "'")


def _over_http(advice: str) -> str:
    error = refusal_of_code("account_frozen", "", detail={}, hint=advice)
    said: str = problem_of(error).values["hint"]
    return said


def test_no_advice_names_a_function_that_is_no_request(conn: psycopg.Connection[Any]) -> None:
    found = list(_pieces_of_advice())
    assert {"refuse_ended", "refuse_insufficient", "grant_allowance"} <= {file for file, _ in found}
    found += conn.execute("SELECT code, advice FROM ledger.error_codes").fetchall()
    for where, advice in found:
        said = _over_http(advice)
        assert "=>" not in said, (where, said)
        for name in re.findall(r"\bledger\.([a-z_]+)", said):
            # What is left is what somebody else has to do.
            assert name in NOT_OVER_HTTP, (where, said)
            assert "operator" in said, (where, said)


@pytest.mark.parametrize("name", REQUESTS_INSTEAD)
def test_advice_names_requests_that_there_are(api: httpx.Client, name: str) -> None:
    method, _, path = REQUESTS_INSTEAD[name].partition(" ")
    plain = re.sub("{.*?}", "{}", path)
    paths = {re.sub("{.*?}", "{}", it): it for it in api.get("/openapi.json").json()["paths"]}
    assert method.lower() in api.get("/openapi.json").json()["paths"][paths[plain]]


def test_advice_of_an_answer_names_a_request(api: httpx.Client, owner: str) -> None:
    plan = {"owner_id": owner, "operation": "CREDIT_ADD", "amount": 5}
    answers = [
        api.post("/ledger/allowances", json=plan | {"nonce": f"{owner}-{number}"})
        for number in range(21)
    ]
    said = assert_problem(answers[-1], 422, "invalid_request")["hint"]
    assert said == "For one of them to end, use POST /ledger/allowances/{nonce}/end."


def test_advice_of_sql_itself_names_functions(conn: Connection) -> None:
    with pytest.raises(psycopg.Error) as refused:
        conn.execute("SELECT ledger.record_entry('nobody', 'x', 'CREDIT_ADD', 'n')")
    assert "ledger.register_app" in str(refused.value.diag.message_hint)
