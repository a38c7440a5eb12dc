"""Compares the ledger with the model, also with a mistake planted in it."""

from __future__ import annotations

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, scalar
from tests.sql.model.machine import LedgerMachine

FIRST_FINDING = settings(max_examples=300, phases=[Phase.generate], report_multiple_bugs=False)
"""Ends with the first difference, as it was found."""


def compare_with_model(conn: Connection, clock: Clock, how: settings) -> None:
    """Run the state machine, and fail with the sequence that shows a difference.

    Args:
        conn: A ledger with the operations of the model.
        clock: Its clock.
        how: How many sequences to try, and whether to shorten the one that is found.

    Raises:
        AssertionError: The ledger does not behave like the model.
    """

    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(conn, clock)

    run_state_machine_as_test(Machine, settings=how)


def plant(conn: Connection, function: str, right: str, wrong: str) -> None:
    """Plant a mistake in a function of `ledger_core`.

    Args:
        conn: The ledger.
        function: The function.
        right: A text of it.
        wrong: What to put in its place.
    """
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
