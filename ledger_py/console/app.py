"""The ASGI application of the console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from litestar import Litestar, Request
from litestar.enums import ScopeType

from ledger_py.console.access import Access
from ledger_py.console.asking import Asked, Refused
from ledger_py.console.books import Books
from ledger_py.console.desk import Desk
from ledger_py.console.failures import page_of_error
from ledger_py.console.pages import handlers
from ledger_py.http.guard import RequestGuard
from ledger_py.http.problems import Problem
from ledger_py.settings import Settings

if TYPE_CHECKING:
    from litestar.types import HTTPScope, LifeSpanScope, Message, Receive, Scope, Send

__all__ = ("Console", "create_console")

_MAX_FORM: Final = 65_536

_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""What a page may load and ask: files of this console, no script or style within the page."""

_HEADERS: Final = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": _POLICY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }.items()
)
_NOT_KEPT: Final = (b"cache-control", b"no-store")
_KEPT: Final = (b"cache-control", b"max-age=3600")


def create_console(
    url: str,
    settings: Settings,
    *,
    login: str = "",
    operator: bool = False,
    cookie: str = "ledger_console",
    secure: bool = False,
    access: Access | None = None,
) -> Console:
    """Make the console of a database.

    Args:
        url: The address of the database, with the console's login.
        settings: The hosts that are served, and limits on time.
        login: The name of that login, which the pages show.
        operator: True to offer operators' actions.
        cookie: The name of the cookie; browsers send it to all ports of a host.
        secure: True if browsers reach the console over TLS.
        access: Tokens and sessions.

    Returns:
        The ASGI application.
    """
    desk = Desk(
        books=Books(settings),
        access=access or Access(),
        login=login,
        operator=operator,
        cookie=cookie,
        secure=secure,
    )
    return Console(desk, url, settings)


class Console(Litestar):
    """A Litestar application that lets nobody in without a session.

    It is no middleware, because Litestar runs middleware only after it has found a route.

    Attributes:
        desk: What the handlers share.
    """

    def __init__(self, desk: Desk, url: str, settings: Settings) -> None:
        self.desk = desk
        self._guard = RequestGuard(settings)

        @asynccontextmanager
        async def run(_app: Litestar) -> AsyncIterator[None]:
            await desk.books.open(url)
            try:
                yield
            finally:
                await desk.books.close()

        def answer_error(request: Asked, error: Exception) -> Any:
            return page_of_error(desk, request, error)

        super().__init__(
            route_handlers=handlers(desk),
            exception_handlers={Exception: answer_error},
            lifespan=[run],
            request_max_body_size=_MAX_FORM,
            logging_config=None,
            openapi_config=None,
        )

    async def __call__(self, scope: Scope | LifeSpanScope, receive: Any, send: Any) -> None:
        """Answer a request, or take part in start-up and shutdown."""
        if scope["type"] == ScopeType.HTTP:
            await self._answer(cast("HTTPScope", scope), receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        only_head = scope["method"] == "HEAD"
        if only_head:
            scope = cast("HTTPScope", {**scope, "method": "GET"})
        kept = _KEPT if scope["path"].startswith("/static/") else _NOT_KEPT

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS, kept]
            elif only_head and message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        request: Asked = Request(scope, receive=receive, send=send_guarded)
        try:
            self._guard.check(scope, dict(scope["headers"]))
        except Problem as problem:
            refused = Refused(problem.type.status, problem.type.title, problem.detail)
            await self._send(request, refused, scope, receive, send_guarded)
            return
        if not self._is_open(request) and self.desk.session_of(request) is None:
            refused = Refused(
                401,
                "Please open the address that the console printed",
                "Only a browser that has opened it may see the pages.",
            )
            await self._send(request, refused, scope, receive, send_guarded)
            return
        await super().__call__(scope, receive, send_guarded)

    @staticmethod
    def _is_open(request: Asked) -> bool:
        path = request.scope["path"]
        return path.startswith("/static/") or (path == "/" and "token" in request.query_params)

    async def _send(
        self, request: Asked, refused: Refused, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        response = page_of_error(self.desk, request, refused)
        await response.to_asgi_response(None, request)(scope, receive, send)
