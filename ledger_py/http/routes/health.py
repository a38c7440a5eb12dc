"""Health checks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import psycopg

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import PartitionUnavailable
from ledger_py.http import startup
from ledger_py.http.cluster import ClusterDatabase, ClusterReads, Member
from ledger_py.http.database import Database
from ledger_py.http.problems import Problem
from ledger_py.http.reads import Reads
from ledger_py.http.routing import Route
from ledger_py.http.schemas import Liveness, Readiness
from ledger_py.operations import BaseLedgerOperation
from ledger_py.sessions import NoAnswer
from ledger_py.wording import feed_wait

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
    app: str,
    database: Database | ClusterDatabase,
    reads: Reads | ClusterReads,
    operations: type[BaseLedgerOperation],
) -> Readiness:
    """Check that the service can answer requests.

    The database answers and can be written, its schema is current, and it knows the app's
    operations. A service that is not ready should get no requests until it is ready again. With
    several partitions, one that is away is named, and the service is ready for the others.
    """
    if isinstance(database, ClusterDatabase):
        return Readiness(status=startup.OK, app=app, checks=await _partitions(database, operations))
    checks = await _checks(database, operations)
    if any(checks[name] != startup.OK for name in checks.keys() - {"feed"}):
        # Of no account to readiness: requests are answered while the feed waits.
        checks.pop("feed", None)
        raise _not_ready(checks)
    if reads.has_standby:
        checks["reads"] = f"the standby {reads.fault}" if reads.fault else startup.OK
    return Readiness(status=startup.OK, app=app, checks=checks)


async def _checks(
    database: Database,
    operations: type[BaseLedgerOperation],
    more: Callable[[AsyncLedger], Awaitable[str | None]] | None = None,
) -> dict[str, str]:
    async def ask(ledger: AsyncLedger) -> tuple[dict[str, str], str, str | None]:
        await startup.require_writable(ledger.conn)
        checks = await startup.check(ledger, operations)
        return checks, await _feed(ledger), await more(ledger) if more else None

    try:
        checks, feed, fault = await database.call(
            ask, timeout=_PATIENCE, answers_within=_ANSWERS_WITHIN
        )
    except psycopg.errors.ReadOnlySqlTransaction as error:
        return {"database": str(error)}
    except NoAnswer:
        return {"database": "does not answer"}
    except psycopg.OperationalError:
        return {"database": database.outage or database.recent_failure or "cannot be reached"}
    if database.recent_failure is not None:
        return {"database": database.recent_failure}
    return {"database": fault or startup.OK, **checks, "feed": feed}


async def _partitions(
    database: ClusterDatabase, operations: type[BaseLedgerOperation]
) -> dict[str, str]:
    members = database.members

    async def fault_of(member: Member) -> str:
        async def ask(ledger: AsyncLedger) -> str | None:
            return await startup.partition_fault(ledger.conn, members.file, member.partition)

        checks = await _checks(member.database, operations, ask)
        feed = checks.pop("feed", startup.OK)
        faults = [found for found in checks.values() if found != startup.OK]
        if not faults and feed != startup.OK:
            return f"the feed is {feed}"
        return "; ".join(faults) or startup.OK

    names = [f"partition {member.partition.name}" for member in members.all]
    found = await asyncio.gather(*(fault_of(member) for member in members.all))
    checks = dict(zip(names, found, strict=True))
    if all(fault != startup.OK and not fault.startswith("the feed") for fault in found):
        raise _not_ready(checks)
    return checks


async def _feed(ledger: AsyncLedger) -> str:
    try:
        return feed_wait(await ledger.feed_lag()) or startup.OK
    except (psycopg.errors.UndefinedFunction, psycopg.errors.InsufficientPrivilege):
        return startup.OK  # the code in the database is older than this
    except PartitionUnavailable as error:
        return str(error)  # of a front, which serves the owners of others


def _not_ready(checks: dict[str, str]) -> Problem:
    faults = [f"{name}: {found}" for name, found in checks.items() if found != startup.OK]
    return Problem("not_ready", "; ".join(faults), values={"checks": checks})
