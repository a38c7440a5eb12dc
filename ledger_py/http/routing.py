"""Routes: each is stated once; its handler, its documentation and its tests follow from it."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final, get_type_hints

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Method, Receive, Scope, Send

from ledger_py.errors import LedgerError
from ledger_py.http.addresses import path_as_sent
from ledger_py.http.bodies import MAX_BODY, body_decoder
from ledger_py.http.callers import Caller
from ledger_py.http.cluster import ClusterDatabase, ClusterReads, ClusterRecorder
from ledger_py.http.database import Database
from ledger_py.http.deadlines import Deadlines
from ledger_py.http.feed import ChangeFeed
from ledger_py.http.freshness import oldest_accepted
from ledger_py.http.logs import RequestLog
from ledger_py.http.problems import Problem, problem_of
from ledger_py.http.reads import Reads
from ledger_py.http.recorder import Recorder
from ledger_py.http.requests import (
    agree_on_nonce,
    decode_headers,
    decode_path,
    decode_query,
    read_json,
)
from ledger_py.http.room import BodyRoom, Room
from ledger_py.http.schemas import WriteQuery
from ledger_py.http.turns import Turns
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
        turns: The turns for what takes the event loop long.
        settings: The settings in force; the defaults until the service starts.
        room: The room for large bodies, by the settings as well.
        deadlines: The limits on time of requests.
    """

    app: str
    operations: type[BaseLedgerOperation]
    database: Database | ClusterDatabase
    reads: Reads | ClusterReads
    recorder: Recorder | ClusterRecorder
    feed: ChangeFeed
    turns: Turns = field(default_factory=Turns)
    settings: Settings = field(default_factory=Settings)
    room: Room = field(default_factory=lambda: Room(Settings()))
    deadlines: Deadlines = field(default_factory=Deadlines)


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
    * ``caller``: who waits for the answer;
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
        about: The field of path or body that says what the request locks, for a route that writes
            and asks the ledger, if the body names no owner.
        body: The struct that documents the body, if it is not that of the parameter.
        body_required: True if there must be a body.
        decode_many: Decodes a body that holds many entries, and may be as large as the settings
            allow. Other bodies are decoded by their struct.
    """

    method: Method
    path: str
    _: KW_ONLY
    answers: str
    recorded: bool = False
    media_type: str = JSON
    refuses: tuple[type[LedgerError] | str, ...] = ()
    tag: str = "ledger"
    about: str | None = None
    body: type[msgspec.Struct] | None = None
    body_required: bool = True
    decode_many: Callable[[bytes, Turns], Awaitable[Any]] | None = None
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
    def query_type(self) -> type[msgspec.Struct] | None:
        """The struct of the query, if there is one; every route that writes has a dry run."""
        return self.parameters.get("query") or (WriteQuery if self.writes else None)

    @property
    def reads(self) -> bool:
        """True if a standby may answer."""
        return not self.writes and "ledger" in self.parameters

    @property
    def many(self) -> bool:
        """True if the body may be as large as the settings allow."""
        return self.decode_many is not None

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
        self._takes_query = types.pop("query", None) is not None
        # A newer version may record something else because of a parameter, so none is ignored.
        self._query: Any = route.query_type
        self._headers = types.pop("headers", None)
        self._takes_body = types.pop("body", None) is not None
        self._takes_caller = types.pop("caller", None) is not None
        self._takes_nonce = types.pop("nonce", None) is not None
        self._asks_ledger = types.pop("ledger", None) is not None
        self._parts_taken = tuple(types)
        self._recorded, self._writes, self._reads = route.recorded, route.writes, route.reads
        self._optional = not route.body_required
        body = route.body_type
        self._decode_body = body_decoder(body) if body else None
        self._decode_many = route.decode_many

    @functools.cached_property
    def _given(self) -> Mapping[str, Any]:
        # Some parts are known when the service starts.
        return {name: getattr(self._parts, name) for name in self._parts_taken}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to this route."""
        log = RequestLog.of(scope)
        given, dries, place = await self._decode(scope, receive, log)
        try:
            if dries:
                await self._answer_dry_run(given, receive, send, log)
                return
            headers = _OF_JSON
            if self._reads:
                answer, age = await self._parts.reads.call(
                    lambda ledger: self._function(ledger=ledger, **given),
                    oldest=oldest_accepted(scope),
                    owner_id=getattr(given.get("at"), "owner_id", None),
                )
                if age is not None:
                    headers = (*_OF_JSON, (b"age", b"%d" % age))
            else:
                answer = await self._ask(given, Caller(receive, self._parts.deadlines))
            if self._writes:
                self._parts.feed.changed()
            if isinstance(answer, ASGIResponse):
                await answer(scope, receive, send)
                return
            if self._recorded:
                log.outcome = "replayed" if answer.replayed else "recorded"
                if log.owner is None:
                    log.note(answer)
            await send_answer(send, self._status(answer), _encode(answer), headers=headers)
        finally:
            if place is not None:
                place.leave()

    async def _ask(self, given: dict[str, Any], caller: Caller) -> Any:
        """Call the function, in the name of a caller."""
        if self._asks_ledger:
            return await self._parts.database.write(
                lambda ledger: self._function(ledger=ledger, **given),
                about=self._about(given),
                caller=caller,
            )
        if self._takes_caller:
            given["caller"] = caller
        return await self._function(**given)

    async def _answer_dry_run(
        self, given: dict[str, Any], receive: Receive, send: Send, log: RequestLog
    ) -> None:
        """Answer as without a dry run; what the function did is rolled back."""
        log.outcome = "dry_run"
        try:
            answer = await self._ask(given, Caller(receive, self._parts.deadlines, dries=True))
        except LedgerError as refusal:
            problem = problem_of(refusal)
            problem.values = {**problem.values, "dry_run": True}
            raise problem from refusal
        # Every answer is a JSON object with members.
        body = _encode(answer)[:-1] + b',"dry_run":true}'
        await send_answer(send, self._status(answer), body)

    def _status(self, answer: Any) -> int:
        return 201 if self._recorded and not answer.replayed else 200

    async def _decode(
        self, scope: Scope, receive: Receive, log: RequestLog
    ) -> tuple[dict[str, Any], bool, BodyRoom | None]:
        """Decode a request.

        Returns:
            The arguments of the function; whether it is a dry run; and the place of a large body.
        """
        dries = False
        given = dict(self._given)
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
            dries = self._writes and query.dry_run
        if self._headers is not None:
            given["headers"] = decode_headers(scope, self._headers)
        if self._decode_body is None:
            return given, dries, None
        parts = self._parts
        content, idempotency_key, place = await read_json(
            scope, receive, limit=self._limit(), room=parts.room, optional=self._optional
        )
        try:
            if place is not None:
                body = await self._decode_large(content)
            elif self._decode_many is not None:
                body = await self._decode_many(content, parts.turns)
            else:
                body = self._decode_body(content)
            log.note(body)
            if self._takes_body:
                given["body"] = body
            if self._takes_nonce:
                given["nonce"] = log.nonce = agree_on_nonce(body.nonce, idempotency_key)
        except BaseException:
            if place is not None:
                place.leave()
            raise
        return given, dries, place

    async def _decode_large(self, content: bytes) -> Any:
        turns, settings = self._parts.turns, self._parts.settings
        try:
            async with asyncio.timeout(settings.pool_timeout + settings.statement_timeout):
                if self._decode_many is not None:
                    return await self._decode_many(content, turns)
                async with turns:
                    return self._decode_body(content)  # type: ignore[misc]
        except TimeoutError as error:
            raise Problem("database_busy", "Too many large bodies are being decoded.") from error

    def _about(self, given: Mapping[str, Any]) -> tuple[str, Any] | None:
        """Say what a request locks, as far as it tells: its owner, or a nonce of the owner's."""
        field, body = self.route.about, given.get("body")
        if field is None:
            return None
        for owner in ("owner_id", "from_owner_id"):
            if (value := getattr(body, owner, None)) is not None:
                return "owner_id", value
        return field, getattr(given.get("at") or body, field)

    def _limit(self) -> int:
        most = self._parts.settings.max_body
        return most if self.route.many or most < MAX_BODY else MAX_BODY


def handlers_of(endpoints: Iterable[Endpoint]) -> list[HTTPRouteHandler]:
    """Make the handlers by which Litestar finds endpoints.

    One for each address: of several, Litestar would name only the methods of the first in the
    header Allow.

    Args:
        endpoints: The endpoints.

    Returns:
        The handlers.
    """
    addresses: dict[str, dict[Method, Endpoint]] = {}
    for endpoint in endpoints:
        addresses.setdefault(endpoint.route.path, {})[endpoint.route.method] = endpoint
    return [_handler_of(path, methods) for path, methods in addresses.items()]


def _handler_of(path: str, methods: Mapping[Method, Endpoint]) -> HTTPRouteHandler:
    async def find(request: Request[Any, Any, Any]) -> ASGIApp:
        return methods[request.method]

    # The endpoint sends the status. Litestar refuses its own default for DELETE, 204.
    return HTTPRouteHandler(
        re.sub(r"\{(\w+)\}", r"{\1:str}", path), http_method=[*methods], status_code=200
    )(find)


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
