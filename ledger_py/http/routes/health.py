"""`GET /health/live` and `GET /health/ready`: for whoever keeps the service running."""

from __future__ import annotations

from typing import Final

import psycopg
from litestar import get
from litestar.handlers import HTTPRouteHandler

from ledger_py.http import startup
from ledger_py.http.database import Database
from ledger_py.http.problems import Problem
from ledger_py.http.schemas import Liveness, Readiness
from ledger_py.operations import BaseLedgerOperation

__all__ = ("health_routes",)

_PATIENCE: Final = 2.0
"""Seconds to wait for a connection: whoever asks wants to know now."""


def health_routes(
    database: Database, app: str, operations: type[BaseLedgerOperation]
) -> list[HTTPRouteHandler]:
    """Make the routes.

    Args:
        database: The database that the service depends on.
        app: The app.
        operations: The app's enum.
    """

    @get("/health/live", sync_to_thread=False)
    def live() -> Liveness:
        """Say that the service runs."""
        return Liveness(status=startup.OK, app=app)

    @get("/health/ready")
    async def ready() -> Readiness:
        """Say whether the service can answer requests."""
        try:
            checks = await database.call(
                lambda ledger: startup.check(ledger, operations), timeout=_PATIENCE
            )
        except psycopg.OperationalError as error:
            raise _not_ready({"database": "cannot be reached"}) from error
        checks = {"database": startup.OK, **checks}
        if any(found != startup.OK for found in checks.values()):
            raise _not_ready(checks)
        return Readiness(status=startup.OK, app=app, checks=checks)

    return [live, ready]


def _not_ready(checks: dict[str, str]) -> Problem:
    faults = [f"{name}: {found}" for name, found in checks.items() if found != startup.OK]
    return Problem("not_ready", "; ".join(faults), values={"checks": checks})
