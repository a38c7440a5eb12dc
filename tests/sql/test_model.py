"""The ledger behaves like a model in Python, for random sequences of calls and times."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings
from psycopg.errors import CheckViolation

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection
from tests.sql.model.catalogue import define_operations
from tests.sql.model.comparing import FIRST_FINDING, compare_with_model, plant
from tests.sql.model.machine import BEGINNING, LedgerMachine
from tests.sql.model.openings import (
    OPENINGS,
    ask_for_too_large_a_debt,
    capture_on_the_next_day,
    change_the_price_of_a_hold,
    fill_a_debt,
    grow_by_more_than_is_available,
    grow_under_a_budget,
    release_under_a_budget,
    reverse_under_a_budget,
    spend_in_debt,
    use_quantities,
)

# Fewer examples, because each is a long sequence of calls.
_SEQUENCES = settings(max_examples=settings().max_examples // 3)


@pytest.fixture
def clock(conn: Connection) -> Clock:
    define_operations(conn)
    return Clock(conn, BEGINNING)


def test_database_behaves_like_the_model(conn: Connection, clock: Clock) -> None:
    compare_with_model(conn, clock, _SEQUENCES)


def test_comparison_finds_a_mistake(conn: Connection, clock: Clock) -> None:
    """`make mistakes` plants many more."""
    right, wrong = "ORDER BY lots.expires_at, lots.seq", "ORDER BY lots.expires_at DESC, lots.seq"
    plant(conn, "free_lots", right, wrong)
    with pytest.raises(AssertionError):
        compare_with_model(conn, clock, FIRST_FINDING)


@pytest.mark.parametrize("opening", OPENINGS)
def test_opening_behaves_like_the_model(
    conn: Connection, clock: Clock, opening: Callable[[LedgerMachine], None]
) -> None:
    opening(LedgerMachine(conn, clock))


@pytest.mark.parametrize(
    ("function", "right", "wrong", "opening"),
    [
        pytest.param(
            "grow_hold",
            "v_hold.placed_at, 0, grow_hold.by",
            "v_hold.placed_at, 0, 0",
            grow_under_a_budget,
            id="a growth does not count in budgets",
        ),
        pytest.param(
            "grow_hold",
            "held + grow_hold.by",
            "held",
            grow_under_a_budget,
            id="a growth is not reserved",
        ),
        pytest.param(
            "grow_hold",
            "v_account, grow_hold.by)",
            "v_account, grow_hold.by - 1)",
            grow_by_more_than_is_available,
            id="a hold grows by more than is available",
        ),
        pytest.param(
            "spend_hold",
            "v_rule.max_debt ELSE 0 END) THEN",
            "v_rule.max_debt + 1 ELSE 0 END) THEN",
            ask_for_too_large_a_debt,
            id="a debt passes its most by one",
        ),
        pytest.param(
            "add_lot",
            "greatest(0, v_missing)",
            "0",
            fill_a_debt,
            id="credits that expire do not fill a debt first",
        ),
        pytest.param(
            "pay_debt",
            "debt - pay_debt.amount",
            "debt",
            fill_a_debt,
            id="credits leave a debt as it was",
        ),
        pytest.param(
            "write_entry",
            "balance - held + entry.amount >= min_balance",
            "balance - held + entry.amount >= min_balance - 7",
            spend_in_debt,
            id="a debt does not stop spending",
        ),
        pytest.param(
            "amount_of_quantity",
            "WHEN 'nearest' THEN unit_size",
            "WHEN 'nearest' THEN unit_size - 1",
            use_quantities,
            id="halves are rounded towards zero",
        ),
        pytest.param(
            "amount_of_quantity",
            "WHEN 'up' THEN",
            "WHEN 'down' THEN",
            use_quantities,
            id="up and down are exchanged",
        ),
        pytest.param(
            "spend_hold",
            "coalesce(v_hold.unit_amount, v_rule.unit_amount)",
            "v_rule.unit_amount",
            change_the_price_of_a_hold,
            id="a hold by quantity pays the new price",
        ),
        pytest.param(
            "spend_hold",
            "v_hold.placed_at,\n            v_amount - v_beyond",
            "v_account.now,\n            v_amount - v_beyond",
            capture_on_the_next_day,
            id="a capture counts in a period of its own",
        ),
        pytest.param(
            "finish_hold",
            "-v_ended.reserved",
            "0",
            release_under_a_budget,
            id="a released hold gives nothing back to budgets",
        ),
        pytest.param(
            "give_back_to_budgets",
            "-give_back_to_budgets.amount",
            "0",
            reverse_under_a_budget,
            id="a reversal gives nothing back to budgets at once",
        ),
    ],
)
def test_planted_mistake_is_found_by_its_opening(
    conn: Connection,
    clock: Clock,
    function: str,
    right: str,
    wrong: str,
    opening: Callable[[LedgerMachine], None],
) -> None:
    plant(conn, function, right, wrong)
    # Some mistakes are stopped by a constraint of a table before they show.
    with pytest.raises((AssertionError, CheckViolation)):
        opening(LedgerMachine(conn, clock))
