"""Concurrent spends of credits of limited use."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.concurrency.callers import all_at_once, outcomes
from tests.sql.calls import Connection, Row, balance, call, new_nonce, record, rows, scalar, spend
from tests.sql.lifecycle import capture, item, place, record_batch


def grants(conn: Connection, operation: str, **rule: Any) -> None:
    """Define an operation that grants credits."""
    bounds = {"min_amount": 1, "max_amount": 1000}
    call(conn, "define_operation", operation=operation, description="x", **bounds, **rule)
    call(conn, "allow_operation", app="app1", operation=operation)


def prepare(conn: Connection) -> None:
    """Give alice 100 credits for content, 60 for spends, 40 of them in lots, and 30 for both."""
    grants(conn, "FOR_CONTENT", usable_for=["CONTENT_CREATION"])
    grants(conn, "FOR_SPEND", usable_for=["CREDIT_SPEND"], expires_after="10 days")
    for _ in range(4):
        record(conn, operation="FOR_CONTENT", amount=25)
        record(conn, operation="FOR_SPEND", amount=15)
    record(conn, amount=30)


def create(conn: Connection) -> Row:
    return record(conn, operation="CONTENT_CREATION")


def taken_from(conn: Connection, granting: str, spending: str) -> int:
    """Sum up what entries of an operation took of lots that another one granted."""
    found: int = scalar(
        conn,
        """
        SELECT coalesce(sum(moved.amount), 0)::integer
        FROM ledger.lot_movements AS moved
        INNER JOIN ledger.entries AS granted
            ON moved.owner_id = granted.owner_id AND moved.lot_seq = granted.seq
        INNER JOIN ledger.entries AS spent
            ON moved.owner_id = spent.owner_id AND moved.seq = spent.seq
        WHERE granted.operation = %s AND spent.operation = %s
        """,
        granting,
        spending,
    )
    return found


def test_200_spends_of_two_operations_use_what_they_may(ledger_db: str, conn: Connection) -> None:
    prepare(conn)
    spends = [partial(spend, amount=1)] * 140 + [create] * 60
    answers = all_at_once(ledger_db, spends[::3] + spends[1::3] + spends[2::3])
    found = outcomes(answers)
    assert set(found) == {"recorded", "LG301"}
    assert taken_from(conn, "FOR_CONTENT", "CREDIT_SPEND") == 0
    assert taken_from(conn, "FOR_SPEND", "CONTENT_CREATION") == 0
    # Whoever wants more than there is gets all of it, but for less than a piece of content costs.
    assert taken_from(conn, "FOR_CONTENT", "CONTENT_CREATION") == 100
    assert taken_from(conn, "FOR_SPEND", "CREDIT_SPEND") == 60
    assert balance(conn) == 0
    assert rows(conn, "balance_parts", owner_id="alice") == []
    assert rows(conn, "verify") == []


def test_holds_captures_and_batches_use_what_they_may(ledger_db: str, conn: Connection) -> None:
    prepare(conn)

    def hold_and_capture(conn: Connection, operation: str) -> Row:
        nonce = new_nonce()
        place(conn, 5, operation=operation, nonce=nonce)
        return capture(conn, nonce, 5 if operation == "CONTENT_CREATION" else 4)

    def spend_in_a_batch(conn: Connection) -> Row:
        (row,) = record_batch(conn, [item(-2, operation="CREDIT_SPEND", nonce=new_nonce())])
        return row | {"replayed": False}

    holding = [
        partial(hold_and_capture, operation=operation)
        for operation in ("CONTENT_CREATION", "CREDIT_SPEND")
    ]
    all_at_once(ledger_db, [*holding, spend_in_a_batch, create] * 25)
    assert taken_from(conn, "FOR_CONTENT", "CREDIT_SPEND") == 0
    assert taken_from(conn, "FOR_SPEND", "CONTENT_CREATION") == 0
    left = {
        tuple(part["usable_for"] or ()): part
        for part in rows(conn, "balance_parts", owner_id="alice")
    }
    assert all(part["amount"] > 0 and part["held"] == 0 for part in left.values())
    assert sum(part["amount"] for part in left.values()) == balance(conn)
    assert rows(conn, "verify") == []
