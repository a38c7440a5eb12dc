"""The record of what is installed in a database, and its comparison with the files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Final

import msgspec
import psycopg

from ledger_py.logins import lacks_rights
from ledger_py.migrate import steps
from ledger_py.migrate.database import Connection, brief_connection, is_front, scalar
from ledger_py.migrate.errors import MigrationError
from ledger_py.migrate.files import CODE, Project

_TABLE: Final = "ledger_core.installed_files"
_CREATE: Final = (
    """
    CREATE TABLE ledger_core.installed_files (
        path text COLLATE "C" NOT NULL,
        checksum text NOT NULL,
        installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT installed_files_pkey PRIMARY KEY (path)
    )
    """,
    """
    COMMENT ON TABLE ledger_core.installed_files IS
    'What `ledger migrate` has put in: a row per migration, and one for sql/ as a whole.'
    """,
    "COMMENT ON COLUMN ledger_core.installed_files.path IS 'File, from the folder of the project.'",
    """
    COMMENT ON COLUMN ledger_core.installed_files.checksum IS
    'SHA-256 of the text that was installed, in hexadecimal digits.'
    """,
    "COMMENT ON COLUMN ledger_core.installed_files.installed_at IS 'When it was installed last.'",
)

RECORD: Final = """
    INSERT INTO ledger_core.installed_files AS installed (path, checksum)
    VALUES (%s, %s)
    ON CONFLICT (path) DO UPDATE
    SET checksum = excluded.checksum, installed_at = DEFAULT
    WHERE installed.checksum <> excluded.checksum
"""
FORGET: Final = "DELETE FROM ledger_core.installed_files WHERE path = ANY(%s)"


class InstalledFile(msgspec.Struct, frozen=True):
    """The checksum of a file when it was installed, and the time."""

    checksum: str
    installed_at: datetime


def prepare_record(conn: Connection) -> None:
    """Create the table if it does not exist."""
    if scalar(conn, "SELECT to_regclass(%s)", [_TABLE]) is None:
        with steps.transaction(conn):
            for statement in _CREATE:
                conn.execute(statement)


def read_record(conn: Connection) -> dict[str, InstalledFile]:
    """Read the record: the table as its owner, or else through `ledger.installed_files()`.

    Args:
        conn: A connection of a role with either right.

    Returns:
        The installed files by path; empty if the database holds no ledger.
    """
    source = scalar(
        conn,
        """
        SELECT CASE
            WHEN has_schema_privilege(n.oid, 'USAGE')
                AND has_table_privilege(c.oid, 'SELECT') THEN 'ledger_core.installed_files'
            ELSE 'ledger.installed_files()'
        END
        FROM pg_catalog.pg_class AS c
        INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'ledger_core' AND c.relname = 'installed_files'
        """,
    )
    if source is None:
        if not is_front(conn):
            return {}
        source = "ledger.installed_files()"
    # In binary, a time does not depend on the styles of the session.
    rows = conn.execute(f"SELECT path, checksum, installed_at FROM {source}", binary=True)
    return {path: InstalledFile(checksum, installed_at) for path, checksum, installed_at in rows}


class FileState(Enum):
    """The state of a file in a database."""

    APPLIED = "applied"
    PENDING = "pending"
    """Not applied yet; of `sql/`: another text is installed."""
    EDITED = "edited"
    """Applied, and changed since."""
    MISSING = "missing"
    """Applied, but not among the files."""


class FileStatus(msgspec.Struct, frozen=True):
    """The state of one migration, or of `sql/` as a whole."""

    path: str
    state: FileState
    installed_at: datetime | None


def compare(project: Project, installed: Mapping[str, InstalledFile]) -> list[FileStatus]:
    """Compare files with a record of what is installed.

    Args:
        project: The files.
        installed: The installed files by path.

    Returns:
        The state of each migration in order, of `sql/`, and of installed files that are missing.
    """
    found = []
    for file in project.migrations:
        record = installed.get(file.path)
        if record is None:
            state = FileState.PENDING
        elif record.checksum != file.checksum:
            state = FileState.EDITED
        else:
            state = FileState.APPLIED
        found.append(FileStatus(file.path, state, record.installed_at if record else None))
    code = installed.get(CODE)
    current = code is not None and code.checksum == project.code_checksum
    code_state = FileState.APPLIED if current else FileState.PENDING
    code_status = FileStatus(CODE, code_state, code.installed_at if code else None)
    found.insert(len(project.core.files), code_status)
    known = {CODE, *(file.path for file in project.migrations)}
    found += [
        FileStatus(path, FileState.MISSING, installed[path].installed_at)
        for path in sorted(installed.keys() - known)
    ]
    return found


def status(url: str, *, project: Project | None = None) -> list[FileStatus]:
    """Report which files are applied to a database, pending, edited or missing.

    Args:
        url: The database, as any role that may use the ledger.
        project: The files; default: those of this checkout.

    Returns:
        The state of each file, in the order in which they are applied.

    Raises:
        MigrationError: The database cannot be read.
    """
    try:
        with brief_connection(url) as conn:
            try:
                return compare(project or Project(), read_record(conn))
            except psycopg.errors.InsufficientPrivilege as error:
                raise MigrationError(lacks_rights(conn)) from error
    except psycopg.Error as error:
        raise MigrationError(
            f"It cannot be read which files are applied: {str(error).strip()}"
        ) from error
