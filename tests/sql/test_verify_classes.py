"""`verify` finds credits of limited use that were spent for something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, call, record, rows, scalar, spend
from tests.sql.full_books import BEGINNING
from tests.sql.lifecycle import operate


@pytest.fixture
def books(tx: Connection) -> Connection:
    """Give alice 7 credits for content, and 4 for anything."""
    Clock(tx, BEGINNING)
    record(tx, operation="CONTEST_PRIZE", amount=7)
    record(tx, amount=4)
    return tx


@contextmanager
def mistaken(conn: Connection, function: str, right: str, wrong: str) -> Iterator[None]:
    """Let a function have a mistake in the block."""
    query = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = %s"
    definition: str = scalar(conn, query, function)
    assert right in definition
    conn.execute(definition.replace(right, wrong).encode())
    yield
    conn.execute(definition.encode())


def problems(conn: Connection) -> set[str]:
    return {row["problem"] for row in rows(conn, "verify", owner_id="alice")}


def test_spend_of_what_is_for_another_operation_is_found(books: Connection) -> None:
    with mistaken(books, "is_usable", "operation = ANY (usable_for)", "TRUE"):
        spend(books, 2)
    assert "movement beyond the use of the credits" in problems(books)


def test_spend_on_the_credit_of_others_is_found(books: Connection) -> None:
    with mistaken(books, "take_lots", "available - v_unusable -", "available -"):
        spend(books, 6)
    assert problems(books) == {"overspent beside the lots", "debt wrong"}
    # What makes up for it does not hide it.
    record(books, amount=10)
    assert "overspent beside the lots" in problems(books)


def test_overdraft_beside_limited_credits_is_right(books: Connection) -> None:
    operate(books, "set_min_balance", min_balance=-10)
    spend(books, 9)
    assert problems(books) == set()


def test_grant_of_limited_use_that_paid_off_an_overdraft_is_found(books: Connection) -> None:
    operate(books, "set_min_balance", min_balance=-10)
    spend(books, 9)
    right = "num_nonnulls(entry.usable_for, entry.usable_in) = 0"
    with mistaken(books, "grant_lot", right, "TRUE"):
        record(books, operation="CONTEST_PRIZE", amount=7)
    assert problems(books) == {
        "movement beyond the use of the credits",
        "movements do not follow from the entry",
    }


def test_lots_in_the_wrong_order_are_found_where_amounts_differ(books: Connection) -> None:
    call(
        books,
        "define_operation",
        operation="LATE",
        description="x",
        min_amount=1,
        max_amount=9,
        priority=200,
    )
    call(books, "allow_operation", app="app1", operation="LATE")
    record(books, operation="LATE", amount=5)
    late = "ordered.priority > ledger_core.plain_priority()"
    with mistaken(books, "usable_lots", late, "FALSE"):
        spend(books, 3)
    assert problems(books) == {"movements do not follow from the entry"}
