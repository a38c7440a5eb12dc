"""What the database takes and gives, as JSON Schema: the document tells what the database enforces.

Nothing is decided here. A test holds each limit against the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

__all__ = ("CURSOR", "KEY", "limits_of")

Limits: TypeAlias = Mapping[str, Any]

_MAX_EXACT: Final = 2**53 - 1

KEY: Final[Limits] = {"minLength": 1, "maxLength": 255}
"""A text that names something: an owner, a nonce, a claim subject."""

CURSOR: Final[Limits] = {"pattern": "^[0-9]{1,19}-[0-9]{1,18}$", "maxLength": 38}
"""A place in the change feed."""

_NAME: Final[Limits] = {"pattern": "^[A-Z][A-Z0-9_]{0,62}$", "minLength": 1, "maxLength": 63}
_APP: Final[Limits] = {"pattern": "^[a-z][a-z0-9_]{0,62}$", "minLength": 1, "maxLength": 63}
_LIFETIME: Final[Limits] = {"minimum": 1, "maximum": 366 * 86_400}
_EXACT: Final[Limits] = {"minimum": -_MAX_EXACT, "maximum": _MAX_EXACT}
_POSITIVE: Final[Limits] = {"minimum": 1, "maximum": _MAX_EXACT}
_NUMBER: Final[Limits] = {"minimum": 1}
_COUNT: Final[Limits] = {"minimum": 0}
_ENTRY_CURSOR: Final[Limits] = {"pattern": "^[0-9]{1,18}$"}

_OF_FIELD: Final[Mapping[str, Limits]] = {
    "app": _APP,
    "asset": _NAME,
    "operation": _NAME,
    "owner_id": KEY,
    "nonce": KEY,
    "hold_nonce": KEY,
    "original_nonce": KEY,
    "claim_subject": KEY,
    "amount": _EXACT,
    "balance": _EXACT,
    "available": _EXACT,
    "opening": _EXACT,
    "closing": _EXACT,
    "default_amount": _EXACT,
    "min_amount": _EXACT,
    "max_amount": _EXACT,
    "held": _COUNT,
    "captured": {"minimum": 0, "maximum": _MAX_EXACT},
    "remaining": {"minimum": 0, "maximum": _MAX_EXACT},
    "next_expiry_amount": _POSITIVE,
    "entry_id": _NUMBER,
    "seq": _NUMBER,
    "reverses_seq": _NUMBER,
    "entry_count": _COUNT,
    "claim_limit": {"minimum": 1, "maximum": 1000},
    "expires_in": _LIFETIME,
}

_OF_FIELD_OF: Final[Mapping[tuple[str, str], Limits]] = {
    ("HoldRequest", "amount"): _POSITIVE,
    ("CaptureRequest", "amount"): _POSITIVE,
    ("ReversalRequest", "amount"): _POSITIVE,
    ("Hold", "amount"): _POSITIVE,
    # Of a long time, in which much came and went, the sum may be larger than any balance.
    ("StatementTotal", "amount"): {},
    ("EventsQuery", "after"): CURSOR,
    ("EntryPage", "next"): _ENTRY_CURSOR,
    ("HoldPage", "next"): {"format": "date-time"},
}


def limits_of(struct: str, field: str) -> Limits:
    """Find the limits of a field.

    Args:
        struct: The name of the struct.
        field: The name of the field.

    Returns:
        Keywords of JSON Schema; none where anything is possible that the type allows.
    """
    return _OF_FIELD_OF.get((struct, field), _OF_FIELD.get(field, {}))
