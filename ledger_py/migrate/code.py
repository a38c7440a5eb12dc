"""Loads `sql/`, the code inside the database."""

from __future__ import annotations

import psycopg
import sqlparse

from ledger_py.migrate import records
from ledger_py.migrate.database import Connection, Report
from ledger_py.migrate.failures import failure
from ledger_py.migrate.files import CODE, Project


def load_code(conn: Connection, project: Project, report: Report) -> None:
    """Run every file of `sql/` in one transaction, and record that it was done.

    The search path is empty meanwhile, so that names in the files have to say their schema and
    nothing depends on who runs this.

    Args:
        conn: a connection of the ledger's owner, outside a transaction.
        project: the files.
        report: takes the notices that the files raise, and a line in the end.

    Raises:
        MigrationError: a statement failed; the database's code is as it was.
    """

    def note(notice: psycopg.errors.Diagnostic) -> None:
        # What RAISE says, and not the server's own remarks such as "already exists, skipping".
        if notice.source_function == "exec_stmt_raise":
            report(f"{notice.severity}: {notice.message_primary}")

    conn.add_notice_handler(note)
    with conn.transaction():
        conn.execute("SET LOCAL search_path TO pg_catalog, pg_temp")
        for file in project.code:
            text = file.file.read_text(encoding="utf-8")
            for statement in sqlparse.split(text):
                try:
                    conn.execute(statement)
                except psycopg.Error as error:
                    raise failure(f"sql/{file.name}.sql", text, statement, error) from error
        conn.execute(records.RECORD, [CODE, project.code_checksum])
    report(f"{CODE} loaded ({len(project.code)} files)")
