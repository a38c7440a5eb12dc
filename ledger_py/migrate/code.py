"""Loads `sql/`, the code inside the database: those of its files that differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import psycopg

from ledger_py.migrate import steps
from ledger_py.migrate.database import Connection, Report, scalar
from ledger_py.migrate.errors import failure
from ledger_py.migrate.files import CODE, CodeFile, Project
from ledger_py.migrate.state import RECORD
from ledger_py.wording import counted

_TABLE: Final = "ledger_core.installed_code"
_CREATE: Final = (
    """
    CREATE TABLE ledger_core.installed_code (
        name text COLLATE "C" NOT NULL,
        checksum text NOT NULL,
        CONSTRAINT installed_code_pkey PRIMARY KEY (name)
    )
    """,
    """
    COMMENT ON TABLE ledger_core.installed_code IS
    'The files of sql/ that were run last. Valid while the row sql/ is as in installed_files.'
    """,
    """
    COMMENT ON COLUMN ledger_core.installed_code.name IS
    'File below sql/, without its suffix; sql/: the whole; unsettled: an upgrade is not complete.'
    """,
    """
    COMMENT ON COLUMN ledger_core.installed_code.checksum IS
    'SHA-256 of the text that was run, in hexadecimal digits.'
    """,
)
_RECORD_ALL: Final = """
    INSERT INTO ledger_core.installed_code AS installed (name, checksum)
    SELECT * FROM unnest(%s::text[], %s::text[])
    ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum
    WHERE installed.checksum <> excluded.checksum
"""

UNSETTLED: Final = "unsettled"
"""The row that is there while calls of the version before may leave something out of journals."""

_COMMENTS: Final = "comments/"
_PRIVILEGES: Final = "privileges/"
_DROPPED: Final = "dropped/"

# A dropped object is made again, and grants that a role has not: it may be younger than they.
_ABSENT: Final = """
    SELECT wanted.name FROM unnest(%s::text[]) AS wanted (name)
    WHERE NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_proc AS p
        INNER JOIN pg_catalog.pg_namespace AS n ON p.pronamespace = n.oid
        WHERE n.nspname || '.' || p.proname = wanted.name
    ) AND NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_class AS c
        INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
        WHERE n.nspname || '.' || c.relname = wanted.name
    ) AND NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_trigger AS t
        INNER JOIN pg_catalog.pg_class AS c ON t.tgrelid = c.oid
        INNER JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
        WHERE n.nspname || '.' || c.relname || '.' || t.tgname = wanted.name
    )
"""
_WITHOUT_RIGHTS: Final = """
    SELECT wanted.name FROM unnest(%s::text[]) AS wanted (name)
    LEFT JOIN pg_catalog.pg_roles AS roles ON wanted.name = roles.rolname
    WHERE roles.oid IS NULL
        OR NOT has_schema_privilege(roles.oid, to_regnamespace('ledger')::oid, 'USAGE')
"""


def prepare_parts(conn: Connection) -> None:
    """Create the table of the parts of `sql/` if it does not exist.

    If there is code already, a version that kept no such table has loaded it: unsettled.
    """
    if scalar(conn, "SELECT to_regclass(%s)", [_TABLE]) is None:
        with steps.transaction(conn):
            for statement in _CREATE:
                conn.execute(statement)
            conn.execute(
                "INSERT INTO ledger_core.installed_code (name, checksum)"
                " SELECT %s, '' FROM ledger_core.installed_files WHERE path = %s",
                [UNSETTLED, CODE],
            )


def read_parts(conn: Connection) -> dict[str, str]:
    """Read which parts of `sql/` are installed.

    Returns:
        The checksums by name; empty if a version has run since that does not keep them.
    """
    if scalar(conn, "SELECT to_regclass(%s)", [_TABLE]) is None:
        return {}
    rows = conn.execute("SELECT name, checksum FROM ledger_core.installed_code").fetchall()
    parts: dict[str, str] = dict(rows)
    whole = scalar(conn, "SELECT checksum FROM ledger_core.installed_files WHERE path = %s", [CODE])
    if whole is not None and whole == parts.get(CODE):
        return parts
    return {name: checksum for name, checksum in parts.items() if name == UNSETTLED}


def due_files(conn: Connection, project: Project) -> list[CodeFile]:
    """List the files of `sql/` that are to be run, in order: those that differ and what goes along.

    A file that drops something takes along what requires it; any file takes along the comments and
    the privileges, which speak of all functions, tables and views.
    """
    parts = read_parts(conn)
    absent = _names(conn, _ABSENT, [name for file in project.code for name in file.creates])
    roles = [
        file.name.removeprefix(_PRIVILEGES)
        for file in project.code
        if file.name.startswith(f"{_PRIVILEGES}ledger_")
    ]
    lacking = _names(conn, _WITHOUT_RIGHTS, roles)
    due = {
        file.name
        for file in project.code
        if parts.get(file.name) != file.checksum
        or absent.intersection(file.creates)
        or file.name.removeprefix(_PRIVILEGES) in lacking
    }
    for file in project.code:  # in order: what a file requires comes before it
        by_name = {other.name: other for other in project.code}
        if any(name in due and by_name[name].drops for name in file.requires):
            due.add(file.name)
    return [
        file
        for file in project.code
        if file.name in due or (due and file.name.startswith((_COMMENTS, _PRIVILEGES)))
    ]


def split_drops(
    files: Sequence[CodeFile], project: Project
) -> tuple[list[CodeFile], list[CodeFile]]:
    """Divide files into those to run now, and drops that nothing requires.

    These wait until calls that began with the old code have ended.
    """
    required = {name for file in project.code for name in file.requires}
    drops = [file for file in files if file.name.startswith(_DROPPED) and file.name not in required]
    return [file for file in files if file not in drops], drops


def is_loaded(conn: Connection, project: Project) -> bool:
    """Tell whether `sql/` is installed as it is here, with nothing left to do."""
    parts = read_parts(conn)
    return (
        parts.get(CODE) == project.code_checksum
        and UNSETTLED not in parts
        and not due_files(conn, project)
    )


def is_unsettled(conn: Connection) -> bool:
    """Tell whether an upgrade is not yet settled."""
    return UNSETTLED in read_parts(conn)


def set_unsettled(conn: Connection, unsettled: bool) -> None:
    """Note that an upgrade begins, or is settled."""
    if unsettled:
        conn.execute(_RECORD_ALL, [[UNSETTLED], [""]])
    else:
        conn.execute("DELETE FROM ledger_core.installed_code WHERE name = %s", [UNSETTLED])


def load_code(
    conn: Connection, files: Sequence[CodeFile], project: Project, report: Report
) -> Callable[[Callable[[Any], None]], None]:
    """Make the step that runs files of `sql/` in one transaction and records them.

    The search path is empty meanwhile, so that names in the files must state their schema and the
    result does not depend on who runs this. A file that warns is run again by the next `migrate`.

    Args:
        conn: A connection of the ledger's owner, outside a transaction.
        files: The files to run, in order.
        project: All files.
        report: Takes a line per notice that the files raise, and one at the end.

    Returns:
        The step, for `Steps.run`. It raises MigrationError if a statement failed; the database's
        code is unchanged then.
    """
    notices: list[tuple[str | None, str | None]] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        # Only from RAISE; the server's own remarks ("already exists, skipping") are noise.
        if notice.source_function == "exec_stmt_raise":
            notices.append((notice.severity_nonlocalized, notice.message_primary))

    def load(begun: Callable[[Any], None]) -> None:
        done: dict[str, str] = {}
        lines: list[str] = []
        locks = steps.LockBudget()
        with steps.transaction(conn):
            begun(conn)
            for file in files:
                text = file.file.read_text(encoding="utf-8")
                notices.clear()
                try:
                    if limit := locks.limit_for(text):
                        conn.execute(limit.encode())
                    conn.execute(text.encode(), prepare=False)
                except steps.GIVES_WAY:
                    raise
                except psycopg.Error as error:
                    raise failure(f"sql/{file.name}.sql", text, None, error) from error
                lines += [f"{severity}: {message}" for severity, message in notices]
                warned = any(severity == "WARNING" for severity, _ in notices)
                done[file.name] = "" if warned else file.checksum
            conn.execute(
                "DELETE FROM ledger_core.installed_code WHERE name <> %s AND name <> ALL(%s)",
                [UNSETTLED, [file.name for file in project.code]],
            )
            done[CODE] = project.code_checksum
            conn.execute(_RECORD_ALL, [list(done), list(done.values())])
            conn.execute(RECORD, [CODE, project.code_checksum])
        for line in lines:
            report(line)
        report(f"{CODE} loaded ({counted(len(files), 'file')})")

    conn.add_notice_handler(note)
    return load


def _names(conn: Connection, query: str, names: Iterable[str]) -> set[str]:
    return {name for (name,) in conn.execute(query, [list(names)]).fetchall()}
