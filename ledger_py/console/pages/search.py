"""What a text names: owners, entries, holds and claims."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from ledger_py.console import queries
from ledger_py.console.asking import Asked, text_of
from ledger_py.console.books import MAX_ROWS, Reading, Row
from ledger_py.console.desk import Desk, is_partial
from ledger_py.console.showing import address

__all__ = ("handlers",)

_WHILE_TYPING: Final = 8


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @get("/search")
    async def search(request: Asked) -> Response[Any]:
        text = text_of(request, "q")
        partial = is_partial(request)
        template = "found_part.html" if partial else "search.html"
        if not text.strip():
            return desk.page(request, template, found=[], text="", more=False, statements=[])

        async def find(books: Reading) -> Response[Any]:
            most = _WHILE_TYPING if partial else MAX_ROWS
            found = await books.rows(queries.FIND, text=text, most=most + 1)
            sought = text
            if not found and text != text.strip():
                sought = text.strip()
                found = await books.rows(queries.FIND, text=sought, most=most + 1)
            for row in found:
                row["address"] = _address(row)
            if len(found) == 1 and not partial:
                return Redirect(found[0]["address"], status_code=303)
            return desk.page(
                request,
                template,
                found=found[:most],
                text=sought,
                more=len(found) > most,
                statements=books.statements,
            )

        return await desk.books.read(find)

    return [search]


def _address(row: Row) -> str:
    """Give the address of what was found, on the page of its owner."""
    of_account = {"owner_id": row["owner_id"], "asset": row["asset"]}
    if row["seq"] is not None:
        page = address("owner", **of_account, before=row["seq"] + 1)
        return f"{page}#entry-{row['seq']}"
    page = address("owner", **of_account)
    return f"{page}#holds" if row["kind"] == "hold" else page
