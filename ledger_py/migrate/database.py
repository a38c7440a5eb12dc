"""Connections to the database, and the lock under which it is migrated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.rows import TupleRow

from ledger_py import sessions
from ledger_py.migrate.errors import MigrationError
from ledger_py.sessions import NoAnswer

Connection: TypeAlias = psycopg.Connection[TupleRow]
Report: TypeAlias = Callable[[str], None]

OLDEST_SERVER: Final = 15

BOOKKEEPING: Final = "ledger_core"
"""The schema of yoyo's tables and of the checksums."""

# An arbitrary number that nothing else uses: "ledger" in ASCII, as an integer.
_LOCK: Final = int.from_bytes(b"ledger", "big")
_POLL_EVERY: Final = 0.2

# Any login may hold the lock; whoever waits can find out who does.
_HOLDER: Final = f"""
    SELECT format('process %s (role %s)', holder.pid, coalesce(activity.usename, 'unknown'))
    FROM pg_catalog.pg_locks AS holder
    LEFT JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = holder.pid
    WHERE holder.locktype = 'advisory' AND holder.granted AND holder.objsubid = 1
        AND (holder.classid::bigint << 32) + holder.objid::bigint = {_LOCK}
        AND holder.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_SETTINGS: Final = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "default_transaction_isolation": "read committed",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
}

_NO_LIMITS: Final = """
    SELECT set_config(name, '0', TRUE) FROM pg_catalog.pg_settings
    WHERE name IN (
        'statement_timeout', 'lock_timeout', 'transaction_timeout',
        'idle_in_transaction_session_timeout'
    )
"""


def open_connection(url: str) -> Connection:
    """Connect for management.

    Args:
        url: Any address that libpq takes.

    Returns:
        A connection in autocommit mode. Unless there is a pooler, it is without the time limits of
        role and database, and has settings of its own where theirs would matter.

    Raises:
        MigrationError: The server cannot be reached, is too old, or the database is not UTF-8.
    """
    conn = connect(url)
    try:
        with sessions.answering_within(conn, sessions.FIRST_ANSWER_WITHIN):
            conn.execute(sessions.set_for_session(_SETTINGS, conn.info.backend_pid))
    except NoAnswer as error:
        raise MigrationError(f"The database cannot be reached: {error}") from error
    except BaseException:
        conn.close()
        raise
    return conn


def connect(url: str) -> Connection:
    """Connect as `open_connection` does, and leave the settings of the session as they are.

    Transactions have settings of their own; see `steps`. So it works through any pooler.
    """
    try:
        conn = psycopg.connect(
            sessions.conninfo(url),
            autocommit=True,
            application_name="ledger migrate",
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        raise MigrationError(f"The database cannot be reached: {str(error).strip()}") from error
    try:
        with sessions.answering_within(conn, sessions.FIRST_ANSWER_WITHIN):
            _check_server(conn)
    except NoAnswer as error:
        raise MigrationError(f"The database cannot be reached: {error}") from error
    except BaseException:
        conn.close()
        raise
    return conn


def lift_limits(conn: Connection) -> None:
    """Lift the time limits of role and database for the transaction that a connection is in.

    Works behind any pooler.
    """
    conn.execute(_NO_LIMITS)


@contextmanager
def brief_connection(url: str) -> Iterator[Connection]:
    """Connect for a few short queries: they may take FIRST_ANSWER_WITHIN seconds.

    Args:
        url: Any address that libpq takes.

    Yields:
        The connection, as `open_connection` returns it.

    Raises:
        MigrationError: As `open_connection`.
        NoAnswer: The limit was exceeded.
    """
    with (
        open_connection(url) as conn,
        sessions.answering_within(conn, sessions.FIRST_ANSWER_WITHIN),
    ):
        yield conn


@contextmanager
def only_runner(url: str, report: Report) -> Iterator[Connection]:
    """Hold the lock under which this database is migrated; wait for it if need be.

    Args:
        url: The database.
        report: Takes a line if another process holds the lock.

    Yields:
        The connection that holds the lock, in a transaction: a pooler would give a session, and a
        lock of it, to others. It is for short reads.
    """
    with connect(url) as conn:
        # Polled: a statement that waits for the lock holds a snapshot, for which a CREATE INDEX
        # CONCURRENTLY of the process that has the lock would wait. So would one of a transaction
        # that keeps its snapshot, unlike this one.
        conn.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        waiting = False
        while True:
            with conn.transaction():
                lift_limits(conn)
                # Without parameters: with them, the statement keeps its snapshot until the next.
                if scalar(conn, f"SELECT pg_try_advisory_xact_lock({_LOCK})"):
                    yield conn
                    return
                holder = None if waiting else scalar(conn, _HOLDER)
            if not waiting:
                by = f": {holder}" if holder else ""
                report(f"Waiting for another process that migrates this database{by}")
                waiting = True
            time.sleep(_POLL_EVERY)


def has_ledger(conn: Connection) -> bool:
    """Tell whether the database holds a ledger, of whatever version."""
    return scalar(conn, "SELECT to_regnamespace('ledger')") is not None


def is_front(conn: Connection) -> bool:
    """Tell whether the database is a front of a cluster (`ledger_py.cluster.fronts`)."""
    return scalar(conn, "SELECT to_regnamespace('ledger_front')") is not None


def scalar(conn: Connection, query: str, parameters: Sequence[Any] | None = None) -> Any:
    """Run a query and return the first column of its first row, or None without a row."""
    row = conn.execute(query, parameters).fetchone()
    return row[0] if row else None


def has_moved(conn: Connection) -> bool:
    """Return True if the ledger was moved to another server, and needs a new generation there."""
    known = "SELECT to_regprocedure('ledger_core.needs_generation()') IS NOT NULL"
    return bool(scalar(conn, known) and scalar(conn, "SELECT ledger_core.needs_generation()"))


def _check_server(conn: Connection) -> None:
    if conn.info.server_version < OLDEST_SERVER * 10_000:
        found = conn.info.parameter_status("server_version")
        raise MigrationError(f"PostgreSQL {OLDEST_SERVER} or later is needed, this is {found}")
    # Asked, because a pooler goes on to report what an earlier database of that name had. With
    # SQL_ASCII, psycopg returns text as bytes.
    encoding = scalar(conn, "SELECT convert_to(current_setting('server_encoding'), 'UTF8')")
    encoding = encoding.decode()
    if encoding != "UTF8":
        raise MigrationError(
            f"The database {conn.info.dbname} has the encoding {encoding}; the ledger needs UTF8 "
            "(CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)"
        )
