"""Checks at the start of a service: the migrations it needs are installed, or can be."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from ledger_py.logins import lacks_rights, not_bound
from ledger_py.migrate.database import (
    BOOKKEEPING,
    Report,
    brief_connection,
    has_moved,
    is_front,
    scalar,
)
from ledger_py.migrate.errors import MigrationError
from ledger_py.migrate.files import Project
from ledger_py.migrate.runner import migrate
from ledger_py.migrate.state import FileState, compare, read_record
from ledger_py.settings import Settings

_NO_LEDGER: Final = (psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedFunction)


async def missing_files_async(
    conn: psycopg.AsyncConnection[Any], *, app: str | None = None, project: Project | None = None
) -> list[str]:
    """List the migrations that an app needs and the database lacks.

    A database with more migrations is fine: a newer version of the code may share it.

    Args:
        conn: A connection of any role that may use the ledger.
        app: The app whose migrations are needed with the ledger's own; default: all apps.
        project: The files; default: those of this checkout.

    Returns:
        Their paths in order; empty if a service of the app may run.

    Raises:
        psycopg.errors.InsufficientPrivilege: The role may not use the ledger.
    """
    try:
        async with conn.transaction():
            cursor = await conn.execute("SELECT path FROM ledger.installed_files()")
            installed = {path for (path,) in await cursor.fetchall()}
    except _NO_LEDGER:
        installed = set()
    needed = (project or Project()).migrations_for(app)
    return [file.path for file in needed if file.path not in installed]


def ensure_current(
    url: str,
    settings: Settings,
    *,
    app: str | None = None,
    project: Project | None = None,
    report: Report = lambda _line: None,
) -> None:
    """Bring the database up to date before a service starts, if that is needed and allowed.

    Migrates if files are pending, the settings allow it and the role may. Where they do not, code
    in `sql/` that differs is left alone, because another version may have installed it. So is a
    database that is newer than the files.

    Args:
        url: The database.
        settings: `migrate_on_start` allows migrations.
        app: The app whose migrations are needed with the ledger's own; default: all apps.
        project: The files; default: those of this checkout.
        report: Takes a line for each change, and for each file that is left alone.

    Raises:
        MigrationError: A needed migration is missing and may not be installed, or it failed.
    """
    project = project or Project()
    with brief_connection(url) as conn:
        try:
            files = compare(project, read_record(conn))
            is_owner = _is_owner(conn) and not is_front(conn)
            may_migrate = settings.migrate_on_start and is_owner
            # Only the owner may look into the schema of the functions.
            moved = is_owner and has_moved(conn)
        except psycopg.errors.InsufficientPrivilege as error:
            reason = lacks_rights(conn) if app is None else not_bound(conn, app)
            raise MigrationError(reason) from error
        except psycopg.Error as error:
            raise MigrationError(
                f"It cannot be read which files are applied: {str(error).strip()}"
            ) from error
    pending = {file.path for file in files if file.state is FileState.PENDING}
    newer = any(
        file.state is FileState.MISSING and file.path.startswith("migrations/") for file in files
    )
    if (pending or moved) and may_migrate and not newer:
        migrate(url, project=project, report=report)
        return
    needed = [file.path for file in project.migrations_for(app) if file.path in pending]
    if needed:
        reason = "LEDGER_MIGRATE_ON_START is false"
        if settings.migrate_on_start:
            reason = "the role may not"
        raise MigrationError(
            f"The database is not up to date: {', '.join(needed)} not applied. Run "
            f"`ledger migrate` as the owner of the database (it was not done here: {reason})"
        )
    for file in files:
        # Apps of other repositories share the database.
        foreign = file.state is FileState.MISSING and file.path.startswith("apps/")
        if file.state is not FileState.APPLIED and not foreign:
            report(f"{file.path} is {file.state.value}; left as it is")


def _is_owner(conn: psycopg.Connection[Any]) -> bool:
    return bool(
        scalar(
            conn,
            """
            SELECT CASE WHEN to_regnamespace(%s) IS NULL
                THEN has_database_privilege(current_database(), 'CREATE')
                ELSE has_schema_privilege(%s, 'CREATE')
            END
            """,
            [BOOKKEEPING, BOOKKEEPING],
        )
    )
