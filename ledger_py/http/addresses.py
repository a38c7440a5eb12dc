"""Addresses of requests, and the prefix under which a proxy or another application serves them.

A proxy may strip the prefix from an address or pass it on, and servers differ in whether they put
the root path of ASGI before the path. So it is taken away where it is found.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from litestar.types import HTTPScope, Scope

__all__ = ("Prefix", "path_as_sent", "prefix")

_PREFIX: Final = ContextVar("prefix", default="")


def path_as_sent(scope: Scope) -> str:
    """Get the path of a request, percent-encoded as it was sent.

    Args:
        scope: The ASGI scope of the request. If the server leaves ``raw_path`` out, the path is
            encoded again; then an encoded slash (%2F) cannot be told from a separator.
    """
    raw: bytes | None = scope.get("raw_path")
    if raw is None:
        return quote(scope["path"])
    return raw.partition(b"?")[0].decode("ascii", "backslashreplace")


def prefix() -> str:
    """Return the prefix of the request that is answered, which addresses in answers begin with."""
    return _PREFIX.get()


class Prefix:
    """A request below a prefix, until the end of the block.

    Args:
        scope: The ASGI scope of the request.
        root_path: The prefix, if the scope has no other.
        own: The first segments of the service's own addresses.

    Yields:
        The scope of the same request without the prefix.
    """

    def __init__(self, scope: HTTPScope, root_path: str, own: set[str]) -> None:
        self._scope = scope
        self._root_path = root_path
        self._own = own

    def __enter__(self) -> HTTPScope:
        scope = self._scope
        given = quote(scope.get("root_path", "").rstrip("/"))
        root_path = given or self._root_path
        path = _without(root_path, path_as_sent(scope))
        if given and given.split("/")[1] not in self._own:
            # The server put the prefix before a path that had it already.
            path = _without(root_path, path)
        self._token: Token[str] = _PREFIX.set(root_path)
        return {**scope, "root_path": "", "raw_path": path.encode("latin-1")}

    def __exit__(self, *_: object) -> None:
        _PREFIX.reset(self._token)


def _without(root_path: str, path: str) -> str:
    if path == root_path:
        return "/"
    return path.removeprefix(root_path) if path.startswith(f"{root_path}/") else path
