"""A page about every refusal: what causes it, and what to do."""

from __future__ import annotations

import inspect
import re
from typing import Any

import psycopg

from ledger_py.errors import ERRORS_BY_SQLSTATE
from ledger_py.http.problems import PROBLEM_TYPES
from tests.documents.reference.markdown import prose, table

__all__ = ("refusals",)


def refusals(conn: psycopg.Connection[Any]) -> str:
    """Describe every refusal of the ledger, and every problem that only a service has.

    Args:
        conn: A connection to a migrated database.

    Returns:
        The page, without its beginning.
    """
    rows = conn.execute(
        "SELECT sqlstate, code, http_status, message, advice FROM ledger.error_codes"
        " ORDER BY sqlstate"
    ).fetchall()
    parts = ["## Refusals of the ledger"]
    parts.append(
        table(
            ("SQLSTATE", "code", "HTTP", "message"),
            [
                (f"[{state}](#{state.lower()}-{code})", f"`{code}`", str(status), prose(message))
                for state, code, status, message, _ in rows
            ],
        )
    )
    for state, code, status, message, advice in rows:
        error = ERRORS_BY_SQLSTATE[state]
        cause, *more = inspect.cleandoc(error.__doc__ or "").split("\n\n")
        points = [f"**Cause.** {_joined(cause)}"]
        for text in map(_joined, more):
            values = text.removeprefix("Detail: ")
            points.append(text if values == text else f"**Values.** {values}")
        points.append(f"**Cure.** {advice}")
        parts += [
            f"### {state} {code}",
            f"“{prose(message)}” HTTP {status}, Python `{error.__name__}`.",
            "\n".join(f"* {_emphasised(point)}" for point in points),
        ]
    known = {code for _, code, *_ in rows}
    parts += [
        "## Problems that only a service has",
        table(
            ("HTTP", "code", "meaning"),
            [
                (str(kind.status), f"`{kind.code}`", prose(kind.meaning))
                for kind in sorted(PROBLEM_TYPES.values(), key=lambda one: (one.status, one.code))
                if kind.code not in known
            ],
        ),
    ]
    return "\n\n".join(parts)


def _joined(text: str) -> str:
    return " ".join(text.split())


def _emphasised(point: str) -> str:
    found = re.fullmatch(r"(\*\*\w+\.\*\* )?(.*)", point)
    assert found
    return f"{found[1] or ''}{prose(found[2])}"
