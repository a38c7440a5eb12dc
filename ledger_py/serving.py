"""The HTTP server of a service: uvicorn, with its options."""

from __future__ import annotations

from typing import Final

__all__ = ("run_server",)

_DRAIN_WITHIN: Final = 30
"""Seconds that requests in progress may take when the service is told to stop."""


def run_server(target: str, *, host: str, port: int, workers: int = 1) -> None:
    """Serve until SIGTERM or Ctrl-C, which let requests finish.

    Args:
        target: The application in uvicorn's notation: ``apps.app1.main:app``.
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
        access_log=False,  # the service logs requests itself
        server_header=False,
        proxy_headers=False,  # the address of the caller is not used
        timeout_graceful_shutdown=_DRAIN_WITHIN,
    )
