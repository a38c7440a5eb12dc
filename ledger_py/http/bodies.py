"""Strict decoding of bodies: from JSON to structs, or to a problem.

Whatever a body holds, no step takes longer than some tens of milliseconds.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from ledger_py.calls import SqlFunction
from ledger_py.client_async import AsyncLedger
from ledger_py.errors import InvalidRequest
from ledger_py.exact import encode_json, exact_decimal
from ledger_py.http.decode_errors import problem_of_syntax, problem_of_validation
from ledger_py.http.members import count_members, may_repeat, repeated_at_top, repeated_in_body
from ledger_py.http.problems import Problem, problem_of
from ledger_py.http.requests import agree_on_nonce
from ledger_py.http.room import SMALL_BODY
from ledger_py.http.schemas import MAX_BATCH, BatchEntry, RequestedOperation
from ledger_py.http.turns import Turns

__all__ = ("MAX_BODY", "MAX_DEPTH", "Batch", "body_decoder", "decode_batch")

ResultT = TypeVar("ResultT")
StructT = TypeVar("StructT", bound=msgspec.Struct)

MAX_BODY: Final = 128 * 1024
"""The most bytes of a body, unless it holds many entries, and of each entry of such a body: more
than the fields and 16 KiB of metadata need, even if every character is escaped. The settings may
allow less."""

MAX_DEPTH: Final = 100
"""The most objects and arrays within each other: more than the ledger accepts."""

_GROUP_BYTES: Final = 32 * 1024
_GROUP_ENTRIES: Final = 250
"""The most of a batch that is decoded at once."""


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
    if _is_deep(body):
        # Nothing else that is accepted has levels.
        raise _too_deep("metadata" if b'"metadata"' in body else whole)
    decoded = _decode(decoder, body, whole=whole)
    if may_repeat(body, count_members(decoded)) and (problem := repeated_in_body(body)):
        raise problem
    return decoded


def _decode(
    decoder: msgspec.json.Decoder[ResultT], body: bytes, *, whole: str, nested: str | None = None
) -> ResultT:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise problem_of_validation(error, decoder.type, whole=whole) from error
    except RecursionError as error:
        raise _too_deep(nested or whole) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise problem_of_syntax(body, error) from error


_STRINGS: Final = re.compile(rb'"(?>[^"\\]+|\\.)*+"?', re.DOTALL)
"""The strings of a JSON text. Finding them is linear, also where the last one does not end."""

_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""Makes of a bracket the signed byte 1 or -1: one level down or up."""

_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[{]}"))


def _is_deep(text: bytes) -> bool:
    # Nearly all texts have too few brackets, which costs little to see.
    if len(text) <= 2 * MAX_DEPTH or text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False
    steps = memoryview(_STRINGS.sub(b"", text).translate(_STEPS, _NO_BRACKETS)).cast("b")
    return max(accumulate(steps), default=0) > MAX_DEPTH


def _too_deep(field: str) -> Problem:
    return Problem.of_field(field, f"must not be nested more than {MAX_DEPTH} deep")


# Batches


class _UnreadBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch whose entries are not decoded yet."""

    entries: msgspec.Raw
    atomic: bool | msgspec.UnsetType = msgspec.UNSET


_UNREAD_BATCH: Final = msgspec.json.Decoder(_UnreadBatch)
_FEW_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ENTRY: Final = msgspec.json.Decoder(BatchEntry[RequestedOperation], float_hook=exact_decimal)
_ENTRIES: Final = msgspec.json.Decoder(
    list[BatchEntry[RequestedOperation]], float_hook=exact_decimal
)


class Batch(NamedTuple):
    """A batch as it was decoded.

    Attributes:
        requests: The requests that can be sent to the database, each with its nonce, as a JSON
            array.
        problems: For each entry None, or the problem that keeps it from being among the requests.
        owner_id: The owner of all requests; None if there are several.
        atomic: True to record all or none.
    """

    requests: bytes
    problems: list[Problem | None]
    owner_id: str | None
    atomic: bool


class _Group(NamedTuple):
    """Some entries of a batch as they were decoded.

    Attributes:
        requests: As JSON, in one piece or several.
        problems: As for `Batch`.
        owners: The owners of the requests.
    """

    requests: list[bytes]
    problems: list[Problem | None]
    owners: set[str]


async def decode_batch(body: bytes, turns: Turns) -> Batch:
    """Decode the body of a request to record a batch.

    Args:
        body: The bytes of the body.
        turns: The turns for what takes long.

    Returns:
        The batch. Its entries are encoded again, so that what was decoded takes memory for a moment
        only.

    Raises:
        Problem: The body is not JSON, or something other than an entry is not acceptable.
    """
    if len(body) <= SMALL_BODY:
        entries, atomic = _split(body)
        items = _items(entries)
    else:
        async with turns:
            entries, atomic = _split(body)
        async with turns:
            items = _items(entries)
    decoded = await turns.each(_groups(items), _decode_group)
    requests = b",".join([request for group in decoded for request in group.requests])
    problems = [problem for group in decoded for problem in group.problems]
    owners = set().union(*[group.owners for group in decoded])
    owner_id = owners.pop() if len(owners) == 1 else None
    return Batch(b"[" + requests + b"]", problems, owner_id, atomic)


def _split(body: bytes) -> tuple[bytes, bool]:
    """Split the array of entries off a batch."""
    batch = _decode(_UNREAD_BATCH, body, whole="body", nested="entries")
    entries = bytes(batch.entries)
    # What is left are the colons of the batch itself, whose members have no texts.
    known = 1 if batch.atomic is msgspec.UNSET else 2
    if body.count(b":") - entries.count(b":") != known:
        raise _repeated(body, entries)
    return entries, batch.atomic is True


def _repeated(body: bytes, entries: bytes) -> Problem:
    rest = body.replace(entries, b"0", 1)
    try:
        problem = repeated_at_top(rest) if len(rest) <= SMALL_BODY else None
    except RecursionError:
        problem = None
    return problem or Problem.of_field("body", "has a member twice")


def _items(entries: bytes) -> Iterable[msgspec.Raw]:
    if entries.count(b",") < MAX_BATCH:
        return _decode(_FEW_ITEMS, entries, whole="entries")
    found = msgspec.structs.astuple(_decode(_many_items(), entries, whole="entries"))
    return (item for item in found if item is not None)


@functools.cache
def _many_items() -> msgspec.json.Decoder[Any]:
    """Make the decoder of an array that may have too many items, which stops at the first of them.

    A list would be filled with millions of items before its length is looked at.
    """
    fields = [(f"item_{number}", msgspec.Raw, None) for number in range(MAX_BATCH)]
    return msgspec.json.Decoder(
        msgspec.defstruct("Items", fields, array_like=True, forbid_unknown_fields=True)
    )


def _groups(items: Iterable[msgspec.Raw]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for item in items:
        entry = bytes(item)
        if group and (size + len(entry) > _GROUP_BYTES or len(group) == _GROUP_ENTRIES):
            yield group
            group, size = [], 0
        group.append(entry)
        size += len(entry)
    if group:
        yield group


def _decode_group(group: list[bytes]) -> _Group:
    """Decode entries to requests and problems."""
    together = _decode_together(group) if len(group) > 1 else None
    if together is not None:
        return together
    decoded = _Group([], [], set())
    for entry in group:
        result = _decode_entry(entry)
        if isinstance(result, Problem):
            decoded.problems.append(result)
            continue
        decoded.requests.append(encode_json(result))
        decoded.problems.append(None)
        decoded.owners.add(result.owner_id)
    return decoded


def _decode_together(group: list[bytes]) -> _Group | None:
    """Decode entries at once, which is faster; None if one may be at fault."""
    text = b"[" + b",".join(group) + b"]"
    if b"\\u0000" in text or any(map(_is_deep, group)):
        return None
    try:
        entries = _ENTRIES.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Problem):
        return None
    if may_repeat(text, sum(map(count_members, entries))):
        return None
    if any(entry.nonce is None for entry in entries):
        return None
    owners = {entry.owner_id for entry in entries}
    return _Group([encode_json(entries)[1:-1]], [None] * len(entries), owners)


def _decode_entry(body: bytes) -> BatchEntry[RequestedOperation] | Problem:
    try:
        if len(body) > MAX_BODY:
            raise Problem.of_field("entry", f"must have at most {MAX_BODY} bytes")
        entry = _decode_once(_ENTRY, body, whole="entry")
        agree_on_nonce(entry.nonce, None)
        if b"\\u0000" in body:
            fields = msgspec.structs.asdict(entry)
            receiver = {"to_owner_id": fields.pop("to_owner_id")}
            SqlFunction.of(AsyncLedger.record_entry).adapt(fields)
            SqlFunction.of(AsyncLedger.transfer_credits).adapt(receiver)
    except Problem as problem:
        # Its traceback would keep what was decoded, as long as the batch takes.
        problem.__traceback__ = problem.__cause__ = problem.__context__ = None
        return problem
    except InvalidRequest as refusal:
        # The database would refuse the whole batch because of it.
        return problem_of(refusal)
    return entry
