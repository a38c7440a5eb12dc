"""A group that fails is recorded one by one: requests at fault are refused, the others recorded.

The faults are PostgreSQL's own. Some are provoked by other transactions, some by a trigger that the
test puts behind the entries in its own database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from ledger_py.http import recorder as recorder_module
from tests.http.gathered import (
    SETTINGS,
    Records,
    assert_busy,
    kinds,
    lock,
    request,
    transactions,
    until,
    waiting_for_locks,
)
from tests.http.test_database_away import turn_read_only, turn_writable
from tests.sql.calls import Connection, record, scalar

pytestmark = pytest.mark.anyio

TOGETHER = "(SELECT count(*) FROM recorded) > 1"
CHOSEN = "EXISTS (SELECT FROM recorded WHERE nonce = 'chosen')"
STAY = "PERFORM pg_sleep(60)"


@pytest.fixture
async def impatient(ledger_db: str) -> AsyncIterator[Records]:
    """A recorder whose calls may take a second: ten times as long as they do."""
    records = Records()
    await records.open(ledger_db, msgspec.structs.replace(SETTINGS, statement_timeout=1.0))
    yield records
    await records.close()


@pytest.fixture
async def patient(ledger_db: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Records]:
    """A recorder that waits for locks: what it waits for decides, not how long."""
    monkeypatch.setattr(recorder_module, "LOCK_PATIENCE", 60.0)
    records = Records()
    await records.open(ledger_db, msgspec.structs.replace(SETTINGS, lock_timeout=60.0))
    yield records
    await records.close()


def put_obstacle(conn: Connection, condition: str, action: str) -> None:
    """Do something whenever entries are recorded together that fulfil a condition.

    Args:
        conn: The database.
        condition: In SQL, about the entries of one statement: `recorded`.
        action: A statement of PL/pgSQL.
    """
    conn.execute("CREATE SCHEMA obstacle")
    # A sequence counts rolled-back transactions, too.
    conn.execute("CREATE SEQUENCE obstacle.met MINVALUE 0 START 0")
    conn.execute("SELECT nextval('obstacle.met')")
    conn.execute(
        "CREATE FUNCTION obstacle.stand_in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF {condition} THEN PERFORM nextval('obstacle.met'); {action}; END IF;"
        " RETURN NULL; END $$".encode()
    )
    conn.execute(
        "CREATE TRIGGER obstacle AFTER INSERT ON ledger.entries REFERENCING NEW TABLE AS recorded"
        " FOR EACH STATEMENT EXECUTE FUNCTION obstacle.stand_in_the_way()"
    )


def remove_obstacle(conn: Connection) -> None:
    conn.execute("DROP TRIGGER obstacle ON ledger.entries")


def times_met(conn: Connection) -> int:
    found: int = scalar(conn, "SELECT last_value FROM obstacle.met")
    return found


def assert_right(conn: Connection) -> None:
    assert conn.execute("SELECT * FROM ledger.verify()").fetchall() == []


# Time


async def test_group_that_times_out_is_recorded_one_by_one(
    impatient: Records, conn: Connection
) -> None:
    earlier = request("carol", 3)
    await impatient.together(earlier, request("alice", 5), request("bob", 5))
    put_obstacle(conn, TOGETHER, STAY)

    answers = await impatient.together(
        request("alice", 1), request("poor", -3), earlier, request("bob", -2), request("new", 1)
    )

    assert times_met(conn) == 1
    assert kinds(answers) == [
        *("recorded", "insufficient_balance", "replayed", "recorded", "recorded")
    ]
    assert transactions(conn) == [3, 1, 1, 1]
    assert_right(conn)


async def test_request_that_times_out_fails_alone(impatient: Records, conn: Connection) -> None:
    await impatient.together(*map(request, ["alice", "bob", "carol"]))
    slow = request("bob", nonce="chosen")
    put_obstacle(conn, CHOSEN, STAY)

    answers = await impatient.together(request("alice"), slow, request("carol"))

    assert times_met(conn) == 2
    assert kinds(answers) == ["recorded", "QueryCanceled", "recorded"]
    assert_busy(answers[1])
    assert transactions(conn) == [3, 1, 1]
    remove_obstacle(conn)
    assert kinds(await impatient.together(slow, slow)) == ["recorded", "replayed"]
    assert sum(transactions(conn)) == 6
    assert_right(conn)


# Other transactions


async def test_deadlocked_group_is_recorded_after_the_other_transaction(
    patient: Records, ledger_db: str, conn: Connection
) -> None:
    await patient.together(request("a"), request("b"), request("c"))
    with psycopg.connect(ledger_db) as other:
        lock(other, "b")
        # It locks a, waits for b, and is the one to detect the deadlock.
        tasks = patient.begin(request("a"), request("b"), request("c"))
        await until(lambda: waiting_for_locks(conn))
        await asyncio.to_thread(lock, other, "a")
    answers = await asyncio.gather(*tasks)

    assert kinds(answers) == ["recorded"] * 3
    assert transactions(conn) == [3, 1, 1, 1]
    assert_right(conn)


async def test_deadlocked_request_is_recorded_after_the_other_transaction(
    patient: Records, ledger_db: str, conn: Connection
) -> None:
    await patient.together(request("a"))
    with psycopg.connect(ledger_db) as other:
        lock(other, "a")
        (task,) = patient.begin(request("a"))
        await until(lambda: waiting_for_locks(conn))
        # It holds the advisory lock of the account, so this deadlocks.
        await asyncio.to_thread(
            other.execute, "SELECT pg_advisory_xact_lock(hashtextextended('a', 0))"
        )
    answer = await task

    assert (answer.replayed, answer.seq) == (False, 2)
    assert transactions(conn) == [1, 1]
    assert_right(conn)


@pytest.mark.parametrize("more", [0, 2], ids=["single request", "group"])
async def test_services_work_at_read_committed(
    ledger_db: str, conn: Connection, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    """With a default isolation level above read committed."""
    strict = sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'")
    conn.execute(strict.format(sql.Identifier(conn.info.dbname)))
    monkeypatch.setattr(recorder_module, "LOCK_PATIENCE", 60.0)
    records = Records()
    await records.open(ledger_db, msgspec.structs.replace(SETTINGS, lock_timeout=60.0))
    asked = [request("a"), *(request(f"other-{n}") for n in range(more))]
    await records.together(*(request(one.owner_id) for one in asked))
    before = transactions(conn)
    with psycopg.connect(ledger_db) as other:
        record(other, owner_id="a", amount=5)
        tasks = records.begin(*asked)
        await until(lambda: waiting_for_locks(conn))
    answers = await asyncio.gather(*tasks)
    await records.close()

    assert kinds(answers) == ["recorded"] * (1 + more)
    assert answers[0].balance == answers[0].amount + 1 + 5
    assert transactions(conn) == [*before, 1, 1 + more]
    assert_right(conn)


# Collisions without end


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_request_that_always_collides_is_busy_and_may_be_repeated(
    records: Records, conn: Connection, sqlstate: str
) -> None:
    await records.together(*map(request, ["alice", "bob", "carol"]))
    unlucky = request("bob", nonce="chosen")
    put_obstacle(conn, CHOSEN, f"RAISE EXCEPTION USING ERRCODE = '{sqlstate}'")

    answers = await records.together(request("alice"), unlucky, request("carol"))
    in_the_group = times_met(conn)
    alone = await records.together(unlucky)
    attempts = times_met(conn) - in_the_group

    assert [*kinds(answers)[::2], attempts] == ["recorded", "recorded", 3]
    assert_busy(answers[1])
    assert_busy(alone[0])
    assert transactions(conn) == [3, 1, 1]
    remove_obstacle(conn)
    assert kinds(await records.together(unlucky)) == ["recorded"]
    assert_right(conn)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_request_that_collides_twice_is_recorded_once(
    records: Records, conn: Connection, sqlstate: str
) -> None:
    await records.together(request("alice"))
    twice = f"{CHOSEN} AND (SELECT last_value < 2 FROM obstacle.met)"
    put_obstacle(conn, twice, f"RAISE EXCEPTION USING ERRCODE = '{sqlstate}'")

    (answer,) = await records.together(request("alice", nonce="chosen"))

    assert times_met(conn) == 2
    assert kinds([answer]) == ["recorded"]
    assert transactions(conn) == [1, 1]
    assert_right(conn)


# A database that cannot be written


async def test_read_only_database_refuses_the_whole_group(
    records: Records, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await records.together(*map(request, ["alice", "bob", "carol"]))
    begun = count_connections(monkeypatch)
    turn_read_only(conn)
    answers = await records.together(*map(request, ["alice", "bob", "carol"]))
    while_read_only = len(begun)
    turn_writable(conn)
    later = await records.together(*map(request, ["alice", "bob", "carol"]))

    assert kinds(answers) == ["ReadOnlySqlTransaction"] * 3
    # One new connection, instead of one for each request.
    assert while_read_only == 1
    assert kinds(later) == ["recorded"] * 3
    assert transactions(conn) == [3, 3]


def count_connections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the addresses of the connections that are made from now on."""
    begun: list[str] = []
    connect = psycopg.AsyncConnection.connect

    async def connect_and_note(conninfo: str, **options: Any) -> psycopg.AsyncConnection[Any]:
        begun.append(conninfo)
        return await connect(conninfo, **options)

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", connect_and_note)
    return begun
