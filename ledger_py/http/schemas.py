"""What goes in and out of the service beside the structs of the ledger.

Requests are decoded by these structs, which let pass what could be sent to the database, and the
OpenAPI document is made from them and from what the database accepts (`limits`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from ledger_py.structs import Entry, Hold, HoldStatus, Operation

__all__ = (
    "AccountPath",
    "BalanceQuery",
    "BatchAnswer",
    "BatchRequest",
    "CaptureRequest",
    "EntriesQuery",
    "EntryPage",
    "EventsQuery",
    "ExtendRequest",
    "HoldPage",
    "HoldPath",
    "HoldRequest",
    "HoldsQuery",
    "Liveness",
    "OperationList",
    "PastBalance",
    "Readiness",
    "RecordRequest",
    "ReleaseRequest",
    "RequestedOperation",
    "ReversalRequest",
    "Statement",
    "StatementQuery",
    "StatementTotal",
)

MAX_BATCH = 10_000
"""The most entries of a batch."""

MAX_EXACT_INTEGER = 2**53 - 1
"""The largest integer that every reader of JSON takes exactly."""

Key: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]
"""A text that names something: an owner, a nonce, a claim subject."""

RequestedOperation: TypeAlias = Key
"""An operation as it is decoded: the database, not the enum, says which one may be recorded."""

Asset: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=255, description="The unit counted.", examples=["CREDIT"])
]

OwnerId: TypeAlias = Annotated[
    Key, Meta(description="Who holds the credits.", examples=["test_user"])
]

Nonce: TypeAlias = Annotated[
    Key,
    Meta(
        description="The caller's own id for this request, unique per app: the same request again"
        " gets the first answer and changes nothing. May be left out when the header"
        " Idempotency-Key says it.",
        examples=["123e4567-e89b-12d3-a456-426655440000"],
    ),
]

Amount: TypeAlias = Annotated[int, Meta(ge=-MAX_EXACT_INTEGER, le=MAX_EXACT_INTEGER)]

Metadata: TypeAlias = Annotated[
    dict[str, Any],
    Meta(
        description="What is to be kept with it: an object of at most 16384 bytes of JSON, nested"
        " at most 64 deep.",
        examples=[{"order": 7}],
    ),
]

Lifetime: TypeAlias = Annotated[
    # The bound is that of the arithmetic; the database says how long a hold may last.
    int, Meta(ge=1, le=10**9, description="Seconds from now, at most 366 days.", examples=[900])
]

Time: TypeAlias = Annotated[datetime, Meta(tz=True)]

OperationT = TypeVar("OperationT", bound=str)


class RecordRequest(
    msgspec.Struct,
    Generic[OperationT],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """A request to record one entry. A field that is null counts as left out."""

    owner_id: OwnerId
    operation: OperationT
    nonce: Nonce | None = None
    amount: (
        Annotated[
            Amount,
            Meta(
                description="Whole units: positive credits, negative debits, within the bounds of"
                " the operation, which `/operations` tells. Left out: the operation's default.",
                examples=[10],
            ),
        ]
        | None
    ) = None
    metadata: Metadata | None = None
    expires_at: (
        Annotated[
            Time,
            Meta(
                description="When the credits expire (RFC 3339, with a zone): a time in the"
                " future, at the latest in the year 9998; for credits only. Left out: as the"
                " operation says.",
                examples=["2030-01-01T00:00:00Z"],
            ),
        ]
        | None
    ) = None
    claim_subject: (
        Annotated[
            Key,
            Meta(
                description="Who or what else the operation's claim limit counts, such as a hashed"
                " e-mail address.",
            ),
        ]
        | None
    ) = None


class BatchRequest(
    msgspec.Struct, Generic[OperationT], frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A request to record many entries, with the meaning of one request after the other."""

    entries: Annotated[
        list[RecordRequest[OperationT]],
        Meta(max_length=MAX_BATCH, description="The entries; each must say its nonce."),
    ]
    atomic: Annotated[
        bool, Meta(description="Record all or none: the first refusal refuses the batch.")
    ] = False


class ReversalRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to take back an entry, wholly or in part. A field that is null counts as left out.

    Attributes:
        original_nonce: The nonce of the entry to take back, which this app recorded.
        free_claim: Let a claim that is taken back wholly be claimed again.
    """

    original_nonce: Key
    nonce: Nonce | None = None
    amount: (
        Annotated[
            Amount,
            Meta(
                description="How much to take back, a positive number of whole units. Left out:"
                " all that is left.",
                examples=[3],
            ),
        ]
        | None
    ) = None
    metadata: Metadata | None = None
    free_claim: bool = False


class HoldRequest(
    msgspec.Struct, Generic[OperationT], frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A request to reserve credits for a debit whose amount is not known yet."""

    owner_id: OwnerId
    operation: OperationT
    amount: Annotated[
        Amount, Meta(description="How much to reserve, a positive number of whole units.")
    ]
    nonce: Nonce | None = None
    expires_in: Lifetime = 900
    metadata: Metadata | None = None


class CaptureRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to spend what a hold reserves. A field that is null counts as left out.

    Attributes:
        final: End the hold and give back the rest. With false, further captures may follow.
    """

    nonce: Nonce | None = None
    amount: (
        Annotated[
            Amount,
            Meta(
                description="How much to spend, a positive number of whole units. Left out: all"
                " that the hold still reserves.",
                examples=[7],
            ),
        ]
        | None
    ) = None
    final: bool = True
    metadata: Metadata | None = None


class ReleaseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to end a hold; it has no fields, and needs no body."""


class ExtendRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to let a hold last longer; it is never shortened."""

    expires_in: Lifetime


class HoldPath(msgspec.Struct, frozen=True, kw_only=True):
    """What the address of a hold says."""

    hold_nonce: Annotated[
        Key,
        Meta(
            description="The nonce of the hold; percent-encoded where it must be (`/` is %2F).",
            examples=["job-7"],
        ),
    ]


class AccountPath(msgspec.Struct, frozen=True, kw_only=True):
    """What the address of an account says."""

    owner_id: Annotated[
        Key,
        Meta(
            description="Who holds the credits; percent-encoded where it must be (`/` is %2F).",
            examples=["test_user"],
        ),
    ]


class AccountQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query parameters of everything about an account."""

    asset: Asset = "CREDIT"


class BalanceQuery(AccountQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query parameters of a balance."""

    at: (
        Annotated[
            Time,
            Meta(
                description="The time of the balance (RFC 3339, with a zone), not in the future."
                " Left out: now, with more than the balance."
            ),
        ]
        | None
    ) = None


class StatementQuery(AccountQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query parameters of a statement."""

    since: Annotated[
        Time,
        Meta(description="Where the period begins (RFC 3339, with a zone), not in the future."),
    ]
    until: Annotated[
        Time,
        Meta(
            description="Where it ends, not before `since`; this moment does not belong to it."
            " Beyond now it means now."
        ),
    ]


class EntriesQuery(AccountQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query parameters of a list of entries."""

    limit: Annotated[int, Meta(ge=1, le=500, description="The most entries to return.")] = 50
    cursor: (
        Annotated[
            str,
            Meta(
                pattern="^[0-9]{1,18}$",
                description="Where to go on: `next` of the page before. Left out: with the newest.",
            ),
        ]
        | None
    ) = None


class HoldsQuery(AccountQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query parameters of a list of holds."""

    status: Annotated[HoldStatus, Meta(description="Only holds in this state.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=500, description="The most holds to return.")] = 50
    cursor: (
        Annotated[
            Time,
            Meta(
                description="Where to go on: `next` of the page before. Left out: with the newest."
            ),
        ]
        | None
    ) = None


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query parameters of the change feed."""

    after: (
        Annotated[
            Key,
            Meta(
                description="Where to go on: the `id` of the last event. The header Last-Event-ID"
                " has precedence. Left out: with the first entry of the ledger.",
            ),
        ]
        | None
    ) = None


class EntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of an account's entries, newest first.

    Attributes:
        entries: The entries.
        next: The cursor of the page that follows, or null when this is the last one.
    """

    entries: list[Entry]
    next: str | None


class HoldPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of an account's holds, newest first.

    Attributes:
        holds: The holds, of all apps.
        next: The cursor of the page that follows, or null when this is the last one.
    """

    holds: list[Hold]
    next: str | None


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each entry of a batch.

    Attributes:
        results: For each entry in the order of the request: the entry as recorded, or the problem
            that it would have been answered with by itself.
    """

    results: list[Any]


class PastBalance(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner had at a time.

    Attributes:
        owner_id: Who holds the credits.
        asset: The unit counted.
        at: The time; entries of this very microsecond count.
        balance: The balance then; 0 before the first entry.
    """

    owner_id: str
    asset: str
    at: datetime
    balance: int


class StatementTotal(msgspec.Struct, frozen=True, kw_only=True):
    """What one operation of one app did to an account in a period.

    Attributes:
        app: The app.
        operation: The operation.
        entry_count: The number of its entries. What has expired and is not posted yet has none.
        amount: The sum of its entries.
    """

    app: str
    operation: str
    entry_count: int
    amount: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What moved on an account in a period: opening and totals make closing.

    Attributes:
        owner_id: Who holds the credits.
        asset: The unit counted.
        since: Where the period begins.
        until: Where it ends; this moment does not belong to it.
        opening: The balance before the period.
        totals: What moved, by app and operation.
        closing: The balance at the end of the period, or now if that is earlier.
    """

    owner_id: str
    asset: str
    since: datetime
    until: datetime
    opening: int
    totals: list[StatementTotal]
    closing: int


class OperationList(msgspec.Struct, frozen=True, kw_only=True):
    """The operations of an app.

    Attributes:
        app: The app that this service serves.
        operations: What it may record, with the rules that hold for it.
    """

    app: str
    operations: list[Operation]


class Liveness(msgspec.Struct, frozen=True, kw_only=True):
    """The service runs.

    Attributes:
        status: Always ``ok``: a service that does not run does not answer.
        app: The app that this service serves.
    """

    status: str
    app: str


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The service can answer requests.

    Attributes:
        status: Always ``ok``; a service that is not ready answers with a problem instead.
        app: The app that this service serves.
        checks: What was looked at; every value is ``ok``.
    """

    status: str
    app: str
    checks: dict[str, str]
