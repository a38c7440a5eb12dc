"""Applies pending files, and rolls the newest migration back."""

from __future__ import annotations

import psycopg
from yoyo import read_migrations
from yoyo.migrations import Migration

from ledger_py.migrate.code import load_code
from ledger_py.migrate.database import (
    BOOKKEEPING,
    Backend,
    Connection,
    Report,
    connect_yoyo,
    only_runner,
    scalar,
)
from ledger_py.migrate.errors import MigrationError, failure
from ledger_py.migrate.files import CODE, MigrationFile, MigrationFolder, Project
from ledger_py.migrate.state import (
    FORGET,
    RECORD,
    FileState,
    compare,
    prepare_record,
    read_record,
)


def _silent(_line: str) -> None:
    pass


def migrate(url: str, *, project: Project | None = None, report: Report = _silent) -> None:
    """Bring a database up to date.

    Args:
        url: The database, as its owner, who need not be a superuser.
        project: The files; default: those of this checkout.
        report: Takes a line for each change.

    Raises:
        MigrationError: The files break a rule, the database is newer than they are, a file was
            edited after it was applied, or a statement failed. Earlier files stay applied; the one
            that failed is rolled back.
    """
    project = project or Project()
    _check_files(project)
    try:
        with only_runner(url, report) as conn:
            _prepare(conn)
            _check_history(conn, project)
            with connect_yoyo(url) as backend:
                _apply_pending(backend, project.core, conn, report)
                load_code(conn, project, report)
                for folder in project.apps:
                    _apply_pending(backend, folder, conn, report)
    except psycopg.Error as error:
        raise MigrationError(f"The migration was interrupted: {str(error).strip()}") from error


def rollback(url: str, *, project: Project | None = None, report: Report = _silent) -> None:
    """Roll back the migration that was applied last, with its rollback file.

    The code of `sql/` is left as it is, and counts as pending afterwards.

    Args:
        url: The database, as its owner.
        project: The files; default: those of this checkout.
        report: Takes a line that names the migration.

    Raises:
        MigrationError: No migration is applied, the files of the newest one are missing, or a
            statement failed. Nothing has changed.
    """
    project = project or Project()
    _check_files(project)
    try:
        with only_runner(url, report) as conn:
            _prepare(conn)
            with connect_yoyo(url) as backend:
                _roll_back_newest(backend, project, report)
    except psycopg.Error as error:
        raise MigrationError(f"The rollback was interrupted: {str(error).strip()}") from error


def _check_files(project: Project) -> None:
    broken = project.broken_rules()
    if not project.core.files:
        broken.append(f"{project.core.folder} holds no migrations")
    if broken:
        raise MigrationError("\n  ".join(["The migrations break the rules:", *broken]))
    # Read now: faults of sql/ are reported before the database is touched.
    _ = project.code_checksum


def _prepare(conn: Connection) -> None:
    if scalar(conn, "SELECT to_regnamespace(%s)", [BOOKKEEPING]) is None:
        try:
            conn.execute(f"CREATE SCHEMA {BOOKKEEPING}")
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"The role {conn.info.user} may not make schemas in the database "
                f"{conn.info.dbname}: run this as the owner of the database"
            ) from error
    elif not scalar(conn, "SELECT has_schema_privilege(%s, 'CREATE')", [BOOKKEEPING]):
        raise MigrationError(
            f"The role {conn.info.user} does not own the ledger in the database "
            f"{conn.info.dbname}: run `ledger migrate` as the owner"
        )
    prepare_record(conn)


def _check_history(conn: Connection, project: Project) -> None:
    files = compare(project, read_record(conn))
    edited = [file.path for file in files if file.state is FileState.EDITED]
    if edited:
        raise MigrationError(
            f"Edited after having been applied: {', '.join(edited)}. Put the old text back and "
            "write a new migration: what has been applied is not applied again."
        )
    newer = [
        file.path
        for file in files
        if file.state is FileState.MISSING and file.path.startswith("migrations/")
    ]
    if newer:
        raise MigrationError(
            f"The database is newer than these files: it has {', '.join(newer)}, which are not "
            "here. Migrate from the version of the code that has them."
        )


def _apply_pending(
    backend: Backend, folder: MigrationFolder, conn: Connection, report: Report
) -> None:
    """Apply the pending files of a folder in order."""
    files = {file.id: file for file in folder.files}
    migrations = read_migrations(str(folder.folder))
    applied = set(backend.get_applied_migration_hashes())
    installed = read_record(conn)
    for migration in migrations:
        file = files[migration.id]
        # Without a transaction, the process may have died between yoyo's record and ours.
        if migration.hash in applied and file.path not in installed:
            conn.execute(RECORD, _row(file))
    for migration in backend.to_apply(migrations):
        _apply(backend, migration, files[migration.id], conn)
        report(f"{files[migration.id].path} applied")


def _apply(backend: Backend, migration: Migration, file: MigrationFile, conn: Connection) -> None:
    """Apply and record one file, in one transaction unless the file opts out."""
    with backend.copy() as session:
        try:
            if migration.use_transactions:
                with session.transaction():
                    migration.process_steps(session, "apply")
                    session.mark_one(migration)
                    session.connection.execute(RECORD, _row(file))
            else:
                migration.process_steps(session, "apply")
                session.mark_migrations([migration])
                conn.execute(RECORD, _row(file))
        except psycopg.Error as error:
            text = file.file.read_text(encoding="utf-8")
            raise failure(file.path, text, session.failed, error) from error


def _roll_back_newest(backend: Backend, project: Project, report: Report) -> None:
    hashes = backend.get_applied_migration_hashes()
    if not hashes:
        raise MigrationError("There is no migration to roll back")
    folders = [str(folder.folder) for folder in (project.core, *project.apps)]
    found = {migration.hash: migration for migration in read_migrations(*folders)}
    if hashes[-1] not in found:
        raise MigrationError("The migration that was applied last is not among these files")
    migration = found[hashes[-1]]
    file = next(file for file in project.migrations if file.id == migration.id)
    with backend.copy() as session:
        try:
            with session.transaction():
                migration.process_steps(session, "rollback")
                session.unmark_one(migration)
                session.connection.execute(FORGET, [[file.path, CODE]])
        except psycopg.Error as error:
            undo = file.file.with_suffix(".rollback.sql")
            path = file.path.removesuffix(".sql") + ".rollback.sql"
            text = undo.read_text(encoding="utf-8")
            raise failure(path, text, session.failed, error) from error
    report(f"{file.path} rolled back")


def _row(file: MigrationFile) -> list[str]:
    return [file.path, file.checksum]
