"""Buckets: how the partitions of a cluster share out the owners."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import pairwise
from typing import Final

__all__ = (
    "MOST_BUCKETS",
    "Ranges",
    "bucket_of",
    "is_count",
    "read_ranges",
    "remove",
    "write_ranges",
)

MOST_BUCKETS: Final = 65_536
"""Two bytes of the hash tell the bucket."""

Ranges = tuple[range, ...]
"""Buckets in ascending order, in ranges that neither overlap nor touch."""


def bucket_of(owner_id: str, buckets: int) -> int:
    """Compute the bucket of an owner, as `ledger_core.bucket` does.

    Args:
        owner_id: The owner. One that cannot be written in UTF-8 is sent to a bucket as well, whose
            partition refuses it.
        buckets: The number of buckets of the cluster: a power of two of at most 65 536.

    Returns:
        The bucket, from 0.
    """
    digest = sha256(owner_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:2], "big") % buckets


def is_count(buckets: int) -> bool:
    """Tell whether a cluster can have so many buckets."""
    return 1 <= buckets <= MOST_BUCKETS and buckets & (buckets - 1) == 0


def read_ranges(text: str) -> Ranges:
    """Read buckets from a text, such as ``0-127, 200``.

    Raises:
        ValueError: The text is something else, or names a bucket twice.
    """
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part, re.ASCII)
        if match is None:
            raise ValueError(f"must be buckets such as 0-127 or 0-63, 192, not {text!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise ValueError(f"must have the lower bucket first, not {part.strip()!r}")
        found.append(range(first, last + 1))
    found.sort(key=lambda one: one.start)
    for one, following in pairwise(found):
        if following.start < one.stop:
            raise ValueError(f"names bucket {following.start} twice")
    return tuple(_joined(found))


def write_ranges(ranges: Iterable[range]) -> str:
    """Write buckets as `read_ranges` reads them."""
    return ", ".join(
        str(one.start) if len(one) == 1 else f"{one.start}-{one.stop - 1}" for one in ranges
    )


def remove(ranges: Ranges, taken: Ranges) -> Ranges:
    """Return the buckets of the first ranges that are not in the second."""
    gone = {bucket for one in taken for bucket in one}
    return tuple(
        _joined(range(bucket, bucket + 1) for one in ranges for bucket in one if bucket not in gone)
    )


def _joined(ranges: Iterable[range]) -> Iterator[range]:
    """Join ranges that touch; they are in order."""
    open_range: range | None = None
    for one in ranges:
        if open_range is not None and open_range.stop == one.start:
            open_range = range(open_range.start, one.stop)
            continue
        if open_range is not None:
            yield open_range
        open_range = one
    if open_range is not None:
        yield open_range
