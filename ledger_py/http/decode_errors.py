"""Decoding errors as problems that name the field, in the terms of JSON.

msgspec states the field and the reason only in its messages, so these are parsed.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import inspect

from ledger_py.http.problems import Problem
from ledger_py.http.room import SMALL_BODY

__all__ = ("problem_of_syntax", "problem_of_validation", "shortened")

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
    (re.compile(r"Expected `array` of at most length (\d+)"), r"must have at most \1 items"),
    (re.compile(r"Invalid enum value .*"), "is not one of the values that there are"),
    (re.compile(r"Expected `str` matching regex .*"), "is not a value that the service gave"),
    (re.compile(r"Expected `int` <= (-?\d+)"), r"must be at most \1"),
    (re.compile(r"Expected `int` >= (-?\d+)"), r"must be at least \1"),
    (re.compile(r"Expected `datetime` with a timezone component"), "must have a time zone"),
    (re.compile(r"Invalid RFC3339 .*"), "must be a time such as 2030-01-01T00:00:00Z"),
    (re.compile(r"(Integer value|Number) out of range"), "holds a number that is out of range"),
)

_WRONG_TYPE = re.compile(r"Expected `(\w+)(?: \| null)?`, got `(\w+)`")


def problem_of_validation(error: msgspec.ValidationError, type_: Any, *, whole: str) -> Problem:
    """Name the field and the reason of a value that is not of its type or not within its limits.

    Args:
        error: The error that msgspec raised.
        type_: The type of the value as a whole.
        whole: Its name, for when no field of it is at fault.
    """
    message = str(error)
    if missing := _MISSING.fullmatch(message):
        return Problem.of_field(missing[1], "is required")
    types = _types_of_fields(type_)
    if unknown := _UNKNOWN.fullmatch(message):
        hint = f"The fields are {', '.join(types)}." if types else None
        return Problem.of_field(shortened(unknown[1]), "is not known here", hint=hint)
    if at_field := _AT_FIELD.fullmatch(message):
        field = at_field["field"]
        values = _values(types.get(field))
        is_other = values and at_field["reason"].startswith("Invalid enum value")
        reason = f"must be {_either(values)}" if is_other else _reason(at_field["reason"])
        return Problem.of_field(field, reason)
    return Problem.of_field(whole, _reason(message))


@functools.cache
def _types_of_fields(type_: Any) -> Mapping[str, inspect.Type]:
    """Return the types of a struct's fields by their names in JSON; nothing for other types.

    Finding them takes a hundred times as long as decoding: a batch may have thousands of faults.
    """
    info = inspect.type_info(type_)
    if not isinstance(info, inspect.StructType):
        return {}
    return {field.encode_name: field.type for field in info.fields}


def _values(type_: inspect.Type | None) -> tuple[Any, ...]:
    """Return the values of a field that takes certain ones only."""
    match type_:
        case inspect.LiteralType():
            return tuple(type_.values)
        case inspect.Metadata():
            return _values(type_.type)
        case inspect.UnionType():
            return tuple(value for one in type_.types for value in _values(one))
    return ()


def _either(values: tuple[Any, ...]) -> str:
    *others, last = map(str, values)
    return f"{', '.join(others)} or {last}" if others else last


def _reason(message: str) -> str:
    if wrong_type := _WRONG_TYPE.fullmatch(message):
        expected, found = (_WORDS.get(name, name) for name in wrong_type.groups())
        return f"must be {expected}, not {found}"
    for pattern, reason in _REASONS:
        if match := pattern.fullmatch(message):
            return match.expand(reason)
    return message


def shortened(name: str) -> str:
    """Shorten a name that the caller made up, to be repeated in an answer."""
    return name if len(name) <= 64 else f"{name[:64]}…"


def problem_of_syntax(body: bytes, error: Exception) -> Problem:
    """Say why a body is not JSON.

    Python's decoder accepts half characters, NaN and Infinity, which msgspec refuses without naming
    the field; so it is used to find the field, unless the body is large.
    """
    try:
        text = body.decode()
        members = json.loads(text, parse_constant=_NotJson) if len(body) <= SMALL_BODY else None
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
    """NaN or Infinity, which Python's decoder accepts as a number and JSON does not."""

    __slots__ = ()


def _is_broken(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_is_broken(key) or _is_broken(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_is_broken, value))
    if isinstance(value, _NotJson):
        return True
    return isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value)
