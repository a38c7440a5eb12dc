"""Transactions that wait for each other: in order, without gaps, and never for good."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from tests.concurrency.callers import connections, wait_until_blocked
from tests.sql.calls import Connection, Row, balance, entries, record, spend
from tests.sql.lifecycle import item, record_batch


@pytest.fixture
def pair(ledger_db: str) -> Iterator[tuple[Connection, Connection]]:
    """Two connections."""
    with connections(ledger_db, 2) as (first, second):
        yield first, second


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """Where the call that waits is made."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def write_something(conn: Connection) -> None:
    """Make the transaction one that has written before it comes to the ledger."""
    conn.execute("CREATE TEMP TABLE IF NOT EXISTS written (n integer)")


@pytest.mark.parametrize("writes_before", [False, True])
def test_entry_after_a_wait_is_not_recorded_before_its_predecessor(
    pair: tuple[Connection, Connection],
    conn: Connection,
    thread: ThreadPoolExecutor,
    writes_before: bool,
) -> None:
    first, second = pair
    record(conn, amount=10)

    def wait_and_spend() -> Row:
        with second.transaction():
            if writes_before:
                write_something(second)
            return spend(second, 1)

    with first.transaction():
        spend(first, 1)
        waiting = thread.submit(wait_and_spend)
        wait_until_blocked(conn, second)
        predecessor = spend(first, 1)
    follower = waiting.result()
    assert follower["seq"] == predecessor["seq"] + 1
    assert follower["recorded_at"] >= predecessor["recorded_at"]


@pytest.mark.parametrize("writes_before", [False, True])
def test_caller_that_rolls_back_leaves_no_gap(
    pair: tuple[Connection, Connection],
    conn: Connection,
    thread: ThreadPoolExecutor,
    writes_before: bool,
) -> None:
    first, second = pair
    record(conn, amount=10)

    def wait_and_spend() -> Row:
        with second.transaction():
            if writes_before:
                write_something(second)
            return spend(second, 3)

    with first.transaction(force_rollback=True):
        spend(first, 10)
        waiting = thread.submit(wait_and_spend)
        wait_until_blocked(conn, second)
    entry = waiting.result()
    assert (entry["seq"], entry["balance"]) == (2, 7)
    assert [entry["seq"] for entry in entries(conn)] == [1, 2]


def test_first_entry_rolled_back_leaves_the_account_to_the_next(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor
) -> None:
    first, second = pair
    with first.transaction(force_rollback=True):
        record(first, amount=10)
        waiting: Future[Row] = thread.submit(record, second, amount=1)
        wait_until_blocked(conn, second)
    entry = waiting.result()
    assert (entry["seq"], entry["balance"]) == (1, 1)


def test_nonce_taken_back_is_free_for_who_waited_for_it(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor
) -> None:
    first, second = pair
    record(conn, owner_id="bob", amount=5)
    with first.transaction(force_rollback=True):
        record(first, owner_id="alice", nonce="n", amount=1)
        waiting = thread.submit(record, second, owner_id="bob", nonce="n", amount=1)
        wait_until_blocked(conn, second)
    entry = waiting.result()
    assert (entry["seq"], entry["balance"], entry["replayed"]) == (2, 6, False)


def test_claim_taken_back_is_free_for_who_waited_for_it(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor
) -> None:
    first, second = pair
    signup = {"operation": "SIGNUP_CREDIT", "claim_subject": "device"}
    with first.transaction(force_rollback=True):
        record(first, owner_id="alice", **signup)
        waiting = thread.submit(record, second, owner_id="bob", **signup)
        wait_until_blocked(conn, second)
    assert waiting.result()["seq"] == 1


def test_reader_does_not_wait_for_a_writer(
    pair: tuple[Connection, Connection], conn: Connection
) -> None:
    first, second = pair
    record(conn, amount=10)
    with first.transaction():
        spend(first, 4)
        second.execute("SET lock_timeout = '1ms'")
        assert balance(second) == 10
        assert len(entries(second)) == 1


def test_writer_gives_up_when_its_lock_timeout_ends(
    pair: tuple[Connection, Connection], conn: Connection
) -> None:
    first, second = pair
    record(conn, amount=10)
    with first.transaction():
        spend(first, 4)
        second.execute("SET lock_timeout = '20ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            spend(second, 4, nonce="n")
    assert spend(second, 4, nonce="n")["balance"] == 2


def test_callers_in_opposite_order_do_not_block_each_other_for_good(
    pair: tuple[Connection, Connection], conn: Connection
) -> None:
    for owner_id in ("alice", "bob"):
        record(conn, owner_id=owner_id, amount=10)
    both_hold_one = Barrier(2)

    def spend_of_both(caller: Connection, name: str, order: list[str]) -> int:
        """Spend 1 of each owner, again after a deadlock; give the number of deadlocks."""
        for attempt in range(10):
            try:
                with caller.transaction():
                    for owner_id in order:
                        spend(caller, 1, owner_id=owner_id, nonce=f"{name}-{owner_id}")
                        if attempt == 0 and owner_id == order[0]:
                            both_hold_one.wait()
            except psycopg.errors.DeadlockDetected:
                continue
            return attempt
        raise AssertionError("a deadlock every time")

    with ThreadPoolExecutor(2) as threads:
        deadlocks = threads.map(
            spend_of_both, pair, ("first", "second"), (["alice", "bob"], ["bob", "alice"])
        )
    # More than one if the loser is back before the winner has woken up.
    assert sum(deadlocks) >= 1
    for owner_id in ("alice", "bob"):
        assert [entry["amount"] for entry in entries(conn, owner_id)] == [10, -1, -1]
        assert balance(conn, owner_id) == 8


@pytest.mark.parametrize("accounts", [9, 300])
def test_batch_that_waits_for_an_account_has_locked_none_of_those_after_it(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor, accounts: int
) -> None:
    first, second = pair
    # In the table they lie the other way round.
    owners = [f"owner-{i}" for i in range(100 + accounts, 100, -1)]
    for owner_id in owners:
        record(conn, owner_id=owner_id, amount=10)
    # Now the planner knows how small the table is, and that to read all of it is cheap.
    conn.execute("ANALYZE ledger.accounts")
    with first.transaction():
        spend(first, 1, owner_id=owners[-1])
        waiting = thread.submit(
            record_batch, second, [item(1, owner_id=owner_id) for owner_id in owners]
        )
        wait_until_blocked(conn, second)
        free = conn.execute(
            "SELECT owner_id FROM ledger.accounts ORDER BY owner_id FOR UPDATE SKIP LOCKED"
        ).fetchall()
    assert [owner_id for (owner_id,) in free] == sorted(owners)[1:]
    assert [result["code"] for result in waiting.result()] == [None] * len(owners)
