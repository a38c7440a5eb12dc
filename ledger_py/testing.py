"""A clock for tests, which is set and moved instead of waited for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

__all__ = ("Clock",)

_EXISTS: Final = "SELECT to_regclass('ledger_test.clock') IS NOT NULL"
_HAS_ENTRIES: Final = "SELECT EXISTS (SELECT 1 FROM ledger.entries)"
# Callers have no right to read the table: the function does as its owner.
_MAKE: Final = (
    "CREATE SCHEMA ledger_test",
    "CREATE TABLE ledger_test.clock (now timestamptz NOT NULL)",
    "INSERT INTO ledger_test.clock VALUES (clock_timestamp())",
    """
    CREATE OR REPLACE FUNCTION ledger_core.clock() RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
    $$ BEGIN RETURN (SELECT now FROM ledger_test.clock); END $$
    """,
)
_ADVANCE: Final = (
    "UPDATE ledger_test.clock SET now = (now AT TIME ZONE 'UTC' + %s::interval) AT TIME ZONE 'UTC'"
)


class Clock:
    """The clock of a ledger in a database for tests. It stands still until it is moved.

    All rules of the ledger go by it: claims, expiry, holds, `recorded_at`. It lasts as long as the
    database, for every session; `Clock(conn)` finds it again. Services do not start on such a
    database unless `LEDGER_TEST_CLOCK=1` is set.

    Args:
        conn: A connection as the owner of the ledger. It sees the clock at once, others once the
            transaction is committed.
        at: The time; by default that of the server, or that at which the clock stands already.

    Raises:
        RuntimeError: The ledger has entries, so it is not made for this test.
        psycopg.Error: The database refused; it has no ledger, perhaps.
    """

    def __init__(self, conn: psycopg.Connection[Any], at: datetime | str | None = None) -> None:
        self._conn = conn
        if not self._value(_EXISTS):
            if self._value(_HAS_ENTRIES):
                raise RuntimeError(
                    "The ledger has entries. A clock is for an empty one, made for a test"
                )
            for statement in _MAKE:
                conn.execute(statement)
        if at is not None:
            self.set(at)

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        now: datetime = self._value("SELECT now FROM ledger_test.clock")
        return now.astimezone(UTC)

    def set(self, at: datetime | str) -> None:
        """Set the clock, forward or back.

        Args:
            at: A time with its zone; a text is ISO 8601.

        Raises:
            ValueError: It has no zone, or is no time.
        """
        to = datetime.fromisoformat(at) if isinstance(at, str) else at
        if to.tzinfo is None:
            raise ValueError(f"The time has no zone: {to.isoformat()}")
        self._conn.execute("UPDATE ledger_test.clock SET now = %s", [to])

    def advance(self, by: timedelta | str) -> datetime:
        """Move the clock on.

        Args:
            by: How far; a text is an interval of PostgreSQL (`1 month`), by the calendar of UTC.

        Returns:
            The new time, in UTC.

        Raises:
            psycopg.DataError: The text is no interval.
        """
        self._conn.execute(_ADVANCE, [by])
        return self.now

    def _value(self, query: str) -> Any:
        with self._conn.cursor(row_factory=tuple_row) as cursor:
            row = cursor.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]
