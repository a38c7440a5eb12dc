"""Requests that claim for a second subject, which may belong to another partition than its owner.

Such a subject is reserved on its own partition first; see `ledger_py.cluster.claims_async`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from ledger_py.errors import ClaimLimitReached, ClaimNotReserved, LedgerError, PartitionUnavailable
from ledger_py.structs import RecordedEntry, Refusal

__all__ = (
    "AWAY",
    "Answers",
    "Claim",
    "Reserved",
    "ResultT",
    "Said",
    "Sending",
    "Settlement",
    "answer_instead",
    "claims_of",
    "deadlines_in",
    "is_limited",
    "refusal_instead",
    "said_of",
    "with_deadlines",
)

ResultT = TypeVar("ResultT")

Reserved: TypeAlias = datetime | LedgerError | None
"""The deadline of a reservation, or why there is none; None if none is needed."""

Said: TypeAlias = Literal["recorded", "refused", "late", "unknown"]
"""What the partition of the owner has said to a request that had a deadline.

``late``: that the deadline had passed. ``unknown``: it has to be asked what became of the request.
"""

AWAY: Final = "away"
"""Instead of an outcome, or of the state of a reservation: its partition is away."""

_FIELD: Final = b'"claim_subject"'


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A request that claims for a subject, as partitions are asked to reserve it."""

    owner_id: str
    operation: str
    nonce: str
    claim_subject: str


class Settlement(NamedTuple):
    """What a reservation is to become."""

    claim_subject: str
    owner_id: str
    nonce: str
    outcome: str
    deadline: datetime | None = None
    app: str | None = None
    """The app of the reservation, if it is another one than the caller's."""

    @property
    def item(self) -> dict[str, Any]:
        """The item of a call of ``settle_claims``."""
        given = {
            "app": self.app,
            "owner_id": self.owner_id,
            "nonce": self.nonce,
            "outcome": "open" if self.outcome == AWAY else self.outcome,
            "claim_deadline": self.deadline,
        }
        return {name: value for name, value in given.items() if value is not None}


class Sending:
    """How a batch was sent.

    Attributes:
        unsure: A part was sent more than once, and the first one may still be under way.
    """

    unsure = False


class Answers(NamedTuple, Generic[ResultT]):
    """What there is to know about the result of an item of a batch, whatever form it has."""

    error_of: Callable[[ResultT], LedgerError | None]
    """Why it was refused, with the detail ``limited`` if there is one; None for an entry."""
    is_replay: Callable[[ResultT], bool]
    refusal: Callable[[LedgerError, int], ResultT]
    """Makes the result of a refusal, at a position from 1."""
    repositioned: Callable[[ResultT, int], ResultT]
    """Gives a result another position."""


class _Item(msgspec.Struct):
    owner_id: Any = None
    operation: Any = None
    nonce: Any = None
    claim_subject: Any = None


_decode_items: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_item: Final = msgspec.json.Decoder(_Item).decode
_encode: Final = msgspec.json.Encoder().encode


def claims_of(document: bytes) -> dict[int, Claim]:
    """Find the requests of a batch that claim for a subject.

    Args:
        document: The batch as JSON.

    Returns:
        Them, by their positions from 0. Malformed ones are left out, since they are refused.
    """
    # Also if the text is somebody's metadata; but few batches have it.
    if _FIELD not in document:
        return {}
    try:
        items = _decode_items(document)
    except msgspec.DecodeError:
        return {}
    found = {}
    for position, raw in enumerate(items):
        if _FIELD in bytes(raw) and (claim := _claim_of(raw)) is not None:
            found[position] = claim
    return found


def _claim_of(raw: msgspec.Raw) -> Claim | None:
    try:
        item = _decode_item(raw)
    except msgspec.DecodeError:
        return None
    fields = msgspec.structs.asdict(item)
    if not all(isinstance(value, str) for value in fields.values()):
        return None
    return Claim(**fields)


def with_deadlines(document: bytes, deadlines: Mapping[int, datetime]) -> bytes:
    """Give items of a batch their ``claim_deadline``, by their positions from 0."""
    if not deadlines:
        return document
    items = [bytes(item) for item in _decode_items(document)]
    for position, deadline in deadlines.items():
        members = items[position].strip().removesuffix(b"}")
        items[position] = b'%b,"claim_deadline":%b}' % (members, _encode(deadline))
    return b"[%b]" % b",".join(items)


def is_limited(error: object) -> bool:
    """Tell whether a refusal is that of a claim subject whose limit is used up."""
    return isinstance(error, ClaimLimitReached) and error.detail.get("limited") == "claim_subject"


def deadlines_in(reserved: Mapping[int, Reserved]) -> dict[int, datetime]:
    """Return the deadlines among what was answered to requests to reserve."""
    return {at: one for at, one in reserved.items() if isinstance(one, datetime)}


def refusal_instead(error: LedgerError, reserved: Reserved) -> LedgerError:
    """Return the refusal of a request whose subject could not be reserved.

    Args:
        error: What the partition of the owner has said.
        reserved: What the partition of the subject has said.

    Returns:
        The second, if the first is only its consequence; it keeps the position in a batch.
    """
    if not isinstance(error, ClaimNotReserved) or not isinstance(reserved, LedgerError):
        return error
    position = error.detail.get("position")
    if position is not None:
        reserved.detail["position"] = position
    return reserved


def said_of(error: LedgerError, sending: Sending) -> Said | None:
    """Return what a refusal says about a request that had a deadline; None for nothing."""
    if isinstance(error, PartitionUnavailable):
        return None
    if sending.unsure:
        return "unknown"
    return "late" if isinstance(error, ClaimNotReserved) else "refused"


def answer_instead(answer: RecordedEntry | Refusal, reserved: Reserved) -> RecordedEntry | Refusal:
    """Return the answer to an item of a batch, as `refusal_instead` does for a single request."""
    if not isinstance(answer, Refusal) or answer.code != ClaimNotReserved.code:
        return answer
    error = refusal_instead(answer.error, reserved)
    return msgspec.structs.replace(
        answer, code=error.code, message=error.message, detail=error.detail, hint=error.hint
    )
