"""Calls go on when a migration has added a column to entries, before the code is loaded."""

from __future__ import annotations

import psycopg

from tests.fixtures.clock import Clock
from tests.sql.calls import new_nonce, rows
from tests.sql.full_books import BEGINNING, activities
from tests.sql.lifecycle import item, record_batch


def test_everything_is_recorded_with_a_column_more_and_the_code_of_before(ledger_db: str) -> None:
    with psycopg.connect(ledger_db, autocommit=True) as conn:
        clock = Clock(conn, BEGINNING)
        done = activities(conn, clock)
        # What the session has prepared is used again.
        for _ in range(3):
            next(done)
        record_batch(conn, [item(1), item(1, owner_id="bob")])
        conn.execute("ALTER TABLE ledger.entries ADD COLUMN added text, ADD COLUMN other integer")
        for _ in done:
            pass
        plain = [item(1, owner_id=f"plain {number}") for number in range(40)]
        mixed = [
            item(1, owner_id=f"mixed {number}", spender="key", expires_at="2900-01-01T00:00:00Z")
            for number in range(40)
        ]
        for items in (plain, mixed, [*plain, *mixed], mixed[:1]):
            batch = [it | {"nonce": new_nonce()} for it in items]
            results = record_batch(conn, batch)
            assert [it["code"] for it in results] == [None] * len(items)
            assert all(it["replayed"] for it in record_batch(conn, batch))
        assert rows(conn, "verify") == []
