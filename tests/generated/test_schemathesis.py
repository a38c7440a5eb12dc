"""Answers to generated requests are as the OpenAPI documents say, and never 5xx."""

from __future__ import annotations

import psycopg
import pytest

from apps.app1.operations import App1Operation
from apps.app2.operations import App2Operation
from ledger_py.operations import BaseLedgerOperation
from tests.generated.documents import run, seed
from tests.http.running import make_service, running
from tests.sql.books import assert_books_are_right


# For each operation; `make generated` tries more. The apps differ in the names of operations only.
@pytest.mark.parametrize(
    ("app", "operations", "examples"), [("app1", App1Operation, 30), ("app2", App2Operation, 10)]
)
def test_a_service_answers_generated_requests_as_its_document_says(
    ledger_db: str, app: str, operations: type[BaseLedgerOperation], examples: int
) -> None:
    seed(ledger_db, app)
    with running(make_service(ledger_db, app=app, operations=operations)) as service:
        outcome = run(service, examples=examples)

    assert outcome.conforms, outcome.text
    assert outcome.requests > examples
    with psycopg.connect(ledger_db) as conn:
        assert conn.execute("SELECT * FROM ledger.verify()").fetchall() == []
        assert_books_are_right(conn)
