"""The record of what is installed, with checksums: table `ledger_core.installed_files`."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from ledger_py.migrate.database import Connection, scalar

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
    """What was installed of a file, and when."""

    checksum: str
    installed_at: datetime


def prepare(conn: Connection) -> None:
    """Make the table unless it is there."""
    if scalar(conn, "SELECT to_regclass(%s)", [_TABLE]) is None:
        with conn.transaction():
            for statement in _CREATE:
                conn.execute(statement)


def read(conn: Connection) -> dict[str, InstalledFile]:
    """Read the record, as its owner or through the function for everybody else.

    Args:
        conn: a connection of a role that may do one or the other.

    Returns:
        What is installed, by path; nothing if the database holds no ledger.
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
        return {}
    rows = conn.execute(f"SELECT path, checksum, installed_at FROM {source}")
    return {path: InstalledFile(checksum, installed_at) for path, checksum, installed_at in rows}
