"""The ledger behaves like a model in Python, for random sequences of calls and times."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection
from tests.sql.model.catalogue import define_operations
from tests.sql.model.comparing import FIRST_FINDING, compare_with_model, plant
from tests.sql.model.machine import BEGINNING

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
