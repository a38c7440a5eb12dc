"""Transactions that wait for each other's locks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeAlias

import psycopg
import pytest

from tests.concurrency.callers import wait_until_blocked
from tests.sql.calls import Connection, Row, balance, call, entries, record, spend
from tests.sql.lifecycle import capture, extend, grow, item, place, record_batch, release, spendable

Change: TypeAlias = Callable[[Connection], Row]


def write_something(conn: Connection) -> None:
    """Write in the transaction before it calls the ledger, so that it has a transaction id."""
    conn.execute("CREATE TEMP TABLE IF NOT EXISTS written (n integer)")


def spend_in_a_transaction(conn: Connection, amount: int, *, writes_before: bool) -> Row:
    with conn.transaction():
        if writes_before:
            write_something(conn)
        return spend(conn, amount)


@pytest.mark.parametrize("writes_before", [False, True])
def test_entry_after_a_wait_is_dated_after_its_predecessor(
    pair: tuple[Connection, Connection],
    conn: Connection,
    thread: ThreadPoolExecutor,
    writes_before: bool,
) -> None:
    first, second = pair
    record(conn, amount=10)
    with first.transaction():
        spend(first, 1)
        waiting = thread.submit(spend_in_a_transaction, second, 1, writes_before=writes_before)
        wait_until_blocked(conn, second)
        predecessor = spend(first, 1)
    follower = waiting.result()
    assert follower["seq"] == predecessor["seq"] + 1
    assert follower["recorded_at"] >= predecessor["recorded_at"]


@pytest.mark.parametrize("writes_before", [False, True])
def test_rollback_leaves_no_gap_for_a_waiting_caller(
    pair: tuple[Connection, Connection],
    conn: Connection,
    thread: ThreadPoolExecutor,
    writes_before: bool,
) -> None:
    first, second = pair
    record(conn, amount=10)
    with first.transaction(force_rollback=True):
        spend(first, 10)
        waiting = thread.submit(spend_in_a_transaction, second, 3, writes_before=writes_before)
        wait_until_blocked(conn, second)
    entry = waiting.result()
    assert (entry["seq"], entry["balance"]) == (2, 7)
    assert [entry["seq"] for entry in entries(conn)] == [1, 2]


def test_waiting_caller_records_after_the_first_entry_is_rolled_back(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor
) -> None:
    first, second = pair
    with first.transaction(force_rollback=True):
        record(first, amount=10)
        waiting: Future[Row] = thread.submit(record, second, amount=1)
        wait_until_blocked(conn, second)
    entry = waiting.result()
    assert (entry["seq"], entry["balance"]) == (1, 1)


def test_nonce_of_a_rolled_back_entry_is_free_for_a_waiting_caller(
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


def test_claim_of_a_rolled_back_entry_is_free_for_a_waiting_caller(
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


def test_retry_does_not_wait_for_a_writer(
    pair: tuple[Connection, Connection], conn: Connection
) -> None:
    first, second = pair
    recorded = record(conn, amount=10, nonce="n")
    with first.transaction():
        spend(first, 4)
        second.execute("SET lock_timeout = '1ms'")
        assert record(second, amount=10, nonce="n") == recorded | {"replayed": True}


def test_lock_timeout_ends_a_wait_and_the_nonce_stays_free(
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


def test_deadlocked_transaction_can_be_retried(
    pair: tuple[Connection, Connection], conn: Connection
) -> None:
    for owner_id in ("alice", "bob"):
        record(conn, owner_id=owner_id, amount=10)
    both_hold_one = Barrier(2)

    def spend_of_both(caller: Connection, name: str, order: list[str]) -> int:
        """Spend 1 of each owner, retry after a deadlock, and return the number of deadlocks."""
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
    # More than one if the loser retries before the winner wakes up.
    assert sum(deadlocks) >= 1
    for owner_id in ("alice", "bob"):
        assert [entry["amount"] for entry in entries(conn, owner_id)] == [10, -1, -1]
        assert balance(conn, owner_id) == 8


@pytest.mark.parametrize("accounts", [9, 300])
def test_waiting_batch_holds_no_locks_on_later_accounts(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor, accounts: int
) -> None:
    first, second = pair
    # Their rows are stored in descending order.
    owners = [f"owner-{i}" for i in range(100 + accounts, 100, -1)]
    for owner_id in owners:
        record(conn, owner_id=owner_id, amount=10)
    # With statistics, the planner prefers a sequential scan of such a small table.
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


def test_waiting_batch_records_nothing_on_an_account_frozen_meanwhile(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor
) -> None:
    first, second = pair
    owners = ["alice", "bob", "carol", "dave", "erin"]
    for owner_id in owners:
        record(conn, owner_id=owner_id, amount=10)
    with first.transaction():
        call(first, "freeze_account", owner_id="carol", actor="Olga", reason="charged back")
        waiting = thread.submit(
            record_batch, second, [item(1, owner_id=owner_id) for owner_id in owners]
        )
        wait_until_blocked(conn, second)
    codes = [result["code"] for result in waiting.result()]
    assert codes == [None, None, "account_frozen", None, None]
    assert [balance(conn, owner_id) for owner_id in owners] == [11, 11, 10, 11, 11]


def freeze(conn: Connection) -> Row:
    return call(
        conn, "freeze_account", owner_id="alice", actor="ann", reason="test", asset="CREDIT"
    )


def answer_after_a_wait(
    first: Connection,
    second: Connection,
    observer: Connection,
    thread: ThreadPoolExecutor,
    change: Change,
    waits: Change,
) -> Row | str:
    """Make a call that waits for a transaction with a change. Return its answer or SQLSTATE."""
    for conn in (first, second):
        # A session that has planned the statements already, so that it goes straight to the lock.
        with conn.transaction(force_rollback=True):
            waits(conn)
    with first.transaction():
        change(first)
        waiting = thread.submit(waits, second)
        wait_until_blocked(observer, second)
    try:
        return waiting.result()
    except psycopg.Error as error:
        return error.sqlstate or str(error)


@pytest.mark.parametrize(
    ("change", "available"),
    [
        pytest.param(lambda conn: place(conn, 12), 3, id="a hold of a lot and more"),
        pytest.param(lambda conn: place(conn, 10), 5, id="a hold of the whole lot"),
        pytest.param(lambda conn: place(conn, 6), 9, id="a hold of most of the lot"),
        pytest.param(lambda conn: spend(conn, 10), 5, id="a debit of the whole lot"),
        pytest.param(lambda conn: release(conn, "other"), 16, id="a release"),
        pytest.param(lambda conn: extend(conn, "other", "1 day"), 15, id="an extension"),
        pytest.param(lambda conn: grow(conn, "other", 2), 13, id="a growth"),
        pytest.param(lambda conn: capture(conn, "other"), 15, id="a capture"),
        pytest.param(
            lambda conn: record(conn, amount=5, expires_at="2030-01-01T00:00:00Z"),
            20,
            id="credits that expire sooner",
        ),
    ],
)
def test_hold_after_a_wait_reserves_what_is_left(
    pair: tuple[Connection, Connection],
    conn: Connection,
    thread: ThreadPoolExecutor,
    change: Change,
    available: int,
) -> None:
    record(conn, amount=10, expires_at="2099-01-01T00:00:00Z")
    record(conn, amount=11)
    place(conn, 1, nonce="other")
    hold = answer_after_a_wait(*pair, conn, thread, change, lambda conn: place(conn, 5))
    assert isinstance(hold, dict)
    assert (hold["amount"], hold["status"], hold["replayed"]) == (5, "open", False)
    assert spendable(conn)[2] == available
    capture(conn, hold["nonce"])
    assert spendable(conn)[2] == available


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        pytest.param(freeze, "LG303", id="frozen"),
        pytest.param(lambda conn: spend(conn, 18), "LG301", id="spent"),
        pytest.param(
            lambda conn: record(conn, amount=1, nonce="n"), "LG201", id="nonce of an entry"
        ),
        pytest.param(lambda conn: place(conn, 4, nonce="n"), "LG201", id="nonce of another hold"),
    ],
)
def test_hold_after_a_wait_is_refused(
    pair: tuple[Connection, Connection],
    conn: Connection,
    thread: ThreadPoolExecutor,
    change: Change,
    answer: str,
) -> None:
    record(conn, amount=20)
    call_ = partial(place, amount=5, nonce="n")
    assert answer_after_a_wait(*pair, conn, thread, change, call_) == answer


def test_same_hold_after_a_wait_is_replayed(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor
) -> None:
    record(conn, amount=20)
    same = partial(place, amount=5, nonce="n")
    hold = answer_after_a_wait(*pair, conn, thread, same, same)
    assert isinstance(hold, dict)
    assert hold["replayed"]
    assert spendable(conn) == (20, 5, 15)


@pytest.mark.parametrize(
    ("change", "amount"),
    [
        pytest.param(lambda conn: extend(conn, "h", "1 day"), -8, id="an extension"),
        pytest.param(lambda conn: grow(conn, "h", 4), -12, id="a growth"),
        pytest.param(lambda conn: capture(conn, "h", 3, final=False), -5, id="a capture in part"),
        pytest.param(lambda conn: place(conn, 3), -8, id="another hold"),
        pytest.param(lambda conn: release(conn, "other"), -8, id="the end of another hold"),
        pytest.param(lambda conn: extend(conn, "other", "1 day"), -8, id="extension of another"),
        pytest.param(lambda conn: spend(conn, 3), -8, id="a debit"),
        pytest.param(
            lambda conn: record(conn, amount=5, expires_at="2030-01-01T00:00:00Z"),
            -8,
            id="credits that expire",
        ),
    ],
)
@pytest.mark.parametrize("lot", [0, 6, 30])
def test_capture_after_a_wait_takes_what_the_hold_reserves(
    pair: tuple[Connection, Connection],
    conn: Connection,
    thread: ThreadPoolExecutor,
    change: Change,
    amount: int,
    lot: int,
) -> None:
    record(conn, amount=30)
    if lot:
        record(conn, amount=lot, expires_at="2099-01-01T00:00:00Z")
    place(conn, 1, nonce="other", expires_in="1 hour")
    place(conn, 8, nonce="h")
    entry = answer_after_a_wait(*pair, conn, thread, change, lambda conn: capture(conn, "h"))
    assert isinstance(entry, dict)
    assert (entry["amount"], entry["replayed"]) == (amount, False)


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        pytest.param(lambda conn: release(conn, "h"), "LG304", id="released"),
        pytest.param(lambda conn: capture(conn, "h", 1), "LG304", id="captured"),
        pytest.param(freeze, "LG303", id="frozen"),
        pytest.param(
            lambda conn: record(conn, amount=1, nonce="c"), "LG201", id="nonce of an entry"
        ),
        pytest.param(
            lambda conn: capture(conn, "h", 4, final=False, nonce="c"),
            "LG201",
            id="nonce of another capture",
        ),
    ],
)
def test_capture_after_a_wait_is_refused(
    pair: tuple[Connection, Connection],
    conn: Connection,
    thread: ThreadPoolExecutor,
    change: Change,
    answer: str,
) -> None:
    record(conn, amount=20)
    place(conn, 8, nonce="h")
    call_ = partial(capture, hold_nonce="h", amount=5, nonce="c")
    assert answer_after_a_wait(*pair, conn, thread, change, call_) == answer


def test_same_capture_after_a_wait_is_replayed(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor
) -> None:
    record(conn, amount=20)
    place(conn, 8, nonce="h")
    same = partial(capture, hold_nonce="h", amount=5, final=False, nonce="c")
    entry = answer_after_a_wait(*pair, conn, thread, same, same)
    assert isinstance(entry, dict)
    assert entry["replayed"]
    assert spendable(conn) == (15, 3, 12)


def test_rollback_leaves_the_hold_to_a_waiting_capture(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor
) -> None:
    first, second = pair
    record(conn, amount=20)
    place(conn, 8, nonce="h")
    with first.transaction(force_rollback=True):
        release(first, "h")
        waiting = thread.submit(capture, second, "h")
        wait_until_blocked(conn, second)
    assert waiting.result()["amount"] == -8
    assert spendable(conn) == (12, 0, 12)


def test_nonce_of_a_hold_and_of_a_capture_is_waited_for(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor
) -> None:
    """Another account takes it, so that only the nonce is waited for."""
    record(conn, amount=20)
    record(conn, owner_id="bob", amount=20)
    place(conn, 8, nonce="h")
    for nonce, waits in (
        ("n", partial(place, amount=5, nonce="n")),
        ("c", partial(capture, hold_nonce="h", amount=5, nonce="c")),
    ):
        change = partial(record, owner_id="bob", nonce=nonce)
        assert answer_after_a_wait(*pair, conn, thread, change, waits) == "LG201"
    assert spendable(conn) == (20, 8, 12)
