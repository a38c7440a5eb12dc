"""Serving HTTP: uvicorn, its workers, and their end without losing a connection."""

from __future__ import annotations

from ledger_py.serving.listening import Listener, ListenError

__all__ = ("ListenError", "Listener", "run_server")


def run_server(
    target: str, *, host: str, port: int, workers: int = 1, listener: Listener | None = None
) -> None:
    """Serve until SIGTERM or Ctrl-C, which let requests finish.

    Args:
        target: The application in uvicorn's notation: ``apps.app1.main:app``.
        host: The address to listen on.
        port: The port.
        workers: The number of processes.
        listener: The listener of this address, if there is one already; it is closed at the end.

    Raises:
        ListenError: The address cannot be listened on.
        SystemExit: The application did not start; its log says why.
    """
    # Not at the top: most commands serve nothing.
    from ledger_py.serving.server import serve
    from ledger_py.serving.workers import Supervisor

    with listener or Listener(host, port) as open_listener:
        if workers == 1:
            serve(target, open_listener)
        else:
            Supervisor(target, open_listener, workers).run()
