"""Members that a JSON object has twice. Decoders keep the last, and say nothing."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ledger_py.http.decode_errors import shortened
from ledger_py.http.problems import Problem

__all__ = ("count_members", "may_repeat", "repeated_at_top", "repeated_in_body")

_BLANKS_BEFORE_COLON: Final = (b'":', b" :", b"\t:", b"\n:", b"\r:")


def may_repeat(text: bytes, known: int) -> bool:
    """Tell whether JSON may have a member twice, at the price of counting colons.

    Each member has a colon after its name. So no name is repeated where the colons are no more
    than the names that were decoded.

    Args:
        text: The JSON, which is well formed.
        known: Members of different names that it is known to have, at all levels.

    Returns:
        False if no object has a member twice. True if one may have, or if a text has a colon that
        looks like that of a member.
    """
    return text.count(b":") != known and sum(map(text.count, _BLANKS_BEFORE_COLON)) != known


def count_members(body: msgspec.Struct) -> int:
    """Count the members from which a struct was decoded.

    Args:
        body: The struct. Only its field `metadata` has members of its own.

    Returns:
        The number, without those that have the value of their default: these may have been left
        out.
    """
    count = _counter(type(body))(body)
    metadata = getattr(body, "metadata", None)
    return count if metadata is None else count + _count_within(metadata)


@functools.cache
def _counter(type_: type[msgspec.Struct]) -> Callable[[msgspec.Struct], int]:
    # Compiled, because every request passes here: a loop over the fields would take twice as long.
    fields = msgspec.structs.fields(type_)
    defaults = {f"default_{field.name}": field.default for field in fields}
    terms = ["0"] + [f"(body.{field.name} is not default_{field.name})" for field in fields]
    counter: Callable[[msgspec.Struct], int] = eval(f"lambda body: {' + '.join(terms)}", defaults)
    return counter


def _count_within(value: Any) -> int:
    count = 0
    left = [value]
    while left:
        value = left.pop()
        if type(value) is dict:
            count += len(value)
            value = value.values()
        left += [item for item in value if type(item) is dict or type(item) is list]
    return count


def repeated_in_body(text: bytes) -> Problem | None:
    """Find a member that a body, or a member of it, has twice.

    Args:
        text: The JSON of the body, which is an object and well formed.

    Returns:
        The problem, which names the member; None if there is none.
    """
    members = _pairs_of(text)
    if (problem := _repeated_field(members)) is not None:
        return problem
    for field, value in members:
        if (name := _repeated_within(value)) is not None:
            return Problem.of_field(field, f"has the member {shortened(name)!r} twice")
    return None


def repeated_at_top(text: bytes) -> Problem | None:
    """Find a member that a body has twice, without its members; as `repeated_in_body`."""
    return _repeated_field(_pairs_of(text))


def _pairs_of(text: bytes) -> Any:
    """Read JSON with each object as a tuple of pairs. Numbers are not looked at."""
    return json.loads(
        text, object_pairs_hook=tuple, parse_int=len, parse_float=len, parse_constant=len
    )


def _repeated_field(members: tuple[tuple[str, Any], ...]) -> Problem | None:
    name = _repeated(members)
    return None if name is None else Problem.of_field(shortened(name), "is given twice")


def _repeated_within(value: Any) -> str | None:
    """Find a name that an object has twice, at any level.

    Args:
        value: What was decoded, with objects as tuples of pairs.

    Returns:
        The name, or None.
    """
    left = [value]
    while left:
        value = left.pop()
        if type(value) is tuple:
            if (name := _repeated(value)) is not None:
                return name
            left += [item for _, item in value]
        elif type(value) is list:
            left += value
    return None


def _repeated(members: tuple[tuple[str, Any], ...]) -> str | None:
    names = set()
    for name, _ in members:
        if name in names:
            return name
        names.add(name)
    return None
