"""The clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.rows import dict_row

from ledger_py import Ledger
from ledger_py.errors import ClaimLimitReached
from ledger_py.testing import Clock
from tests.sql.calls import Connection, record

NEW_YEAR = datetime(2031, 1, 31, 12, tzinfo=UTC)


def test_ledger_goes_by_the_clock_in_every_session(ledger_db: str, conn: Connection) -> None:
    clock = Clock(conn, NEW_YEAR)
    with psycopg.connect(ledger_db, autocommit=True) as other:
        ledger = Ledger(other, app="app2")
        ledger.grant_allowance(owner_id="ann", operation="PLAN_ALLOWANCE", nonce="plan")
        entry = ledger.record_entry(owner_id="ann", operation="DAILY_REWARD", nonce="first")
        assert entry.recorded_at == NEW_YEAR
        with pytest.raises(ClaimLimitReached):
            ledger.record_entry(owner_id="ann", operation="DAILY_REWARD", nonce="second")
        assert ledger.balance(owner_id="ann").balance == 1001
        assert clock.advance("1 month") == datetime(2031, 2, 28, 12, tzinfo=UTC)
        assert ledger.balance(owner_id="ann").balance == 1001
        ledger.record_entry(owner_id="ann", operation="DAILY_REWARD", nonce="second")


def test_clock_stands_still_until_it_is_moved(conn: Connection) -> None:
    clock = Clock(conn)
    started = clock.now
    assert abs(datetime.now(UTC) - started) < timedelta(minutes=1)
    assert record(conn)["recorded_at"] == record(conn)["recorded_at"] == started
    assert clock.advance(timedelta(seconds=1)) == started + timedelta(seconds=1)
    clock.set("2031-01-31T13:00:00+01:00")
    assert clock.now == NEW_YEAR


def test_clock_is_found_again(ledger_db: str, conn: Connection) -> None:
    Clock(conn, NEW_YEAR)
    record(conn)
    with psycopg.connect(ledger_db, autocommit=True, row_factory=dict_row) as other:
        assert Clock(other).now == NEW_YEAR
        Clock(other).advance("1 day")
    assert record(conn)["recorded_at"] == NEW_YEAR + timedelta(days=1)


def test_ledger_with_entries_gets_no_clock(conn: Connection) -> None:
    record(conn)
    with pytest.raises(RuntimeError, match="has entries"):
        Clock(conn)


@pytest.mark.parametrize("at", ["2031-01-31T12:00:00", "tomorrow"])
def test_time_without_a_zone_is_no_time(conn: Connection, at: str) -> None:
    with pytest.raises(ValueError):
        Clock(conn, at)
