"""Connections for the runner, and the one lock that keeps runs apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.rows import TupleRow

from ledger_py.migrate.errors import MigrationError

Connection: TypeAlias = psycopg.Connection[TupleRow]
Report: TypeAlias = Callable[[str], None]

OLDEST_SERVER: Final = 15

# Any fixed number does, as long as nobody else uses it: "ledger" in ASCII, as an integer.
_LOCK: Final = int.from_bytes(b"ledger", "big")
_POLL_EVERY: Final = 0.2


def open_connection(url: str) -> Connection:
    """Connect for management.

    Args:
        url: any address that libpq takes.

    Returns:
        A connection in autocommit mode, without time limits of role or database.

    Raises:
        MigrationError: the server cannot be reached, is too old, or the database is not UTF-8.
    """
    try:
        conn = psycopg.connect(url, autocommit=True, application_name="ledger migrate")
    except psycopg.OperationalError as error:
        raise MigrationError(f"The database cannot be reached: {str(error).strip()}") from error
    try:
        _check_server(conn)
        conn.execute("SELECT set_config('statement_timeout', '0', false)")
        conn.execute("SELECT set_config('lock_timeout', '0', false)")
    except BaseException:
        conn.close()
        raise
    return conn


@contextmanager
def only_runner(url: str, report: Report) -> Iterator[Connection]:
    """Wait until no other process migrates this database, and keep it so.

    Args:
        url: the database.
        report: takes a line if there is somebody to wait for.

    Yields:
        The connection that holds the lock.
    """
    with open_connection(url) as conn:
        # Asked again and again, not waited for: a waiting statement holds a snapshot, for which a
        # CREATE INDEX CONCURRENTLY of the process that has the lock would wait in turn.
        waiting = False
        while not scalar(conn, "SELECT pg_try_advisory_lock(%s)", [_LOCK]):
            if not waiting:
                report("Waiting for another process that migrates this database")
                waiting = True
            time.sleep(_POLL_EVERY)
        yield conn


def scalar(conn: Connection, query: str, parameters: Sequence[Any] | None = None) -> Any:
    """Run a query and give the first column of its first row, or None if there is no row."""
    row = conn.execute(query, parameters).fetchone()
    return row[0] if row else None


def _check_server(conn: Connection) -> None:
    if conn.info.server_version < OLDEST_SERVER * 10_000:
        found = conn.info.parameter_status("server_version")
        raise MigrationError(f"PostgreSQL {OLDEST_SERVER} or later is needed, this is {found}")
    encoding = conn.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise MigrationError(
            f"The database {conn.info.dbname} has the encoding {encoding}; the ledger needs UTF8 "
            "(CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)"
        )
