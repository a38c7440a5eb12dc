"""Reading an account, now and in the past."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import AsyncConnection

from ledger_py import AsyncLedger
from ledger_py.errors import InvalidRequest
from ledger_py.structs import Entry, Hold, StatementLine
from tests.client.clients import Connect, count_asset, ledger_on

pytestmark = pytest.mark.anyio

MICROSECOND = timedelta(microseconds=1)
KATHMANDU = timezone(timedelta(hours=5, minutes=45))
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2999, 1, 1, tzinfo=UTC)
PERIOD: dict[str, Any] = {"since": LONG_AGO, "until": FAR_AHEAD}

READERS: list[tuple[str, dict[str, Any]]] = [
    ("balance_at", {"at": LONG_AGO}),
    ("statement", PERIOD),
    ("entries_of", {}),
    ("holds_of", {}),
    ("lots_of", {}),
    ("balance_parts", {}),
    ("claims_of", {}),
    ("allowances_of", {}),
    ("timeline", {}),
    ("forecast", {}),
]


@pytest.fixture
async def conn(connect: Connect, ledger_db: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection in autocommit mode with unusual settings."""
    async with connect(ledger_db, autocommit=True) as connection:
        await connection.execute("SET TimeZone = 'America/St_Johns'")
        await connection.execute("SET DateStyle = 'German'")
        yield connection


async def record(ledger: AsyncLedger, *amounts: int, owner_id: str = "alice") -> list[Entry]:
    """Record amounts in order and return the entries as read, oldest first."""
    for number, amount in enumerate(amounts):
        await ledger.record_entry(
            owner_id=owner_id,
            operation="CREDIT_ADD" if amount > 0 else "CREDIT_SPEND",
            nonce=f"{owner_id}-{number}",
            amount=amount,
        )
    return list(reversed(await ledger.entries_of(owner_id=owner_id)))


async def place(ledger: AsyncLedger, *nonces: str, **more: Any) -> list[Hold]:
    """Hold one of alice's credits under each nonce, in order."""
    request: dict[str, Any] = {"owner_id": "alice", "operation": "CREDIT_SPEND", "amount": 1}
    return [await ledger.place_hold(nonce=nonce, **request | more) for nonce in nonces]


def lines(statement: list[StatementLine]) -> list[tuple[Any, ...]]:
    """Return the lines of a statement as tuples."""
    return [msgspec.structs.astuple(line) for line in statement]


# The balance at a time


async def test_balance_at_includes_entries_of_that_microsecond(
    ledger: AsyncLedger,
) -> None:
    first, second, third = await record(ledger, 10, -3, 5)
    balances = [
        await ledger.balance_at(owner_id="alice", at=at)
        for at in (
            first.recorded_at - MICROSECOND,
            first.recorded_at,
            second.recorded_at,
            third.recorded_at - MICROSECOND,
            third.recorded_at,
        )
    ]
    assert balances == [0, 10, 7, 7, 12]
    assert {type(balance) for balance in balances} == {int}


async def test_balance_at_accepts_any_time_zone(ledger: AsyncLedger) -> None:
    first, _ = await record(ledger, 10, 5)
    elsewhere = first.recorded_at.astimezone(KATHMANDU)
    assert await ledger.balance_at(owner_id="alice", at=elsewhere) == 10
    assert await ledger.balance_at(owner_id="alice", at=elsewhere - MICROSECOND) == 0


async def test_balance_at_is_per_owner_and_asset(
    ledger: AsyncLedger,
) -> None:
    await count_asset(ledger, "TOKEN")
    (entry,) = await record(ledger, 10)
    at = entry.recorded_at
    assert await ledger.balance_at(owner_id="alice", at=at, asset="TOKEN") == 0
    assert await ledger.balance_at(owner_id="nobody", at=at) == 0


async def test_balance_at_includes_unposted_expiries(
    ledger: AsyncLedger,
) -> None:
    # Not yet expired when it is recorded, however slow the machine is.
    expires_at = datetime.now(UTC) + timedelta(milliseconds=500)
    entry = await ledger.record_entry(
        owner_id="alice", operation="CREDIT_ADD", nonce="n", amount=10, expires_at=expires_at
    )
    while (await ledger.balance(owner_id="alice")).balance:
        assert datetime.now(UTC) < entry.recorded_at + timedelta(minutes=1)
    assert await ledger.balance_at(owner_id="alice", at=expires_at - MICROSECOND) == 10
    assert await ledger.balance_at(owner_id="alice", at=expires_at) == 0


# The statement


async def test_statement_totals_tie_opening_and_closing(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    first, *_ = await record(ledger, 10, -3, 5, -1)
    other = ledger_on(conn, app="app2")
    await other.record_entry(owner_id="alice", operation="TOKENS_USED", nonce="job", amount=-2)
    statement = await ledger.statement(
        owner_id="alice", since=first.recorded_at + MICROSECOND, until=FAR_AHEAD
    )
    assert lines(statement) == [
        ("opening", None, None, None, 10),
        ("total", "app1", "CREDIT_ADD", 1, 5),
        ("total", "app1", "CREDIT_SPEND", 2, -4),
        ("total", "app2", "TOKENS_USED", 1, -2),
        ("closing", None, None, None, 9),
    ]
    assert {type(line) for line in statement} == {StatementLine}


async def test_statement_includes_since_and_excludes_until(
    ledger: AsyncLedger,
) -> None:
    _, second, third = await record(ledger, 10, 5, 1)
    # The same times in another time zone.
    statement = await ledger.statement(
        owner_id="alice",
        since=second.recorded_at.astimezone(KATHMANDU),
        until=third.recorded_at.astimezone(KATHMANDU),
    )
    assert lines(statement) == [
        ("opening", None, None, None, 10),
        ("total", "app1", "CREDIT_ADD", 1, 5),
        ("closing", None, None, None, 15),
    ]


async def test_consecutive_statements_neither_lose_nor_duplicate(
    ledger: AsyncLedger,
) -> None:
    entries = await record(ledger, 10, -3, 5, -1)
    times = [LONG_AGO, *(entry.recorded_at for entry in entries), FAR_AHEAD]
    statements = [
        await ledger.statement(owner_id="alice", since=since, until=until)
        for since, until in pairwise(times)
    ]
    totals = [line.amount for statement in statements for line in statement[1:-1]]
    assert totals == [10, -3, 5, -1]
    for earlier, later in pairwise(statements):
        assert earlier[-1].amount == later[0].amount


async def test_empty_statement_has_two_lines(ledger: AsyncLedger) -> None:
    await count_asset(ledger, "TOKEN")
    (entry,) = await record(ledger, 10)
    empty = [("opening", None, None, None, 0), ("closing", None, None, None, 0)]
    assert lines(await ledger.statement(owner_id="nobody", **PERIOD)) == empty
    assert lines(await ledger.statement(owner_id="alice", asset="TOKEN", **PERIOD)) == empty
    at = entry.recorded_at
    assert lines(await ledger.statement(owner_id="alice", since=at, until=at)) == empty


# The entries


async def test_pages_contain_each_entry_once(ledger: AsyncLedger) -> None:
    recorded = await record(ledger, *range(1, 8))
    await record(ledger, 100, owner_id="bob")
    found: list[Entry] = []
    while page := await ledger.entries_of(
        owner_id="alice", max_rows=3, before_seq=found[-1].seq if found else None
    ):
        found += page
        assert len(page) <= 3
        assert len(found) <= len(recorded)
        # New entries do not shift the pages.
        await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce=f"m{len(found)}")
    assert found == list(reversed(recorded))


async def test_entry_is_read_as_recorded(ledger: AsyncLedger) -> None:
    recorded = await ledger.record_entry(
        owner_id="alice",
        operation="CREDIT_ADD",
        nonce="n",
        amount=10**9,
        metadata={"order": 7},
        expires_at=FAR_AHEAD.astimezone(KATHMANDU),
    )
    (entry,) = await ledger.entries_of(owner_id="alice")
    assert type(entry) is Entry
    assert entry == msgspec.convert(recorded, Entry, from_attributes=True)
    assert (entry.recorded_at.tzinfo, entry.expires_at) == (UTC, FAR_AHEAD)
    assert entry.expires_at is not None
    assert entry.expires_at.tzinfo is UTC


async def test_entries_are_per_asset(ledger: AsyncLedger) -> None:
    await count_asset(ledger, "TOKEN")
    await record(ledger, 1)
    assert await ledger.entries_of(owner_id="alice", asset="TOKEN") == []


async def test_page_has_50_entries_by_default_and_at_most_1000(ledger: AsyncLedger) -> None:
    await ledger.record_entries(
        [
            {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": f"n-{number}"}
            for number in range(1001)
        ]
    )
    assert len(await ledger.entries_of(owner_id="alice")) == 50
    assert len(await ledger.entries_of(owner_id="alice", max_rows=1000)) == 1000


@pytest.mark.parametrize("before_seq", [1, 0, -1, -(2**63)])
async def test_nothing_precedes_the_first_entry(ledger: AsyncLedger, before_seq: int) -> None:
    await record(ledger, 1)
    assert await ledger.entries_of(owner_id="alice", before_seq=before_seq) == []


# The holds


async def test_pages_contain_each_hold_once(ledger: AsyncLedger) -> None:
    await record(ledger, 100)
    placed = await place(ledger, *(f"job-{number}" for number in range(7)))
    found: list[Hold] = []
    while page := await ledger.holds_of(
        owner_id="alice",
        max_rows=3,
        before=found[-1].placed_at.astimezone(KATHMANDU) if found else None,
    ):
        found += page
        assert len(page) <= 3
        assert len(found) <= len(placed)
        await place(ledger, f"meanwhile-{len(found)}")
    assert found == list(reversed(placed))
    assert {type(hold) for hold in found} == {Hold}


async def test_holds_are_filtered_by_status(ledger: AsyncLedger) -> None:
    await record(ledger, 100)
    await place(ledger, "open", "captured", "released")
    await place(ledger, "expired", expires_in=MICROSECOND)
    entry = await ledger.capture_hold(hold_nonce="captured", nonce="n")
    await ledger.release_hold(hold_nonce="released")
    found = {
        status: await ledger.holds_of(owner_id="alice", status=status)
        for status in ("open", "captured", "released", "expired")
    }
    assert {status: [hold.nonce for hold in holds] for status, holds in found.items()} == {
        status: [status] for status in found
    }
    (still_open,), (captured,), (released,), (expired,) = found.values()
    assert (still_open.remaining, still_open.closed_at) == (1, None)
    assert (captured.captured, captured.remaining) == (1, 0)
    assert captured.closed_at == entry.recorded_at
    assert (released.captured, released.remaining) == (0, 0)
    assert expired.closed_at == expired.expires_at
    for hold in (still_open, captured, released, expired):
        assert hold.placed_at.tzinfo is hold.expires_at.tzinfo is UTC


async def test_page_has_50_holds_by_default(ledger: AsyncLedger) -> None:
    await record(ledger, 100)
    await place(ledger, *(f"job-{number}" for number in range(51)))
    assert len(await ledger.holds_of(owner_id="alice")) == 50
    assert len(await ledger.holds_of(owner_id="alice", max_rows=1000)) == 51


# Refusals


@pytest.mark.parametrize(("method", "arguments"), READERS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner_id", ""),
        ("owner_id", "x" * 256),
        ("owner_id", None),
        ("owner_id", 7),
        ("owner_id", "a\0b"),
        ("asset", "credit"),
        ("asset", ""),
        ("asset", "X" * 64),
        ("asset", None),
    ],
)
async def test_invalid_account_is_refused(
    reader: AsyncLedger, method: str, arguments: dict[str, Any], field: str, value: object
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await getattr(reader, method)(**{"owner_id": "alice"} | arguments | {field: value})
    assert refused.value.detail["field"] == field


@pytest.mark.parametrize(
    ("method", "arguments", "field"),
    [
        ("balance_at", {"at": FAR_AHEAD}, "at"),
        ("balance_at", {"at": None}, "at"),
        ("statement", {"since": FAR_AHEAD, "until": FAR_AHEAD}, "since"),
        ("statement", {"since": None, "until": FAR_AHEAD}, "since"),
        ("statement", {"since": LONG_AGO, "until": LONG_AGO - MICROSECOND}, "until"),
        ("entries_of", {"max_rows": 0}, "max_rows"),
        ("entries_of", {"max_rows": 1001}, "max_rows"),
        ("entries_of", {"max_rows": None}, "max_rows"),
        ("holds_of", {"max_rows": 0}, "max_rows"),
        ("holds_of", {"max_rows": 1001}, "max_rows"),
        ("holds_of", {"status": "closed"}, "status"),
    ],
)
async def test_database_refusal_names_the_field(
    reader: AsyncLedger, method: str, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await getattr(reader, method)(owner_id="alice", **arguments)
    assert refused.value.detail["field"] == field
    assert isinstance(refused.value.__cause__, psycopg.Error)
    assert refused.value.__cause__.sqlstate == "LG001"


@pytest.mark.parametrize(
    ("method", "arguments", "field", "reason"),
    [
        ("balance_at", {"at": datetime(2020, 1, 1)}, "at", "must have a time zone"),
        ("balance_at", {"at": date(2020, 1, 1)}, "at", "must be a datetime, not date"),
        ("balance_at", {"at": "2020-01-01"}, "at", "must be a datetime, not str"),
        ("statement", PERIOD | {"since": datetime(2020, 1, 1)}, "since", "must have a time zone"),
        ("statement", PERIOD | {"until": 0}, "until", "must be a datetime, not int"),
        ("entries_of", {"before_seq": 2**63}, "before_seq", "must fit into 64 bits"),
        ("entries_of", {"before_seq": "7"}, "before_seq", "must be an integer, not str"),
        ("entries_of", {"max_rows": 2**31}, "max_rows", "must fit into 32 bits"),
        ("entries_of", {"max_rows": True}, "max_rows", "must be an integer, not bool"),
        ("holds_of", {"before": datetime(2020, 1, 1)}, "before", "must have a time zone"),
        ("holds_of", {"max_rows": 1.0}, "max_rows", "must be an integer, not float"),
        ("holds_of", {"status": 7}, "status", "must be a text, not int"),
    ],
)
async def test_unsendable_argument_is_refused_by_the_client(
    reader: AsyncLedger, method: str, arguments: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await getattr(reader, method)(owner_id="alice", **arguments)
    assert refused.value.detail == {"field": field, "reason": reason}
    assert refused.value.__cause__ is None
