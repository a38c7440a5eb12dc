"""The ASGI application around Litestar's: what happens to every request, with a route or not."""

from __future__ import annotations

import re
import secrets
import sys
from typing import TYPE_CHECKING, Any, Final, cast

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler

from ledger_py.http.logs import RequestLog, make_logger
from ledger_py.settings import Settings

if TYPE_CHECKING:
    from litestar.types import HTTPScope, LifeSpanScope, Message, Receive, Scope, Send

__all__ = ("LedgerService", "StartupRefused")

_NAMED_LIKE_A_ROUTE: Final = re.compile(r"^(/ledger/)(batch|holds|reversals)(?=/|$)")
"""A path to an owner that a route for something else would take."""

_SANE_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


class StartupRefused(Exception):
    """The service cannot do its work, and says why instead of starting."""


class LedgerService(Litestar):
    """A Litestar application that gives every request an id and a line in the log.

    It is not a middleware because Litestar's run only after a route has been found.

    Args:
        app_name: The app that this service serves.
        hot: The one hot route. At exactly its path it is called without Litestar, whose way to a
            route costs more than the rest of such a request.
        options: The arguments of Litestar.

    Attributes:
        log: Where lines go.
        settings: The settings in force; the defaults until the service starts.
    """

    def __init__(self, *, app_name: str, hot: ASGIRouteHandler, **options: Any) -> None:
        self._app_name = app_name
        (self._hot_path,) = hot.paths
        self._answer_hot = hot.fn
        self.log = make_logger()
        self.settings = Settings()
        super().__init__(**options)

    async def __call__(self, scope: Scope | LifeSpanScope, receive: Any, send: Any) -> None:
        """Answer a request, or take part in start-up and shutdown."""
        if scope["type"] == ScopeType.HTTP:
            await self._answer(cast("HTTPScope", scope), receive, send)
        else:
            await super().__call__(scope, receive, _telling_refusals_plainly(send))

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        raw_path = scope["raw_path"].partition(b"?")[0].decode("ascii", "backslashreplace")
        log = RequestLog(
            request_id=_request_id(scope), app=self._app_name, method=scope["method"], path=raw_path
        )
        log.attach(scope)
        request_id_header = (b"x-request-id", log.request_id.encode())

        async def send_with_request_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                log.status = message["status"]
                message["headers"] = [*message["headers"], request_id_header]
            await send(message)

        # Routes are matched on the path as it was sent: a slash that is part of an owner (%2F)
        # stays within its segment. Whoever takes a segment decodes it.
        scope["path"] = raw_path
        if scope["method"] == "GET":
            scope["path"] = _NAMED_LIKE_A_ROUTE.sub(_hide_from_routes, raw_path)
        try:
            if raw_path == self._hot_path:
                scope["litestar_app"] = self
                await self._answer_hot(scope, receive, send_with_request_id)
            else:
                await super().__call__(scope, receive, send_with_request_id)
        finally:
            log.write(self.log)


def _telling_refusals_plainly(send: Any) -> Any:
    """Let a refusal to start be told in its own words instead of a traceback."""

    async def send_plainly(message: Any) -> None:
        if message["type"] == "lifespan.startup.failed":
            refusal = _refusal_in(sys.exception())
            if refusal is not None:
                message = {**message, "message": str(refusal)}
        await send(message)

    return send_plainly


def _refusal_in(error: BaseException | None) -> StartupRefused | None:
    # Litestar's emitter of events wraps whatever is raised while it is there.
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, StartupRefused) else None


def _hide_from_routes(path: re.Match[str]) -> str:
    """Write an owner's name in another way, which is decoded to the same."""
    return f"{path[1]}%{ord(path[2][0]):02X}{path[2][1:]}"


def _request_id(scope: HTTPScope) -> str:
    """Take the caller's id of the request if it is fit for a log and a header, or make one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_REQUEST_ID.fullmatch(value):
            return value.decode("ascii")
    return secrets.token_hex(16)
