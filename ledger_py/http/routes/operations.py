"""`GET /operations`: what the app may record."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler

from ledger_py.http.database import Database
from ledger_py.http.schemas import OperationList

__all__ = ("operations_route",)


def operations_route(database: Database, app: str) -> HTTPRouteHandler:
    """Make the route.

    Args:
        database: Where the operations are read.
        app: The app.
    """

    @get("/operations")
    async def operations() -> OperationList:
        """List the app's operations with their rules, as they are at this moment."""
        found = await database.call(lambda ledger: ledger.operations_of())
        return OperationList(app=app, operations=found)

    return operations
