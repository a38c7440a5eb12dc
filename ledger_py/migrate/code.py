"""Loads `sql/`, the code inside the database."""

from __future__ import annotations

import psycopg

from ledger_py.migrate.database import Connection, Report
from ledger_py.migrate.errors import failure
from ledger_py.migrate.files import CODE, Project
from ledger_py.migrate.state import RECORD


def load_code(conn: Connection, project: Project, report: Report) -> None:
    """Run every file of `sql/` in one transaction and record it.

    The search path is empty meanwhile, so that names in the files must state their schema and the
    result does not depend on who runs this.

    Args:
        conn: A connection of the ledger's owner, outside a transaction.
        project: The files.
        report: Takes a line per notice that the files raise, and one at the end.

    Raises:
        MigrationError: A statement failed; the database's code is unchanged.
    """

    def note(notice: psycopg.errors.Diagnostic) -> None:
        # Only from RAISE; the server's own remarks ("already exists, skipping") are noise.
        if notice.source_function == "exec_stmt_raise":
            report(f"{notice.severity}: {notice.message_primary}")

    conn.add_notice_handler(note)
    with conn.transaction():
        conn.execute("SET LOCAL search_path TO pg_catalog, pg_temp")
        for file in project.code:
            text = file.file.read_text(encoding="utf-8")
            try:
                conn.execute(text.encode(), prepare=False)
            except psycopg.Error as error:
                raise failure(f"sql/{file.name}.sql", text, None, error) from error
        conn.execute(RECORD, [CODE, project.code_checksum])
    report(f"{CODE} loaded ({len(project.code)} files)")
