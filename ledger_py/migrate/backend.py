"""yoyo's bookkeeping and steps, in transactions that give way."""

from __future__ import annotations

import getpass
import os
from typing import Any, Self
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo import internalmigrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import default_migration_table

from ledger_py import sessions
from ledger_py.migrate import steps
from ledger_py.migrate.database import BOOKKEEPING
from ledger_py.migrate.errors import MigrationError


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend for one database; it prints nothing and remembers the failed statement.

    Its transactions have the settings of a step, and the schema of the bookkeeping as search path.
    """

    failed: str = ""
    """The first statement that failed; later ones only clean up."""

    def init_connection(self, connection: psycopg.Connection[Any]) -> None:
        """Leave the session as it is."""
        connection.prepare_threshold = None

    def begin(self) -> None:
        """Begin a transaction with settings of its own."""
        self.locks = steps.LockBudget()
        steps.begin(self.connection, BOOKKEEPING)
        self._in_transaction = True

    def require_session(self) -> None:
        """Prepare the session for statements that run outside a transaction.

        Raises:
            MigrationError: A pooler is between this process and the server.
        """
        row = self.connection.execute("SELECT pg_backend_pid()").fetchone()
        if row is None or row[0] != self.connection.info.backend_pid:
            raise MigrationError(
                "A file with `-- transactional: false` needs a session of its own, and there is a "
                "pooler: run `ledger migrate` with the server's own address"
            )
        for name, value in (("search_path", BOOKKEEPING), ("statement_timeout", "0")):
            self.connection.execute("SELECT set_config(%s, %s, false)", [name, value])

    def prepare(self) -> None:
        """Create or upgrade yoyo's tables, and remove a stale lock."""
        with self.transaction():
            if self.lock_table not in self.list_tables():
                self.execute(self.format_sql(self.create_lock_table_sql))
            # The caller holds the advisory lock: a lock of yoyo's was left by a killed process.
            self.execute(f"DELETE FROM {self.lock_table_quoted}")
            if internalmigrations.needs_upgrading(self):
                internalmigrations.upgrade(self)

    def ensure_internal_schema_updated(self) -> None:
        """Do nothing: `prepare` has done it."""

    def get_applied_migration_hashes(self) -> list[str]:
        """Return the hashes of the applied migrations, in the order of their application."""
        with self.transaction():
            found: list[str] = super().get_applied_migration_hashes()
            return found

    def cursor(self) -> psycopg.Cursor[Any]:
        """Return a cursor for one statement, of a migration or of yoyo."""
        return _Cursor(self)


class _Cursor(psycopg.Cursor[Any]):
    def __init__(self, backend: Backend) -> None:
        super().__init__(backend.connection)
        self._backend = backend

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Self:
        try:
            if self._backend._in_transaction and (
                limit := self._backend.locks.limit_for(str(query))
            ):
                super().execute(limit.encode())
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
    arguments |= {"application_name": "ledger migrate"}
    _ensure_user_name()
    uri = parse_uri(f"postgresql+psycopg:///?{urlencode(arguments)}")
    backend = Backend(uri, default_migration_table)
    backend.prepare()
    return backend


def _ensure_user_name() -> None:
    """Let `getpass.getuser`, which yoyo calls, succeed where the user id has no account."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"uid {os.getuid()}"
