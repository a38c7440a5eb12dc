"""The comparison with the model finds mistakes. Each is a random search of up to some minutes."""

from __future__ import annotations

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection
from tests.sql.model.catalogue import define_operations
from tests.sql.model.comparing import FIRST_FINDING, compare_with_model, plant
from tests.sql.model.machine import BEGINNING


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
def test_planted_mistake_is_found(conn: Connection, function: str, right: str, wrong: str) -> None:
    define_operations(conn)
    clock = Clock(conn, BEGINNING)
    plant(conn, function, right, wrong)
    with pytest.raises(AssertionError):
        compare_with_model(conn, clock, FIRST_FINDING)
