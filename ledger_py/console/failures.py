"""Pages for requests that fail: what happened, and what to do. Never a traceback."""

from __future__ import annotations

import logging
from typing import Final

import psycopg
from litestar import Response
from litestar.exceptions import HTTPException
from psycopg import errors

from ledger_py.console.asking import Asked, Refused
from ledger_py.console.desk import Desk, is_partial

__all__ = ("page_of_error",)

_log = logging.getLogger("ledger_py.console")

_NOT_THIS_LEDGER: Final = (
    errors.InvalidSchemaName,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedTable,
)


def page_of_error(desk: Desk, request: Asked, error: Exception) -> Response[str]:
    """Answer a request that failed.

    Args:
        desk: Makes the page.
        request: The request.
        error: Why it failed.
    """
    refused = _explained(desk, error)
    if refused.status == 500:
        _log.error("A page failed", exc_info=error)
    template = "failed_part.html" if is_partial(request) else "failed.html"
    return desk.page(request, template, refused.status, failure=refused)


def _explained(desk: Desk, error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case errors.QueryCanceled():
            return Refused(
                503,
                "Too much for this page",
                f"The database took longer than {desk.books.seconds:g} seconds, and was stopped."
                " Ask for less, ask again when it is less busy, or run the SQL in psql, where there"
                " is no limit. LEDGER_CONSOLE_TIMEOUT sets the limit.",
            )
        case errors.InsufficientPrivilege():
            return Refused(
                503,
                "The console may not read this",
                f"Its login {desk.login} is no member of ledger_auditor any more.",
            )
        case errors.ReadOnlySqlTransaction():
            return Refused(500, "Nothing was written", "Pages of the console only read.")
        case psycopg.OperationalError():
            return Refused(
                503,
                "The database is away",
                "It cannot be reached, or does not answer. Reload this page in a moment; the"
                " console connects again by itself.",
            )
        case psycopg.Error() if isinstance(error, _NOT_THIS_LEDGER):
            return Refused(
                503,
                "Another version of the ledger",
                "The database lacks something that this page reads. `ledger status` tells what is"
                " pending, `ledger migrate` brings the database up to date.",
            )
        case psycopg.Error() if (error.sqlstate or "")[:2] in ("LG", "22"):
            return Refused(422, "The ledger refuses this", error.diag.message_primary or "")
        case HTTPException(status_code=404):
            return Refused(404, "No such page", "There is nothing at this address.")
        case HTTPException(status_code=405):
            return Refused(405, "Not like this", "This address is for the buttons of the pages.")
        case HTTPException(status_code=413):
            return Refused(413, "Too large", "This form is larger than any of this console.")
        case HTTPException() if error.status_code < 500:
            return Refused(error.status_code, "Not understood", "Use the links of the pages.")
    return Refused(
        500, "The console failed", "This is a fault of the console. Its log tells what happened."
    )
