"""What the functions of the ledger return, as immutable msgspec structs.

The fields have the names of the SQL columns and of the JSON fields. Amounts are whole units of the
asset; times are aware and in UTC, and are written to JSON in the form of RFC 3339.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from ledger_py.errors import LedgerError, refusal_of_code

__all__ = (
    "Balance",
    "Entry",
    "EntryRequest",
    "FeedEntry",
    "Hold",
    "HoldStatus",
    "Operation",
    "RecordedEntry",
    "Refusal",
    "StatementLine",
)

HoldStatus = Literal["open", "captured", "released", "expired"]
"""Open, or how a hold ended."""


# Only the fields that appear in JSON when they are set have a default: omit_defaults leaves out
# every field that equals its default.
class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One recorded change of one account.

    Attributes:
        entry_id: Unique in the whole ledger; says nothing about order.
        seq: The number of the entry within its account: 1, 2, 3 … in commit order.
        owner_id: Who holds the credits.
        asset: The unit counted, usually ``CREDIT``.
        app: The app that recorded the entry.
        operation: The kind of change.
        amount: The change: positive credits, negative debits.
        balance: The account's balance after this entry.
        nonce: The caller's own id for the request; unique per app.
        metadata: What the caller recorded with the entry, or None.
        expires_at: When the credits of this entry expire; None when they do not.
        hold_nonce: The nonce of the hold that this entry captured, if it did.
        reverses_seq: The number of the entry that this one reverses, if it does.
        recorded_at: When the entry was recorded.
    """

    entry_id: int
    seq: int
    owner_id: str
    asset: str
    app: str
    operation: str
    amount: int
    balance: int
    nonce: str
    metadata: dict[str, Any] | None
    expires_at: datetime | None = None
    hold_nonce: str | None = None
    reverses_seq: int | None = None
    recorded_at: datetime


class RecordedEntry(Entry, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a request that records an entry.

    Attributes:
        replayed: True when the same request had been recorded before: this is the first answer
            again, and nothing has changed.
    """

    replayed: bool


class FeedEntry(Entry, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of the change feed.

    Attributes:
        cursor: Where to go on behind this entry.
    """

    cursor: str


class EntryRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request to record an entry, as an item of a batch.

    Attributes:
        owner_id: Who holds the credits: 1 to 255 characters.
        operation: One of the app's operations, which names the asset and the rule.
        nonce: The caller's own id for this request, unique per app.
        amount: Whole units of the asset: positive credits, negative debits. None takes the
            operation's default.
        metadata: Anything that JSON can hold, kept with the entry.
        expires_at: When the credits expire, with a time zone. None takes the operation's rule.
        claim_subject: Someone or something else that the operation's claim limit counts.
    """

    owner_id: str
    operation: str
    nonce: str
    amount: int | None = None
    metadata: Mapping[str, Any] | None = None
    expires_at: datetime | None = None
    claim_subject: str | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an item of a batch was not recorded.

    Attributes:
        position: Which item it was, counted from 1.
        code: The name of the refusal, such as ``insufficient_balance``.
        message: What was refused, for people; constant per code.
        detail: The values of the refusal; which ones, the class of ``error`` says.
        hint: Advice for the caller.
    """

    position: int
    code: str
    message: str
    detail: dict[str, Any]
    hint: str | None

    @property
    def error(self) -> LedgerError:
        """The refusal as the exception that a call for this item alone would have raised."""
        return refusal_of_code(self.code, self.message, detail=self.detail, hint=self.hint)


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation of an owner's credits, and what has become of it.

    Attributes:
        owner_id: Who holds the credits.
        asset: The unit counted.
        app: The app that placed the hold.
        operation: The operation whose debits are captured from the hold.
        nonce: The caller's own id for the hold; unique per app.
        amount: What was reserved, a positive number of whole units.
        captured: What of it has been captured so far.
        remaining: What the hold still reserves; 0 once it has ended.
        status: ``open``, or how the hold ended.
        placed_at: When the hold was placed.
        expires_at: When the hold ends by itself, or would have.
        closed_at: When the hold ended; None while it is open.
        metadata: What the caller kept with the hold, or None.
        replayed: True when the same request had been made before: this is the hold as it is now,
            and nothing has changed.
    """

    owner_id: str
    asset: str
    app: str
    operation: str
    nonce: str
    amount: int
    captured: int
    remaining: int
    status: HoldStatus
    placed_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    metadata: dict[str, Any] | None
    replayed: bool


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner has in one asset; zeros for an owner never seen.

    Attributes:
        owner_id: Who holds the credits.
        asset: The unit counted.
        balance: The sum of the account's entries.
        held: What open holds reserve.
        available: ``balance`` less ``held``: what can be spent.
        entry_count: The number of entries of the account.
        next_expiry_at: When credits expire next; None when none will.
        next_expiry_amount: How many credits expire then; None when none will.
    """

    owner_id: str
    asset: str
    balance: int
    held: int
    available: int
    entry_count: int
    next_expiry_at: datetime | None
    next_expiry_amount: int | None


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an account's statement; the opening and the totals make the closing.

    Attributes:
        line: ``opening`` and ``closing`` carry a balance, ``total`` what moved in between.
        app: The app that a total is of; None for a balance.
        operation: The operation that a total is of; None for a balance.
        entry_count: The number of entries in a total; None for a balance.
        amount: The balance, or the sum of the entries.
    """

    line: Literal["opening", "total", "closing"]
    app: str | None
    operation: str | None
    entry_count: int | None
    amount: int


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of an app, with the rule that holds for this app.

    Attributes:
        operation: The name, upper snake case.
        shared: True for an operation that every app must have.
        asset: The unit counted.
        default_amount: The amount of a request without one; None when a request must say it.
        min_amount: The lowest amount allowed (debits are negative).
        max_amount: The highest amount allowed.
        claim_limit: How often it may be claimed per period; None for no limit.
        claim_period: The period of the limit; None for no limit.
        claim_scope: Whom the limit counts: an owner across apps, or an owner within one app.
        claim_time_zone: The time zone in which periods begin.
        expires_after: How long the credits last, as an ISO 8601 duration (``P30D``, ``P1M``);
            None when they do not expire.
        description: What the operation is for.
    """

    operation: str
    shared: bool
    asset: str
    default_amount: int | None
    min_amount: int
    max_amount: int
    claim_limit: int | None
    claim_period: Literal["ever", "day", "week", "month"] | None
    claim_scope: Literal["owner", "owner_and_app"] | None
    claim_time_zone: str | None
    expires_after: str | None
    description: str
