"""Strict decoding of requests: from ASGI messages to structs, or to a problem."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from ledger_py.calls import SqlFunction
from ledger_py.client_async import AsyncLedger
from ledger_py.errors import InvalidRequest
from ledger_py.exact import exact_decimal
from ledger_py.fields import Key
from ledger_py.http.decode_errors import problem_of_syntax, problem_of_validation, shortened
from ledger_py.http.members import count_members, may_repeat, repeated_at_top, repeated_in_body
from ledger_py.http.problems import Problem, problem_of
from ledger_py.http.schemas import MAX_BATCH, BatchRequest, RecordRequest, RequestedOperation

if TYPE_CHECKING:
    from litestar.types import Receive, Scope

__all__ = (
    "MAX_BODY",
    "Batch",
    "ClientGone",
    "agree_on_nonce",
    "body_decoder",
    "decode_batch",
    "decode_headers",
    "decode_path",
    "decode_query",
    "read_json",
)

StructT = TypeVar("StructT", bound=msgspec.Struct)


_BLANKS: Final = b" \t"

MAX_BODY: Final = 1024 * 1024
"""The most bytes of a body, unless it holds many entries: far more than the fields and 16 KiB of
metadata need. The settings may allow less."""


class ClientGone(Exception):
    """The client disconnected before the request was complete."""


# Bodies: bytes


async def read_json(
    scope: Scope, receive: Receive, *, limit: int, optional: bool = False
) -> tuple[bytes, bytes | None]:
    """Read the body of a request that must be JSON.

    Args:
        scope: The ASGI scope of the request.
        receive: The ASGI channel of the request.
        limit: The most bytes to read.
        optional: The body may be empty, and then needs no Content-Type. One that is given must be
            JSON all the same: browsers ask before they send that to another site.

    Returns:
        The body, an empty object if there is none, and the header Idempotency-Key as it was sent or
        None.

    Raises:
        Problem: The Content-Type is not JSON, the body is compressed, or it is too large.
        ClientGone: The client disconnected.
    """
    headers = _BodyHeaders(scope)
    if not optional:
        headers.require_json()
    body = await _read_body(receive, announced=headers.content_length, limit=limit)
    if optional:
        if body or headers.content_type:
            headers.require_json()
        if not body:
            return b"{}", headers.idempotency_key
    return body, headers.idempotency_key


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


async def _read_body(receive: Receive, *, announced: int | None, limit: int) -> bytes:
    if announced is not None and announced > limit:
        raise _too_large(limit)
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        # Servers may leave out what is empty or false.
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return body


def _too_large(limit: int) -> Problem:
    return Problem(
        "body_too_large", f"The body must be at most {limit} bytes.", values={"limit": limit}
    )


# Bodies: structs


def body_decoder(type_: type[StructT]) -> Callable[[bytes], StructT]:
    """Make the function that decodes a body of JSON.

    Args:
        type_: The struct of its fields.

    Returns:
        The function, which raises a Problem if the body is not JSON or a field is not acceptable.
    """
    decoder = msgspec.json.Decoder(type_, float_hook=exact_decimal)
    return functools.partial(_decode_once, decoder)


def _decode_once(
    decoder: msgspec.json.Decoder[StructT], body: bytes, *, whole: str = "body"
) -> StructT:
    decoded = _decode(decoder, body, whole=whole)
    if may_repeat(body, count_members(decoded)) and (problem := repeated_in_body(body)):
        raise problem
    return decoded


def _decode(
    decoder: msgspec.json.Decoder[StructT],
    body: bytes,
    *,
    whole: str = "body",
    nested: str = "metadata",
) -> StructT:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise problem_of_validation(error, whole=whole) from error
    except RecursionError as error:
        raise Problem.of_field(nested, "is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise problem_of_syntax(body, error) from error


class _UnreadBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch whose entries are not decoded yet."""

    entries: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_BATCH)]
    atomic: bool = False


_RECORD_REQUEST: Final = msgspec.json.Decoder(
    RecordRequest[RequestedOperation], float_hook=exact_decimal
)
_BATCH: Final = msgspec.json.Decoder(BatchRequest[RequestedOperation], float_hook=exact_decimal)
_UNREAD_BATCH: Final = msgspec.json.Decoder(_UnreadBatch)


class Batch(NamedTuple):
    """A batch as it was decoded.

    Attributes:
        entries: For each entry the request, which has its nonce and can be sent to the database, or
            the problem with it.
        atomic: True to record all or none.
    """

    entries: list[RecordRequest[str] | Problem]
    atomic: bool


def decode_batch(body: bytes) -> Batch:
    """Decode the body of a request to record a batch.

    Args:
        body: The bytes of the body.

    Raises:
        Problem: The body is not JSON, or something other than an entry is not acceptable.
    """
    entries: list[RecordRequest[str] | Problem]
    try:
        batch = _BATCH.decode(body)
        entries, atomic = list(batch.entries), batch.atomic
        if may_repeat(body, 1 + atomic + sum(map(count_members, batch.entries))):
            entries, atomic = _decode_one_by_one(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Problem):
        # An entry is at fault, or the batch: each entry is decoded by itself to tell.
        entries, atomic = _decode_one_by_one(body)
    has_nul = b"\\u0000" in body
    for position, entry in enumerate(entries):
        if isinstance(entry, RecordRequest):
            try:
                agree_on_nonce(entry.nonce, None)
                if has_nul:
                    SqlFunction.of(AsyncLedger.record_entry).adapt(msgspec.structs.asdict(entry))
            except Problem as problem:
                entries[position] = problem
            except InvalidRequest as refusal:
                # The database would refuse the whole batch because of it.
                entries[position] = problem_of(refusal)
    return Batch(entries, atomic)


def _decode_one_by_one(body: bytes) -> tuple[list[RecordRequest[str] | Problem], bool]:
    batch = _decode(_UNREAD_BATCH, body, nested="entries")
    entries = [bytes(entry) for entry in batch.entries]
    # What is left are the colons of the batch itself, whose members have no texts.
    colons = body.count(b":") - sum(entry.count(b":") for entry in entries)
    if colons != 1 + batch.atomic and (problem := repeated_at_top(body)):
        raise problem
    return [_decode_entry(entry) for entry in entries], batch.atomic


def _decode_entry(body: bytes) -> RecordRequest[str] | Problem:
    try:
        return _decode_once(_RECORD_REQUEST, body, whole="entry")
    except Problem as problem:
        return problem


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
        raise problem_of_validation(error, whole="Idempotency-Key") from error
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
    parameters: dict[str, str | int] = {}
    for name, value in pairs:
        if name in parameters:
            raise Problem.of_field(shortened(name), "is given twice")
        is_integer = name in _integer_fields(type_) and _INTEGER.fullmatch(value)
        parameters[name] = int(value) if is_integer else value
    return _convert(parameters, type_, whole="query")


# At most as many digits as always fit into 64 bits.
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


@functools.cache
def _integer_fields(type_: type[msgspec.Struct]) -> frozenset[str]:
    """List the parameters that are integers; in a query they are text."""
    info = msgspec.inspect.type_info(type_)
    assert isinstance(info, msgspec.inspect.StructType)
    types = {
        field.name: field.type.type
        if isinstance(field.type, msgspec.inspect.Metadata)
        else field.type
        for field in info.fields
    }
    return frozenset(
        name for name, type_ in types.items() if isinstance(type_, msgspec.inspect.IntType)
    )


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
        raise problem_of_validation(error, whole=whole) from error
