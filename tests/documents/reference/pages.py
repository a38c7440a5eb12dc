"""The pages of the reference that are made from the code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import psycopg

from ledger_py.settings import PROJECT_ROOT
from tests.documents.reference.commands import commands
from tests.documents.reference.functions import functions, views
from tests.documents.reference.http import http
from tests.documents.reference.markdown import with_made_part
from tests.documents.reference.python import python
from tests.documents.reference.refusals import refusals
from tests.documents.reference.settings import settings

__all__ = ("FOLDER", "PAGES", "made", "write")

FOLDER: Final = PROJECT_ROOT / "docs/reference"

PAGES: Final[dict[str, Callable[[psycopg.Connection[Any]], str]]] = {
    "sql.md": functions,
    "views.md": views,
    "refusals.md": refusals,
    "http.md": lambda _: http(),
    "python.md": lambda _: python(),
    "commands.md": lambda _: commands(),
    "settings.md": lambda _: settings(),
}


def made(name: str, conn: psycopg.Connection[Any]) -> str:
    """Make a page anew.

    Args:
        name: Its name in `docs/reference`.
        conn: A connection to a migrated database.

    Returns:
        The page, its part that is written by hand as it stands.
    """
    page = (FOLDER / name).read_text(encoding="utf-8")
    return with_made_part(page, PAGES[name](conn))


def write(conn: psycopg.Connection[Any]) -> list[str]:
    """Write the pages that have changed.

    Args:
        conn: A connection to a migrated database.

    Returns:
        Their names.
    """
    changed = []
    for name in PAGES:
        page = made(name, conn)
        if page != (FOLDER / name).read_text(encoding="utf-8"):
            (FOLDER / name).write_text(page, encoding="utf-8")
            changed.append(name)
    return changed
