"""The results of the ledger's functions, as immutable msgspec structs.

The fields have the names of the SQL columns and of the JSON fields. Amounts are whole units of the
asset; times are aware and in UTC, and are written to JSON in the form of RFC 3339. The description
of each field stands beside its type, and goes from there into the OpenAPI document; there, ``null``
is Python's None.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ledger_py.errors import LedgerError, refusal_of_code
from ledger_py.fields import (
    AllowancePeriod,
    AllowanceStatus,
    AppName,
    Asset,
    BudgetMost,
    BudgetName,
    BudgetPeriod,
    BudgetSpender,
    CarryOverFor,
    CarryOverMost,
    ClaimSubject,
    ComingAmount,
    Count,
    CreditClass,
    Exact,
    HoldStatus,
    Key,
    NotNegative,
    Number,
    Occurrences,
    OperationName,
    OwnerId,
    Positive,
    Priority,
    Quantity,
    Receiver,
    RequestAmount,
    RequestExpiry,
    RequestMetadata,
    Spender,
    Time,
    UsableFor,
    UsableIn,
    in_database,
)

__all__ = (
    "Allowance",
    "Balance",
    "BalancePart",
    "BalanceStep",
    "Budget",
    "ClaimOutcome",
    "ClaimState",
    "ComingEvent",
    "Entry",
    "EntryRequest",
    "FeedEntry",
    "FeedLag",
    "Hold",
    "HoldStatus",
    "Lot",
    "Match",
    "Operation",
    "RecordedEntry",
    "Refusal",
    "ReservedClaim",
    "SettledClaim",
    "SpenderTotal",
    "StatementLine",
    "Transfer",
    "UnsettledClaim",
)


# Only the fields that appear in JSON when they are set have a default: omit_defaults leaves out
# every field that equals its default.
class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recorded change of one account."""

    entry_id: Annotated[
        Number,
        Meta(description="Unique in the whole ledger. It implies no order, and may skip numbers."),
    ]
    seq: Annotated[
        Number,
        Meta(description="The number of the entry within its account: 1, 2, 3 … in commit order."),
    ]
    owner_id: OwnerId
    asset: Annotated[Asset, Meta(description="The unit counted, usually `CREDIT`.")]
    app: Annotated[AppName, Meta(description="The app that recorded the entry.")]
    operation: Annotated[OperationName, Meta(description="The kind of change.")]
    amount: Annotated[
        Exact, Meta(description="The change: positive for credits, negative for debits.")
    ]
    balance: Annotated[Exact, Meta(description="The account's balance after this entry.")]
    nonce: Annotated[Key, Meta(description="The caller's own id for the request; unique per app.")]
    metadata: Annotated[
        dict[str, Any] | None,
        Meta(description="What the caller recorded with the entry, or null."),
    ]
    expires_at: Annotated[
        Time | None,
        Meta(description="When the credits of this entry expire; null when they do not."),
    ] = None
    hold_nonce: Annotated[
        Key | None, Meta(description="The nonce of the hold that this entry captured, if it did.")
    ] = None
    reverses_seq: Annotated[
        Number | None,
        Meta(description="The number of the entry that this one reverses, if it does."),
    ] = None
    recorded_at: Annotated[Time, Meta(description="When the entry was recorded.")]
    spender: Spender | None = None
    quantity: Quantity | None = None
    overdrawn: Annotated[
        bool | None,
        Meta(
            description="Of a capture of more than its hold reserved: true if it left a debt,"
            " false if the rest was available."
        ),
    ] = None


class RecordedEntry(Entry, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a request that records an entry."""

    replayed: Annotated[
        bool,
        Meta(
            description="True if the same request was recorded before. Then this is the first"
            " answer, and nothing has changed."
        ),
    ]


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request that moves credits from one owner to another."""

    sent: Annotated[
        RecordedEntry,
        Meta(description="The sender's entry: a debit, which has the nonce of the request."),
    ]
    received: Annotated[
        list[RecordedEntry],
        Meta(
            description="The receiver's entries: one for all credits of the same expiry, class and"
            " use, which stay as they were. They add up to what was sent."
        ),
    ]

    @property
    def replayed(self) -> bool:
        """True if the same request was recorded before."""
        return self.sent.replayed


class FeedEntry(Entry, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of the change feed."""

    cursor: Annotated[str, Meta(description="The position in the feed after this entry.")]


class FeedLag(msgspec.Struct, frozen=True, kw_only=True):
    """How far the change feed is behind what was committed, and why.

    The cause is the oldest transaction of the server that has written something and not ended. Its
    fields are None if there is none; those that the role may not see are None as well.
    """

    waiting_since: Annotated[
        Time | None,
        Meta(description="When the oldest entry was recorded that is not in the feed yet."),
    ]
    seconds_behind: Annotated[
        Count, Meta(description="How long ago that was, in whole seconds; 0 if none waits.")
    ]
    transactions: Annotated[
        Count, Meta(description="The transaction ids that were given since the oldest one's.")
    ]
    pid: Annotated[int | None, Meta(description="The process of the oldest transaction.")]
    prepared: Annotated[str | None, Meta(description="Its name, if it is a prepared transaction.")]
    began_at: Annotated[Time | None, Meta(description="When it began.")]
    state: Annotated[str | None, Meta(description="The state of its session.")]
    role_name: Annotated[str | None, Meta(description="The role of its session.")]
    application_name: Annotated[str | None, Meta(description="The name that its session gave.")]
    database_name: Annotated[str | None, Meta(description="The database that it is in.")]


class EntryFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of a request to record an entry, apart from its operation and its nonce."""

    owner_id: OwnerId
    amount: RequestAmount | None = None
    metadata: RequestMetadata | None = None
    expires_at: RequestExpiry | None = None
    claim_subject: ClaimSubject | None = None
    spender: Spender | None = None
    quantity: Quantity | None = None


class EntryRequest(EntryFields, frozen=True, kw_only=True, omit_defaults=True):
    """A request to record an entry, as an item of a batch."""

    operation: Annotated[
        str,
        Meta(description="One of the app's operations, which determines the asset and the rule."),
    ]
    nonce: Annotated[Key, Meta(description="The caller's own id for this request, unique per app.")]
    claim_deadline: Time | None = None
    """Until when the claim subject is reserved, if another partition of a cluster keeps it."""
    to_owner_id: Receiver | None = None
    """Of a transfer: the receiver; then ``owner_id`` is the sender, and ``amount`` positive."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The reason why an item of a batch was not recorded."""

    position: Annotated[int, Meta(description="Which item it was, counted from 1.")]
    code: Annotated[
        str, Meta(description="The name of the refusal, such as `insufficient_balance`.")
    ]
    message: Annotated[str, Meta(description="What was refused, for people; constant per code.")]
    detail: Annotated[
        dict[str, Any],
        Meta(description="The values of the refusal; the class of `error` lists them."),
    ]
    hint: Annotated[str | None, Meta(description="Advice for the caller.")]

    @property
    def error(self) -> LedgerError:
        """The refusal as the exception that a call for this item alone would have raised."""
        return refusal_of_code(self.code, self.message, detail=self.detail, hint=self.hint)


class Hold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reservation of an owner's credits, and its present state."""

    owner_id: OwnerId
    asset: Asset
    app: Annotated[AppName, Meta(description="The app that placed the hold.")]
    operation: Annotated[OperationName, Meta(description="The operation that captures record.")]
    nonce: Annotated[Key, Meta(description="The caller's own id for the hold; unique per app.")]
    amount: Annotated[
        Positive, Meta(description="The reserved amount, a positive number of whole units.")
    ]
    captured: Annotated[NotNegative, Meta(description="The amount captured so far.")]
    remaining: Annotated[
        NotNegative, Meta(description="The amount still reserved; 0 once the hold has ended.")
    ]
    status: Annotated[HoldStatus, Meta(description="`open`, or how the hold ended.")]
    placed_at: Annotated[Time, Meta(description="When the hold was placed.")]
    expires_at: Annotated[Time, Meta(description="When the hold expires, or would have expired.")]
    closed_at: Annotated[
        Time | None, Meta(description="When the hold ended; null while it is open.")
    ]
    metadata: Annotated[
        dict[str, Any] | None, Meta(description="What the caller kept with the hold, or null.")
    ]
    replayed: Annotated[
        bool,
        Meta(
            description="True if the same request was made before. Then this is the hold as it is"
            " now, and nothing has changed."
        ),
    ]
    spender: Spender | None = None
    quantity: Quantity | None = None


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """The credits of an owner in one asset; zeros for an owner never seen."""

    owner_id: OwnerId
    asset: Asset
    balance: Annotated[Exact, Meta(description="The sum of the account's entries.")]
    held: Annotated[Count, Meta(description="What open holds reserve.")]
    available: Annotated[
        Exact,
        Meta(
            description="`balance` less `held`: what can be spent. Of a request for an app or an"
            " operation: what it could use."
        ),
    ]
    entry_count: Annotated[Count, Meta(description="The number of entries of the account.")]
    next_expiry_at: Annotated[
        Time | None, Meta(description="When the next credits expire; null if none will.")
    ]
    next_expiry_amount: Annotated[
        Positive | None, Meta(description="How many credits expire then; null if none will.")
    ]
    next_allowance_at: Annotated[
        Time | None, Meta(description="When the next allowance comes; null if none will.")
    ]
    next_allowance_amount: Annotated[
        Positive | None, Meta(description="How many credits come then; null if none will.")
    ]


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """Credits that come to an owner at the beginning of every period, and how far they have."""

    owner_id: OwnerId
    asset: Asset
    app: Annotated[AppName, Meta(description="The app that granted the allowance.")]
    operation: Annotated[OperationName, Meta(description="The operation of its entries.")]
    nonce: Annotated[
        Key, Meta(description="The caller's own id for the allowance; unique per app.")
    ]
    amount: ComingAmount
    period: AllowancePeriod | None
    time_zone: Annotated[Key, Meta(description="The zone by whose clock periods begin.")]
    starts_at: Annotated[Time, Meta(description="When the first period begins.")]
    carry_over_most: CarryOverMost
    carry_over_for: CarryOverFor
    occurrences: Annotated[
        Occurrences | None, Meta(description="How often the credits come; null: without end.")
    ]
    ends_at: Annotated[
        Time | None,
        Meta(description="From when on nothing comes any more; null: that is not said."),
    ]
    metadata: Annotated[
        dict[str, Any] | None, Meta(description="What is kept in each of its entries, or null.")
    ]
    status: Annotated[
        AllowanceStatus,
        Meta(
            description="`open`; `suspended` while the account is frozen; `ended` if nothing will"
            " come any more."
        ),
    ]
    next_at: Annotated[
        Time | None, Meta(description="When the next credits come; null if none will.")
    ]
    replayed: Annotated[
        bool | None,
        Meta(
            description="True if the same request was made before. Then this is the allowance as"
            " it is now, and nothing has changed. Null in a list."
        ),
    ]


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """Credits of one entry that expire, or have a class, a priority or a limited use."""

    seq: Annotated[Number, Meta(description="The number of the entry that granted the credits.")]
    app: Annotated[AppName, Meta(description="The app that recorded it.")]
    operation: Annotated[OperationName, Meta(description="Its operation.")]
    nonce: Annotated[Key, Meta(description="Its nonce; unique per app.")]
    amount: Annotated[Positive, Meta(description="How many credits it granted.")]
    remaining: Annotated[Positive, Meta(description="How many of them are left.")]
    held: Annotated[
        NotNegative,
        Meta(
            description="How many of these open holds reserve. They do not expire until their hold"
            " ends."
        ),
    ]
    expires_at: Annotated[
        Time | None, Meta(description="When the credits expire; null if they do not.")
    ]
    recorded_at: Annotated[Time, Meta(description="When they were granted.")]
    credit_class: Annotated[
        CreditClass | None, Meta(description="What the credits are; null: neither.")
    ] = None
    priority: Annotated[
        Priority, Meta(description="Lower ones are spent first; 100 unless the operation says.")
    ] = 100
    usable_for: UsableFor = None
    usable_in: UsableIn = None


class BalancePart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a balance: credits of the same class, use, expiry and priority."""

    credit_class: Annotated[
        CreditClass | None, Meta(description="What the credits are; null: neither.")
    ]
    usable_for: UsableFor
    usable_in: UsableIn
    expires_at: Annotated[Time | None, Meta(description="When they expire; null if they do not.")]
    priority: Annotated[Priority, Meta(description="Lower ones are spent first.")]
    amount: Annotated[
        Exact, Meta(description="How many there are; negative in the part of an overdraft.")
    ]
    held: Annotated[NotNegative, Meta(description="How many of these open holds reserve.")]


class ClaimState(msgspec.Struct, frozen=True, kw_only=True):
    """How far an owner has used up the claim limit of an operation."""

    operation: Annotated[OperationName, Meta(description="The limited operation.")]
    app: Annotated[
        AppName | None, Meta(description="The app; null if the limit counts over all apps.")
    ]
    claim_limit: Annotated[Positive, Meta(description="How often it may be claimed in a period.")]
    claim_period: Annotated[
        Literal["ever", "day", "week", "month"], Meta(description="The period.")
    ]
    claim_time_zone: Annotated[str, Meta(description="The zone in which periods begin.")]
    claimed: Annotated[NotNegative, Meta(description="How often it was claimed in this period.")]
    last_seq: Annotated[
        Number | None, Meta(description="The number of the entry of the latest claim.")
    ]
    next_eligible_at: Annotated[
        Time | None, Meta(description="When it can be claimed next; null is never.")
    ]


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """The most that may be spent and held in a period, and how far it is used up."""

    owner_id: OwnerId
    asset: Asset
    budget: BudgetName
    spender: BudgetSpender | None
    most: BudgetMost
    period: BudgetPeriod
    app: Annotated[AppName | None, Meta(description="The app whose debits count; null is any.")]
    operation: Annotated[
        OperationName | None, Meta(description="The operation whose debits count; null is any.")
    ]
    time_zone: Annotated[Key, Meta(description="The zone in which periods begin.")]
    own: Annotated[
        bool, Meta(description="True: set for this owner; false: defined for every owner.")
    ]
    spent: Annotated[
        NotNegative,
        Meta(description="What debits took in this period, less what reversals gave back."),
    ]
    held: Annotated[NotNegative, Meta(description="What open holds of this period reserve.")]
    period_start: Annotated[
        Time | None, Meta(description="When this period began; null if it is for ever.")
    ]
    resets_at: Annotated[
        Time | None, Meta(description="When the next period begins; null is never.")
    ]


class ReservedClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request to reserve a claim subject for the entry of another partition."""

    position: int
    """Which one it was, counted from 1."""
    claim_deadline: Time | None
    """Until when the entry may be recorded; None: it needs no reservation, or was refused."""
    code: str | None
    """The name of the refusal; None: it was not refused."""
    message: str | None
    detail: dict[str, Any] | None
    hint: str | None

    @property
    def error(self) -> LedgerError | None:
        """The refusal as an exception."""
        if self.code is None:
            return None
        return refusal_of_code(
            self.code, self.message or "", detail=self.detail or {}, hint=self.hint
        )


class SettledClaim(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a reservation."""

    position: int
    """Which one it was, counted from 1."""
    settled: Literal["kept", "given_back", "reserved", "unknown"]
    """``reserved``: nothing could be decided; ``unknown``: there is none."""


class UnsettledClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation that takes a slot of the present period, and may have no entry.

    Without app, owner, nonce and deadline it says that there is a free slot by now.
    """

    app: str | None
    owner_id: str | None
    """The owner of the entry, whom another partition keeps."""
    nonce: str | None
    operation: str
    claim_subject: str
    claim_deadline: Time | None
    overdue: bool
    """Its caller has had more than a minute since the deadline to settle it."""


class ClaimOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request whose claim subject another partition has reserved."""

    position: int
    """Which one it was, counted from 1."""
    outcome: Literal["recorded", "freed", "lapsed", "open"]
    """``freed``: recorded and reversed with ``free_claim``; ``lapsed``: not recorded, and never
    will be; ``open``: not known yet."""
    claim_subject: str | None


class BalanceStep(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an account from one time on, until the next step."""

    at: Annotated[Time, Meta(description="Since when.")]
    balance: Annotated[Exact, Meta(description="All credits of the account.")]
    held: Annotated[
        NotNegative | None,
        Meta(
            description="What open holds reserved; null where that is no longer known: before the"
            " last 10000 events of the account's holds, or before there was a journal of them."
        ),
    ]
    seq: Annotated[
        Count, Meta(description="The number of the last entry by then; 0 before the first.")
    ]


class ComingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that will happen to an account by the clock alone."""

    at: Annotated[Time, Meta(description="When.")]
    kind: Annotated[
        Literal["expiry", "hold_end", "allowance", "carry_over"],
        Meta(
            description="`expiry`: credits of a lot expire; `hold_end`: a hold expires;"
            " `allowance`: credits come; `carry_over`: what is left of an allowance goes on as new"
            " credits."
        ),
    ]
    amount: Annotated[
        Exact,
        Meta(
            description="The change of the balance; of a hold, what it gives back: positive, and"
            " the balance stays."
        ),
    ]
    balance: Annotated[Exact, Meta(description="The balance afterwards.")]
    held: Annotated[NotNegative, Meta(description="What open holds reserve afterwards.")]
    seq: Annotated[
        Number | None,
        Meta(
            description="The number of the entry that granted the credits; null for a hold, and for"
            " credits that have yet to come."
        ),
    ]
    app: Annotated[AppName, Meta(description="The app of that entry, hold or allowance.")]
    operation: Annotated[OperationName, Meta(description="The operation of it.")]
    nonce: Annotated[Key, Meta(description="The nonce of it.")]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a text names."""

    kind: Literal["owner", "entry", "hold", "allowance", "claim"]
    """An owner that begins with the text; an entry, a hold or an allowance with that nonce, or an
    entry with that id; a claim with that claim_subject."""
    owner_id: str
    asset: str
    seq: int | None
    """The number of the entry, or of the entry that made the claim; None for others."""
    found: dict[str, Any]
    """What tells the match from others: the app, the operation, the nonce, the amount …"""


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an account's statement; the opening and the totals make the closing."""

    line: Annotated[
        Literal["opening", "total", "closing"],
        Meta(description="`opening` and `closing` carry a balance, `total` what moved in between."),
    ]
    app: Annotated[str | None, Meta(description="The app that a total is of; null for a balance.")]
    operation: Annotated[
        str | None, Meta(description="The operation that a total is of; null for a balance.")
    ]
    entry_count: Annotated[
        int | None, Meta(description="The number of entries in a total; null for a balance.")
    ]
    amount: Annotated[int, Meta(description="The balance, or the sum of the entries.")]


class SpenderTotal(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of one spender of an account in a period."""

    spender: Spender
    entry_count: Annotated[Count, Meta(description="The number of entries.")]
    spent: Annotated[Count, Meta(description="The sum of the debits, as a positive number.")]
    given_back: Annotated[
        Count, Meta(description="The sum of the credits: reversals, and what else names them.")
    ]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of an app, with the rule that holds for this app."""

    operation: Annotated[OperationName, Meta(description="The name, upper snake case.")]
    shared: Annotated[bool, Meta(description="True for an operation that every app must have.")]
    asset: Asset
    default_amount: Annotated[
        Exact | None,
        Meta(
            description="The amount of a request without one; null if every request must have one."
        ),
    ]
    min_amount: Annotated[
        Exact, Meta(description="The lowest amount allowed (debits are negative).")
    ]
    max_amount: Annotated[Exact, Meta(description="The highest amount allowed.")]
    claim_limit: Annotated[
        Annotated[int, in_database(minimum=1, maximum=1000)] | None,
        Meta(description="How many claims are allowed per period; null for no limit."),
    ]
    claim_period: Annotated[
        Literal["ever", "day", "week", "month"] | None,
        Meta(description="The period of the limit; null for no limit."),
    ]
    claim_scope: Annotated[
        Literal["owner", "owner_and_app"] | None,
        Meta(
            description="What the limit counts: the claims of an owner across apps, or within one"
            " app."
        ),
    ]
    claim_time_zone: Annotated[
        str | None, Meta(description="The time zone in which periods begin.")
    ]
    expires_after: Annotated[
        str | None,
        Meta(
            description="How long the credits last, as an ISO 8601 duration (`P30D`, `P1M`); null"
            " if they do not expire."
        ),
    ]
    description: Annotated[str, Meta(description="What the operation is for.")]
    unit_amount: Annotated[
        Exact | None,
        Meta(description="The price by quantity, as the amount of `unit_size`; null without one."),
    ] = None
    unit_size: Annotated[
        Positive | None, Meta(description="How much of a quantity costs `unit_amount`.")
    ] = None
    rounding: Annotated[
        Literal["up", "down", "nearest"] | None,
        Meta(
            description="How a price is rounded to whole units: up (away from zero), down, nearest."
        ),
    ] = None
    max_debt: Annotated[
        NotNegative,
        Meta(description="How far below the floor of an account a capture in full may go."),
    ] = 0
    credit_class: Annotated[
        CreditClass | None, Meta(description="What the credits granted are; null: neither.")
    ] = None
    priority: Annotated[
        Priority | None,
        Meta(description="Of the credits granted: lower ones are spent first; null: 100."),
    ] = None
    usable_for: UsableFor = None
    usable_in: UsableIn = None
    transferable: Annotated[
        bool,
        Meta(description="True if it moves credits from one owner to another, and does only that."),
    ] = False
