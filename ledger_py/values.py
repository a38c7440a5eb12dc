"""Conversion of parameters for SQL, and of results from it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin

import msgspec
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper, Loader
from psycopg.pq import Format
from psycopg.types.numeric import Int4, Int8

from ledger_py.errors import InvalidRequest
from ledger_py.exact import check_numbers, decode_json, encode_json
from ledger_py.structs import EntryRequest

FOREVER: Final = "infinity"
"""No end at all, as SQL writes that time; a datetime cannot say it."""


@dataclass(frozen=True)
class SqlType:
    """The SQL type of a parameter.

    Args:
        name: The name of the type in SQL.
        adapt: Converts a value that is not None to one that the driver can send. Takes the
            parameter's name too, for the InvalidRequest that it raises.
    """

    name: str
    adapt: Callable[[str, Any], object]


# Parameters. Only values that cannot be sent are refused here: the rules are the database's.


def _adapt_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(name, "a text", value)
    if "\0" in value:
        raise InvalidRequest.of_field(name, "must not contain the NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequest.of_field(name, "must be valid Unicode") from None
    return value


def _adapt_integer(name: str, value: object) -> Int4:
    return Int4(_check_integer(name, value, bits=32))


def _adapt_bigint(name: str, value: object) -> Int8:
    # Left to itself, the driver chooses a type by size, and the server would prepare one statement
    # for each.
    return Int8(_check_integer(name, value, bits=64))


def _check_integer(name: str, value: object, *, bits: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(name, "an integer", value)
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise InvalidRequest.of_field(name, f"must fit into {bits} bits")
    return value


def _adapt_boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type(name, "a boolean", value)
    return value


def _adapt_timestamptz(name: str, value: object) -> datetime:
    if not isinstance(value, datetime):
        raise _wrong_type(name, "a datetime", value)
    if value.utcoffset() is None:
        raise InvalidRequest.of_field(name, "must have a time zone")
    return value


def _adapt_end(name: str, value: object) -> datetime | str:
    return FOREVER if value == FOREVER else _adapt_timestamptz(name, value)


def _adapt_interval(name: str, value: object) -> timedelta:
    if not isinstance(value, timedelta):
        raise _wrong_type(name, "a timedelta", value)
    return value


def _adapt_jsonb(name: str, value: object) -> str:
    if isinstance(value, msgspec.Raw):  # JSON already
        return _check_json(name, bytes(value))
    return _encode_json(name, value)


class _EncodedJson(msgspec.Struct, frozen=True):
    """JSON that is sent as it is; as a text, it would be in memory twice more."""

    text: bytes


class _EncodedJsonDumper(Dumper):
    oid = psycopg.adapters.types["jsonb"].oid

    def dump(self, obj: _EncodedJson) -> bytes:
        return obj.text


def json_bytes(adapted: object) -> bytes:
    """Return the JSON of what `Entries` are adapted to."""
    return adapted.text if isinstance(adapted, _EncodedJson) else str(adapted).encode()


def json_parameter(text: bytes) -> object:
    """Return what the driver sends as jsonb."""
    return _EncodedJson(text)


def _adapt_entries(name: str, entries: Any) -> str | _EncodedJson:
    """Encode the items of a batch as a JSON array.

    A refused item's position, counted from 1, is in the detail of the InvalidRequest.
    """
    if isinstance(entries, bytes):
        _check_json(name, entries)
        return _EncodedJson(entries)
    items = list(entries)
    try:
        return _encode_json(name, items)
    except InvalidRequest:
        for position, item in enumerate(items, start=1):
            try:
                _encode_json(name, item)
            except InvalidRequest as refusal:
                refusal.detail["position"] = position
                raise
        raise


def _encode_json(name: str, value: object) -> str:
    try:
        encoded = encode_json(value)
        check_numbers(value, encoded)
    except UnicodeEncodeError:
        raise InvalidRequest.of_field(name, "must be valid Unicode") from None
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidRequest.of_field(name, f"cannot be written as JSON: {exc}") from exc
    return _check_json(name, encoded)


def _check_json(name: str, encoded: bytes) -> str:
    # The encoders write NUL as \u0000 and double every backslash: without the doubled ones, only
    # a NUL is left.
    if b"\\u0000" in encoded and b"\\u0000" in encoded.replace(b"\\\\", b""):
        raise InvalidRequest.of_field(name, "must not contain the NUL character")
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        raise InvalidRequest.of_field(name, "must be encoded as UTF-8") from None


def _wrong_type(name: str, expected: str, value: object) -> InvalidRequest:
    return InvalidRequest.of_field(name, f"must be {expected}, not {type(value).__name__}")


_TEXT: Final = SqlType("text", _adapt_text)
_INTEGER: Final = SqlType("integer", _adapt_integer)
_BIGINT: Final = SqlType("bigint", _adapt_bigint)
_BOOLEAN: Final = SqlType("boolean", _adapt_boolean)
_JSONB: Final = SqlType("jsonb", _adapt_jsonb)
_TIMESTAMPTZ: Final = SqlType("timestamptz", _adapt_timestamptz)
_INTERVAL: Final = SqlType("interval", _adapt_interval)

# A bool is an int too, so it comes first.
_SQL_TYPES: Final[tuple[tuple[type, SqlType], ...]] = (
    (bool, _BOOLEAN),
    (int, _BIGINT),
    (str, _TEXT),
    (datetime, _TIMESTAMPTZ),
    (timedelta, _INTERVAL),
    (Mapping, _JSONB),
)

Int32: TypeAlias = Annotated[int, _INTEGER]
"""An integer of 32 bits; a plain ``int`` has 64."""

EndTime: TypeAlias = Annotated[datetime | Literal["infinity"], SqlType("timestamptz", _adapt_end)]
"""A time, or ``"infinity"``: no end at all."""

Entries: TypeAlias = Annotated[
    bytes | Iterable[EntryRequest | Mapping[str, Any]], SqlType("jsonb", _adapt_entries)
]
"""The items of a batch, or the JSON array of them."""

Claims: TypeAlias = Annotated[Iterable[Mapping[str, Any]], SqlType("jsonb", _adapt_entries)]
"""The items of a call about reservations of claim subjects."""


def sql_type_of(annotation: Any) -> SqlType:
    """Find the SQL type of a parameter by its annotation in Python.

    Args:
        annotation: A type, optional or not, or one of the aliases of this module.

    Returns:
        The SQL type; for a union, that of its first member.

    Raises:
        TypeError: No SQL type stands for the annotation.
    """
    origin = get_origin(annotation)
    if origin is Annotated:
        (sql_type,) = annotation.__metadata__
        return sql_type if isinstance(sql_type, SqlType) else sql_type_of(annotation.__origin__)
    if origin in (Union, UnionType):
        return sql_type_of(get_args(annotation)[0])
    python_type = type(get_args(annotation)[0]) if origin is Literal else origin or annotation
    for candidate, sql_type in _SQL_TYPES:
        if issubclass(python_type, candidate):
            return sql_type
    raise TypeError(f"no SQL type stands for {annotation}")


# Results, in the binary format: no setting of the session (time zone, date style) affects it.


class _UtcLoader(Loader):
    """Load microseconds since the year 2000 as an aware datetime in UTC."""

    format = Format.BINARY
    _EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
    _unpack = struct.Struct("!q").unpack
    _microseconds: int | None = None
    _time: datetime

    def load(self, data: Buffer) -> datetime:
        (microseconds,) = self._unpack(data)
        # Nearly all entries of a batch have the same time.
        if microseconds != self._microseconds:
            self._time = self._EPOCH + timedelta(microseconds=microseconds)
            self._microseconds = microseconds
        return self._time


class _JsonbLoader(Loader):
    """Load JSON that follows a byte with the version of the format."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Any:
        return decode_json(memoryview(data)[1:])


class _IsoDurationLoader(Loader):
    """Load an interval as an ISO 8601 duration: a timedelta cannot tell a month from 30 days."""

    format = Format.BINARY
    _unpack = struct.Struct("!qii").unpack

    def load(self, data: Buffer) -> str:
        microseconds, days, months = self._unpack(data)
        hours, microseconds = divmod(microseconds, 3_600_000_000)
        minutes, microseconds = divmod(microseconds, 60_000_000)
        seconds = f"{Decimal(microseconds).scaleb(-6).normalize():f}"
        date = _duration_parts(Y=months // 12, M=months % 12, D=days)
        time = _duration_parts(H=hours, M=minutes, S=seconds)
        return f"P{date}T{time}" if time else f"P{date or '0D'}"


def _duration_parts(**parts: int | str) -> str:
    return "".join(f"{number}{unit}" for unit, number in parts.items() if number not in (0, "0"))


def _ledger_adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_dumper(_EncodedJson, _EncodedJsonDumper)
    adapters.register_loader("timestamptz", _UtcLoader)
    adapters.register_loader("jsonb", _JsonbLoader)
    adapters.register_loader("interval", _IsoDurationLoader)
    return adapters


ADAPTERS = _ledger_adapters()
"""The client's own adapters, independent of those registered on a connection."""
