"""Whatever is killed or cut off: what was acknowledged is there, once, and the books agree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.callers import SCHEMA
from tests.faults.checking import check
from tests.faults.faults import FAULTS
from tests.faults.journal import Asked, Journal
from tests.faults.run import run
from tests.sql.calls import Connection, record


def test_every_fault_once_under_load() -> None:
    figures = run(rounds=1, seed=1, report=print)

    assert figures.findings.all() == [], "\n".join(figures.lines())
    assert figures.faults.total() == len(FAULTS)
    assert figures.journal.causes, "nobody has noticed any of the faults"


class TestTheComparison:
    """It finds what a run must not have."""

    @pytest.fixture
    def journal(self, conn: Connection) -> Journal:
        """A journal of two entries, which are there."""
        conn.execute(SCHEMA.encode())
        journal = Journal()
        for _ in range(2):
            self.ask(journal, conn)
        return journal

    @staticmethod
    def ask(journal: Journal, conn: Connection, way: str = "http") -> Asked:
        asked = journal.new(way)
        journal.acknowledge(asked, record(conn, nonce=asked.nonce))
        return asked

    def test_nothing_is_wrong_in_the_beginning(self, journal: Journal, ledger_db: str) -> None:
        assert check(ledger_db, journal).all() == []

    def test_what_is_not_there_is_lost(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        with conn.transaction(force_rollback=True):
            self.ask(journal, conn)

        assert len(check(ledger_db, journal).lost) == 1

    def test_what_is_there_with_another_balance_is_lost(
        self, journal: Journal, ledger_db: str
    ) -> None:
        asked = journal.asked["http-1"]
        assert asked.entry is not None
        asked.entry = replace(asked.entry, balance=1)

        assert len(check(ledger_db, journal).lost) == 1

    def test_what_is_there_for_another_app_as_well_is_doubled(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        record(conn, app="app2", nonce="http-1")

        assert len(check(ledger_db, journal).doubled) == 1

    def test_what_was_refused_must_not_be_there(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        refused = journal.new("http")
        refused.refusal = "insufficient_balance"
        record(conn, nonce=refused.nonce)
        assert len(check(ledger_db, journal).other) == 1

        # Unless an attempt before the refused one was left open.
        refused.unanswered = 1
        assert check(ledger_db, journal).all() == []

    def test_what_nobody_asked_for_must_not_be_there(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        record(conn, nonce="stranger")

        assert len(check(ledger_db, journal).other) == 1

    def test_an_order_without_its_entry_is_found(
        self, journal: Journal, conn: Connection, ledger_db: str
    ) -> None:
        order = journal.new("order")
        conn.execute("INSERT INTO shop.orders VALUES (%s, 'alice', 10, 3, 30)", [order.nonce])
        assert len(check(ledger_db, journal).other) == 1

        record(conn, nonce=order.nonce)
        assert check(ledger_db, journal).all() == []

    def test_a_second_answer_that_differs_from_the_first_is_found(
        self, journal: Journal, conn: Connection
    ) -> None:
        journal.acknowledge(journal.asked["http-1"], record(conn, nonce="http-0"))

        assert journal.wrong
