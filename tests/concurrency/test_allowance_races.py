"""Concurrent callers at the boundary of an allowance."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from tests.concurrency.callers import Call, all_at_once, outcomes
from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, new_nonce, record, rows, spend
from tests.sql.lifecycle import capture, item, operate, place, record_batch

PLAN = {"app": "app1", "owner_id": "alice", "operation": "CREDIT_ADD", "amount": 100}


def hold_and_capture(conn: Connection) -> Row:
    nonce = new_nonce()
    place(conn, 1, nonce=nonce)
    return capture(conn, nonce)


def spend_in_a_batch(conn: Connection) -> Row:
    """Spend 1 in a batch; a refusal is raised."""
    items = [item(-1, operation="CREDIT_SPEND"), item(1, owner_id="bob")]
    return record_batch(conn, items, atomic=True)[0]


def grants(conn: Connection) -> int:
    found = conn.execute(
        "SELECT count(*) FROM ledger.entries WHERE starts_with(nonce, 'ledger:allowance:')"
    ).fetchone()
    assert found is not None
    return int(found[0])


@pytest.fixture
def boundary(conn: Connection, ledger_db: str) -> Clock:
    """A clock at the boundary: 40 of 100 are left, and 15 of them are to be carried over."""
    clock = Clock(conn)
    call(conn, "grant_allowance", **PLAN, nonce="plan", period="day", carry_over_most=15)
    spend(conn, 60)
    clock.advance(timedelta(days=1))
    return clock


@pytest.mark.parametrize(
    "ways",
    [
        [partial(spend, amount=1)],
        [spend_in_a_batch],
        [hold_and_capture],
        [partial(spend, amount=1), spend_in_a_batch, hold_and_capture],
    ],
    ids=["singly", "batches", "holds", "all ways"],
)
@pytest.mark.usefixtures("boundary")
def test_200_spends_at_a_boundary_find_the_credits_once(
    ledger_db: str, conn: Connection, ways: list[Call]
) -> None:
    answers = all_at_once(ledger_db, [ways[n % len(ways)] for n in range(200)])
    assert outcomes(answers) == {"recorded": 115, "LG301": 85}
    assert call(conn, "balance", owner_id="alice")["balance"] == 0
    assert grants(conn) == 2
    assert rows(conn, "verify", owner_id="alice") == []


@pytest.mark.usefixtures("boundary")
def test_reads_beside_writes_see_all_of_a_boundary_or_nothing(
    ledger_db: str, conn: Connection
) -> None:
    def read(conn: Connection) -> Row:
        return call(conn, "balance", owner_id="alice")

    def settle(conn: Connection) -> Row:
        return call(conn, "expire_credits")

    answers = all_at_once(ledger_db, [read, read, settle, read] * 40)
    assert {it["balance"] for it in answers if isinstance(it, dict) and "balance" in it} == {115}
    assert grants(conn) == 2


def test_one_of_many_grants_under_one_nonce(ledger_db: str, conn: Connection) -> None:
    call_it = partial(call, function="grant_allowance", **PLAN, nonce="plan")
    answers = all_at_once(ledger_db, [call_it] * 40)
    assert sorted(it["replayed"] for it in answers if isinstance(it, dict)) == [False] + [True] * 39
    assert call(conn, "balance", owner_id="alice")["balance"] == 100


def test_a_nonce_is_taken_once_by_an_allowance_or_an_entry(
    ledger_db: str, conn: Connection
) -> None:
    grant = partial(call, function="grant_allowance", **PLAN | {"owner_id": "bob"}, nonce="taken")
    answers = all_at_once(ledger_db, [grant, partial(record, nonce="taken")] * 20)
    refusals = [it for it in answers if it == "LG201"]
    assert len(refusals) == 20
    assert (
        len(rows(conn, "allowances_of", owner_id="bob"))
        + len(rows(conn, "entries_of", owner_id="alice"))
        == 1
    )


@pytest.mark.usefixtures("boundary")
def test_changes_ends_freezes_and_spends_at_a_boundary(ledger_db: str, conn: Connection) -> None:
    of_plan = {"app": "app1", "allowance_nonce": "plan"}

    def raise_it(conn: Connection) -> Row:
        return call(
            conn, "change_allowance", **of_plan, nonce="more", amount=150, from_next_period=False
        )

    def freeze(conn: Connection) -> Row:
        operate(conn, "freeze_account")
        operate(conn, "unfreeze_account")
        return {}

    def forfeit(conn: Connection) -> Row:
        return call(conn, "end_allowance", **of_plan, forfeit=True)

    several = [partial(spend, amount=1)] * 5 + [raise_it, hold_and_capture, freeze]
    answers = all_at_once(ledger_db, [*several * 8, forfeit, *several * 4])
    assert {it for it in answers if isinstance(it, str)} <= {"LG301", "LG303", "LG304", "LG306"}
    # What a hold of a caller who was refused reserves is not forfeited.
    assert call(conn, "balance", owner_id="alice")["available"] == 0
    assert grants(conn) == 2
    assert rows(conn, "verify", owner_id="alice") == []
