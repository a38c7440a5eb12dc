"""Gathering: simultaneous requests share a transaction, and each gets its own answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import pytest

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import InsufficientBalance, LedgerError
from ledger_py.http import database, recorder
from ledger_py.http.connections import Connector, ServiceLedger
from ledger_py.http.gathering import MAX_GROUP, RequestQueue, WaitingRequest, record_alone
from ledger_py.http.problems import Problem
from ledger_py.http.schemas import RecordRequest
from ledger_py.structs import RecordedEntry
from tests.http.gathered import (
    SETTINGS,
    Answer,
    Patient,
    Records,
    assert_busy,
    kinds,
    lock,
    make_queue,
    request,
    terminate_connections,
    transactions,
    until,
    waiting,
    waiting_for_locks,
)
from tests.sql.calls import Connection

pytestmark = pytest.mark.anyio


async def test_simultaneous_requests_share_a_transaction(
    records: Records, conn: Connection
) -> None:
    answers = await records.together(*(request(f"owner-{n % 7}") for n in range(50)))

    assert kinds(answers) == ["recorded"] * 50
    assert transactions(conn) == [50]


async def test_requests_during_a_transaction_share_the_next_one(
    records: Records, conn: Connection
) -> None:
    first = records.begin(request("first"))
    await asyncio.sleep(0)  # lets the task begin, but none of its answers arrive
    await asyncio.sleep(0)
    answers = await records.together(*(request(f"owner-{n}") for n in range(20)))

    assert kinds([*[await task for task in first], *answers]) == ["recorded"] * 21
    assert transactions(conn) == [1, 20]


async def test_group_size_is_bounded(records: Records, conn: Connection) -> None:
    answers = await records.together(*(request() for _ in range(2 * MAX_GROUP + 50)))

    assert kinds(answers) == ["recorded"] * (2 * MAX_GROUP + 50)
    assert transactions(conn) == [MAX_GROUP, MAX_GROUP, 50]


async def test_every_request_gets_its_own_answer(records: Records) -> None:
    requests = [request(f"owner-{n % 5}", amount=n + 1) for n in range(40)]

    answers = await records.together(*requests)

    for asked, answer in zip(requests, answers, strict=True):
        assert isinstance(answer, RecordedEntry)
        assert (answer.owner_id, answer.nonce, answer.amount) == (
            asked.owner_id,
            asked.nonce,
            asked.amount,
        )


def scenario(owner_id: str) -> list[RecordRequest[str]]:
    """Requests with every kind of outcome, which depend on each other."""
    return [
        request(owner_id, 10, nonce=f"{owner_id}-a", metadata={"order": 7, "text": "ü"}),
        request(owner_id, 10, nonce=f"{owner_id}-a", metadata={"order": 7, "text": "ü"}),
        request(owner_id, 11, nonce=f"{owner_id}-a"),
        request(owner_id, -4),
        request(owner_id, -7),
        request(owner_id, -6, nonce=f"{owner_id}-b"),
        request(owner_id, 0),
        request(owner_id, 3, operation="CREDIT_SPEND"),
        request(owner_id, operation="NOTHING"),
        request(owner_id, operation="TOKENS_USED"),
        request(owner_id, None, operation="SIGNUP_CREDIT"),
        request(owner_id, None, operation="SIGNUP_CREDIT"),
        request(owner_id, None, operation="DAILY_REWARD", claim_subject=f"device-{owner_id}"),
        request(owner_id, 5, expires_at=datetime(2999, 1, 1, tzinfo=UTC)),
        request(owner_id, 5, metadata={"a": {}, "b": [None, 0.5, 12345678901234567890]}),
        request(owner_id, 5, metadata={}),
        request(owner_id, 5, metadata={"x": "y" * 16_384}),
        request(owner_id, 5, metadata={"x": "y" * 40_000}),
        request(owner_id, 5, metadata={"x": "a\0b"}),
        # No NUL but an escaped backslash; it is not gathered either.
        request(f"{owner_id}-2", 5, metadata={"x": "a\\u0000b"}),
        request(owner_id, 2**53 - 1),
        request(owner_id, None, operation="CONTENT_ACCESS"),
        request(owner_id, -8),
    ]


def comparable(answer: Answer, owner_id: str) -> Any:
    """An answer without the values that differ between two owners or two moments."""
    said: list[Any]
    if isinstance(answer, LedgerError):
        said = [answer.code, answer.status, answer.message, answer.detail, answer.hint]
    else:
        assert isinstance(answer, RecordedEntry), answer
        said = [msgspec.structs.asdict(answer)]
        for name in ("entry_id", "recorded_at", "nonce"):
            del said[0][name]
    return msgspec.json.decode(msgspec.json.encode(said).replace(owner_id.encode(), b"OWNER"))


async def test_group_is_answered_like_single_calls(records: Records, ledger_db: str) -> None:
    numbers = re_numbered(scenario("gathered")), re_numbered(scenario("singly"))
    gathered = await records.together(*numbers[0])
    async with await psycopg.AsyncConnection.connect(ledger_db, autocommit=True) as conn:
        singly: list[Answer] = []
        for asked in numbers[1]:
            try:
                singly.append(await record_alone(AsyncLedger(conn, app="app1"), asked))
            except LedgerError as refusal:
                singly.append(refusal)

    assert "insufficient_balance" in kinds(singly)
    assert [comparable(answer, "gathered") for answer in gathered] == [
        comparable(answer, "singly") for answer in singly
    ]


def re_numbered(requests: list[RecordRequest[str]]) -> list[RecordRequest[str]]:
    """Replace generated nonces with the position of the request."""
    return [
        msgspec.structs.replace(asked, nonce=f"{asked.owner_id}-{position}")
        if str(asked.nonce).startswith("nonce-")
        else asked
        for position, asked in enumerate(requests)
    ]


async def test_locked_account_delays_no_other(
    records: Records, ledger_db: str, conn: Connection
) -> None:
    await records.together(request("locked"), request("free"))
    with psycopg.connect(ledger_db) as blocker:
        lock(blocker, "locked")
        blocked = records.begin(*(request("locked") for _ in range(3)))
        free = await records.together(*(request(f"free-{n}") for n in range(30)))
        await until(lambda: waiting_for_locks(conn))
        # The account is known to be locked, so its requests no longer delay others.
        blocked += records.begin(request("locked"))
        free += await records.together(request("free"), request("free-1"))

        assert kinds(free) == ["recorded"] * 32
        assert not any(task.done() for task in blocked)
    assert kinds(await asyncio.gather(*blocked)) == ["recorded"] * 4
    assert kinds(await records.together(request("locked"))) == ["recorded"]


async def test_many_locked_accounts_delay_no_other(records: Records, ledger_db: str) -> None:
    owners = [f"locked-{n}" for n in range(30)]
    await records.together(*map(request, owners))
    with psycopg.connect(ledger_db) as blocker:
        for owner_id in owners:
            lock(blocker, owner_id)
        blocked = records.begin(*map(request, owners))
        free = await records.together(request("free"))

        assert kinds(free) == ["recorded"]
        assert not any(task.done() for task in blocked)
    assert kinds(await asyncio.gather(*blocked)) == ["recorded"] * 30


async def test_account_that_stays_locked_fails_its_own_requests_only(
    ledger_db: str, conn: Connection
) -> None:
    records = Records()
    await records.open(ledger_db, msgspec.structs.replace(SETTINGS, lock_timeout=0.1))
    await records.together(request("locked"))
    with psycopg.connect(ledger_db) as blocker:
        lock(blocker, "locked")
        answers = await records.together(request("locked"), request("free"), request("locked"))
    await records.close()

    assert kinds(answers) == ["LockNotAvailable", "recorded", "LockNotAvailable"]
    assert_busy(answers[0])
    assert transactions(conn) == [1, 1]


async def test_lost_connection_loses_and_duplicates_nothing(
    records: Records, ledger_db: str, conn: Connection
) -> None:
    await records.together(request("locked"))
    with psycopg.connect(ledger_db) as blocker:
        lock(blocker, "locked")
        requests = [request("locked"), *(request(f"owner-{n}") for n in range(20))]
        tasks = records.begin(*requests)
        await until(lambda: waiting_for_locks(conn))
        terminate_connections(conn)
    answers = await asyncio.gather(*tasks)

    assert [answer.nonce for answer in answers] == [asked.nonce for asked in requests]
    assert sum(transactions(conn)) == 22


@pytest.mark.parametrize("others", [0, 20])
async def test_refusal_does_not_hide_a_lost_attempt(
    records: Records, ledger_db: str, conn: Connection, others: int
) -> None:
    """Through a network or a pooler that fails, the lost attempt may still be under way."""
    await records.together(request("poor", 5), request("rich", 50))
    asked = [request("poor", -6), *(request("rich", -1) for _ in range(others))]
    queue = make_queue(ledger_db, msgspec.structs.replace(SETTINGS, lock_timeout=3600.0))

    async def answers_to(*items: WaitingRequest) -> list[Answer]:
        return await asyncio.gather(*(item.answer for item in items), return_exceptions=True)

    with psycopg.connect(ledger_db) as blocker:
        lock(blocker, "poor")
        items = [waiting(one) for one in asked]
        for item in items:
            queue.add(item)
        await until(lambda: waiting_for_locks(conn))
        terminate_connections(conn)
    assert kinds(await answers_to(*items)) == ["AdminShutdown", *["recorded"] * others]
    again = waiting(asked[0])
    queue.add(again)
    assert kinds(await answers_to(again)) == ["insufficient_balance"]
    await queue.close()


async def test_refused_item_does_not_hide_a_lost_batch(
    ledger_db: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_PATIENCE", 60.0)
    records = Records()
    await records.open(ledger_db, msgspec.structs.replace(SETTINGS, lock_timeout=60.0))
    await records.together(request("poor", 5))
    items = msgspec.json.encode(
        [request("poor", -9), request("poor", 1), request("poor", 1, operation="NONE")]
    )

    def send(*, atomic: bool = False) -> asyncio.Task[list[msgspec.Raw]]:
        return asyncio.create_task(
            records.recorder.record_batch(items, atomic=atomic, owner_id="poor", caller=Patient())
        )

    async def send_and_lose(*, atomic: bool) -> asyncio.Task[list[msgspec.Raw]]:
        with psycopg.connect(ledger_db) as blocker:
            lock(blocker, "poor")
            sent = send(atomic=atomic)
            await until(lambda: waiting_for_locks(conn))
            terminate_connections(conn)
        return sent

    def codes(results: list[msgspec.Raw]) -> list[str | None]:
        return [msgspec.json.decode(result).get("code") for result in results]

    with pytest.raises(psycopg.OperationalError):
        await (await send_and_lose(atomic=True))
    with pytest.raises(InsufficientBalance):
        await send(atomic=True)
    lost = await (await send_and_lose(atomic=False))
    assert codes(lost) == ["database_unavailable", None, "unknown_operation"]
    assert codes(await send()) == ["insufficient_balance", None, "unknown_operation"]
    await records.close()


async def test_parked_request_does_not_hide_that_an_attempt_was_lost(
    records: Records, ledger_db: str, conn: Connection
) -> None:
    await records.together(request("poor", 5))

    async def refuse(_: RecordRequest[str]) -> RecordedEntry:
        raise InsufficientBalance("too few")

    queue = RequestQueue(
        app="app1",
        connector=Connector(ledger_db, "app1", SETTINGS, lock_timeout=2.0),
        lock_patience=2.0,
        patience=10.0,
        answers_within=10.0,
        record_parked=refuse,
        note_failure=lambda _: None,
    )
    item = waiting(request("poor", -6))
    with psycopg.connect(ledger_db) as blocker:
        lock(blocker, "poor")
        queue.add(item)
        await until(lambda: waiting_for_locks(conn))
        terminate_connections(conn)
        with pytest.raises(psycopg.errors.AdminShutdown):
            await item.answer
    await queue.close()


async def test_call_that_met_a_lock_does_not_hide_that_an_attempt_was_lost(
    records: Records,
) -> None:
    attempts = 0

    async def ask(ledger: ServiceLedger) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await ledger.conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        if attempts == 2:
            raise psycopg.errors.LockNotAvailable
        raise InsufficientBalance("too few")

    with pytest.raises(psycopg.OperationalError):
        await records.database.write(ask, about="poor")
    assert attempts == 3


async def test_session_that_ended_while_idle_is_no_lost_attempt(
    records: Records, conn: Connection
) -> None:
    await records.together(request("poor", 5))
    items = msgspec.json.encode([request("poor", -6)])
    for _ in range(3):
        terminate_connections(conn)
        assert kinds(await records.together(request("poor", -6))) == ["insufficient_balance"]
        terminate_connections(conn)
        (result,) = await records.recorder.record_batch(
            items, atomic=False, owner_id="poor", caller=Patient()
        )
        assert msgspec.json.decode(result)["code"] == "insufficient_balance"


async def test_queue_goes_on_although_its_connection_is_known_to_be_broken(
    records: Records,
) -> None:
    await records.together(request("alice"))
    queue = records.recorder._queue
    assert queue is not None
    assert queue._ledger is not None
    await queue._ledger.conn.close()
    assert kinds(await records.together(request("alice"))) == ["recorded"]


async def test_all_waiting_requests_fail_when_the_database_is_away() -> None:
    away = "postgresql://someone@127.0.0.1:1/none"
    queue = make_queue(away)
    items = [waiting(request(f"owner-{n}")) for n in range(2 * MAX_GROUP)]
    for item in items:
        queue.add(item)

    answers = await asyncio.gather(*(item.answer for item in items), return_exceptions=True)

    assert all(isinstance(answer, psycopg.OperationalError) for answer in answers)


async def test_unresponsive_server_is_given_up(ledger_db: str, conn: Connection) -> None:
    """A lock that is waited for without end stands for a server that hangs."""
    endless = msgspec.structs.replace(SETTINGS, lock_timeout=3600.0, statement_timeout=3600.0)
    queue = make_queue(ledger_db, endless, answers_within=0.2)
    conn.execute("SELECT ledger.record_entry('app1', 'locked', 'CREDIT_ADD', 'first')")
    asked = request("locked")
    with psycopg.connect(ledger_db) as blocker:
        lock(blocker, "locked")
        item = waiting(asked)
        queue.add(item)
        with pytest.raises(psycopg.OperationalError):
            await item.answer
    again = waiting(asked)
    queue.add(again)
    # A call that was given up may have been carried out after all.
    assert (await again.answer).seq == 2
    await queue.close()

    assert sum(transactions(conn)) == 2


async def test_unreadable_item_affects_no_other(ledger_db: str, conn: Connection) -> None:
    queue = make_queue(ledger_db)
    items = [waiting(request(f"owner-{n}")) for n in range(10)]
    items[4].encoded = rb'{"owner_id": "\ud800"}'
    for item in items:
        queue.add(item)

    answers = await asyncio.gather(*(item.answer for item in items))
    await queue.close()

    assert kinds(list(answers)) == ["recorded"] * 10
    assert transactions(conn) == [1] * 10


async def test_request_cancelled_before_it_is_sent_is_not_recorded(
    records: Records, conn: Connection
) -> None:
    requests = [request(f"owner-{n}") for n in range(10)]
    tasks = records.begin(*requests)
    await asyncio.sleep(0)
    tasks[3].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert kinds(answers) == ["recorded"] * 3 + ["CancelledError"] + ["recorded"] * 6
    assert transactions(conn) == [9]
    assert kinds(await records.together(requests[3])) == ["recorded"]


async def test_request_cancelled_after_it_was_sent_is_recorded_once(
    ledger_db: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "LOCK_PATIENCE", 60.0)
    records = Records()
    await records.open(ledger_db, msgspec.structs.replace(SETTINGS, lock_timeout=60.0))
    await records.together(request("locked"))
    asked = request("locked")
    with psycopg.connect(ledger_db) as blocker:
        lock(blocker, "locked")
        (sent,) = records.begin(asked)
        await until(lambda: waiting_for_locks(conn))
        sent.cancel()
    again = await records.together(asked)
    await records.close()

    assert kinds(again) == ["replayed"]
    assert transactions(conn) == [1, 1]


async def test_closing_drains_the_queue(ledger_db: str, conn: Connection) -> None:
    records = Records()
    await records.open(ledger_db)
    await records.together(request("locked"))
    with psycopg.connect(ledger_db) as blocker:
        lock(blocker, "locked")
        tasks = records.begin(*(request("locked") for _ in range(5)), request("free"))
        await until(lambda: waiting_for_locks(conn))
        closing = asyncio.create_task(records.close())
        await asyncio.sleep(0)
        late = await records.together(request("late"))
        assert not closing.done()
    await closing

    assert kinds([task.result() for task in tasks]) == ["recorded"] * 6
    assert [isinstance(answer, Problem) for answer in late] == [True]
    assert sum(transactions(conn)) == 7


async def test_dry_runs_among_gathered_requests_touch_none_of_them(records: Records) -> None:
    requests = [request("alice", amount=1) for _ in range(40)]
    dry_ones = requests[::2]
    dries = [
        asyncio.ensure_future(records.recorder.record(it, str(it.nonce), Patient(dries=True)))
        for it in dry_ones
    ]
    real = records.begin(*requests[1::2])

    assert kinds(await asyncio.gather(*real)) == ["recorded"] * 20
    assert all(entry.replayed is False for entry in await asyncio.gather(*dries))
    again = await asyncio.gather(*records.begin(*dry_ones))
    assert kinds(again) == ["recorded"] * 20
    assert sorted(entry.seq for entry in (*await asyncio.gather(*real), *again)) == [*range(1, 41)]


async def test_dry_runs_leave_connections_as_they_were(records: Records) -> None:
    """psycopg has prepared the statements of a connection that is used so often."""
    for number in range(40):
        amount = 1 if number % 3 else -(10**6)
        dries = [
            records.recorder.record(it, str(it.nonce), Patient(dries=True))
            for it in (request("alice", amount=amount), request("bob", amount=amount))
        ]
        answers = await asyncio.gather(*dries, return_exceptions=True)
        assert {type(answer) for answer in answers} == {
            RecordedEntry if amount > 0 else InsufficientBalance
        }
        read = await records.database.call(lambda ledger: ledger.balance(owner_id="alice"))
        assert read.balance == 0
