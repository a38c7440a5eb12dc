"""Applies pending files, and rolls the newest migration back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from yoyo import read_migrations
from yoyo.migrations import Migration

from ledger_py.migrate import losses, steps
from ledger_py.migrate.backend import Backend, connect_yoyo
from ledger_py.migrate.code import (
    due_files,
    is_loaded,
    is_unsettled,
    load_code,
    prepare_parts,
    set_unsettled,
    split_drops,
)
from ledger_py.migrate.database import (
    BOOKKEEPING,
    Connection,
    Report,
    connect,
    has_moved,
    is_front,
    only_runner,
    scalar,
)
from ledger_py.migrate.errors import MigrationError, failure
from ledger_py.migrate.files import CODE, CodeFile, MigrationFile, MigrationFolder, Project
from ledger_py.migrate.losses import Loss
from ledger_py.migrate.settling import adopt, wait_for_older
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


def _agreed(_path: str, _losses: Sequence[Loss]) -> None:
    pass


def migrate(
    url: str,
    *,
    project: Project | None = None,
    report: Report = _silent,
    patience: float = steps.PATIENCE,
) -> None:
    """Bring a database up to date, unnoticed by those who use it.

    Does nothing if nothing differs. Everything else happens in transactions that wait for locks
    for less than a second and are tried again.

    Args:
        url: The database, as its owner, who need not be a superuser.
        project: The files; default: those of this checkout.
        report: Takes a line for each change.
        patience: Seconds for which a transaction is tried that others block.

    Raises:
        MigrationError: The files break a rule, the database is newer than they are or cannot be
            written, a file was edited after it was applied, others blocked a transaction for too
            long, or a statement failed. Earlier files stay applied; the one that failed is rolled
            back.
    """
    project = project or Project()
    _check_files(project)
    try:
        with connect(url) as conn:
            if is_front(conn):
                raise MigrationError(
                    "This database is a front, which has no migrations: `ledger cluster migrate`"
                    " brings the partitions up to date, and the fronts after them"
                )
            try:
                if _is_current(conn, project):
                    return
            except psycopg.errors.InsufficientPrivilege:
                pass  # the role is not the owner; _prepare says so
            _check_writable(conn)
            with only_runner(url, report) as watcher:
                _prepare(conn)
                _check_history(conn, project)
                step = steps.Steps(watcher, report, patience)
                with connect_yoyo(url) as backend:
                    run = _Run(backend, conn, step, report)
                    run.note_upgrade(project)
                    run.apply_pending(project.core)
                    run.load_code(project)
                    for folder in project.apps:
                        run.apply_pending(folder)
                    run.follow_a_move()
    except psycopg.Error as error:
        raise MigrationError(f"The migration was interrupted: {str(error).strip()}") from error


def rollback(
    url: str,
    *,
    project: Project | None = None,
    report: Report = _silent,
    patience: float = steps.PATIENCE,
    agree: Callable[[str, Sequence[Loss]], None] = _agreed,
) -> None:
    """Roll back the migration that was applied last, with its rollback file.

    The code of `sql/` is left as it is, and counts as pending afterwards. What is lost is noted:
    `ledger.verify` names it ever after.

    Args:
        url: The database, as its owner.
        project: The files; default: those of this checkout.
        report: Takes a line that names the migration.
        patience: Seconds for which a transaction is tried if others block it.
        agree: Takes the path of the migration and what its rollback would lose, found by trying in
            a transaction that is rolled back. It raises an error to leave everything as it is.

    Raises:
        MigrationError: No migration is applied, the files of the newest one are missing, or a
            statement failed. Nothing has changed.
    """
    project = project or Project()
    _check_files(project)
    try:
        with connect(url) as conn:
            _check_writable(conn)
            with only_runner(url, report) as watcher:
                _prepare(conn)
                with connect_yoyo(url) as backend:
                    step = steps.Steps(watcher, report, patience)
                    _Run(backend, conn, step, report).roll_back_newest(project, agree)
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


def _is_current(conn: Connection, project: Project) -> bool:
    files = compare(project, read_record(conn))
    wrong = any(
        file.state in (FileState.PENDING, FileState.EDITED)
        or (file.state is FileState.MISSING and file.path.startswith("migrations/"))
        for file in files
    )
    return not wrong and _is_owner(conn) and is_loaded(conn, project) and not has_moved(conn)


def _is_owner(conn: Connection) -> bool:
    return bool(scalar(conn, "SELECT has_schema_privilege(%s, 'CREATE')", [BOOKKEEPING]))


def _check_writable(conn: Connection) -> None:
    if scalar(conn, "SELECT pg_is_in_recovery()"):
        raise MigrationError(
            f"{conn.info.dbname} is on a standby, where nothing can be changed: run this with the "
            "address of the primary"
        )
    if scalar(conn, "SELECT current_setting('transaction_read_only')") == "on":
        raise MigrationError(
            f"The database {conn.info.dbname} is read-only for the role {conn.info.user} "
            "(default_transaction_read_only is on): set it to off, then run this again"
        )


def _prepare(conn: Connection) -> None:
    if scalar(conn, "SELECT to_regnamespace(%s)", [BOOKKEEPING]) is None:
        try:
            conn.execute(f"CREATE SCHEMA {BOOKKEEPING}")
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"The role {conn.info.user} may not make schemas in the database "
                f"{conn.info.dbname}: run this as the owner of the database"
            ) from error
    elif not _is_owner(conn):
        raise MigrationError(
            f"The role {conn.info.user} does not own the ledger in the database "
            f"{conn.info.dbname}: run `ledger migrate` as the owner"
        )
    prepare_record(conn)
    losses.prepare_losses(conn)
    prepare_parts(conn)


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


class _Run:
    """The changes of one run; the caller holds the lock."""

    def __init__(
        self, backend: Backend, conn: Connection, step: steps.Steps, report: Report
    ) -> None:
        self._backend = backend
        self._conn = conn
        self._step = step
        self._report = report

    def note_upgrade(self, project: Project) -> None:
        """Note, before the schema changes under code that does not know it yet, that it will."""
        installed = read_record(self._conn)
        if CODE in installed and any(file.path not in installed for file in project.core.files):
            set_unsettled(self._conn, True)

    def apply_pending(self, folder: MigrationFolder) -> None:
        """Apply the pending files of a folder in order."""
        files = {file.id: file for file in folder.files}
        migrations = read_migrations(str(folder.folder))
        applied = set(self._backend.get_applied_migration_hashes())
        installed = read_record(self._conn)
        for migration in migrations:
            file = files[migration.id]
            # Without a transaction, the process may have died between yoyo's record and ours.
            if migration.hash in applied and file.path not in installed:
                self._conn.execute(RECORD, _row(file))
        for migration in self._backend.to_apply(migrations):
            self._apply(migration, files[migration.id])
            self._report(f"{files[migration.id].path} applied")

    def _apply(self, migration: Migration, file: MigrationFile) -> None:
        """Apply and record one file, in one transaction unless the file opts out."""
        migration.load()

        def in_a_transaction(begun: Callable[[Any], None]) -> None:
            with self._session(file.path, file.file) as session, session.transaction():
                _begin(session, begun, file.file)
                migration.process_steps(session, "apply")
                session.mark_one(migration)
                session.connection.execute(RECORD, _row(file))

        if migration.use_transactions:
            self._step.run(in_a_transaction)
            return
        with self._session(file.path, file.file) as session:
            session.require_session()
            migration.process_steps(session, "apply")
            session.mark_migrations([migration])
            self._conn.execute(RECORD, _row(file))

    def load_code(self, project: Project) -> None:
        """Run the files of `sql/` that differ, if any, and settle an upgrade."""
        due = due_files(self._conn, project)
        drops: list[CodeFile] = []
        if CODE in read_record(self._conn):
            due, drops = split_drops(due, project)
        if due or not is_loaded(self._conn, project):
            self._step.run(load_code(self._conn, due, project, self._report))
        unsettled = is_unsettled(self._conn)
        if not (drops or unsettled):
            return
        older = wait_for_older(self._conn)
        if unsettled:
            adopt(self._conn, self._step, self._report)
        if older:
            self._report(
                f"Transactions that began before the upgrade are still open: pid {older}. Run "
                "`ledger migrate` again when they have ended"
            )
            return
        if drops:
            self._step.run(load_code(self._conn, drops, project, self._report))
        set_unsettled(self._conn, False)

    def follow_a_move(self) -> None:
        """Begin a new generation of transaction ids if the ledger was moved to another server."""
        if not has_moved(self._conn):
            return

        def begin(begun: Callable[[Any], None]) -> int:
            with steps.transaction(self._conn):
                begun(self._conn)
                reason = "The ledger was moved to another server"
                return int(scalar(self._conn, "SELECT ledger.begin_generation(%s)", [reason]))

        generation = self._step.run(begin)
        self._report(f"Began generation {generation}: the ledger was moved to another server")

    def roll_back_newest(
        self, project: Project, agree: Callable[[str, Sequence[Loss]], None]
    ) -> None:
        """Run the rollback file of the migration that was applied last."""
        hashes = self._backend.get_applied_migration_hashes()
        if not hashes:
            raise MigrationError("There is no migration to roll back")
        folders = [str(folder.folder) for folder in (project.core, *project.apps)]
        found = {migration.hash: migration for migration in read_migrations(*folders)}
        if hashes[-1] not in found:
            raise MigrationError("The migration that was applied last is not among these files")
        migration = found[hashes[-1]]
        file = next(file for file in project.migrations if file.id == migration.id)
        path = file.path.removesuffix(".sql") + ".rollback.sql"
        undo = file.file.with_suffix(".rollback.sql")

        def tried(begun: Callable[[Any], None]) -> tuple[list[Loss], list[Loss]]:
            with self._session(path, undo) as session, session.transaction(rollback_on_exit=True):
                _begin(session, begun, undo)
                return losses.undo(
                    session.connection, lambda: migration.process_steps(session, "rollback")
                )

        dropped, deleted = self._step.run(tried)
        agree(file.path, losses.count(self._conn, dropped) + deleted)

        def undone(begun: Callable[[Any], None]) -> None:
            with self._session(path, undo) as session, session.transaction():
                conn = session.connection
                _begin(session, begun, undo)
                losses.lock(conn, dropped)
                lost = losses.count(conn, dropped)
                _, deleted = losses.undo(conn, lambda: migration.process_steps(session, "rollback"))
                losses.note(conn, file.path, lost + deleted)
                session.unmark_one(migration)
                conn.execute(FORGET, [[file.path, CODE]])

        self._step.run(undone)
        self._report(f"{file.path} rolled back")

    @contextmanager
    def _session(self, path: str, file: Path) -> Iterator[Backend]:
        """Open a connection for one file, and say which statement of it failed."""
        with self._backend.copy() as session:
            try:
                yield session
            except steps.GIVES_WAY:
                raise
            except psycopg.Error as error:
                text = file.read_text(encoding="utf-8")
                raise failure(path, text, session.failed, error) from error


def _begin(session: Backend, begun: Callable[[Any], None], file: Path) -> None:
    """Begin the transaction of a file; some take a lock before their own."""
    begun(session.connection)
    if gate := steps.gate(file.read_text(encoding="utf-8")):
        session.execute(gate)


def _row(file: MigrationFile) -> list[str]:
    return [file.path, file.checksum]
