"""A year of plans of several owners, as finance sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg
import pytest
from psycopg.rows import TupleRow, dict_row

from apps.app2.operations import App2Operation
from ledger_py import Ledger
from tests.fixtures.clock import Clock

MONTHS: Final = 12
MOVED: Final = ("issued", "carried_over", "spent", "expired", "forfeited", "reversed", "adjusted")


@pytest.fixture
def ledger(conn: psycopg.Connection[TupleRow]) -> Ledger:
    """The ledger of app2 after a year.

    ann has a plan of 1000, of which she uses 700 a month, and carries up to 200 over; bob one of
    500, which he needs all of and buys 100 to it; in July he takes a plan of 800. cleo ends hers in
    March, and forfeits what is left. dora never comes back after her first day.
    """
    clock = Clock(conn, "2030-01-01T00:00:00Z")
    ledger = Ledger(conn, app="app2")
    grant(ledger, "ann", 1000, carry_over_most=200)
    grant(ledger, "bob", 500)
    grant(ledger, "cleo", 300)
    grant(ledger, "dora", 100, occurrences=6)
    for month in range(1, MONTHS + 1):
        clock.set(f"2030-{month:02}-15T12:00:00Z")
        if month == 3:
            use(ledger, "cleo", 120, month)
            ledger.end_allowance(allowance_nonce="plan of cleo", forfeit=True)
        if month == 7:
            ledger.change_allowance(
                allowance_nonce="plan of bob", nonce="bob wants more", amount=800,
                from_next_period=False,
            )  # fmt: skip
        ledger.record_entry(
            owner_id="bob", operation=App2Operation.CREDIT_ADD, nonce=f"bought {month}", amount=100
        )
        use(ledger, "ann", 700, month)
        use(ledger, "bob", 600 if month < 7 else 900, month)
    clock.set("2031-01-01T00:00:00Z")
    return ledger


def grant(ledger: Ledger, owner_id: str, amount: int, **options: Any) -> None:
    ledger.grant_allowance(
        owner_id=owner_id,
        operation=App2Operation.PLAN_ALLOWANCE,
        nonce=f"plan of {owner_id}",
        amount=amount,
        **options,
    )


def use(ledger: Ledger, owner_id: str, tokens: int, month: int) -> None:
    ledger.record_entry(
        owner_id=owner_id,
        operation=App2Operation.TOKENS_USED,
        nonce=f"{owner_id} in {month}",
        quantity=tokens,
    )


def liability(conn: psycopg.Connection[TupleRow]) -> Sequence[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT * FROM ledger.liability(since => '2030-01-01Z', until => '2031-01-01Z')"
        ).fetchall()


@pytest.mark.usefixtures("ledger")
def test_year_is_told_month_by_month(conn: psycopg.Connection[TupleRow]) -> None:
    months = liability(conn)
    table = [tuple(int(month[name]) for name in (*MOVED, "closing")) for month in months]
    until_june = (1600, 200, -1300, -500, 0, 0, 0, 500)
    from_july = (1900, 200, -1600, -500, 0, 0, 0, 500)
    # What cleo and dora did not come for in February was not issued.
    assert table == [
        (2000, 0, -1300, 0, 0, 0, 0, 700),
        (1600, 200, -1300, -700, 0, 0, 0, 500),
        (1900, 200, -1420, -500, -180, 0, 0, 500),
        *[until_june] * 3,
        *[from_july] * 6,
    ]


@pytest.mark.usefixtures("ledger")
def test_nothing_has_to_run_for_it(conn: psycopg.Connection[TupleRow]) -> None:
    before = liability(conn)
    conn.execute("SELECT ledger.expire_credits()")
    assert liability(conn) == before
    assert conn.execute("SELECT * FROM ledger.verify()").fetchall() == []


@pytest.mark.usefixtures("ledger")
def test_months_tie_to_each_other_and_to_the_balances(
    conn: psycopg.Connection[TupleRow],
) -> None:
    conn.execute("SELECT ledger.expire_credits()")
    months = liability(conn)
    owed = 0
    for month in months:
        assert month["opening"] == owed
        owed += sum(month[name] for name in MOVED)
        assert month["closing"] == owed
    assert owed == sum(ledger_balance(conn, owner) for owner in ("ann", "bob", "cleo", "dora"))


def ledger_balance(conn: psycopg.Connection[TupleRow], owner_id: str) -> int:
    """The balance at the very end of the year."""
    row = conn.execute(
        "SELECT ledger.balance_at(owner_id => %s, at => '2030-12-31T23:59:59.999999Z')", [owner_id]
    ).fetchone()
    assert row is not None
    return int(row[0])
