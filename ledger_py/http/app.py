"""The factory of the services: one Litestar application per app of the ledger."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from litestar import Litestar, Request, Response

from ledger_py.http import startup
from ledger_py.http.database import Database
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.logs import RequestLog, make_logger
from ledger_py.http.openapi import openapi_document
from ledger_py.http.problems import PROBLEM_MEDIA_TYPE
from ledger_py.http.recorder import CONNECTIONS, Recorder
from ledger_py.http.routes.accounts import account_routes
from ledger_py.http.routes.batches import batch_route
from ledger_py.http.routes.docs import documentation_routes
from ledger_py.http.routes.events import events_route
from ledger_py.http.routes.health import health_routes
from ledger_py.http.routes.holds import hold_routes
from ledger_py.http.routes.operations import operations_route
from ledger_py.http.routes.problems import problem_type, problem_types
from ledger_py.http.routes.recording import recording_route
from ledger_py.http.routes.reversals import reversal_route
from ledger_py.http.service import LedgerService, StartupRefused
from ledger_py.http.stopping import called_on_stop
from ledger_py.http.wire import ClientGone
from ledger_py.operations import BaseLedgerOperation
from ledger_py.settings import Settings, SettingsError

__all__ = ("create_app",)


def create_app(
    app: str, operations: type[BaseLedgerOperation], settings: Settings | None = None
) -> Litestar:
    """Make the service of an app.

    Nothing is read or opened before the service starts. It does not start, and says why, when its
    database cannot be reached or lacks something, or when the enum and the app's set of operations
    in the database differ.

    Args:
        app: The name of the app, as it is registered in the ledger.
        operations: The app's operations.
        settings: The settings; read from the environment at start if left out.

    Returns:
        The ASGI application.
    """
    database = Database(app)
    recorder = Recorder(app, database)
    feed = ChangeFeed(database)

    @asynccontextmanager
    async def run(service: LedgerService) -> AsyncIterator[None]:
        in_force = service.settings = settings or _read_settings()
        service.log = make_logger(in_force.log_format)
        _silence_access_log()

        def report(line: str) -> None:
            service.log.info("startup", app=app, message=line)

        async with startup.prepared_database(app, in_force, report=report) as url:
            try:
                try:
                    await database.open(url, in_force, size=in_force.pool_size - CONNECTIONS)
                    await recorder.open(url, in_force)
                except psycopg.OperationalError as error:
                    raise StartupRefused(f"The database does not answer: {error}") from error
                checks = await database.call(lambda ledger: startup.check(ledger, operations))
                startup.require_ready(app, checks)
                with called_on_stop(feed.stop):
                    yield
            finally:
                feed.stop()
                await recorder.close()
                await database.close()

    record_entry = recording_route(recorder, feed)
    return LedgerService(
        app_name=app,
        hot=record_entry,
        route_handlers=[
            record_entry,
            batch_route(recorder, feed),
            reversal_route(database, feed),
            *hold_routes(database, feed),
            *account_routes(database),
            events_route(feed),
            operations_route(database, app),
            *health_routes(database, app, operations),
            problem_types,
            problem_type,
            *documentation_routes(openapi_document(app, operations)),
        ],
        lifespan=[run],
        exception_handlers={Exception: _answer_with_problem},
        logging_config=None,
        openapi_config=None,
    )


def _read_settings() -> Settings:
    try:
        return Settings.from_environment()
    except SettingsError as error:
        raise StartupRefused(str(error)) from error


def _silence_access_log() -> None:
    """Turn uvicorn's own line per request off, which it decides on at each connection."""
    access_log = logging.getLogger("uvicorn.access")
    access_log.handlers.clear()
    access_log.propagate = False


def _answer_with_problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log = RequestLog.of(request.scope)
    if isinstance(error, ClientGone):
        log.outcome = "abandoned"
        return Response(b"", status_code=400)  # nobody reads it
    problem = log.fail(error)
    return Response(
        problem.encode(),
        status_code=problem.type.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers=dict(problem.headers),
    )
