"""JSON with exact numbers: no digit is lost on the way in or out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec
from psycopg.abc import Buffer

__all__ = ("check_numbers", "decode_json", "encode_json", "exact_decimal")

_MOST_DIGITS: Final = 16_384
"""The most digits before or after the point of a number that fits into metadata."""


def exact_decimal(text: str) -> Decimal:
    """Read a number of JSON that has a fraction or an exponent.

    Args:
        text: The number.

    Returns:
        The number, with the digits that it was given.

    Raises:
        ValueError: It has more digits than metadata may have bytes.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:  # its exponent is beyond those of decimals
        raise ValueError("Number out of range") from None
    if not _fits(number):
        raise ValueError("Number out of range")
    return number


def _fits(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return (
        isinstance(exponent, int) and exponent > -_MOST_DIGITS and number.adjusted() <= _MOST_DIGITS
    )


def _exact_number(text: str) -> float | Decimal:
    """Read a number as a float if that has the same digits, and as a Decimal otherwise."""
    number = float(text)
    if repr(number) == text:
        return number
    exact = Decimal(text)
    # The same digits may be written in two ways: 1e-07 and 0.0000001.
    return number if Decimal(repr(number)).as_tuple() == exact.as_tuple() else exact


_decode: Final = msgspec.json.Decoder(float_hook=_exact_number).decode


def decode_json(text: Buffer) -> Any:
    """Decode JSON of PostgreSQL, which never writes an exponent.

    Args:
        text: The JSON.

    Returns:
        Its value. Whole numbers are ints, or Decimals from 4 301 digits on, which Python refuses to
        print as ints. Other numbers are floats if a float has the very digits, and Decimals
        otherwise.
    """
    try:
        return _decode(text)
    except msgspec.ValidationError:
        return json.loads(bytes(text), parse_int=_exact_integer, parse_float=_exact_number)


def _exact_integer(text: str) -> int | Decimal:
    try:
        return int(text)
    except ValueError:
        return Decimal(text)


def _plain_mapping(value: object) -> dict[object, object]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"an object of type {type(value).__name__}")


def _checked(value: object) -> object:
    """Convert what Python's encoder does not know, and check decimals on the way."""
    if isinstance(value, Decimal):
        if not _fits(value):
            raise ValueError(f"{value} is out of range")
        return None
    return msgspec.to_builtins(value, builtin_types=(Decimal,), enc_hook=_plain_mapping)


encode_json: Final = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain_mapping).encode
"""Encode a value as JSON. Decimals become numbers; mappings of every kind become objects."""

_refuse_strictly: Final = json.JSONEncoder(allow_nan=False, default=_checked).encode

_OF_SUSPECTS: Final = (b"null", b"NaN", b"Infinity", b"E+", b"E-")


def check_numbers(value: object, encoded: bytes) -> None:
    """Refuse numbers that JSON or PostgreSQL does not have.

    Args:
        value: The value.
        encoded: The same by `encode_json`, which writes a float that is not finite as null.

    Raises:
        ValueError: A number is not finite, or has too many digits.
    """
    if any(suspect in encoded for suspect in _OF_SUSPECTS):
        _refuse_strictly(value)
