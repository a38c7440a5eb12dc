"""The script with which an administrator creates the roles, where `migrate` may not."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql

from ledger_py.migrate.database import BOOKKEEPING, brief_connection
from ledger_py.migrate.errors import MigrationError
from ledger_py.migrate.files import Project

_FILE: Final = "privileges/roles"

# No names in these comments: a name with a line break would end the comment.
_BEGIN: Final = """\
-- Creates the roles of the ledger. Run it as a role with CREATEROLE, in any database of the server:
-- psql -v ON_ERROR_STOP=1 -f FILE. It can be run again. Then run `ledger migrate` as the ledger's
-- owner, which grants the roles their rights.
BEGIN;

SET LOCAL search_path TO pg_catalog, pg_temp;
"""

_GRANT: Final = """\
-- Lets ledger.bind_role, which runs as the ledger's owner, add members.
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
    """Build the script for an administrator: `sql/privileges/roles.sql`, and the owner's grant.

    Args:
        url: The database, as the ledger's owner; as any role once there is a ledger.
        project: The files; default: those of this checkout.

    Returns:
        SQL that can be run again, with psql or any other client.

    Raises:
        MigrationError: The database cannot be read.
    """
    files = {file.name: file.file for file in (project or Project()).code}
    parts = [_BEGIN, files[_FILE].read_text(encoding="utf-8")]
    try:
        with brief_connection(url) as conn:
            owners = conn.execute(_OWNER, [BOOKKEEPING]).fetchall()
            # A superuser needs no grant.
            parts += [
                sql.SQL(_GRANT).format(sql.Identifier(name)).as_string(conn)
                for name, superuser in owners
                if not superuser
            ]
    except psycopg.Error as error:
        raise MigrationError(f"The owner cannot be read: {str(error).strip()}") from error
    return "\n".join([*parts, _END])
