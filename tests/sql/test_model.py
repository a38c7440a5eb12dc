"""The ledger behaves like a model in Python, for random sequences of calls and times."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, scalar
from tests.sql.model.catalogue import define_operations
from tests.sql.model.machine import BEGINNING, LedgerMachine

# Fewer examples, because each is a long sequence of calls.
_SEQUENCES = settings(max_examples=settings().max_examples // 3)
_FIRST_FINDING = settings(max_examples=300, phases=[Phase.generate], report_multiple_bugs=False)


@pytest.fixture
def clock(conn: Connection) -> Clock:
    define_operations(conn)
    return Clock(conn, BEGINNING)


def compare_with_model(conn: Connection, clock: Clock, how: settings) -> None:
    """Run the state machine, and fail with the shortest sequence that shows a difference."""

    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(conn, clock)

    run_state_machine_as_test(Machine, settings=how)


def plant(conn: Connection, function: str, right: str, wrong: str) -> None:
    """Plant a mistake in a function."""
    definition: str = scalar(
        conn,
        """
        SELECT pg_get_functiondef(oid) FROM pg_proc
        WHERE pronamespace = 'ledger_core'::regnamespace AND proname = %s
        """,
        function,
    )
    assert right in definition
    conn.execute(definition.replace(right, wrong).encode())


def test_database_behaves_like_the_model(conn: Connection, clock: Clock) -> None:
    compare_with_model(conn, clock, _SEQUENCES)


@pytest.mark.parametrize(
    ("function", "right", "wrong"),
    [
        pytest.param(
            "free_lots",
            "ORDER BY lots.expires_at, lots.seq",
            "ORDER BY lots.expires_at DESC, lots.seq DESC",
            id="latest to expire are spent first",
        ),
        pytest.param(
            "release_open_hold",
            "PERFORM ledger_core.expire_lots(",
            "PERFORM concat(",
            id="expired credits live on when their hold is released",
        ),
        pytest.param(
            "count_in_budgets",
            "> v_rule.most",
            "> v_rule.most + 1",
            id="a budget can be passed by one",
        ),
        pytest.param(
            "give_back_to_budgets",
            "-give_back_to_budgets.amount",
            "0",
            id="a reversal gives nothing back to budgets",
        ),
        pytest.param(
            "spend_hold",
            "v_amount - v_beyond, -v_remaining",
            "v_amount - v_beyond, 0",
            id="what was captured counts as held as well",
        ),
        pytest.param(
            "balance_as_of",
            "free.expires_at <= balance_as_of.at",
            "free.expires_at < balance_as_of.at",
            id="credits expire a microsecond late",
        ),
        pytest.param(
            "lock_account",
            "v_last_entry_at <= v_now + ledger_core.clock_tolerance()",
            "TRUE",
            id="an entry of the future decides what time it is",
        ),
        pytest.param(
            "due_events",
            "greatest(lots.expires_at, open.expires_at)",
            "lots.expires_at",
            id="forecast lets held credits expire",
        ),
    ],
)
def test_planted_mistake_is_found(
    conn: Connection, clock: Clock, function: str, right: str, wrong: str
) -> None:
    plant(conn, function, right, wrong)
    with pytest.raises(AssertionError):
        compare_with_model(conn, clock, _FIRST_FINDING)
