"""Reading requests: bodies as bytes; nonce, path, query and header fields as structs."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from ledger_py.fields import Key
from ledger_py.http.callers import ClientGone
from ledger_py.http.decode_errors import problem_of_validation, shortened
from ledger_py.http.problems import Problem
from ledger_py.http.room import SMALL_BODY, BodyRoom, Room

if TYPE_CHECKING:
    from litestar.types import Receive, Scope

__all__ = (
    "agree_on_nonce",
    "decode_headers",
    "decode_path",
    "decode_query",
    "read_json",
)

StructT = TypeVar("StructT", bound=msgspec.Struct)


_BLANKS: Final = b" \t"


# Bodies


async def read_json(
    scope: Scope, receive: Receive, *, limit: int, room: Room, optional: bool = False
) -> tuple[bytes, bytes | None, BodyRoom | None]:
    """Read the body of a request that must be JSON.

    Args:
        scope: The ASGI scope of the request.
        receive: The ASGI channel of the request.
        limit: The most bytes to read.
        room: The room for large bodies.
        optional: The body may be empty, and then needs no Content-Type. One that is given must be
            JSON all the same: browsers ask before they send that to another site.

    Returns:
        The body, an empty object if there is none; the header Idempotency-Key as it was sent or
        None; and the place of a large body, to be left once the request is answered.

    Raises:
        Problem: The Content-Type is not JSON, the body is compressed, it is too large, or there is
            no room for it.
        ClientGone: The client disconnected.
    """
    headers = _BodyHeaders(scope)
    if not optional:
        headers.require_json()
    if headers.content_length is not None and headers.content_length > limit:
        raise _too_large(limit)
    body, place = await _read_body(receive, headers.content_length, limit, room)
    if optional and place is None:
        if body or headers.content_type:
            headers.require_json()
        if not body:
            return b"{}", headers.idempotency_key, None
    return body, headers.idempotency_key, place


class _BodyHeaders:
    """The header fields that matter to a body, found in one pass.

    Raises:
        Problem: Idempotency-Key is given twice.
    """

    __slots__ = ("content_encoding", "content_length", "content_type", "idempotency_key")

    def __init__(self, scope: Scope) -> None:
        self.content_type = b""
        self.content_encoding = b""
        self.content_length: int | None = None
        self.idempotency_key: bytes | None = None
        # A generator such as header_fields would be slower, and every entry comes this way.
        for name, value in scope["headers"]:
            if name == b"content-type":
                self.content_type = value.partition(b";")[0].strip().lower()
            elif name == b"content-length":
                value = value.strip(_BLANKS)
                self.content_length = int(value) if value.isdigit() else None
            elif name == b"content-encoding":
                self.content_encoding = value.strip().lower()
            elif name == b"idempotency-key":
                if self.idempotency_key is not None:
                    raise Problem.of_field("Idempotency-Key", "is given twice")
                self.idempotency_key = value.strip(_BLANKS)

    def require_json(self) -> None:
        if self.content_type != b"application/json":
            raise _unsupported("Content-Type", "application/json")
        if self.content_encoding not in (b"", b"identity"):
            raise _unsupported("Content-Encoding", "identity")


def header_fields(scope: Scope) -> Iterator[tuple[bytes, bytes]]:
    """Give the header fields of a request, without white space around the values (RFC 9110, 5.5).

    Servers may leave it there: a nonce with a blank at its end would be another nonce.
    """
    for name, value in scope["headers"]:
        yield name, value.strip(_BLANKS)


def _unsupported(field: str, expected: str) -> Problem:
    return Problem(
        "unsupported_media_type", f"{field}: must be {expected}", values={"field": field}
    )


async def _read_body(
    receive: Receive, announced: int | None, limit: int, room: Room
) -> tuple[bytes, BodyRoom | None]:
    pieces: list[bytes] = []
    size = 0
    place: BodyRoom | None = None
    try:
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise ClientGone
            # Servers may leave out what is empty or false.
            piece = message.get("body", b"")
            more = message.get("more_body", False)
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            if not more and size <= SMALL_BODY and not pieces:
                return piece, None
            pieces.append(piece)
            if size > SMALL_BODY:
                if place is None:
                    place = BodyRoom(room, limit if announced is None else announced)
                await place.take(len(piece) if place.taken else size)
            if not more:
                if place is not None:
                    place.complete()
                return b"".join(pieces), place
    except BaseException:
        if place is not None:
            place.leave()
        raise


def _too_large(limit: int) -> Problem:
    # A caller who asked before sending the body (Expect: 100-continue) does not send it now, so the
    # next request would be taken for it.
    return Problem(
        "body_too_large",
        f"The body must be at most {limit} bytes.",
        values={"limit": limit},
        headers=[("connection", "close")],
    )


def agree_on_nonce(in_body: str | None, in_header: bytes | None) -> str:
    """Get the nonce of a request from its body or its header Idempotency-Key.

    Args:
        in_body: The field ``nonce``.
        in_header: The value of the header as it was sent.

    Returns:
        The nonce.

    Raises:
        Problem: Both are missing, they differ, or the header's value cannot be a nonce.
    """
    if in_header is None:
        if in_body is None:
            raise Problem.of_field("nonce", "is required (or the header Idempotency-Key)")
        return in_body
    try:
        key: str = msgspec.convert(in_header.decode(), Key)
    except UnicodeDecodeError as error:
        raise Problem.of_field("Idempotency-Key", "must be encoded as UTF-8") from error
    except msgspec.ValidationError as error:
        raise problem_of_validation(error, Key, whole="Idempotency-Key") from error
    if in_body is not None and in_body != key:
        raise Problem.of_field("nonce", "differs from the header Idempotency-Key")
    return key


# Addresses and header fields


def decode_path(segments: Mapping[str, str], type_: type[StructT]) -> StructT:
    """Decode the parameters in the path of a request.

    Args:
        segments: The segments of the path by name, as they were sent, percent-encoded.
        type_: The struct of the parameters.

    Raises:
        Problem: A segment is not UTF-8, or not acceptable.
    """
    texts = {}
    for name, segment in segments.items():
        try:
            texts[name] = unquote_to_bytes(segment).decode()
        except UnicodeDecodeError as error:
            raise Problem.of_field(name, "must be encoded as UTF-8") from error
    return _convert(texts, type_, whole="path")


def decode_query(query: bytes, type_: type[StructT]) -> StructT:
    """Decode the query parameters of a request.

    Args:
        query: The query as it was sent.
        type_: The struct of its parameters.

    Raises:
        Problem: A parameter is unknown, given twice, or not acceptable.
    """
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise Problem.of_field("query", "must be encoded as UTF-8") from error
    parameters: dict[str, str | int | bool] = {}
    for name, value in pairs:
        if name in parameters:
            raise Problem.of_field(shortened(name), "is given twice")
        parameters[name] = value
        if name in _fields_of(type_, msgspec.inspect.IntType) and _INTEGER.fullmatch(value):
            parameters[name] = int(value)
        elif name in _fields_of(type_, msgspec.inspect.BoolType) and value in _BOOLEANS:
            parameters[name] = _BOOLEANS[value]
    return _convert(parameters, type_, whole="query")


# At most as many digits as always fit into 64 bits.
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


_BOOLEANS: Final = {"true": True, "false": False}


@functools.cache
def _fields_of(type_: type[msgspec.Struct], wanted: type[msgspec.inspect.Type]) -> frozenset[str]:
    """List the parameters of a type that is none of text; in a query they are text."""
    info = msgspec.inspect.type_info(type_)
    assert isinstance(info, msgspec.inspect.StructType)
    types = {
        field.name: field.type.type
        if isinstance(field.type, msgspec.inspect.Metadata)
        else field.type
        for field in info.fields
    }
    return frozenset(name for name, type_ in types.items() if isinstance(type_, wanted))


def decode_headers(scope: Scope, type_: type[StructT]) -> StructT:
    """Decode header fields of a request.

    Args:
        scope: The ASGI scope of the request.
        type_: The struct of the header fields.
    """
    wanted = {name.lower().encode(): name for name in type_.__struct_encode_fields__}
    values = {
        wanted[name]: value.decode("latin-1")
        for name, value in header_fields(scope)
        if name in wanted
    }
    return _convert(values, type_, whole="headers")


def _convert(values: Mapping[str, Any], type_: type[StructT], *, whole: str) -> StructT:
    try:
        return msgspec.convert(values, type_)
    except msgspec.ValidationError as error:
        raise problem_of_validation(error, type_, whole=whole) from error
