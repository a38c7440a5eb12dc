"""Concurrent callers under a budget."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.concurrency.callers import all_at_once, outcomes, wait_until_blocked
from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, new_nonce, record, refused, rows, spend
from tests.sql.lifecycle import capture, item, place, record_batch, release

BY = {"actor": "olga", "reason": "agreed"}


@pytest.fixture
def limit(conn: Connection) -> Callable[..., None]:
    """Gives alice credits, and limits what she may spend to 100, or defines that for everybody."""
    record(conn, amount=100_000)

    def set_limit(function: str, **rule: Any) -> None:
        rule = {"budget": "limit", "most": 100, "period": "day"} | rule
        if function == "set_budget":
            rule |= {"owner_id": "alice"} | BY
        call(conn, function, **rule)

    return set_limit


def used(conn: Connection, spender: str | None = None) -> tuple[int, int]:
    (found,) = (it for it in rows(conn, "budgets_of", owner_id="alice") if it["spender"] == spender)
    assert rows(conn, "verify") == []
    return found["spent"], found["held"]


def spend_in_a_batch(conn: Connection) -> Row:
    """Spend 1 in a batch with a credit; a refusal is raised."""
    items = [item(1), item(-1, operation="CREDIT_SPEND")]
    return record_batch(conn, items, atomic=True)[1]


def hold_and_capture(conn: Connection) -> Row:
    nonce = new_nonce()
    place(conn, 1, nonce=nonce)
    return capture(conn, nonce)


def hold_and_release(conn: Connection) -> Row:
    """Hold 1, give it back, and spend 1 instead."""
    nonce = new_nonce()
    with conn.transaction():
        place(conn, 1, nonce=nonce)
        release(conn, nonce)
        return spend(conn, 1)


@pytest.mark.parametrize("function", ["set_budget", "define_budget"])
@pytest.mark.parametrize(
    "ways",
    [
        [partial(spend, amount=1)],
        [spend_in_a_batch],
        [hold_and_capture],
        [partial(spend, amount=1), spend_in_a_batch, hold_and_capture, hold_and_release],
    ],
    ids=["singly", "batches", "holds", "all ways"],
)
def test_200_callers_spend_exactly_100_under_a_budget_of_100(
    ledger_db: str,
    conn: Connection,
    limit: Callable[..., None],
    function: str,
    ways: list[Callable[[Connection], Row]],
) -> None:
    limit(function)
    answers = all_at_once(ledger_db, (ways * 200)[:200])
    assert outcomes(answers) == {"recorded": 100, "LG307": 100}
    assert used(conn) == (100, 0)


def test_each_spender_spends_exactly_its_own_budget(
    ledger_db: str, conn: Connection, limit: Callable[..., None]
) -> None:
    limit("set_budget", spender="*", most=20)
    calls = [partial(spend, amount=1, spender=spender) for spender in ("ann", "ben", "cas")]
    answers = all_at_once(ledger_db, calls * 60)
    assert outcomes(answers) == {"recorded": 60, "LG307": 120}
    assert [used(conn, spender) for spender in ("ann", "ben", "cas")] == [(20, 0)] * 3


def test_budget_that_is_set_while_callers_spend_counts_all_of_them(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=100_000)

    def set_it(other: Connection) -> Row:
        limit_it = {"owner_id": "alice", "budget": "limit", "most": 100, "period": "day"}
        return call(other, "set_budget", **limit_it | BY) | {"replayed": False}

    calls: list[Callable[[Connection], Row]] = [partial(spend, amount=1)] * 200
    calls[30] = set_it
    answers = all_at_once(ledger_db, calls)
    assert outcomes(answers) == {"recorded": 101, "LG307": 99}
    assert used(conn) == (100, 0)


@pytest.mark.parametrize("day", ["2030-03-31", "2030-10-27"], ids=["23 hours", "25 hours"])
def test_callers_at_the_end_of_a_day_spend_the_budget_of_each_day(
    ledger_db: str, conn: Connection, day: str
) -> None:
    clock = Clock(conn, "2030-03-30T23:00Z" if day == "2030-03-31" else "2030-10-26T22:00Z")
    record(conn, amount=100_000)
    limit = {"owner_id": "alice", "budget": "limit", "most": 100, "period": "day"}
    call(conn, "set_budget", time_zone="Europe/Berlin", **limit, **BY)
    begun = clock.now
    (found,) = rows(conn, "budgets_of", owner_id="alice")
    length = found["resets_at"] - begun
    assert length.total_seconds() == (23 if day == "2030-03-31" else 25) * 3600

    answers = all_at_once(ledger_db, [partial(spend, amount=1)] * 150)
    assert outcomes(answers) == {"recorded": 100, "LG307": 50}
    clock.set(found["resets_at"])
    clock.forward(microseconds=-1)
    assert outcomes(all_at_once(ledger_db, [partial(spend, amount=1)] * 20)) == {"LG307": 20}
    clock.set(found["resets_at"])
    answers = all_at_once(ledger_db, [partial(spend, amount=1)] * 150)
    assert outcomes(answers) == {"recorded": 100, "LG307": 50}
    assert used(conn) == (100, 0)


def test_budget_of_everybody_counts_while_the_last_of_an_owner_is_dropped(
    pair: tuple[Connection, Connection], conn: Connection, thread: ThreadPoolExecutor
) -> None:
    dropping, spending = pair
    record(conn, amount=100)
    own = {"owner_id": "alice", "budget": "own", "most": 50, "period": "ever"}
    call(conn, "set_budget", **own, **BY)
    with dropping.transaction():
        call(dropping, "drop_budget", owner_id="alice", budget="own", **BY)
        call(conn, "define_budget", budget="of-all", most=5, period="ever")
        waiting = thread.submit(spend, spending, 5)
        wait_until_blocked(conn, spending)
    assert waiting.result()["balance"] == 95
    with refused(conn, "LG307"):
        spend(conn, 1)
    assert used(conn) == (5, 0)


def test_budget_that_is_set_in_an_open_transaction_stops_no_operator(
    ledger_db: str, conn: Connection, limit: Callable[..., None]
) -> None:
    with conn.transaction(), psycopg.connect(ledger_db, autocommit=True) as operator:
        limit("set_budget", app="app1")

        with pytest.raises(psycopg.errors.LockNotAvailable):
            call(operator, "define_budget", budget="other", most=100, period="day")

        call(operator, "register_app", app="app9", description="Not about budgets")
        record(operator, owner_id="bob")


def test_definition_waits_for_a_budget_of_an_app_that_would_go_before_it(
    ledger_db: str, conn: Connection, limit: Callable[..., None]
) -> None:
    with (
        psycopg.connect(ledger_db, autocommit=True) as operator,
        ThreadPoolExecutor(1) as thread,
    ):
        rule = {"budget": "limit", "most": 100, "period": "day"}
        with conn.transaction():
            limit("set_budget", app="app1")
            defined = thread.submit(call, operator, "define_budget", **rule)
            with psycopg.connect(ledger_db, autocommit=True) as watching:
                wait_until_blocked(watching, operator)
        with pytest.raises(psycopg.Error) as refusal:
            defined.result()
        assert refusal.value.sqlstate == "LG001"
