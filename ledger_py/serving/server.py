"""One process of a service: uvicorn, which stops without losing a request."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from uvicorn.config import LOGGING_CONFIG, STARTUP_FAILURE

from ledger_py.serving.lines import writes_json
from ledger_py.serving.listening import Listener, refuse_connections
from ledger_py.serving.protocol import Protocol

__all__ = ("DRAIN_WITHIN", "STARTUP_FAILURE", "Server", "announce", "serve")

DRAIN_WITHIN: Final = 30
"""Seconds that requests in progress may take when the service is told to stop."""

_ACCEPTS_FOR: Final = 0.25
"""Seconds for which the server goes on accepting then, for connections that were being made."""

_log = logging.getLogger("uvicorn.error")


class Server(uvicorn.Server):
    """A server on sockets that may be shared with other processes.

    Args:
        target: The application, itself or in uvicorn's notation.
        listener: The bound sockets to listen on.
        started: Called when the server accepts connections.
        alone: No other process accepts connections of these sockets.
    """

    def __init__(
        self,
        target: str | Callable[..., Any],
        listener: Listener,
        started: Callable[[], object],
        *,
        alone: bool = True,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                target,
                loop="uvloop",
                http=Protocol,
                ws="none",
                lifespan="on",
                access_log=False,  # the service logs requests itself
                server_header=False,
                proxy_headers=False,  # the address of the caller is not used
                timeout_graceful_shutdown=DRAIN_WITHIN,
                log_config=None if writes_json() else LOGGING_CONFIG,
            )
        )
        self._listener = listener
        self._on_started = started
        self._alone = alone

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept connections."""
        try:
            await super().startup(sockets)
            if not all(map(_listens, self._listener.sockets)):
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        except OSError as error:
            # Another process was faster: only one that listens keeps others from binding.
            _log.error(self._listener.error(error))
            await self.lifespan.shutdown()
            sys.exit(STARTUP_FAILURE)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept what has been connected, answer what has been asked, then stop."""
        headers = self.server_state.default_headers
        # uvicorn closes a connection after an answer with this header.
        self.server_state.default_headers = [*headers, (b"connection", b"close")]
        if self._alone:
            refuse_connections(self._listener.sockets)
        await asyncio.sleep(_ACCEPTS_FOR)
        await super().shutdown(sockets)


def _listens(one: socket.socket) -> bool:
    # uvloop closes a socket on which it cannot listen, and does not say so.
    try:
        return one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    except OSError:
        return False


def announce(listener: Listener) -> None:
    """Log the address, in uvicorn's words."""
    _log.info("Uvicorn running on %s (Press CTRL+C to quit)", listener.url)


def serve(target: str, listener: Listener) -> None:
    """Serve in this process.

    Args:
        target: The application in uvicorn's notation.
        listener: The bound sockets to listen on.

    Raises:
        SystemExit: The application did not start.
    """
    Server(target, listener, lambda: announce(listener)).run(listener.sockets)
