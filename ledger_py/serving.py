"""The HTTP server in which a service runs: uvicorn, with the options that services want of it."""

from __future__ import annotations

from typing import Final

__all__ = ("run_server",)

_DRAIN_WITHIN: Final = 30
"""Seconds that requests under way are given when a service is told to stop."""


def run_server(target: str, *, host: str, port: int, workers: int = 1) -> None:
    """Serve until SIGTERM or Ctrl-C, which let requests finish.

    Args:
        target: The application, as uvicorn wants it named: ``apps.app1.main:app``.
        host: The address to listen on.
        port: The port.
        workers: The number of processes.
    """
    import uvicorn  # not at the top: most commands serve nothing

    uvicorn.run(
        target,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,  # the service writes a line per request itself
        server_header=False,
        proxy_headers=False,  # nobody asks for the caller's address
        timeout_graceful_shutdown=_DRAIN_WITHIN,
    )
