"""The process of the console: one server, which prints the address that opens it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from ledger_py.console.app import create_console
from ledger_py.serving import Listener
from ledger_py.serving.server import Server
from ledger_py.settings import Settings

__all__ = ("serve_console",)


def serve_console(
    url: str,
    settings: Settings,
    listener: Listener,
    *,
    login: str,
    operator: bool,
    behind_proxy: bool,
    announce: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        url: The address of the database, with the console's login.
        settings: The hosts that are served, and limits on time.
        listener: The address to listen on.
        login: The name of the login.
        operator: True to offer operators' actions.
        behind_proxy: True if browsers reach the console over TLS.
        announce: Prints the line with the address.

    Raises:
        SystemExit: The console did not start; its log says why.
    """
    port = urlsplit(listener.url).port
    console = create_console(
        url,
        settings,
        login=login,
        operator=operator,
        # Cookies do not tell ports apart: two consoles on one machine would sign each other out.
        cookie=f"ledger_console_{port}",
        secure=behind_proxy,
    )

    def started() -> None:
        token = console.desk.access.new_token()
        announce(f"Open {listener.url}/?token={token} (once; Ctrl-C to quit)")

    Server(console, listener, started).run(listener.sockets)
