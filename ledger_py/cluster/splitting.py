"""What spans partitions: batches, which are split by owner, and the cursors of the feed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from ledger_py.cluster.files import ClusterFile
from ledger_py.errors import InvalidRequest, LedgerError, PartitionUnavailable
from ledger_py.structs import Refusal

__all__ = (
    "Part",
    "items_at",
    "join_cursors",
    "placed",
    "refusal_of",
    "refusals_of",
    "repositioned",
    "split",
    "split_cursor",
    "unless_unknown",
)

ResultT = TypeVar("ResultT")

_CURSOR: Final = re.compile(r"([a-z][a-z0-9_]*):([0-9a-f-]+)")

_MOST_ITEMS: Final = 10_000
"""A larger batch is refused as a whole, by any partition."""


class Part(NamedTuple):
    """The items of a batch that belong to one partition."""

    partition: str
    """The name of the partition."""
    positions: Sequence[int]
    """The positions of the items in the batch, from 0."""
    document: bytes
    """The items as a JSON array."""


class _Item(msgspec.Struct):
    owner_id: Any = None


_decode_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_item: Final = msgspec.json.Decoder(_Item).decode


def split(document: bytes, cluster: ClusterFile) -> list[Part]:
    """Split a batch by the partitions of its owners.

    Items without an owner belong to the partition of the empty text, which refuses them. So does
    the first partition with what is no batch at all.

    Args:
        document: The batch.
        cluster: The cluster.

    Returns:
        The parts, at least one, in the order of the partitions.
    """
    names = [partition.name for partition in cluster.partitions]
    try:
        items = _decode_items(document)
    except msgspec.DecodeError:
        return [Part(names[0], [], document)]
    if not items or len(items) > _MOST_ITEMS:
        return [Part(names[0], range(len(items)), document)]
    found: dict[int, list[int]] = {}
    for position, item in enumerate(items):
        found.setdefault(cluster.number_of(_owner_of(item)), []).append(position)
    if len(found) == 1:
        return [Part(names[next(iter(found))], range(len(items)), document)]
    return [
        Part(names[number], positions, b"[%b]" % b",".join(bytes(items[at]) for at in positions))
        for number, positions in sorted(found.items())
    ]


def _owner_of(item: msgspec.Raw) -> str:
    try:
        owner_id = _decode_item(item).owner_id
    except msgspec.DecodeError:
        return ""
    return owner_id if isinstance(owner_id, str) else ""


def items_at(document: bytes, positions: Iterable[int]) -> bytes:
    """Return the batch of some items of a batch, by their positions from 0."""
    items = _decode_items(document)
    return b"[%b]" % b",".join(bytes(items[at]) for at in positions)


def placed(part: Part, results: Iterable[ResultT]) -> list[tuple[int, ResultT]]:
    """Give the results of a part their positions in the batch, from 0."""
    return [
        (at, repositioned(result, at + 1))
        for at, result in zip(part.positions, results, strict=True)
    ]


def repositioned(result: ResultT, position: int) -> ResultT:
    """Return a result with its position in another batch, counted from 1, if it has one."""
    if isinstance(result, Refusal):
        return msgspec.structs.replace(result, position=position)
    return result


def refusals_of(part: Part, error: LedgerError) -> list[Refusal]:
    """Answer every item of a part with one refusal."""
    return [refusal_of(error, position + 1) for position in part.positions]


def refusal_of(error: LedgerError, position: int) -> Refusal:
    """Write an error as the result of an item of a batch, whose position counts from 1."""
    return Refusal(
        position=position,
        code=error.code,
        message=error.message,
        detail=error.detail,
        hint=error.hint,
    )


def unless_unknown(result: ResultT, away: PartitionUnavailable) -> ResultT | Refusal:
    """Return the result of an item of which an earlier attempt was lost.

    Args:
        result: The result of the later attempt.
        away: What to answer where the lost attempt may be recorded nevertheless.

    Returns:
        The result, unless it is a refusal for the state of the books.
    """
    if not isinstance(result, Refusal) or result.error.is_of_request:
        return result
    return refusal_of(away, result.position)


def split_cursor(cursor: str | None) -> dict[str, str]:
    """Read the cursor of the feed of a cluster.

    Args:
        cursor: The cursor; None for the beginning.

    Returns:
        The cursor of each partition that the reader has entries of, by name.

    Raises:
        InvalidRequest: It is malformed.
    """
    if cursor is None:
        return {}
    found: dict[str, str] = {}
    for part in cursor.split(","):
        match = _CURSOR.fullmatch(part)
        if match is None or match[1] in found:
            raise InvalidRequest.of_field("cursor", "must be a cursor that the feed has returned")
        found[match[1]] = match[2]
    return found


def join_cursors(cursors: Mapping[str, str]) -> str:
    """Write the cursor that `split_cursor` reads."""
    return ",".join(f"{name}:{cursor}" for name, cursor in sorted(cursors.items()))
