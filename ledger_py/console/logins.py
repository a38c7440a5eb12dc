"""The login of the console, which can read the ledger and do nothing else."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger_py.logins import LoginRefused, lacks_group
from ledger_py.migrate.database import brief_connection
from ledger_py.wording import NO_LEDGER

__all__ = ("console_login", "require_auditor")

_LOGINS: Final = {"ledger_auditor": "ledger_console", "ledger_operator": "ledger_console_operator"}
"""The login that is made in an embedded server, by its group."""

# Roles that the login can become count as well, whether or not their rights are inherited.
_BEYOND_AUDITORS: Final = """
    WITH roles AS (
        SELECT pg_roles.oid, pg_roles.rolname, pg_roles.rolsuper, pg_roles.rolcreaterole
        FROM pg_catalog.pg_roles
        WHERE pg_has_role(current_user, pg_roles.oid, 'MEMBER')
            OR pg_has_role(current_user, pg_roles.oid, 'MEMBER WITH ADMIN OPTION')
    ),

    schemas AS (
        SELECT pg_namespace.oid, pg_namespace.nspowner
        FROM pg_catalog.pg_namespace
        WHERE pg_namespace.nspname IN ('ledger', 'ledger_core')
    )

    SELECT 'is a superuser' WHERE EXISTS (SELECT 1 FROM roles WHERE roles.rolsuper)
    UNION ALL
    SELECT 'owns the ledger'
    WHERE EXISTS (SELECT 1 FROM schemas INNER JOIN roles ON schemas.nspowner = roles.oid)
    UNION ALL
    SELECT 'may give itself any right (CREATEROLE)'
    WHERE current_setting('server_version_num')::integer < 160000
        AND EXISTS (SELECT 1 FROM roles WHERE roles.rolcreaterole)
    UNION ALL
    SELECT format('is a member of %s', roles.rolname) FROM roles
    WHERE roles.rolname IN ('pg_execute_server_program', 'pg_write_server_files')
    UNION ALL
    (
        SELECT format('may call %s', procedures.oid::regprocedure)
        FROM pg_catalog.pg_proc AS procedures
        INNER JOIN schemas ON procedures.pronamespace = schemas.oid
        WHERE NOT has_function_privilege('ledger_auditor', procedures.oid, 'EXECUTE')
            AND EXISTS (
                SELECT 1 FROM roles
                WHERE has_function_privilege(roles.oid, procedures.oid, 'EXECUTE')
            )
        ORDER BY procedures.proname
    )
    UNION ALL
    (
        SELECT format('may write %s', tables.oid::regclass)
        FROM pg_catalog.pg_class AS tables
        INNER JOIN schemas ON tables.relnamespace = schemas.oid
        WHERE tables.relkind IN ('r', 'p', 'v') AND EXISTS (
            SELECT 1 FROM roles
            WHERE has_table_privilege(roles.oid, tables.oid, 'DELETE, TRUNCATE')
                OR has_any_column_privilege(roles.oid, tables.oid, 'INSERT, UPDATE')
        )
        ORDER BY tables.relname
    )
    LIMIT 3
"""

_EXISTS: Final = """
    SELECT
        EXISTS (
            SELECT 1 FROM pg_catalog.pg_class
            INNER JOIN pg_catalog.pg_namespace ON pg_class.relnamespace = pg_namespace.oid
            WHERE pg_namespace.nspname = 'ledger' AND pg_class.relname = 'entries'
        ),
        EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = 'ledger_auditor')
"""

_READS: Final = """
    SELECT CASE
        WHEN has_schema_privilege('ledger', 'USAGE')
            THEN has_function_privilege('ledger.verify(text)', 'EXECUTE')
        ELSE FALSE
    END
"""

_OPERATES: Final = """
    SELECT has_function_privilege(
        'ledger.adjust_balance(text, bigint, text, text, text, text)', 'EXECUTE'
    )
"""


def require_auditor(url: str, *, operator: bool) -> str:
    """Check that a login can do what the console does, and nothing else.

    Args:
        url: The address of the database with the login.
        operator: True if the login must be able to do what operators do.

    Returns:
        The name of the login.

    Raises:
        LoginRefused: There is no ledger, or the login may do too little or too much.
        MigrationError: The server cannot be reached.
    """
    with brief_connection(url) as conn:
        _require_ledger(conn)
        login = conn.info.user
        if not operator:
            beyond = [row[0] for row in conn.execute(_BEYOND_AUDITORS.encode()).fetchall()]
            if beyond:
                raise LoginRefused(
                    f"The login {login} could do more than read: it {', '.join(beyond)}."
                    " Let the console log in as a member of ledger_auditor and nothing else, or"
                    " pass --operator."
                )
        if conn.execute(_READS.encode()).fetchone() != (True,):
            raise LoginRefused(lacks_group(conn, "ledger_auditor"))
        if operator and conn.execute(_OPERATES.encode()).fetchone() != (True,):
            raise LoginRefused(lacks_group(conn, "ledger_operator"))
    return login


def console_login(url: str, *, operator: bool) -> str:
    """Provide the login of the console in an embedded server.

    Args:
        url: The address of the database, for the superuser of the server.
        operator: True for a login that may do what operators may.

    Returns:
        The address for that login.

    Raises:
        LoginRefused: There is no ledger.
    """
    group = "ledger_operator" if operator else "ledger_auditor"
    login = _LOGINS[group]
    with brief_connection(url) as conn:
        _require_ledger(conn)
        known = "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s"
        if conn.execute(known, [login]).fetchone() is None:
            # Another process may make it at the same moment.
            with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(login)))
        grant = sql.SQL("GRANT {} TO {}")
        conn.execute(grant.format(sql.Identifier(group), sql.Identifier(login)))
    return make_conninfo(url, user=login)


def _require_ledger(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    ledger, auditors = conn.execute(_EXISTS.encode()).fetchone() or (False, False)
    if not ledger:
        raise LoginRefused(NO_LEDGER)
    if not auditors:
        raise LoginRefused(
            "This server lacks the roles of the ledger. `ledger roles` prints the SQL that creates"
            " them."
        )
