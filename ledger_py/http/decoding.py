"""From bytes to structs, strictly: what is not as documented is a problem that names its field.

msgspec decodes; this module gives its refusals a field and words that do not speak of Python.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec

from ledger_py.calls import SqlFunction
from ledger_py.client_async import AsyncLedger
from ledger_py.errors import InvalidRequest
from ledger_py.http.problems import Problem, problem_of
from ledger_py.http.schemas import (
    MAX_BATCH,
    BatchRequest,
    Key,
    RecordRequest,
    RequestedOperation,
)

__all__ = (
    "agree_on_nonce",
    "decode_batch",
    "decode_body",
    "decode_query",
    "decode_record_request",
    "decode_segments",
)

StructT = TypeVar("StructT", bound=msgspec.Struct)


class _UnreadBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch whose entries are not looked at."""

    entries: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_BATCH)]
    atomic: bool = False


_RECORD_REQUEST: Final = msgspec.json.Decoder(RecordRequest[RequestedOperation])
_BATCH: Final = msgspec.json.Decoder(BatchRequest[RequestedOperation])
_UNREAD_BATCH: Final = msgspec.json.Decoder(_UnreadBatch)

_LAST_YEAR: Final = 9998
"""Times later than this pass the end of Python's calendar in some time zone."""


def decode_record_request(body: bytes) -> RecordRequest[str]:
    """Decode the body of a request to record an entry.

    Args:
        body: The bytes of the body.

    Returns:
        The request, with every field of its type and within its bounds.

    Raises:
        Problem: The body is not JSON, or a field is not acceptable.
    """
    request = _decode(body, _RECORD_REQUEST)
    _check_time(request)
    return request


def _check_time(request: RecordRequest[str]) -> None:
    if request.expires_at is not None and request.expires_at.year > _LAST_YEAR:
        raise Problem.of_field("expires_at", f"must not be later than the year {_LAST_YEAR}")


def decode_batch(body: bytes) -> tuple[list[RecordRequest[str] | Problem], bool]:
    """Decode the body of a request to record a batch.

    Args:
        body: The bytes of the body.

    Returns:
        For each entry the request, which says its nonce and can be sent, or the problem with it;
        and whether the batch is atomic.

    Raises:
        Problem: The body is not JSON, or something other than an entry is not acceptable.
    """
    entries: list[RecordRequest[str] | Problem]
    try:
        batch = _BATCH.decode(body)
        entries, atomic = list(batch.entries), batch.atomic
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Some entry is at fault, or the whole.
        unread = _decode(body, _UNREAD_BATCH, nested="entries")
        entries, atomic = [_decode_entry(bytes(entry)) for entry in unread.entries], unread.atomic
    has_nul = b"\\u0000" in body
    for position, entry in enumerate(entries):
        if isinstance(entry, RecordRequest):
            try:
                _check_time(entry)
                agree_on_nonce(entry.nonce, None)
                if has_nul:
                    SqlFunction.of(AsyncLedger.record_entry).adapt(msgspec.structs.asdict(entry))
            except Problem as problem:
                entries[position] = problem
            except InvalidRequest as refusal:
                # One entry that cannot be sent would keep all of them from being read.
                entries[position] = problem_of(refusal)
    return entries, atomic


def _decode_entry(body: bytes) -> RecordRequest[str] | Problem:
    try:
        return _decode(body, _RECORD_REQUEST, whole="entry")
    except Problem as problem:
        return problem


def decode_body(body: bytes, type_: type[StructT]) -> StructT:
    """Decode the body of a request.

    Args:
        body: The bytes of the body.
        type_: The struct of its fields.

    Raises:
        Problem: The body is not JSON, or a field is not acceptable.
    """
    decoder: msgspec.json.Decoder[StructT] = _decoder(type_)
    return _decode(body, decoder)


@functools.cache
def _decoder(type_: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type_)


def _decode(
    body: bytes,
    decoder: msgspec.json.Decoder[StructT],
    *,
    whole: str = "body",
    nested: str = "metadata",
) -> StructT:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _problem_of_validation(error, whole=whole) from error
    except RecursionError as error:
        raise Problem.of_field(nested, "is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _problem_of_syntax(body, error) from error


def agree_on_nonce(in_body: str | None, in_header: bytes | None) -> str:
    """Find the nonce of a request, which its body or its header Idempotency-Key may say.

    Args:
        in_body: The field ``nonce``.
        in_header: The value of the header as it was sent.

    Returns:
        The nonce.

    Raises:
        Problem: Neither says it, they differ, or the header's value cannot be a nonce.
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
        raise _problem_of_validation(error, whole="Idempotency-Key") from error
    if in_body is not None and in_body != key:
        raise Problem.of_field("nonce", "differs from the header Idempotency-Key")
    return key


def decode_segments(segments: Mapping[str, str], type_: type[StructT]) -> StructT:
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
            raise Problem.of_field(_shown(name), "is given twice")
        is_integer = name in _integer_fields(type_) and _INTEGER.fullmatch(value)
        parameters[name] = int(value) if is_integer else value
    return _convert(parameters, type_, whole="query")


# As many digits as certainly fit into 64 bits.
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


@functools.cache
def _integer_fields(type_: type[msgspec.Struct]) -> frozenset[str]:
    """Find the parameters that are integers, which an address can hold only as digits."""
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


def _convert(values: Mapping[str, Any], type_: type[StructT], *, whole: str) -> StructT:
    try:
        return msgspec.convert(values, type_)
    except msgspec.ValidationError as error:
        raise _problem_of_validation(error, whole=whole) from error


_MISSING = re.compile(r"Object missing required field `(\w+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_AT_FIELD = re.compile(r"(?P<reason>.*) - at `\$\.(?P<field>\w+).*`", re.DOTALL)

_WORDS: Final = {
    "array": "an array",
    "bool": "a boolean",
    "datetime": "a time",
    "float": "a number with a fraction or an exponent",
    "int": "an integer",
    "null": "null",
    "object": "an object",
    "str": "a string",
}

_REASONS: Final = (
    (re.compile(r"Expected `str` of length <= (\d+)"), r"must have at most \1 characters"),
    (re.compile(r"Expected `str` of length >= 1"), "must not be empty"),
    (re.compile(r"Expected `array` of length <= (\d+)"), r"must have at most \1 items"),
    (re.compile(r"Invalid enum value .*"), "is not one of the values that there are"),
    (re.compile(r"Expected `str` matching regex .*"), "is not a value that the service gave"),
    (re.compile(r"Expected `int` <= (-?\d+)"), r"must be at most \1"),
    (re.compile(r"Expected `int` >= (-?\d+)"), r"must be at least \1"),
    (re.compile(r"Expected `datetime` with a timezone component"), "must have a time zone"),
    (re.compile(r"Invalid RFC3339 .*"), "must be a time such as 2030-01-01T00:00:00Z"),
    (re.compile(r"(Integer value|Number) out of range"), "holds a number that is out of range"),
)

_WRONG_TYPE = re.compile(r"Expected `(\w+)(?: \| null)?`, got `(\w+)`")


def _problem_of_validation(error: msgspec.ValidationError, *, whole: str) -> Problem:
    """Read the field and the reason out of msgspec's message, the only place that has them."""
    message = str(error)
    if missing := _MISSING.fullmatch(message):
        return Problem.of_field(missing[1], "is required")
    if unknown := _UNKNOWN.fullmatch(message):
        return Problem.of_field(_shown(unknown[1]), "is not known here")
    if at_field := _AT_FIELD.fullmatch(message):
        return Problem.of_field(at_field["field"], _reason(at_field["reason"]))
    return Problem.of_field(whole, _reason(message))


def _reason(message: str) -> str:
    if wrong_type := _WRONG_TYPE.fullmatch(message):
        expected, found = (_WORDS.get(name, name) for name in wrong_type.groups())
        return f"must be {expected}, not {found}"
    for pattern, reason in _REASONS:
        if match := pattern.fullmatch(message):
            return match.expand(reason)
    return message


def _shown(name: str) -> str:
    """Shorten a name that the caller made up."""
    return name if len(name) <= 64 else f"{name[:64]}…"


def _problem_of_syntax(body: bytes, error: Exception) -> Problem:
    """Find out what msgspec stumbled over; it cannot say so for what only Python's reader takes."""
    try:
        members = json.loads(body.decode(), parse_constant=_NotJson)
    except UnicodeDecodeError:
        return Problem("malformed_json", "The body is not encoded as UTF-8.")
    except (ValueError, RecursionError):
        members = None
    if isinstance(members, dict):
        for field, value in members.items():
            if _is_broken(field):
                return Problem("malformed_json", "The name of a field holds half a character.")
            if _is_broken(value):
                return Problem.of_field(
                    field, "holds half a character (a lone surrogate), NaN or Infinity"
                )
    return Problem("malformed_json", str(error) if body else "The body is empty.")


class _NotJson(str):
    """What Python's reader takes for a number, and JSON does not."""

    __slots__ = ()


def _is_broken(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_is_broken(key) or _is_broken(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_is_broken, value))
    if isinstance(value, _NotJson):
        return True
    return isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value)
