"""Services that run in the test's own process, and answer on a port of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn
from litestar import Litestar
from litestar.types import ASGIApp

from apps.app1.operations import App1Operation
from ledger_py.http import create_app
from ledger_py.operations import BaseLedgerOperation
from ledger_py.serving.listening import Listener
from ledger_py.serving.server import Server
from ledger_py.settings import Settings
from tests.fixtures.database import pair_of
from tests.fixtures.fronts import front_address

# Ends a run that hangs; everything takes well under a second.
_PATIENCE = 60.0

# Idle connections stay: with many threads, httpx may close as idle one that it has just given to a
# request (https://github.com/encode/httpcore/issues/1110).
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=None, keepalive_expiry=None)


def make_service(
    url: str,
    app: str = "app1",
    operations: type[BaseLedgerOperation] = App1Operation,
    **settings: Any,
) -> Litestar:
    """Make a service of app1, or of the app that is named, on a database.

    Args:
        url: The database.
        app: The app.
        operations: Its operations.
        settings: Fields of Settings that are to differ.
    """
    fields: dict[str, Any] = {"log_format": "json", "pool_size": 4, "pool_timeout": 10.0} | settings
    pair = pair_of(url)
    if pair is not None:
        fields = {"cluster": pair.path} | fields
    url = front_address(url) or url
    return create_app(app, operations, Settings(database_url=url, **fields))


@contextmanager
def running(service: ASGIApp) -> Iterator[httpx.Client]:
    """Run a service.

    Yields:
        A client whose addresses are relative to the service.
    """
    config = uvicorn.Config(
        service, host="127.0.0.1", port=0, lifespan="on", ws="none", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started or not thread.is_alive())
    try:
        assert server.started, "the service did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, timeout=_PATIENCE, limits=_LIMITS) as client:
            yield client
            # Before the client is closed, so that requests in progress get their answers.
            server.should_exit = True
            thread.join()
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def serving(service: ASGIApp) -> Iterator[int]:
    """Run a service behind the server of `ledger serve`.

    Yields:
        The port of 127.0.0.1 that it listens on.
    """
    started = threading.Event()
    with Listener("127.0.0.1", 0) as listener:
        server = Server(service, listener, started.set)
        thread = threading.Thread(target=server.run, args=(listener.sockets,))
        thread.start()
        wait_until(lambda: started.is_set() or not thread.is_alive())
        try:
            assert started.is_set(), "the service did not start"
            yield listener.sockets[0].getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something has happened, or fail."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
