"""Refuses what pages of other sites could make a browser send: wrong hosts, and foreign writes.

Without authentication, being able to reach the service is the only right that callers need. A
browser on the same machine or network can reach it, and any page may try to use that.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ledger_py.http.problems import Problem
from ledger_py.settings import Settings

if TYPE_CHECKING:
    from litestar.types import HTTPScope

__all__ = ("RequestGuard",)

_ALWAYS: Final = ("localhost", "*.localhost")

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing. Browsers keep the answers from other sites."""

_ONCE: Final = (b"host", b"origin", b"sec-fetch-site")

_MAX_KNOWN: Final = 1_000

_HOST: Final = re.compile(
    r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_~-][a-z0-9._~-]*?)\.?(?::(?P<port>[0-9]*))?"
)


class RequestGuard:
    """Decides whether a request may go on, by its header fields.

    Args:
        settings: The hosts that are served, beside loopback and the address of the connection.
    """

    def __init__(self, settings: Settings) -> None:
        self._configured = settings.hosts
        self._served = (*settings.hosts, *_ALWAYS, settings.host.lower())
        # Hosts as they were sent, so that a request costs one look-up.
        self._known: set[bytes] = set()

    def check(self, scope: HTTPScope, fields: Mapping[bytes, bytes]) -> None:
        """Check a request.

        Args:
            scope: The ASGI scope of the request.
            fields: Its header fields by name.

        Raises:
            Problem: The host is not served, or a page of another site may have sent the request.
        """
        host = fields.get(b"host")
        if host not in self._known:
            self._check_host(scope, host)
        if scope["method"] not in _READING and (b"origin" in fields or b"sec-fetch-site" in fields):
            self._check_origin(fields)
        if len(fields) != len(scope["headers"]):  # type: ignore[arg-type]
            _check_repetitions(scope)

    def _check_host(self, scope: HTTPScope, host: bytes | None) -> None:
        # Browsers always send it. HTTP/1.0 allows to leave it out, and some health checks do.
        if host is None:
            return
        text = host.strip(b" \t").decode("latin-1").lower()
        if not (_serves(self._served, text) or _is_address(text, scope)):
            raise Problem(
                "unknown_host",
                "This service does not serve the host of the request. Set LEDGER_HOSTS to the names"
                " by which callers reach it.",
            )
        if len(self._known) < _MAX_KNOWN:
            self._known.add(host)

    def _check_origin(self, fields: Mapping[bytes, bytes]) -> None:
        site = fields.get(b"sec-fetch-site", b"none").strip(b" \t")
        if site == b"same-origin":
            return
        if site == b"none":
            origin = fields.get(b"origin")
            if origin is None:
                return
            _, separator, text = origin.strip(b" \t").decode("latin-1").lower().partition("://")
            host = fields.get(b"host", b"").strip(b" \t").decode("latin-1").lower()
            # A proxy may have put another host into the request than the browser asked for.
            if separator and (text == host or _is_listed(self._configured, text)):
                return
        raise Problem("cross_origin")


def _serves(served: Sequence[str], host: str) -> bool:
    """Compare a Host with names, which leave the port open unless they have one."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name, port = found["name"], found["port"]
    return "*" in served or _is_listed(served, name) or _is_listed(served, f"{name}:{port}")


def _is_listed(listed: Sequence[str], host: str) -> bool:
    # `*` alone is not meant here: it says nothing about the pages that may write.
    return host in listed or any(
        host.endswith(name[1:]) for name in listed if name.startswith("*.")
    )


def _is_address(host: str, scope: HTTPScope) -> bool:
    """Tell whether a Host is a loopback address, or the one that the connection was made to.

    No page can use these under a name of its own, so they need no setting. Servers state addresses,
    and test clients of frameworks the name that they were given.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found["name"].strip("[]")
    server = scope.get("server")
    if server is not None and name == server[0].lower():
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or (server is not None and str(address) == server[0].lower())


def _check_repetitions(scope: HTTPScope) -> None:
    names = [name for name, _ in scope["headers"]]
    for name in _ONCE:
        if names.count(name) > 1:
            raise Problem("bad_request", f"The header {name.decode().title()} is given twice.")
