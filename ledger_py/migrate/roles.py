"""The SQL by which an administrator makes the roles, where `migrate` may not."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

from ledger_py.migrate.backend import BOOKKEEPING
from ledger_py.migrate.database import open_connection
from ledger_py.migrate.errors import MigrationError
from ledger_py.migrate.files import Project

_FILE: Final = "privileges/roles"

# Names are not put into comments: one with a line break in it would end the comment.
_BEGIN: Final = """\
-- Makes the roles of the ledger. Run it once as a role that may make roles, in any database of the
-- server (psql -v ON_ERROR_STOP=1 -f FILE); again does no harm. Then run `ledger migrate` as the
-- ledger's owner, which grants them their rights.
BEGIN;

SET LOCAL search_path TO pg_catalog, pg_temp;
"""

_GRANT: Final = """\
-- So that ledger.bind_role, which runs as the ledger's owner, can make logins members.
GRANT ledger_app TO {} WITH ADMIN OPTION;
"""

_END: Final = "COMMIT;\n"

_OWNER: Final = """
    SELECT rolname, rolsuper
    FROM pg_catalog.pg_roles
    WHERE rolname = coalesce(
        (SELECT pg_get_userbyid(nspowner) FROM pg_catalog.pg_namespace WHERE nspname = %s),
        current_user
    )
"""


def role_script(url: str, *, project: Project | None = None) -> str:
    """Write the script for an administrator: `sql/privileges/roles.sql`, and what its owner needs.

    Args:
        url: the database, as the ledger's owner; once there is a ledger, as any role.
        project: the files; those of this checkout if left out.

    Returns:
        SQL that can be run again, for psql or any other client.

    Raises:
        MigrationError: the database cannot be read.
    """
    files = {file.name: file.file for file in (project or Project()).code}
    parts = [_BEGIN, files[_FILE].read_text(encoding="utf-8")]
    try:
        with open_connection(url) as conn:
            owners = conn.execute(_OWNER, [BOOKKEEPING]).fetchall()
            # A superuser grants without being asked.
            parts += [
                sql.SQL(_GRANT).format(sql.Identifier(name)).as_string(conn)
                for name, superuser in owners
                if not superuser
            ]
    except psycopg.Error as error:
        raise MigrationError(f"The owner cannot be read: {str(error).strip()}") from error
    return "\n".join([*parts, _END])
