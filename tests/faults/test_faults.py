"""Under faults, each acknowledged request is recorded once, and the books are consistent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.deployment.pooler import PGBOUNCER
from tests.faults.callers import SCHEMA
from tests.faults.checking import check
from tests.faults.faults import FAULTS, NETWORK_FAULTS, POOLER_FAULTS
from tests.faults.journal import Journal, Request
from tests.faults.metered import BUDGET
from tests.faults.run import run
from tests.sql.calls import Connection, record


def test_books_match_the_journal_after_each_fault_under_load() -> None:
    figures = run(rounds=1, seed=1, report=print)

    assert figures.findings.all() == [], "\n".join(figures.lines())
    assert figures.faults.total() >= len(FAULTS) + len(NETWORK_FAULTS)
    assert figures.journal.causes, "no request was affected by the faults"


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
def test_books_match_the_journal_after_restarts_of_the_pooler() -> None:
    figures = run(rounds=2, seed=1, report=print, pooled=True, faults=POOLER_FAULTS)

    assert figures.findings.all() == [], "\n".join(figures.lines())
    assert figures.journal.causes, "no request was affected by the faults"


class TestTheComparison:
    """The comparison finds each kind of difference."""

    @pytest.fixture
    def journal(self, conn: Connection) -> Journal:
        """A journal of two recorded entries."""
        conn.execute(SCHEMA.encode())
        journal = Journal()
        for _ in range(2):
            self.ask(journal, conn)
        return journal

    @staticmethod
    def ask(journal: Journal, conn: Connection, way: str = "http") -> Request:
        request = journal.new(way)
        journal.acknowledge(request, record(conn, nonce=request.nonce))
        return request

    def test_matching_journal_has_no_findings(self, journal: Journal, ledger_db: str) -> None:
        assert check(journal, ledger_db).all() == []

    def test_acknowledged_entry_that_is_missing_is_lost(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        with conn.transaction(force_rollback=True):
            self.ask(journal, conn)

        assert len(check(journal, ledger_db).lost) == 1

    def test_acknowledged_entry_with_another_balance_is_lost(
        self, journal: Journal, ledger_db: str
    ) -> None:
        request = journal.requests["http-1"]
        assert request.entry is not None
        request.entry = replace(request.entry, balance=1)

        assert len(check(journal, ledger_db).lost) == 1

    def test_entry_of_two_apps_is_doubled(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        record(conn, app="app2", nonce="http-1")

        assert len(check(journal, ledger_db).doubled) == 1

    def test_refused_request_that_is_recorded_is_found(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        refused = journal.new("http")
        refused.refusal = "insufficient_balance"
        record(conn, nonce=refused.nonce)
        assert len(check(journal, ledger_db).other) == 1

        # Right if an earlier attempt has an unknown outcome.
        refused.unanswered = 1
        assert check(journal, ledger_db).all() == []

    def test_growth_that_is_missing_is_lost(self, journal: Journal, ledger_db: str) -> None:
        journal.new("growth").growth = 5

        assert len(check(journal, ledger_db).lost) == 1

    def test_budget_that_was_passed_is_found(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        for amount in (BUDGET + 1, -BUDGET - 1):
            request = journal.new("http")
            operation = "CREDIT_ADD" if amount > 0 else "CREDIT_SPEND"
            spender = None if amount > 0 else "key"
            record(conn, nonce=request.nonce, operation=operation, amount=amount, spender=spender)

        assert len(check(journal, ledger_db).other) == 1

    def test_entry_without_a_request_is_found(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        record(conn, nonce="stranger")

        assert len(check(journal, ledger_db).other) == 1

    def test_order_without_its_entry_is_found(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        order = journal.new("order")
        conn.execute("INSERT INTO shop.orders VALUES (%s, 'alice', 10, 3, 30)", [order.nonce])
        assert len(check(journal, ledger_db).other) == 1

        record(conn, nonce=order.nonce)
        assert check(journal, ledger_db).all() == []

    def test_second_answer_that_differs_from_the_first_is_found(
        self, journal: Journal, conn: Connection
    ) -> None:
        journal.acknowledge(journal.requests["http-1"], record(conn, nonce="http-0"))

        assert journal.wrong
