"""Health checks."""

from __future__ import annotations

from typing import Final

import psycopg

from ledger_py.http import startup
from ledger_py.http.database import Database
from ledger_py.http.problems import Problem
from ledger_py.http.routing import Route
from ledger_py.http.schemas import Liveness, Readiness
from ledger_py.operations import BaseLedgerOperation

_PATIENCE: Final = 2.0
"""Seconds to wait for a connection: health checks need a quick answer."""


@Route("GET", "/health/live", tag="health", answers="The service runs")
async def live(app: str) -> Liveness:
    """Check that the service runs."""
    return Liveness(status=startup.OK, app=app)


@Route("GET", "/health/ready", tag="health", answers="The service is ready", refuses=("not_ready",))
async def ready(app: str, database: Database, operations: type[BaseLedgerOperation]) -> Readiness:
    """Check that the service can answer requests."""
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


def _not_ready(checks: dict[str, str]) -> Problem:
    faults = [f"{name}: {found}" for name, found in checks.items() if found != startup.OK]
    return Problem("not_ready", "; ".join(faults), values={"checks": checks})
