"""The page of all operations, and of their prices over time."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from ledger_py.console import queries
from ledger_py.console.asking import Asked, text_of
from ledger_py.console.books import MAX_ROWS, Reading, Row
from ledger_py.console.desk import Desk

__all__ = ("handlers",)


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    """Make the handlers."""

    @get("/operations")
    async def operations(request: Asked) -> Response[str]:
        operation = text_of(request, "operation") or None

        async def read(books: Reading) -> Response[str]:
            of_apps: list[Row] = []
            if operation:
                of_apps = await books.rows(
                    queries.APP_PRICES, operation=operation, most=MAX_ROWS + 1
                )
            return desk.page(
                request,
                "operations.html",
                operation=operation,
                of_apps=of_apps,
                operations=await books.rows(queries.OPERATIONS),
                prices=await books.rows(queries.PRICES, operation=operation, most=MAX_ROWS + 1),
                statements=books.statements,
            )

        return await desk.books.read(read)

    return [operations]
