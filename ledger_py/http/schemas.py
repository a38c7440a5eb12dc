"""Request and response bodies, path and query parameters of the HTTP API.

What the ledger's functions return stands in `ledger_py.structs`; fields that several structs have
stand in `ledger_py.fields`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from ledger_py.fields import (
    Actor,
    AllowancePeriod,
    AppName,
    Asset,
    Beyond,
    BudgetMost,
    BudgetName,
    BudgetPeriod,
    BudgetSpender,
    CarryOverFor,
    CarryOverMost,
    ComingAmount,
    Count,
    EntryCursor,
    Exact,
    FeedCursor,
    HoldCursor,
    HoldStatus,
    Key,
    Lifetime,
    Occurrences,
    OperationName,
    OwnerId,
    Positive,
    Quantity,
    Reason,
    Receiver,
    RequestMetadata,
    RequestNonce,
    ServedApp,
    Spender,
    Time,
)
from ledger_py.http.problems import PROBLEM_TYPES, Problem
from ledger_py.structs import (
    Allowance,
    BalancePart,
    BalanceStep,
    Budget,
    ComingEvent,
    Entry,
    EntryFields,
    Hold,
    Lot,
    Operation,
    SpenderTotal,
)

MAX_BATCH: Final = 10_000
"""The most entries of a batch."""

LAST_YEAR: Final = 9998
"""The last year whose times Python can convert to every time zone."""

RequestedOperation: TypeAlias = Key
"""An operation, as it is decoded: the database decides which ones may be recorded, not the enum."""

OperationT = TypeVar("OperationT", bound=str)


Holder: TypeAlias = Annotated[
    OwnerId,
    Meta(
        description="Whose entry, hold or allowance it must be; with partitions, it tells where"
        " that is. Left out: the nonce says it."
    ),
]
"""An owner in addition to a nonce."""


class Received(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of bodies and queries: a field or parameter that is not described is refused."""


class RecordRequest(
    EntryFields,
    Generic[OperationT],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """A request to record one entry. A field that is null counts as left out."""

    operation: OperationT
    nonce: RequestNonce | None = None

    def __post_init__(self) -> None:
        """Refuse a time that cannot be converted to every time zone."""
        if self.expires_at is not None and self.expires_at.year > LAST_YEAR:
            raise Problem.of_field("expires_at", f"must not be later than the year {LAST_YEAR}")


class BatchEntry(
    RecordRequest[OperationT], Generic[OperationT], frozen=True, kw_only=True, omit_defaults=True
):
    """A request to record one of many entries. A field that is null counts as left out."""

    to_owner_id: (
        Annotated[
            Receiver,
            Meta(
                description="The owner to whom credits of `owner_id` go, with an operation that is"
                " `transferable`. Then `amount` is a positive number, and the result the sender's"
                " entry."
            ),
        ]
        | None
    ) = None


class ReservedRequest(RecordRequest[str], frozen=True, kw_only=True, omit_defaults=True):
    """A request whose claim subject another partition has reserved."""

    claim_deadline: datetime


class BatchRequest(Received, Generic[OperationT], frozen=True, kw_only=True):
    """A request to record many entries, as if one request came after the other."""

    entries: Annotated[
        list[BatchEntry[OperationT]],
        Meta(max_length=MAX_BATCH, description="The entries; each must have a nonce."),
    ]
    atomic: Annotated[
        bool, Meta(description="Record all or none: the first refusal refuses the batch.")
    ] = False


class ReversalRequest(Received, frozen=True, kw_only=True):
    """A request to reverse an entry, wholly or in part. A field that is null counts as left out."""

    original_nonce: Annotated[
        Key, Meta(description="The nonce of the entry to reverse, which this app recorded.")
    ]
    nonce: RequestNonce | None = None
    amount: (
        Annotated[
            Positive,
            Meta(
                description="How much to reverse, a positive number of whole units. Left out: all"
                " that is left.",
                examples=[3],
            ),
        ]
        | None
    ) = None
    metadata: RequestMetadata | None = None
    free_claim: Annotated[
        bool, Meta(description="Allow a claim that is wholly reversed to be made again.")
    ] = False
    owner_id: Holder | None = None


class TransferRequest(Received, Generic[OperationT], frozen=True, kw_only=True):
    """A request to move credits from one owner to another."""

    from_owner_id: Annotated[
        OwnerId, Meta(description="The owner whose credits they are.", examples=["test_user"])
    ]
    to_owner_id: Receiver
    operation: OperationT
    amount: Annotated[
        Positive,
        Meta(
            description="How much goes over: a positive number of whole units, within the bounds of"
            " the operation.",
            examples=[5],
        ),
    ]
    nonce: RequestNonce | None = None
    metadata: RequestMetadata | None = None
    spender: Spender | None = None


class HoldRequest(Received, Generic[OperationT], frozen=True, kw_only=True):
    """A request to reserve credits for a debit whose amount is not known yet."""

    owner_id: OwnerId
    operation: OperationT
    amount: (
        Annotated[
            Positive, Meta(description="How much to reserve, a positive number of whole units.")
        ]
        | None
    ) = None
    nonce: RequestNonce | None = None
    expires_in: Lifetime = 900
    metadata: RequestMetadata | None = None
    spender: Spender | None = None
    quantity: Quantity | None = None


class CaptureRequest(Received, frozen=True, kw_only=True):
    """A request to capture a hold. A field that is null counts as left out."""

    nonce: RequestNonce | None = None
    amount: (
        Annotated[
            Positive,
            Meta(
                description="How much to spend, a positive number of whole units. Left out: all"
                " that the hold still reserves.",
                examples=[7],
            ),
        ]
        | None
    ) = None
    final: Annotated[
        bool,
        Meta(
            description="End the hold and release the rest. With false, further captures may"
            " follow."
        ),
    ] = True
    metadata: RequestMetadata | None = None
    owner_id: Holder | None = None
    beyond: Beyond = "refuse"
    quantity: Quantity | None = None


class WriteQuery(Received, frozen=True, kw_only=True):
    """The query parameters of everything that writes."""

    dry_run: Annotated[
        bool,
        Meta(
            description="Answer as without it, with the member `dry_run`, and keep nothing: the"
            " nonce stays free."
        ),
    ] = False


class ReleaseRequest(Received, frozen=True, kw_only=True):
    """A request to end a hold; it needs no body."""

    owner_id: Holder | None = None


class ExtendRequest(Received, frozen=True, kw_only=True):
    """A request to extend a hold; it is never shortened."""

    expires_in: Lifetime
    owner_id: Holder | None = None


class GrowRequest(Received, frozen=True, kw_only=True):
    """A request to reserve more for a hold."""

    nonce: RequestNonce | None = None
    by: Annotated[
        Positive,
        Meta(description="How much more to reserve, a positive number of whole units."),
    ]
    owner_id: Holder | None = None


class AllowanceRequest(Received, Generic[OperationT], frozen=True, kw_only=True):
    """A request to grant an allowance. Null counts as left out, but as the `period`."""

    owner_id: OwnerId
    operation: OperationT
    nonce: RequestNonce | None = None
    amount: ComingAmount | None = None
    period: AllowancePeriod | None = "month"
    starts_at: (
        Annotated[
            Time,
            Meta(
                description="When the first period begins (RFC 3339, with a time zone). Left out:"
                " now. If it has passed, the period that it is now comes at once."
            ),
        ]
        | None
    ) = None
    time_zone: Annotated[
        Key,
        Meta(
            description="The IANA name of the zone by whose clock periods begin.",
            examples=["Europe/Berlin"],
        ),
    ] = "UTC"
    carry_over_most: CarryOverMost = 0
    carry_over_for: CarryOverFor = 1
    occurrences: Occurrences | None = None
    ends_at: (
        Annotated[
            Time,
            Meta(
                description="From when on nothing comes any more (RFC 3339, with a time zone). Left"
                " out: never."
            ),
        ]
        | None
    ) = None
    metadata: RequestMetadata | None = None

    def __post_init__(self) -> None:
        """Refuse times that cannot be converted to every time zone."""
        for field in ("starts_at", "ends_at"):
            time: datetime | None = getattr(self, field)
            if time is not None and time.year > LAST_YEAR:
                raise Problem.of_field(field, f"must not be later than the year {LAST_YEAR}")


class AllowanceChange(Received, frozen=True, kw_only=True):
    """A request to change an allowance."""

    nonce: RequestNonce | None = None
    amount: ComingAmount
    from_next_period: Annotated[
        bool,
        Meta(
            description="With false, what is more than before comes at once, for the rest of the"
            " period that it is now."
        ),
    ] = True
    owner_id: Holder | None = None


class AllowanceEnd(Received, frozen=True, kw_only=True):
    """A request to end an allowance; it needs no body."""

    at: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=64,
                description="From when on nothing comes any more (RFC 3339, with a time zone). Left"
                " out, or past: now. Until then, another request may say another time; `infinity`"
                " takes the end back.",
                examples=["2030-01-01T00:00:00Z"],
            ),
        ]
        | None
    ) = None
    forfeit: Annotated[
        bool,
        Meta(
            description="Take what is left of it as well, but for what holds reserve; only possible"
            " at once."
        ),
    ] = False
    owner_id: Holder | None = None


class AllowancePath(msgspec.Struct, frozen=True, kw_only=True):
    """The address of an allowance."""

    allowance_nonce: Annotated[
        Key,
        Meta(
            description="The nonce of the allowance, percent-encoded (`/` is %2F).",
            examples=["plan-7"],
        ),
    ]


class HoldPath(msgspec.Struct, frozen=True, kw_only=True):
    """The address of a hold."""

    hold_nonce: Annotated[
        Key,
        Meta(
            description="The nonce of the hold, percent-encoded (`/` is %2F).",
            examples=["job-7"],
        ),
    ]


class AccountPath(msgspec.Struct, frozen=True, kw_only=True):
    """The address of an owner's accounts."""

    owner_id: Annotated[
        OwnerId,
        Meta(description="Who holds the credits, percent-encoded (`/` is %2F)."),
    ]


class BudgetPath(AccountPath, frozen=True, kw_only=True):
    """The address of a budget."""

    budget: BudgetName


class BudgetRequest(Received, frozen=True, kw_only=True):
    """A request to set a budget. A field that is null counts as left out."""

    most: BudgetMost
    period: BudgetPeriod
    actor: Actor
    reason: Reason
    asset: Asset = "CREDIT"
    operation: (
        Annotated[
            OperationName, Meta(description="The operation whose debits count. Left out: any.")
        ]
        | None
    ) = None
    spender: BudgetSpender | None = None
    time_zone: Annotated[
        Key,
        Meta(
            description="The IANA name of the zone in which periods begin.",
            examples=["Europe/Berlin"],
        ),
    ] = "UTC"


class ProblemPath(msgspec.Struct, frozen=True, kw_only=True):
    """The address of a kind of problem."""

    code: Annotated[
        str,
        Meta(
            description="The `code` of the problem.",
            extra_json_schema={"enum": sorted(PROBLEM_TYPES)},
        ),
    ]


class AccountQuery(Received, frozen=True, kw_only=True):
    """The query parameters of everything about an account."""

    asset: Asset = "CREDIT"


class DropQuery(WriteQuery, frozen=True, kw_only=True):
    """The query parameters of dropping a budget."""

    actor: Actor
    reason: Reason
    asset: Asset = "CREDIT"
    spender: BudgetSpender | None = None


class BalanceQuery(AccountQuery, frozen=True, kw_only=True):
    """The query parameters of a balance."""

    at: (
        Annotated[
            Time,
            Meta(
                description="A past time (RFC 3339, with a time zone). Left out: now, with more"
                " than the balance."
            ),
        ]
        | None
    ) = None
    for_app: (
        Annotated[
            AppName,
            Meta(
                description="Let `available` be what a spend of this app could use. Only for now."
            ),
        ]
        | None
    ) = None
    for_operation: (
        Annotated[
            OperationName,
            Meta(
                description="Let `available` be what a spend by this operation could use. Only for"
                " now."
            ),
        ]
        | None
    ) = None


PageLimit: TypeAlias = Annotated[int, Meta(ge=1, le=500, description="The most items to return.")]


class StatementQuery(AccountQuery, frozen=True, kw_only=True):
    """The query parameters of a statement."""

    since: Annotated[
        Time,
        Meta(description="Start of the period (RFC 3339, with a time zone), not in the future."),
    ]
    until: (
        Annotated[
            Time,
            Meta(
                description="End of the period (exclusive), not before `since`. Left out, or a time"
                " in the future: now."
            ),
        ]
        | None
    ) = None


class SpendersQuery(StatementQuery, frozen=True, kw_only=True):
    """The query parameters of a statement by spender."""

    limit: PageLimit = 50
    cursor: (
        Annotated[Key, Meta(description="`next` of the previous page. Left out: the first.")] | None
    ) = None


class PageQuery(AccountQuery, frozen=True, kw_only=True):
    """The query parameters of every list that comes in pages."""

    limit: PageLimit = 50


class EntriesQuery(PageQuery, frozen=True, kw_only=True):
    """The query parameters of a list of entries."""

    cursor: (
        Annotated[
            EntryCursor,
            Meta(description="`next` of the previous page. Left out: start with the newest."),
        ]
        | None
    ) = None


class HoldsQuery(PageQuery, frozen=True, kw_only=True):
    """The query parameters of a list of holds."""

    status: Annotated[HoldStatus, Meta(description="Only holds with this status.")] | None = None
    cursor: (
        Annotated[
            HoldCursor,
            Meta(description="`next` of the previous page. Left out: start with the newest."),
        ]
        | None
    ) = None


class LotsQuery(PageQuery, frozen=True, kw_only=True):
    """The query parameters of a list of lots."""

    cursor: (
        Annotated[
            EntryCursor,
            Meta(description="`next` of the previous page. Left out: start with the first."),
        ]
        | None
    ) = None


class TimelineQuery(AccountQuery, frozen=True, kw_only=True):
    """The query parameters of a timeline."""

    since: (
        Annotated[
            Time,
            Meta(
                description="The beginning (RFC 3339, with a time zone), not in the future. Left"
                " out: the first entry."
            ),
        ]
        | None
    ) = None
    until: (
        Annotated[
            Time,
            Meta(
                description="The end (inclusive), not before `since`. Left out, or a time in the"
                " future: now."
            ),
        ]
        | None
    ) = None
    points: Annotated[int, Meta(ge=10, le=1000, description="The most steps to return.")] = 500


class ForecastQuery(AccountQuery, frozen=True, kw_only=True):
    """The query parameters of a forecast."""

    until: (
        Annotated[
            Time,
            Meta(
                description="The end (RFC 3339, with a time zone; inclusive). Left out: all that"
                " is known."
            ),
        ]
        | None
    ) = None
    limit: Annotated[int, Meta(ge=1, le=1000, description="The most events to return.")] = 1000


class EventsQuery(Received, frozen=True, kw_only=True):
    """The query parameters of the change feed."""

    after: (
        Annotated[
            FeedCursor,
            Meta(
                min_length=1,
                max_length=16_384,
                description="The `id` of the last event received. The header Last-Event-ID has"
                " precedence. Left out: start with the first entry of the ledger.",
            ),
        ]
        | None
    ) = None


class EventsHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """The header fields that the change feed reads."""

    last_event_id: (
        Annotated[
            FeedCursor,
            Meta(
                description="The `id` of the last event received, as a browser sends it.",
            ),
        ]
        | None
    ) = msgspec.field(name="Last-Event-ID", default=None)


class EntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of an account's entries, newest first."""

    entries: Annotated[list[Entry], Meta(description="The entries.")]
    next: Annotated[
        EntryCursor | None,
        Meta(description="The cursor of the next page; null on the last page."),
    ]


class HoldPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of an account's holds, newest first."""

    holds: Annotated[list[Hold], Meta(description="The holds, of all apps.")]
    next: Annotated[
        HoldCursor | None,
        Meta(description="The cursor of the next page; null on the last page."),
    ]


class BalanceParts(msgspec.Struct, frozen=True, kw_only=True):
    """What a balance consists of."""

    owner_id: OwnerId
    asset: Asset
    parts: Annotated[
        list[BalancePart],
        Meta(description="The parts, in the order in which they are spent. They add up."),
    ]


class LotPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of an account's lots, in the order in which they are spent."""

    lots: Annotated[list[Lot], Meta(description="The lots.")]
    next: Annotated[
        EntryCursor | None,
        Meta(description="The cursor of the next page; null on the last page."),
    ]


class Allowances(msgspec.Struct, frozen=True, kw_only=True):
    """The allowances of an owner."""

    owner_id: OwnerId
    asset: Asset
    allowances: Annotated[
        list[Allowance], Meta(description="The allowances, the next to come first.")
    ]


class Budgets(msgspec.Struct, frozen=True, kw_only=True):
    """The budgets that an owner is under."""

    owner_id: OwnerId
    asset: Asset
    budgets: Annotated[list[Budget], Meta(description="The budgets, by name.")]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """The balance of an account over time."""

    owner_id: OwnerId
    asset: Asset
    steps: Annotated[
        list[BalanceStep], Meta(description="The steps, oldest first; each holds until the next.")
    ]


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What will happen to an account by the clock alone."""

    owner_id: OwnerId
    asset: Asset
    events: Annotated[list[ComingEvent], Meta(description="The events, soonest first.")]


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a batch."""

    results: Annotated[
        list[Any],
        Meta(
            description="A result per entry, in the order of the request: the recorded entry, or"
            " the problem that a single request would have been answered with."
        ),
    ]


class PastBalance(msgspec.Struct, frozen=True, kw_only=True):
    """The balance of an owner at a past time."""

    owner_id: OwnerId
    asset: Asset
    at: Annotated[
        Time, Meta(description="The time; entries of this very microsecond are included.")
    ]
    balance: Annotated[Exact, Meta(description="The balance then; 0 before the first entry.")]


class StatementTotal(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of one operation of one app in a period."""

    app: Annotated[AppName, Meta(description="The app.")]
    operation: Annotated[OperationName, Meta(description="The operation.")]
    entry_count: Annotated[
        Count,
        Meta(description="The number of entries; 0 for expired credits that are not posted yet."),
    ]
    # Over a long period the sum may exceed the limits of a balance.
    amount: Annotated[int, Meta(description="The sum of its entries.")]


class SpenderPage(msgspec.Struct, frozen=True, kw_only=True):
    """What some of an account's spenders spent in a period, in the order of their names."""

    spenders: Annotated[list[SpenderTotal], Meta(description="The spenders.")]
    next: Annotated[
        Key | None, Meta(description="The cursor of the next page; null on the last page.")
    ]


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of an account in a period; opening plus totals is closing."""

    owner_id: OwnerId
    asset: Asset
    since: Annotated[Time, Meta(description="Start of the period.")]
    until: Annotated[
        Time | None,
        Meta(description="End of the period (exclusive); null if the request named none: now."),
    ]
    opening: Annotated[Exact, Meta(description="The balance before the period.")]
    totals: Annotated[
        list[StatementTotal], Meta(description="The sums of the entries, by app and operation.")
    ]
    closing: Annotated[
        Exact,
        Meta(description="The balance at the end of the period, or now if that is earlier."),
    ]


class OperationList(msgspec.Struct, frozen=True, kw_only=True):
    """The operations of an app."""

    app: ServedApp
    operations: Annotated[
        list[Operation], Meta(description="The operations that it may record, with their rules.")
    ]


class Liveness(msgspec.Struct, frozen=True, kw_only=True):
    """The service runs."""

    status: Annotated[
        str, Meta(description="Always `ok`: a service that does not run does not answer.")
    ]
    app: ServedApp


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The service can answer requests."""

    status: Annotated[
        str,
        Meta(description="Always `ok`; a service that is not ready answers with a problem."),
    ]
    app: ServedApp
    checks: Annotated[
        dict[str, str],
        Meta(
            description="The checks. Every value is `ok`, but for two: `reads` may say why the"
            " primary answers instead of the standby, and `feed` which transaction holds the"
            " change feed up."
        ),
    ]
