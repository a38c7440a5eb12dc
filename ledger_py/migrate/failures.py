"""What to tell about a statement that failed: file, line, statement, and the database's words."""

from __future__ import annotations

import psycopg

from ledger_py.migrate.errors import MigrationError

_LONGEST_EXCERPT = 100


def failure(path: str, text: str, statement: str, error: psycopg.Error) -> MigrationError:
    """Describe a failed statement.

    Args:
        path: its file, as the reader knows it.
        text: what is in the file.
        statement: what was executed.
        error: what the database said.

    Returns:
        The error to raise.
    """
    begin = text.find(statement)
    place = path
    if begin >= 0:
        offset = int(error.diag.statement_position or 1) - 1
        place = f"{path}, line {text.count(chr(10), 0, begin + offset) + 1}"
    excerpt = " ".join(statement.split())
    if len(excerpt) > _LONGEST_EXCERPT:
        excerpt = f"{excerpt[:_LONGEST_EXCERPT]}…"
    message = error.diag.message_primary or str(error).strip() or type(error).__name__
    parts = [f"{place}: {message}"]
    if error.sqlstate:
        parts[0] += f" (SQLSTATE {error.sqlstate})"
    if error.diag.message_detail:
        parts.append(f"detail: {error.diag.message_detail}")
    if error.diag.message_hint:
        parts.append(f"hint: {error.diag.message_hint}")
    parts.append(f"statement: {excerpt}")
    return MigrationError("\n  ".join(parts))
