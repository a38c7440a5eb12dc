"""The error of the migrations, and its text for a failed statement."""

from __future__ import annotations

import re

import psycopg

_LONGEST_EXCERPT = 100
_PASSWORD = re.compile(r"(\bPASSWORD\s+)\w?'(?:[^']|'')*'?", re.IGNORECASE)


class MigrationError(RuntimeError):
    """The database could not be brought up to date; the message names the failure and its place."""


def failure(path: str, text: str, statement: str | None, error: psycopg.Error) -> MigrationError:
    """Describe a statement that failed.

    Args:
        path: The file, as the reader knows it.
        text: The content of the file.
        statement: The statement; None if the file was sent whole.
        error: The error of the database.

    Returns:
        The error, for the caller to raise: file, line if it is known, message, statement.
    """
    begin = text.find(statement) if statement else 0
    position = error.diag.statement_position or (1 if statement else None)
    place = path
    if begin >= 0 and position:
        place = f"{path}, line {text.count(chr(10), 0, begin + int(position) - 1) + 1}"
    message = error.diag.message_primary or str(error).strip() or type(error).__name__
    parts = [f"{place}: {message}"]
    if error.sqlstate:
        parts[0] += f" (SQLSTATE {error.sqlstate})"
    if error.diag.message_detail:
        parts.append(f"detail: {error.diag.message_detail}")
    if error.diag.message_hint:
        parts.append(f"hint: {error.diag.message_hint}")
    if statement:
        excerpt = _PASSWORD.sub(r"\1'...'", " ".join(statement.split()))
        if len(excerpt) > _LONGEST_EXCERPT:
            excerpt = f"{excerpt[:_LONGEST_EXCERPT]}…"
        parts.append(f"statement: {excerpt}")
    return MigrationError("\n  ".join(parts))
