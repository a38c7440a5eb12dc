"""How Python values become parameters of SQL, and how values of SQL become Python's."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.pq import Format
from psycopg.types.numeric import Int4, Int8

from ledger_py.errors import InvalidRequest

__all__ = ("ADAPTERS", "SqlType", "adapt", "encode_json")


class SqlType(StrEnum):
    """The types of parameters; each value is the name of the type in SQL."""

    TEXT = "text"
    INTEGER = "integer"
    BIGINT = "bigint"
    BOOLEAN = "boolean"
    JSONB = "jsonb"
    TIMESTAMPTZ = "timestamptz"
    INTERVAL = "interval"


# What goes in. Refused here is only what could not be sent as it is: the rules are the database's.


def adapt(sql_type: SqlType, name: str, value: object) -> object:
    """Turn a value into what the driver sends as a parameter of an SQL type.

    Args:
        sql_type: The parameter's type.
        name: The parameter's name, for the refusal.
        value: The value; None stands for null.

    Returns:
        The value, wrapped or encoded as the type asks.

    Raises:
        InvalidRequest: When the value cannot be sent as this type; the detail names the field.
    """
    return None if value is None else _ADAPT[sql_type](name, value)


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
    # The wrapper keeps the type the same for all values: by itself the driver would choose one by
    # size, and the server would prepare the same statement once for each.
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


def _adapt_interval(name: str, value: object) -> timedelta:
    if not isinstance(value, timedelta):
        raise _wrong_type(name, "a timedelta", value)
    return value


def _adapt_jsonb(name: str, value: object) -> str:
    if isinstance(value, msgspec.Raw):  # JSON already
        return _check_json(name, bytes(value))
    return encode_json(name, value)


def encode_json(name: str, value: object) -> str:
    """Write a value as JSON that the database can store.

    Args:
        name: The value's name, for the refusal.
        value: The value.

    Returns:
        The JSON.

    Raises:
        InvalidRequest: When JSON or the database cannot hold the value; the detail names the field.
    """
    try:
        encoded = _encode_fast(value)
        if b"null" in encoded:
            # It may be msgspec's word for a NaN or an infinity, which this encoder refuses.
            encoded = _encode_strictly(value).encode()
    except UnicodeEncodeError:
        raise InvalidRequest.of_field(name, "must be valid Unicode") from None
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidRequest.of_field(name, f"cannot be written as JSON: {exc}") from exc
    return _check_json(name, encoded)


def _plain_mapping(value: object) -> dict[object, object]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"an object of type {type(value).__name__}")


def _plain_value(value: object) -> object:
    return msgspec.to_builtins(value, enc_hook=_plain_mapping)


_encode_fast = msgspec.json.Encoder(enc_hook=_plain_mapping).encode
_encode_strictly = json.JSONEncoder(
    allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_plain_value
).encode


def _check_json(name: str, encoded: bytes) -> str:
    # The encoders write NUL as \u0000, and a backslash as two: without these, only NUL is left.
    if b"\\u0000" in encoded and b"\\u0000" in encoded.replace(b"\\\\", b""):
        raise InvalidRequest.of_field(name, "must not contain the NUL character")
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        raise InvalidRequest.of_field(name, "must be encoded as UTF-8") from None


def _wrong_type(name: str, expected: str, value: object) -> InvalidRequest:
    return InvalidRequest.of_field(name, f"must be {expected}, not {type(value).__name__}")


_ADAPT: Mapping[SqlType, Callable[[str, object], object]] = {
    SqlType.TEXT: _adapt_text,
    SqlType.INTEGER: _adapt_integer,
    SqlType.BIGINT: _adapt_bigint,
    SqlType.BOOLEAN: _adapt_boolean,
    SqlType.JSONB: _adapt_jsonb,
    SqlType.TIMESTAMPTZ: _adapt_timestamptz,
    SqlType.INTERVAL: _adapt_interval,
}


# What comes out. Results are asked for in the binary format, which no setting of the session
# (time zone, styles of dates and intervals) alters.


class _UtcLoader(Loader):
    """Microseconds since the year 2000, read as an aware datetime in UTC."""

    format = Format.BINARY
    _EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
    _unpack = struct.Struct("!q").unpack
    _microseconds: int | None = None
    _time: datetime

    def load(self, data: Buffer) -> datetime:
        (microseconds,) = self._unpack(data)
        # The entries of a batch have nearly all the same time.
        if microseconds != self._microseconds:
            self._time = self._EPOCH + timedelta(microseconds=microseconds)
            self._microseconds = microseconds
        return self._time


class _JsonbLoader(Loader):
    """JSON after a byte that numbers the version of the format."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Any:
        text = memoryview(data)[1:]
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            # It holds a number that neither int nor float can take.
            return json.loads(bytes(text), parse_int=Decimal, parse_float=Decimal)


class _IsoDurationLoader(Loader):
    """An interval as an ISO 8601 duration: a timedelta cannot tell a month from 30 days."""

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
    adapters.register_loader("timestamptz", _UtcLoader)
    adapters.register_loader("jsonb", _JsonbLoader)
    adapters.register_loader("interval", _IsoDurationLoader)
    return adapters


ADAPTERS = _ledger_adapters()
"""How values are read and written, whatever a connection has registered for itself."""
