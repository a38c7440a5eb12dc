"""The factory of the services: one Litestar application per app of the ledger."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
from litestar import Litestar

from ledger_py.client_async import AsyncLedger
from ledger_py.cluster.errors import ClusterError
from ledger_py.http import startup
from ledger_py.http.cluster import (
    ClusterDatabase,
    ClusterReads,
    ClusterRecorder,
    Member,
    Members,
)
from ledger_py.http.database import Database
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.logs import make_logger
from ledger_py.http.openapi import openapi_document
from ledger_py.http.pages import pages
from ledger_py.http.reads import Reads
from ledger_py.http.recorder import CONNECTIONS, Recorder
from ledger_py.http.room import Room
from ledger_py.http.routes import ROUTES
from ledger_py.http.routing import Endpoint, Parts
from ledger_py.http.service import LedgerService
from ledger_py.http.startup import StartupRefused
from ledger_py.http.stopping import called_on_stop
from ledger_py.operations import BaseLedgerOperation
from ledger_py.settings import Settings, SettingsError

__all__ = ("create_app",)


def create_app(
    app: str, operations: type[BaseLedgerOperation], settings: Settings | None = None
) -> Litestar:
    """Make the service of an app.

    Nothing is read or opened before the service starts. It refuses to start, and says why, if its
    database cannot be reached or is not up to date, or if the enum and the app's set of operations
    in the database differ.

    Args:
        app: The name of the app, as it is registered in the ledger.
        operations: The app's operations.
        settings: The settings; read from the environment at start if left out.

    Returns:
        The ASGI application.
    """
    database = Database(app)
    reads, recorder = Reads(app, database), Recorder(app, database)
    parts = Parts(
        app=app,
        operations=operations,
        database=database,
        reads=reads,
        recorder=recorder,
        feed=ChangeFeed(database),
    )

    @asynccontextmanager
    async def run(service: LedgerService) -> AsyncIterator[None]:
        parts.settings = settings or _read_settings()
        parts.room = Room(parts.settings)
        service.serve_below(parts.settings.root_path)
        service.guard_with(parts.settings)
        service.log = make_logger(parts.settings.log_format)
        _silence_access_log()

        def report(line: str) -> None:
            service.log.info("startup", app=app, message=line)

        def warn(line: str) -> None:
            service.log.log(logging.WARNING, "database", app=app, message=line)

        def watched(line: str, outage: str | None) -> None:
            warn(line)
            database.outage = outage

        if parts.settings.cluster is not None:
            async with _connected_to_cluster(parts, parts.settings, report, warn):
                yield
            return
        async with (
            startup.prepared_database(app, parts.settings, report=report, watched=watched) as url,
            _connected(parts, (database, reads, recorder), url, report, warn),
        ):
            yield

    return LedgerService(
        app_name=app,
        endpoints=[Endpoint(route, parts) for route in ROUTES],
        route_handlers=pages(openapi_document(app, operations)),
        lifespan=[run],
    )


@asynccontextmanager
async def _connected(
    parts: Parts,
    connecting: tuple[Database, Reads, Recorder],
    url: str,
    report: Callable[[str], None],
    warn: Callable[[str], None],
) -> AsyncIterator[None]:
    settings = parts.settings
    database, reads, recorder = connecting
    try:
        try:
            size = settings.pool_size - CONNECTIONS
            await database.open(url, settings, size=size)
            await recorder.open(url, settings)
            checks = await database.call(
                lambda ledger: startup.check(ledger, parts.operations, starting=True)
            )
            await database.call(lambda ledger: startup.require_clock(ledger.conn, settings))
            await database.call(lambda ledger: startup.require_writable(ledger.conn))
            if recorder.is_pooled:
                report(
                    "There is a pooler before the database: each call sets its own time limits"
                    + (
                        ""
                        if settings.prepared_statements == "on"
                        else ", statements are not prepared"
                    )
                )
        except psycopg.OperationalError as error:
            raise StartupRefused(f"The database does not answer: {error}") from error
        except psycopg.errors.ReadOnlySqlTransaction as error:
            report(f"The database {error}. The service is not ready until this ends.")
        startup.require_ready(parts.app, checks)
        await reads.open(settings, size=size, report=warn)
        with called_on_stop(parts.feed.stop):
            yield
    finally:
        parts.feed.stop()
        await recorder.close()
        await reads.close()
        await database.close()


@asynccontextmanager
async def _connected_to_cluster(
    parts: Parts, settings: Settings, report: Callable[[str], None], warn: Callable[[str], None]
) -> AsyncIterator[None]:
    try:
        members = Members(parts.app, settings, warn)
    except ClusterError as error:
        raise StartupRefused(str(error)) from error
    present = await startup.prepare_partitions(parts.app, members.file, settings, report=report)
    try:
        await members.open()
        parts.database = database = ClusterDatabase(members)
        parts.recorder = ClusterRecorder(members)
        parts.reads = ClusterReads(database)
        parts.feed = ChangeFeed(database)
        for name in present:
            await _check_member(parts, members, members.named(name))
        with called_on_stop(parts.feed.stop):
            yield
    finally:
        parts.feed.stop()
        await members.close()


async def _check_member(parts: Parts, members: Members, member: Member) -> None:
    async def ask(ledger: AsyncLedger) -> tuple[dict[str, str], str | None]:
        await startup.require_clock(ledger.conn, parts.settings)
        checks = await startup.check(ledger, parts.operations, starting=True)
        return checks, await startup.partition_fault(ledger.conn, members.file, member.partition)

    try:
        checks, fault = await member.database.call(ask)
    except psycopg.OperationalError:
        return  # it has just gone away, and /health/ready names it
    if fault is not None:
        raise StartupRefused(f"{member.partition.name} {fault}")
    startup.require_ready(parts.app, checks)


def _read_settings() -> Settings:
    try:
        return Settings.from_environment()
    except SettingsError as error:
        raise StartupRefused(str(error)) from error


def _silence_access_log() -> None:
    """Turn off uvicorn's access log; it looks at the logger's handlers at every connection."""
    access_log = logging.getLogger("uvicorn.access")
    access_log.handlers.clear()
    access_log.propagate = False
