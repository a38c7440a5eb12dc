"""Health checks."""

from __future__ import annotations

from typing import Final

import psycopg

from ledger_py.client_async import AsyncLedger
from ledger_py.http import startup
from ledger_py.http.database import Database
from ledger_py.http.problems import Problem
from ledger_py.http.reads import Reads
from ledger_py.http.routing import Route
from ledger_py.http.schemas import Liveness, Readiness
from ledger_py.operations import BaseLedgerOperation
from ledger_py.sessions import NoAnswer

_PATIENCE: Final = 2.0
"""Seconds to wait for a connection: health checks need a quick answer."""

_ANSWERS_WITHIN: Final = 3.0
"""Seconds to wait for the database then."""


@Route("GET", "/health/live", tag="health", answers="The service runs")
async def live(app: str) -> Liveness:
    """Check that the service runs.

    The database is not asked. A service that does not answer should be started again.
    """
    return Liveness(status=startup.OK, app=app)


@Route("GET", "/health/ready", tag="health", answers="The service is ready", refuses=("not_ready",))
async def ready(
    app: str, database: Database, reads: Reads, operations: type[BaseLedgerOperation]
) -> Readiness:
    """Check that the service can answer requests.

    The database answers and can be written, its schema is current, and it knows the app's
    operations. A service that is not ready should get no requests until it is ready again.
    """

    async def ask(ledger: AsyncLedger) -> dict[str, str]:
        await startup.require_writable(ledger.conn)
        return await startup.check(ledger, operations)

    try:
        checks = await database.call(ask, timeout=_PATIENCE, answers_within=_ANSWERS_WITHIN)
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise _not_ready({"database": str(error)}) from error
    except NoAnswer as error:
        raise _not_ready({"database": "does not answer"}) from error
    except psycopg.OperationalError as error:
        why = database.outage or database.recent_failure or "cannot be reached"
        raise _not_ready({"database": why}) from error
    if database.recent_failure is not None:
        raise _not_ready({"database": database.recent_failure})
    checks = {"database": startup.OK, **checks}
    if any(found != startup.OK for found in checks.values()):
        raise _not_ready(checks)
    if reads.has_standby:
        # Of no account to readiness: then the primary answers.
        checks["reads"] = f"the standby {reads.fault}" if reads.fault else startup.OK
    return Readiness(status=startup.OK, app=app, checks=checks)


def _not_ready(checks: dict[str, str]) -> Problem:
    faults = [f"{name}: {found}" for name, found in checks.items() if found != startup.OK]
    return Problem("not_ready", "; ".join(faults), values={"checks": checks})
