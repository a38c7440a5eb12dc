"""Concurrent growing of holds, and captures beyond what they reserve."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest

from tests.concurrency.callers import Call, all_at_once, outcomes
from tests.sql.calls import Connection, call, new_nonce, record, rows, scalar, spend
from tests.sql.lifecycle import capture, extend, grow, place, release, spendable

USED = "USED"


@pytest.fixture(autouse=True)
def _operation(conn: Connection) -> None:
    rule: dict[str, Any] = {"min_amount": -1_000_000, "max_amount": -1, "max_debt": 20}
    call(conn, "define_operation", operation=USED, description="Used", **rule)
    call(conn, "allow_operation", app="app1", operation=USED)


def test_200_growths_reserve_exactly_what_is_available(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=60)
    record(conn, amount=41, expires_at="2099-01-01T00:00:00Z")
    place(conn, 1, nonce="h")
    answers = all_at_once(ledger_db, [partial(grow, hold_nonce="h", by=1)] * 200)
    assert outcomes(answers) == {"recorded": 100, "LG301": 100}
    assert spendable(conn) == (101, 101, 0)
    assert rows(conn, "verify") == []


def test_50_growths_under_one_nonce_grow_once(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=100)
    place(conn, 20, nonce="h")
    answers = all_at_once(ledger_db, [partial(grow, hold_nonce="h", by=5, nonce="g")] * 50)
    assert outcomes(answers) == {"recorded": 1, "replayed": 49}
    assert spendable(conn) == (100, 25, 75)


def test_one_nonce_for_growths_of_two_owners_is_used_by_one(
    ledger_db: str, conn: Connection
) -> None:
    for owner_id in ("alice", "bob"):
        record(conn, owner_id=owner_id, amount=100)
        place(conn, 1, owner_id=owner_id, nonce=owner_id)
    for _ in range(10):
        nonce = new_nonce()
        calls: list[Call] = [
            partial(grow, hold_nonce="alice", by=1, nonce=nonce),
            partial(grow, hold_nonce="bob", by=1, nonce=nonce),
            partial(spend, amount=1, nonce=nonce),
            partial(place, amount=1, owner_id="bob", nonce=nonce),
        ]
        assert outcomes(all_at_once(ledger_db, calls)) == {"recorded": 1, "LG201": 3}
    assert rows(conn, "verify") == []


def test_growths_captures_extensions_and_releases_end_in_right_books(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=10_000)
    record(conn, amount=50, expires_at="2099-01-01T00:00:00Z")
    for n in range(15):
        nonce = f"h-{n}"
        place(conn, 5, nonce=nonce, operation=USED)
        calls: list[Call] = [
            *[partial(grow, hold_nonce=nonce, by=2) for _ in range(6)],
            *[partial(capture, hold_nonce=nonce, amount=3, final=False) for _ in range(3)],
            partial(capture, hold_nonce=nonce, amount=9, beyond="available", final=False),
            partial(extend, hold_nonce=nonce, expires_in="1 hour"),
            partial(release, hold_nonce=nonce),
        ]
        answers = all_at_once(ledger_db, calls)
        assert outcomes(answers).keys() <= {"recorded", "replayed", "LG304", "LG002"}
    assert scalar(conn, "SELECT held FROM ledger.accounts") == 0
    assert rows(conn, "verify") == []


def test_growths_and_expiry_race(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=10_000)
    for n in range(10):
        place(conn, 5, nonce=f"h-{n}", expires_in="30 milliseconds")
        calls: list[Call] = [partial(grow, hold_nonce=f"h-{n}", by=1)] * 12
        sweep: Call = partial(call, function="expire_credits")
        answers = all_at_once(ledger_db, [*calls, sweep])[:-1]
        assert outcomes(answers).keys() <= {"recorded", "LG304"}
    conn.execute("SELECT pg_sleep(0.05)")
    call(conn, "expire_credits")
    assert spendable(conn) == (10_000, 0, 10_000)
    assert rows(conn, "verify") == []


def test_debts_together_never_pass_max_debt(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=100)
    for n in range(50):
        place(conn, 2, nonce=f"h-{n}", operation=USED)
    answers = all_at_once(
        ledger_db,
        [partial(capture, hold_nonce=f"h-{n}", amount=3, beyond="debt") for n in range(50)],
    )
    # Each takes one more than it reserves: twenty may be owed.
    assert outcomes(answers) == {"recorded": 20, "LG301": 30}
    assert spendable(conn) == (40, 60, -20)
    assert scalar(conn, "SELECT debt FROM ledger.accounts") == 20
    assert rows(conn, "verify") == []


def test_credits_and_spends_beside_a_debt_take_exactly_what_is_available(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=10)
    place(conn, 10, nonce="h", operation=USED)
    capture(conn, "h", 30, beyond="debt")
    calls: list[Call] = [partial(record, amount=1), partial(spend, amount=1)] * 40
    answers = all_at_once(ledger_db, calls)
    found: Counter[str] = outcomes(answers[1::2])
    assert outcomes(answers[::2]) == {"recorded": 40}
    assert found["recorded"] <= 20
    assert spendable(conn) == (20 - found["recorded"], 0, 20 - found["recorded"])
    assert scalar(conn, "SELECT debt FROM ledger.accounts") == 0
    assert rows(conn, "verify") == []
