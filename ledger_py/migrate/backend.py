"""yoyo over psycopg, quiet, and with a memory for the statement that failed."""

from __future__ import annotations

import getpass
import os
from typing import Any, Final, Self
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import default_migration_table

BOOKKEEPING: Final = "ledger_core"
"""The schema that holds yoyo's tables and the checksums."""


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend for one database."""

    failed: str = ""
    """The first statement that failed; what is executed after it only cleans up."""

    def cursor(self) -> psycopg.Cursor[Any]:
        """Give yoyo a cursor for one statement of a migration or of its own."""
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
        """Say that nothing was returned: yoyo prints what migrations select."""


def connect(url: str) -> Backend:
    """Open yoyo's bookkeeping in a database whose schema `BOOKKEEPING` exists.

    Args:
        url: any address that libpq takes.

    Returns:
        The backend, with its tables made and no lock left over.
    """
    # yoyo cannot parse every address that libpq can, but hands its query arguments over unchanged.
    arguments = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    arguments |= {"application_name": "ledger migrate", "schema": BOOKKEEPING}
    _ensure_user_name()
    uri = parse_uri(f"postgresql+psycopg:///?{urlencode(arguments)}")
    backend = Backend(uri, default_migration_table)
    backend.init_database()
    # Whoever comes here holds the advisory lock, so a lock of yoyo's is that of a killed process.
    backend.break_lock()
    backend.ensure_internal_schema_updated()
    return backend


def _ensure_user_name() -> None:
    """Let `getpass.getuser`, which yoyo logs, succeed where the user id has no account."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"uid {os.getuid()}"
