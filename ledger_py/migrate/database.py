"""Connections to the database: the ledger's own, under one lock, and yoyo's."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Self, TypeAlias
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import default_migration_table

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

_SETTINGS: Final = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "default_transaction_isolation": "read committed",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
}


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
    try:
        conn = psycopg.connect(
            sessions.conninfo(url), autocommit=True, application_name="ledger migrate"
        )
    except psycopg.OperationalError as error:
        raise MigrationError(f"The database cannot be reached: {str(error).strip()}") from error
    try:
        _check_server(conn)
        with sessions.answering_within(conn, sessions.FIRST_ANSWER_WITHIN):
            conn.execute(sessions.set_for_session(_SETTINGS, conn.info.backend_pid))
    except NoAnswer as error:
        raise MigrationError(f"The database cannot be reached: {error}") from error
    except BaseException:
        conn.close()
        raise
    return conn


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
        The connection that holds the lock.
    """
    with open_connection(url) as conn:
        # Polled: a statement that waits for the lock holds a snapshot, for which a CREATE INDEX
        # CONCURRENTLY of the process that has the lock would wait.
        waiting = False
        while not scalar(conn, "SELECT pg_try_advisory_lock(%s)", [_LOCK]):
            if not waiting:
                report("Waiting for another process that migrates this database")
                waiting = True
            time.sleep(_POLL_EVERY)
        yield conn


def scalar(conn: Connection, query: str, parameters: Sequence[Any] | None = None) -> Any:
    """Run a query and return the first column of its first row, or None without a row."""
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


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend for one database; it prints nothing and remembers the failed statement."""

    failed: str = ""
    """The first statement that failed; later ones only clean up."""

    def cursor(self) -> psycopg.Cursor[Any]:
        """Return a cursor for one statement, of a migration or of yoyo."""
        return _Cursor(self)


class _Cursor(psycopg.Cursor[Any]):
    def __init__(self, backend: Backend) -> None:
        super().__init__(backend.connection)
        self._backend = backend

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Self:
        try:
            return super().execute(query, *args, **kwargs)
        except psycopg.Error:
            self._backend.failed = self._backend.failed or str(query)
            raise

    @property
    def description(self) -> None:
        """None, as if no rows were returned: yoyo prints the rows that a migration selects."""


def connect_yoyo(url: str) -> Backend:
    """Open yoyo's bookkeeping in a database that has the schema `BOOKKEEPING`.

    Args:
        url: Any address that libpq takes.

    Returns:
        The backend, with its tables created and no stale lock.
    """
    # yoyo parses fewer addresses than libpq, but passes query arguments on unchanged.
    arguments = {key: str(value) for key, value in conninfo_to_dict(sessions.conninfo(url)).items()}
    arguments |= {"application_name": "ledger migrate", "schema": BOOKKEEPING}
    _ensure_user_name()
    uri = parse_uri(f"postgresql+psycopg:///?{urlencode(arguments)}")
    backend = Backend(uri, default_migration_table)
    backend.init_database()
    # The caller holds the advisory lock, so any lock of yoyo's was left by a killed process.
    backend.break_lock()
    backend.ensure_internal_schema_updated()
    return backend


def _ensure_user_name() -> None:
    """Let `getpass.getuser`, which yoyo calls, succeed where the user id has no account."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"uid {os.getuid()}"
