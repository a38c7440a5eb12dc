"""The fields of requests and answers: each with its type, its limits and its description, once.

Limits of ``Meta`` itself (``min_length``, ``ge``, …) are enforced when a request is decoded. Those
given to ``in_database`` are only documented: the database enforces them, in its own words. A test
compares them with the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta

DATABASE_LIMITS: Final = "x-database-limits"
"""The keyword under which a schema holds the database's limits until the document is made."""


MAX_EXACT_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON reader represents exactly."""


def in_database(**keywords: str | int) -> Meta:
    """State a limit that the database enforces, as keywords of JSON Schema.

    msgspec's own limits have precedence over plain ``extra_json_schema``, so these are set aside
    until the document is made.
    """
    return Meta(extra_json_schema={DATABASE_LIMITS: keywords})


# Types with limits, to which a field adds its description.

Key: TypeAlias = Annotated[str, Meta(min_length=1, max_length=255)]
"""A text that identifies something: an owner, a nonce, a claim subject."""

AppName: TypeAlias = Annotated[
    str, in_database(pattern="^[a-z][a-z0-9_]{0,62}$", minLength=1, maxLength=63)
]
OperationName: TypeAlias = Annotated[
    str, in_database(pattern="^[A-Z][A-Z0-9_]{0,62}$", minLength=1, maxLength=63)
]
Exact: TypeAlias = Annotated[int, Meta(ge=-MAX_EXACT_INTEGER, le=MAX_EXACT_INTEGER)]
"""An integer that JSON holds exactly."""

Positive: TypeAlias = Annotated[Exact, in_database(minimum=1)]
NotNegative: TypeAlias = Annotated[Exact, in_database(minimum=0)]
Number: TypeAlias = Annotated[int, in_database(minimum=1)]
Count: TypeAlias = Annotated[int, in_database(minimum=0)]
CreditClass: TypeAlias = Literal["free", "paid"]
Priority: TypeAlias = Annotated[int, in_database(minimum=1, maximum=1000)]
UsableFor: TypeAlias = Annotated[
    list[OperationName] | None,
    Meta(description="For which operations these credits are; null: for all."),
]
UsableIn: TypeAlias = Annotated[
    list[AppName] | None, Meta(description="In which apps these credits may be used; null: in all.")
]
Time: TypeAlias = Annotated[datetime, Meta(tz=True)]
_POSITION = "([1-9][0-9]{0,8}-[0-9]{1,19}-[0-9]{1,18}-[0-9a-f]{8}|[0-9]{1,19}-[0-9]{1,18})"
_OF_PARTITION = f"[a-z][a-z0-9_]{{0,39}}:{_POSITION}"
FeedCursor: TypeAlias = Annotated[
    str,
    in_database(pattern=f"^({_POSITION}|{_OF_PARTITION}(,{_OF_PARTITION})*)$", maxLength=16_384),
]
"""A position in the feed of a ledger, or one of each partition of a cluster, after its name."""

EntryCursor: TypeAlias = Annotated[str, Meta(pattern="^[0-9]{1,18}$")]
# The second form is that of release 0.1: a time. The release after the next one refuses it.
HoldCursor: TypeAlias = Annotated[str, Meta(pattern="^([0-9]{1,17}|[0-9]{4}-[0-9T:.Z+-]{10,40})$")]

# Fields that several structs have.

OwnerId: TypeAlias = Annotated[
    Key, Meta(description="The owner of the credits.", examples=["test_user"])
]
Asset: TypeAlias = Annotated[
    Key,
    in_database(pattern="^[A-Z][A-Z0-9_]{0,62}$", maxLength=63),
    Meta(description="The unit counted.", examples=["CREDIT"]),
]
ClaimSubject: TypeAlias = Annotated[
    Key,
    Meta(
        description="A second subject of the operation's claim limit, such as a hashed e-mail"
        " address."
    ),
]
Spender: TypeAlias = Annotated[
    Key,
    Meta(
        description="Who of the owner's members, keys or sessions it is for.",
        examples=["key-7"],
    ),
]
Receiver: TypeAlias = Annotated[
    Key,
    Meta(description="The owner to whom the credits go.", examples=["other_user"]),
]
Quantity: TypeAlias = Annotated[
    Exact,
    in_database(minimum=0),
    Meta(
        description="How much was used; the operation's price makes the amount of it.",
        examples=[1840],
    ),
]
Beyond: TypeAlias = Annotated[
    Literal["refuse", "available", "debt"],
    Meta(
        description="What to do if more is captured than the hold reserves: refuse it; take the"
        " rest from what is available; or record it in full, down to the operation's `max_debt`"
        " below the floor of the account. Such a capture ends the hold."
    ),
]
RequestNonce: TypeAlias = Annotated[
    Key,
    Meta(
        description="The caller's own id for this request, unique per app. Repeating the request"
        " returns the first answer and changes nothing. May be left out if the header"
        " Idempotency-Key is sent.",
        examples=["123e4567-e89b-12d3-a456-426655440000"],
    ),
]
RequestAmount: TypeAlias = Annotated[
    Exact,
    Meta(
        description="Whole units: positive for credits, negative for debits, within the bounds of"
        " the operation (see `/operations`). Left out: the operation's default.",
        examples=[10],
    ),
]
RequestExpiry: TypeAlias = Annotated[
    Time,
    Meta(
        description="When the credits expire (RFC 3339, with a time zone): in the future, in the"
        " year 9998 at the latest; for credits only. Left out: the operation's rule.",
        examples=["2030-01-01T00:00:00Z"],
    ),
]
RequestMetadata: TypeAlias = Annotated[
    Mapping[str, Any],
    Meta(
        description="A JSON object to store: at most 16384 bytes, nested at most 64 levels deep.",
        examples=[{"order": 7}],
    ),
]
Lifetime: TypeAlias = Annotated[
    int,
    Meta(ge=1, le=10**9),  # the decoder's bound only keeps the arithmetic possible
    in_database(maximum=366 * 86_400),
    Meta(description="Seconds from now, at most 366 days.", examples=[900]),
]
ServedApp: TypeAlias = Annotated[AppName, Meta(description="The app that this service serves.")]

BudgetName: TypeAlias = Annotated[
    str,
    in_database(pattern="^[a-z][a-z0-9_-]{0,62}$", minLength=1, maxLength=63),
    Meta(description="The name of the budget.", examples=["monthly"]),
]
BudgetMost: TypeAlias = Annotated[
    Exact,
    in_database(minimum=0),
    Meta(description="The most that may be spent and held in a period.", examples=[1000]),
]
BudgetPeriod: TypeAlias = Annotated[
    Literal["day", "week", "month", "ever"],
    Meta(description="The period, by the calendar of the time zone; weeks begin on Monday."),
]
BudgetSpender: TypeAlias = Annotated[
    Key,
    Meta(
        description="Whose debits count: those of one spender; `*`: of each spender by itself,"
        " before which those of a named one of the same name go. Left out: of all together.",
        examples=["*"],
    ),
]
AllowancePeriod: TypeAlias = Annotated[
    Literal["day", "week", "month", "quarter", "year"],
    Meta(description="How often the credits come, counted from `starts_at`; null: once."),
]
ComingAmount: TypeAlias = Annotated[
    Positive, Meta(description="How many credits come each time.", examples=[500])
]
CarryOverMost: TypeAlias = Annotated[
    Exact,
    in_database(minimum=0),
    Meta(description="How many of what is left at the end of a period go on.", examples=[100]),
]
CarryOverFor: TypeAlias = Annotated[
    int,
    Meta(ge=-(2**31), le=2**31 - 1),  # the decoder's bounds only keep it sendable
    in_database(minimum=1, maximum=60),
    Meta(description="For how many periods more."),
]
Occurrences: TypeAlias = Annotated[
    int,
    Meta(ge=-(2**31), le=2**31 - 1),
    in_database(minimum=1, maximum=100_000),
    Meta(description="How often the credits come.", examples=[12]),
]
Actor: TypeAlias = Annotated[Key, Meta(description="The person who decides; kept in the journal.")]
Reason: TypeAlias = Annotated[
    str,
    in_database(minLength=1, maxLength=1000),
    Meta(description="The reason; kept in the journal."),
]

HoldStatus = Literal["open", "captured", "released", "expired"]
"""Open, or how a hold ended."""

AllowanceStatus = Literal["open", "suspended", "ended"]
"""Open; nothing comes while the account is frozen; or nothing will come any more."""
