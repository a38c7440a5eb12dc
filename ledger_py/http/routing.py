"""Routes: each is stated once; its handler, its documentation and its tests follow from it."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final, get_type_hints

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Method, Receive, Scope, Send

from ledger_py.errors import LedgerError
from ledger_py.http.addresses import path_as_sent
from ledger_py.http.database import Database
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.freshness import oldest_accepted
from ledger_py.http.logs import RequestLog
from ledger_py.http.problems import Problem
from ledger_py.http.reads import Reads
from ledger_py.http.recorder import Recorder
from ledger_py.http.requests import (
    MAX_BODY,
    agree_on_nonce,
    body_decoder,
    decode_headers,
    decode_path,
    decode_query,
    read_json,
)
from ledger_py.http.schemas import NoQuery
from ledger_py.operations import BaseLedgerOperation
from ledger_py.settings import Settings

__all__ = ("JSON", "Endpoint", "Parts", "Route", "send_answer")

JSON: Final = "application/json"

Header = tuple[bytes, bytes]

_OF_JSON: Final[tuple[Header, ...]] = ((b"content-type", JSON.encode()),)

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(kw_only=True)
class Parts:
    """The parts of a service, which the functions of routes take by the name of a parameter.

    Attributes:
        app: The name of the app.
        operations: The app's enum.
        database: A pool of connections.
        reads: Reads on a standby, or on the database.
        recorder: Records entries.
        feed: The change feed.
        settings: The settings in force; the defaults until the service starts.
    """

    app: str
    operations: type[BaseLedgerOperation]
    database: Database
    reads: Reads
    recorder: Recorder
    feed: ChangeFeed
    settings: Settings = field(default_factory=Settings)


@dataclass(eq=False)
class Route:
    """A route, as a decorator of the function that answers it.

    The name of the function becomes the operation id in the OpenAPI document. The first line of its
    docstring becomes the summary, the rest the description. Its parameters say what it needs:

    * ``at``, ``query``, ``headers``, ``body``: the decoded path, query, header fields and body, as
      the struct that the parameter is annotated with;
    * ``nonce``: the nonce, from the body or the header Idempotency-Key;
    * ``ledger``: the ledger, on a connection of the pool. If the connection is lost, the function
      is called again with another one;
    * any other name: that part of the service (`Parts`).

    It returns the body of the answer, or a Litestar response that sends the answer.

    Args:
        method: The HTTP method.
        path: The address, with ``{name}`` for each field of the struct ``at``.
        answers: A successful answer, in a few words.
        recorded: A successful answer is 201, or 200 for a replay. Without it, it is 200.
        media_type: The media type of a successful answer.
        refuses: Refusals of the ledger, and other problems by their code, that do not follow from
            the parameters.
        tag: The section of the document.
        body: The struct that documents the body, if it is not that of the parameter.
        body_required: True if there must be a body.
        decode: Decodes the body; by its struct if left out.
        many: True if the body may be as large as the settings allow.
    """

    method: Method
    path: str
    _: KW_ONLY
    answers: str
    recorded: bool = False
    media_type: str = JSON
    refuses: tuple[type[LedgerError] | str, ...] = ()
    tag: str = "ledger"
    body: type[msgspec.Struct] | None = None
    body_required: bool = True
    decode: Callable[[bytes], Any] | None = None
    many: bool = False
    function: Callable[..., Awaitable[Any]] = field(init=False)

    def __call__(self, function: Callable[..., Awaitable[Any]]) -> Route:
        """Take the function."""
        self.function = function
        return self

    @property
    def name(self) -> str:
        """The name of the function."""
        return self.function.__name__

    @functools.cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The types of the function's parameters by name, and that of its result as ``return``."""
        return get_type_hints(self.function, include_extras=True)

    @property
    def writes(self) -> bool:
        """True for methods that may change the ledger."""
        return self.method != "GET"

    @property
    def reads(self) -> bool:
        """True if a standby may answer."""
        return not self.writes and "ledger" in self.parameters

    @property
    def body_type(self) -> type[msgspec.Struct] | None:
        """The struct that documents the body, if there is one."""
        return self.body or self.parameters.get("body")


class Endpoint:
    """A route of a service, as an ASGI application. Errors are raised, for the service to answer.

    Args:
        route: The route.
        parts: The parts of the service.
    """

    def __init__(self, route: Route, parts: Parts) -> None:
        self.route = route
        self._parts = parts
        self._function = route.function
        types = dict(route.parameters)
        del types["return"]
        self._at = types.pop("at", None)
        self._takes_query = types.pop("query", None)
        # A newer version may record something else because of a parameter, so none is ignored.
        self._query = self._takes_query or (NoQuery if route.writes else None)
        self._headers = types.pop("headers", None)
        self._takes_body = types.pop("body", None) is not None
        self._takes_nonce = types.pop("nonce", None) is not None
        self._asks_ledger = types.pop("ledger", None) is not None
        self._given = {name: getattr(parts, name) for name in types}
        self._recorded, self._writes, self._reads = route.recorded, route.writes, route.reads
        self._optional = not route.body_required
        body = route.body_type
        self._decode_body = route.decode or (body_decoder(body) if body else None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to this route."""
        log = RequestLog.of(scope)
        given = await self._decode(scope, receive, log)
        headers = _OF_JSON
        if self._reads:
            answer, age = await self._parts.reads.call(
                lambda ledger: self._function(ledger=ledger, **given),
                oldest=oldest_accepted(scope),
            )
            if age is not None:
                headers = (*_OF_JSON, (b"age", b"%d" % age))
        elif self._asks_ledger:
            answer = await self._parts.database.call(
                lambda ledger: self._function(ledger=ledger, **given)
            )
        else:
            answer = await self._function(**given)
        if self._writes:
            self._parts.feed.changed()
        if isinstance(answer, ASGIResponse):
            await answer(scope, receive, send)
            return
        status = 200
        if self._recorded:
            status = 200 if answer.replayed else 201
            log.outcome = "replayed" if answer.replayed else "recorded"
            if log.owner is None:
                log.note(answer)
        await send_answer(send, status, _encode(answer), headers=headers)

    async def _decode(self, scope: Scope, receive: Receive, log: RequestLog) -> dict[str, Any]:
        """Decode a request to the arguments of the function."""
        given = self._given.copy()
        if self._at is not None:
            if "//" in path_as_sent(scope):
                # Litestar ignores empty segments, and so found the wrong route.
                raise Problem("not_found")
            given["at"] = decode_path(scope["path_params"], self._at)
            log.note(given["at"])
        if self._query is not None and (self._takes_query or scope["query_string"]):
            query = decode_query(scope["query_string"], self._query)
            if self._takes_query:
                given["query"] = query
        if self._headers is not None:
            given["headers"] = decode_headers(scope, self._headers)
        if self._decode_body is not None:
            content, idempotency_key = await read_json(
                scope, receive, limit=self._limit(), optional=self._optional
            )
            body = self._decode_body(content)
            log.note(body)
            if self._takes_body:
                given["body"] = body
            if self._takes_nonce:
                given["nonce"] = log.nonce = agree_on_nonce(body.nonce, idempotency_key)
        return given

    def _limit(self) -> int:
        most = self._parts.settings.max_body
        return most if self.route.many or most < MAX_BODY else MAX_BODY

    def handler(self) -> HTTPRouteHandler:
        """Make the handler by which Litestar finds the endpoint."""

        async def find() -> ASGIApp:
            return self

        path = re.sub(r"\{(\w+)\}", r"{\1:str}", self.route.path)
        method, name = self.route.method, self.route.name
        # The endpoint sends the status. Litestar refuses its own default for DELETE, 204.
        return HTTPRouteHandler(path, http_method=method, name=name, status_code=200)(find)


async def send_answer(
    send: Send, status: int, body: bytes, *, headers: Sequence[Header] = _OF_JSON
) -> None:
    """Send an answer in one piece.

    Args:
        send: The ASGI channel of the request.
        status: The HTTP status.
        body: The bytes of the body.
        headers: The header fields, but for the length.
    """
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", b"%d" % len(body))],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
