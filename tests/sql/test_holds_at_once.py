"""Holds and captures that need nothing but themselves are written at once; all others in steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, record, refused, rows, scalar
from tests.sql.lifecycle import capture, operate, place, release, spendable

LATER = "2099-01-01T00:00:00Z"
SOON = "2098-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _credits(tx: Connection, clock: Clock) -> Iterator[None]:
    """Credits in two lots and beside them. The books are right after each test."""
    record(tx, amount=10, expires_at=LATER)
    record(tx, amount=10, expires_at=SOON)
    record(tx, amount=10)
    clock.forward(seconds=1)
    yield
    assert rows(tx, "verify") == []


def without_steps(tx: Connection) -> None:
    """Let everything fail that is not written at once."""
    tx.execute("DROP FUNCTION ledger_core.open_hold, ledger_core.spend_hold")


def account(tx: Connection) -> Any:
    return scalar(tx, "SELECT accounts FROM ledger.accounts WHERE owner_id = 'alice'")


def lots(tx: Connection) -> list[tuple[int, int]]:
    """What remains of each lot, and what is held of it, soonest to expire first."""
    found = "SELECT remaining, held FROM ledger.lots ORDER BY expires_at, seq"
    return tx.execute(found).fetchall()


def forget_nonce(tx: Connection, nonce: str) -> None:
    """Make an entry or a hold older than the list of nonces."""
    tx.execute("ALTER TABLE ledger_core.nonces DISABLE TRIGGER nonces_append_only")
    tx.execute("DELETE FROM ledger_core.nonces WHERE nonce = %s", [nonce])
    tx.execute("ALTER TABLE ledger_core.nonces ENABLE ALWAYS TRIGGER nonces_append_only")


def remember_nonce(tx: Connection, nonce: str) -> None:
    tx.execute("INSERT INTO ledger_core.nonces VALUES ('app1', %s) ON CONFLICT DO NOTHING", [nonce])


# What is written at once


def test_hold_and_its_capture_are_written_at_once(tx: Connection, clock: Clock) -> None:
    without_steps(tx)
    place(tx, 4, nonce="h", expires_in="1 hour")
    assert (spendable(tx), lots(tx)) == ((30, 4, 26), [(10, 4), (10, 0)])
    clock.forward(seconds=1)
    assert capture(tx, "h")["balance"] == 26
    assert (spendable(tx), lots(tx)) == ((26, 0, 26), [(6, 0), (10, 0)])


def test_hold_beside_another_is_written_at_once(tx: Connection, clock: Clock) -> None:
    without_steps(tx)
    place(tx, 4, nonce="first", expires_in="1 hour")
    clock.forward(seconds=1)
    place(tx, 3, nonce="second", expires_in="1 minute")
    assert (spendable(tx), lots(tx)) == ((30, 7, 23), [(10, 7), (10, 0)])
    clock.forward(seconds=1)
    capture(tx, "second", 2)
    assert (spendable(tx), lots(tx)) == ((28, 4, 24), [(8, 4), (10, 0)])


def test_capture_in_part_of_a_hold_without_lots_is_written_at_once(
    tx: Connection, clock: Clock
) -> None:
    record(tx, owner_id="bob", amount=10)
    without_steps(tx)
    place(tx, 8, owner_id="bob", nonce="h")
    for _ in range(2):
        clock.forward(seconds=1)
        capture(tx, "h", 2, final=False)
        assert rows(tx, "verify") == []
    capture(tx, "h", 3)
    assert spendable(tx, "bob") == (3, 0, 3)


def test_hold_within_a_budget_is_counted_at_once(tx: Connection, clock: Clock) -> None:
    operate(tx, "set_budget", owner_id="alice", budget="most", most=8, period="month")
    without_steps(tx)
    place(tx, 4, nonce="h")
    clock.forward(seconds=1)
    with refused(tx, "LG307"):
        place(tx, 5)
    capture(tx, "h", 3)
    place(tx, 5)


# What is left to the steps


@pytest.mark.parametrize("amount", [9, 10, 11, 19, 20, 21, 30])
@pytest.mark.parametrize("captured", [1, 9, None])
def test_hold_of_several_lots(
    tx: Connection, clock: Clock, amount: int, captured: int | None
) -> None:
    place(tx, amount, nonce="h")
    of_lots = [min(amount, 10), min(max(amount - 10, 0), 10)]
    assert lots(tx) == [(10, of_lots[0]), (10, of_lots[1])]
    assert rows(tx, "verify") == []
    clock.forward(seconds=1)
    capture(tx, "h", captured)
    taken = captured or amount
    assert [remaining for remaining, _ in lots(tx)] == [
        10 - min(taken, 10),
        10 - min(max(taken - 10, 0), 10),
    ]
    assert spendable(tx) == (30 - taken, 0, 30 - taken)


def test_lot_that_is_held_in_part_gives_what_is_free(tx: Connection, clock: Clock) -> None:
    place(tx, 6)
    clock.forward(seconds=1)
    place(tx, 6)
    assert lots(tx) == [(10, 10), (10, 2)]


def test_capture_in_part_keeps_what_a_hold_reserves_of_lots(tx: Connection, clock: Clock) -> None:
    place(tx, 14, nonce="h")
    clock.forward(seconds=1)
    capture(tx, "h", 3, final=False)
    assert lots(tx) == [(7, 7), (10, 4)]


def test_final_capture_posts_what_expired_under_the_hold(tx: Connection, clock: Clock) -> None:
    record(tx, amount=5, expires_at=clock.ahead(minutes=1))
    place(tx, 4, nonce="h", expires_in="1 hour")
    clock.forward(minutes=2)
    assert capture(tx, "h", 3)["balance"] == 31
    assert spendable(tx) == (30, 0, 30)


def test_capture_says_what_is_due_next(tx: Connection, clock: Clock) -> None:
    for end in ("1 minute", "2 minutes", "3 minutes"):
        place(tx, 1, nonce=end, expires_in=end)
        clock.forward(microseconds=1)
    for hold in ("1 minute", "3 minutes", "2 minutes"):
        capture(tx, hold)
        assert rows(tx, "verify") == []


def test_hold_at_the_time_of_another_is_a_microsecond_later(tx: Connection) -> None:
    first, second = place(tx, 1), place(tx, 1)
    assert second["placed_at"] - first["placed_at"] == timedelta(microseconds=1)


def test_capture_counts_in_the_period_of_the_hold(tx: Connection, clock: Clock) -> None:
    operate(tx, "set_budget", owner_id="alice", budget="most", most=9, period="day")
    place(tx, 4, nonce="h", expires_in="10 days")
    clock.forward(days=2)
    place(tx, 1, nonce="today", expires_in="10 days")
    clock.forward(seconds=1)
    capture(tx, "h", 3)
    capture(tx, "today")


def test_first_hold_under_a_budget_of_everybody_is_counted(tx: Connection) -> None:
    call(tx, "define_budget", budget="most", most=9, period="month")
    place(tx, 4)
    with refused(tx, "LG307"):
        place(tx, 6)


# Nonces


@pytest.mark.parametrize("is_old", [False, True])
def test_same_hold_again_leaves_the_account_as_it_was(
    tx: Connection, clock: Clock, is_old: bool
) -> None:
    hold = place(tx, 4, nonce="h", expires_in="1 hour")
    clock.forward(minutes=1)
    if is_old:
        forget_nonce(tx, "h")
    before, of_lots = account(tx), lots(tx)
    assert place(tx, 4, nonce="h", expires_in="1 hour") == hold | {"replayed": True}
    assert (account(tx), lots(tx)) == (before, of_lots)


def test_same_hold_again_leaves_what_is_due_next(tx: Connection, clock: Clock) -> None:
    """The new request would end before everything else."""
    place(tx, 1, nonce="h", expires_in="1 minute")
    capture(tx, "h")
    clock.forward(seconds=1)
    assert place(tx, 1, nonce="h", expires_in="1 minute")["replayed"]


@pytest.mark.parametrize("is_old", [False, True])
def test_same_capture_again_leaves_the_account_as_it_was(
    tx: Connection, clock: Clock, is_old: bool
) -> None:
    record(tx, owner_id="bob", amount=10)
    place(tx, 8, owner_id="bob", nonce="h")
    clock.forward(seconds=1)
    entry = capture(tx, "h", 2, final=False, nonce="c")
    clock.forward(seconds=1)
    if is_old:
        forget_nonce(tx, "c")
    found = "SELECT accounts FROM ledger.accounts WHERE owner_id = 'bob'"
    before = scalar(tx, found)
    assert capture(tx, "h", 2, final=False, nonce="c") == entry | {"replayed": True}
    assert scalar(tx, found) == before
    remember_nonce(tx, "c")
    assert rows(tx, "verify") == []
    capture(tx, "h", 6)


@pytest.mark.parametrize("final", [True, False])
def test_capture_of_the_rest_under_a_used_nonce_leaves_the_account_as_it_was(
    tx: Connection, clock: Clock, final: bool
) -> None:
    """As the last hold of the account, it would leave nothing due if it were recorded."""
    record(tx, owner_id="bob", amount=10)
    place(tx, 4, owner_id="bob", nonce="h")
    clock.forward(seconds=1)
    entry = capture(tx, "h", 2, final=False, nonce="c")
    before = scalar(tx, "SELECT accounts FROM ledger.accounts WHERE owner_id = 'bob'")
    if final:
        with refused(tx, "LG201"):
            capture(tx, "h", 2, nonce="c")
    else:
        assert capture(tx, "h", 2, final=False, nonce="c") == entry | {"replayed": True}
    assert scalar(tx, "SELECT accounts FROM ledger.accounts WHERE owner_id = 'bob'") == before


def test_nonces_that_are_older_than_the_list_of_them_are_used(tx: Connection, clock: Clock) -> None:
    record(tx, amount=1, nonce="entry")
    place(tx, 1, nonce="hold")
    place(tx, 4, nonce="h")
    for nonce in ("entry", "hold"):
        forget_nonce(tx, nonce)
    clock.forward(seconds=1)
    with refused(tx, "LG201"):
        place(tx, 4, nonce="entry")
    with refused(tx, "LG201"):
        place(tx, 4, nonce="hold")
    with refused(tx, "LG201"):
        capture(tx, "h", 4, nonce="entry")
    for nonce in ("entry", "hold"):
        remember_nonce(tx, nonce)


def test_hold_is_of_the_owner_that_is_named(tx: Connection) -> None:
    place(tx, 4, nonce="h")
    with refused(tx, "LG105"):
        capture(tx, "h", owner_id="bob")
    assert capture(tx, "h", owner_id="alice")["amount"] == -4


@pytest.mark.parametrize("end", [capture, release])
def test_hold_that_has_ended_is_not_captured(
    tx: Connection, clock: Clock, end: Callable[[Connection, str], Row]
) -> None:
    place(tx, 4, nonce="h")
    end(tx, "h")
    clock.forward(seconds=1)
    with refused(tx, "LG304"):
        capture(tx, "h", 4)


def test_entry_of_a_capture_has_everything_of_its_request(tx: Connection, clock: Clock) -> None:
    without_steps(tx)
    place(tx, 4, nonce="h", spender="ann", metadata={"for": "ann"})
    clock.forward(seconds=1)
    entry = capture(tx, "h", 3, nonce="c", metadata={"used": 3})
    expected: Row = {
        "owner_id": "alice",
        "operation": "CREDIT_SPEND",
        "nonce": "c",
        "amount": -3,
        "spender": "ann",
        "metadata": {"used": 3},
        "hold_nonce": "h",
        "recorded_at": clock.now,
        "quantity": None,
        "overdrawn": None,
    }
    assert {name: entry[name] for name in expected} == expected
