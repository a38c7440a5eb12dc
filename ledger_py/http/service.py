"""The ASGI application around Litestar: request ids, log lines, and answers to errors."""

from __future__ import annotations

import functools
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from litestar import Litestar
from litestar.enums import ScopeType

from ledger_py.http.addresses import Prefix, path_as_sent
from ledger_py.http.callers import ClientGone
from ledger_py.http.guard import RequestGuard
from ledger_py.http.logs import RequestLog, make_logger
from ledger_py.http.problems import PROBLEM_MEDIA_TYPE
from ledger_py.http.routing import Endpoint, handlers_of, send_answer
from ledger_py.http.startup import StartupRefused
from ledger_py.settings import Settings

if TYPE_CHECKING:
    from litestar.types import (
        HTTPScope,
        LifeSpanScope,
        Message,
        Method,
        Receive,
        Scope,
        Send,
    )

__all__ = ("LedgerService",)

_SAFE_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")

_ACCOUNTS: Final = "/ledger/{owner_id}"


_SAYING_WHAT_IS_ALLOWED: Final = (204, 405)
"""The statuses of answers to OPTIONS, and to methods that an address does not take."""


class LedgerService(Litestar):
    """A Litestar application that gives every request an id, a log line, and an answer if it fails.

    It is no middleware, because Litestar runs middleware only after it has found a route.

    Args:
        app_name: The app that this service serves.
        endpoints: The routes of the API.
        route_handlers: Handlers of Litestar beside them.
        options: Further arguments of Litestar.

    Attributes:
        log: The target of the lines.
    """

    def __init__(
        self,
        *,
        app_name: str,
        endpoints: Sequence[Endpoint],
        route_handlers: Sequence[Any],
        **options: Any,
    ) -> None:
        self.app_name = app_name
        self.log = make_logger()
        # Addresses without parameters are looked up here first. Litestar's routing would cost 12 µs
        # more per entry under load, where the whole of a request takes the service 67 µs.
        self._direct = {
            (endpoint.route.method, endpoint.route.path): endpoint
            for endpoint in endpoints
            if "{" not in endpoint.route.path
        }
        self._shadowed = _shadowed(endpoints)
        self._root_path = ""
        self._guard = RequestGuard(Settings())
        super().__init__(
            route_handlers=[*handlers_of(endpoints), *route_handlers],
            exception_handlers={Exception: _pass_on},
            logging_config=None,
            openapi_config=None,
            **options,
        )

    async def __call__(self, scope: Scope | LifeSpanScope, receive: Any, send: Any) -> None:
        """Answer a request, or take part in start-up and shutdown."""
        if scope["type"] == ScopeType.HTTP:
            scope = cast("HTTPScope", scope)
            if self._root_path or scope.get("root_path"):
                with Prefix(scope, self._root_path, self._first_segments) as below:
                    await self._answer(below, receive, send)
            else:
                await self._answer(scope, receive, send)
        else:
            await super().__call__(scope, receive, _with_plain_refusals(send))

    def guard_with(self, settings: Settings) -> None:
        """Set the hosts that requests may be for."""
        self._guard = RequestGuard(settings)

    def serve_below(self, root_path: str) -> None:
        """Set the prefix under which a proxy serves this service.

        Raises:
            StartupRefused: The service has addresses that begin like it.
        """
        if root_path and root_path.split("/")[1] in self._first_segments:
            raise StartupRefused(
                f"LEDGER_ROOT_PATH: {root_path} begins like an address of the service itself;"
                " choose another prefix, such as /credits"
            )
        self._root_path = root_path

    @functools.cached_property
    def _first_segments(self) -> set[str]:
        return {route.path.split("/")[1] for route in self.routes}

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        path = path_as_sent(scope)
        method = scope["method"]
        fields = dict(scope["headers"])
        log = RequestLog(
            request_id=_request_id(fields), app=self.app_name, method=method, path=path
        )
        log.attach(scope)
        if method == "HEAD":
            scope, send = {**scope, "method": "GET"}, _only_head(send)
            method = "GET"
        request_id_header = (b"x-request-id", log.request_id.encode())

        async def send_with_request_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                log.status = message["status"]
                message["headers"] = [*message["headers"], request_id_header]
                if log.status in _SAYING_WHAT_IS_ALLOWED:
                    message["headers"] = [*map(_with_head, message["headers"])]
            await send(message)

        try:
            self._guard.check(scope, fields)
            endpoint = self._direct.get((method, path))
            if endpoint is not None:
                await endpoint(scope, receive, send_with_request_id)
            else:
                # Litestar matches the path as it was sent: a slash that is part of an owner (%2F)
                # stays within its segment. Endpoints decode the segments.
                scope["path"] = path
                if method in self._shadowed:
                    scope["path"] = self._shadowed[method].sub(_hide_from_routes, path)
                await super().__call__(scope, receive, send_with_request_id)
        except ClientGone:
            log.outcome = "abandoned"
        except Exception as error:
            problem = log.fail(error)
            if log.status is not None:
                raise  # the answer has begun, so the server closes the connection
            await send_answer(
                send_with_request_id,
                problem.type.status,
                problem.encode(),
                headers=[
                    (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
                    *((name.encode(), value.encode()) for name, value in problem.headers),
                ],
            )
        finally:
            log.write(self.log)


def _with_head(field: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Add HEAD to the header Allow where GET is; Litestar knows nothing of it."""
    name, value = field
    return name, value.replace(b"GET", b"GET, HEAD") if name == b"allow" else value


def _only_head(send: Send) -> Send:
    """End the answer after its head; a stream ends because the server then reports a disconnect."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_head


def _pass_on(_request: Any, error: Exception) -> NoReturn:
    """Let the service answer, instead of Litestar."""
    raise error


def _shadowed(endpoints: Sequence[Endpoint]) -> dict[Method, re.Pattern[str]]:
    """Find the names of owners that a route would hide, in the addresses of each method.

    Litestar prefers literal segments: for `/ledger/holds/entries`, it looks below `/ledger/holds`
    only, and does not find the entries of an owner named `holds`.
    """
    paths = [endpoint.route.path for endpoint in endpoints]
    names = {
        path.split("/")[2] for path in paths if path.count("/") > 1 and path.startswith("/ledger/")
    }
    names.discard("{owner_id}")
    below: dict[Method, list[str]] = {}
    for endpoint in endpoints:
        route = endpoint.route
        if route.path.startswith(_ACCOUNTS):
            rest = re.sub(r"\{\w+\}", "[^/]+", route.path.removeprefix(_ACCOUNTS))
            below.setdefault(route.method, []).append(rest)
    hidden = "|".join(sorted(names))
    return {
        method: re.compile(rf"^(/ledger/)({hidden})(?=({'|'.join(rests)})/?$)")
        for method, rests in below.items()
    }


def _hide_from_routes(path: re.Match[str]) -> str:
    """Percent-encode the first character of an owner's name, so that it is no literal segment."""
    return f"{path[1]}%{ord(path[2][0]):02X}{path[2][1:]}"


def _request_id(fields: Mapping[bytes, bytes]) -> str:
    """Take the caller's request id if it is safe in a log and in a header, or make one."""
    value = fields.get(b"x-request-id")
    if value is not None and _SAFE_REQUEST_ID.fullmatch(value.strip()):
        return value.strip().decode("ascii")
    return secrets.token_hex(16)


def _with_plain_refusals(send: Any) -> Any:
    """Report a refusal to start in its own words, instead of a traceback."""

    async def send_plainly(message: Any) -> None:
        if message["type"] == "lifespan.startup.failed":
            refusal = _refusal_in(sys.exception())
            if refusal is not None:
                message = {**message, "message": str(refusal)}
        await send(message)

    return send_plainly


def _refusal_in(error: BaseException | None) -> StartupRefused | None:
    # Litestar's event emitter wraps exceptions in groups.
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, StartupRefused) else None
