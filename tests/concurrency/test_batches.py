"""Concurrent batches, with each other and with single calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from tests.concurrency.callers import all_at_once, outcomes
from tests.sql.calls import Connection, Row, balance, entries, record, scalar, spend
from tests.sql.lifecycle import capture, item, place, record_batch, release, spendable

ROUNDS = 5
LATER = "2099-01-01T00:00:00Z"


class Batches:
    """Makes calls that each record a batch, and counts the outcomes of all the items."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def call(self, items: list[Row]) -> Callable[[Connection], Row]:
        """Make a call for `all_at_once` that records a batch."""

        def record_all(conn: Connection) -> Row:
            results = record_batch(conn, items)
            assert [result["position"] for result in results] == list(range(1, len(items) + 1))
            assert all(
                result["nonce"] == it["nonce"]
                for it, result in zip(items, results, strict=True)
                if result["code"] is None
            )
            self.outcomes.update(
                result["code"] or ("replayed" if result["replayed"] else "recorded")
                for result in results
            )
            return {"replayed": False}

        return record_all


def spending(amount: int = 1, owner_id: str = "alice") -> Row:
    return item(-amount, operation="CREDIT_SPEND", owner_id=owner_id)


# Deadlocks


@pytest.mark.parametrize("known", [True, False], ids=["known owners", "new owners"])
@pytest.mark.parametrize("operation", ["CREDIT_ADD", "DAILY_REWARD"])
def test_batches_with_owners_in_opposite_order_do_not_deadlock(
    ledger_db: str, conn: Connection, known: bool, operation: str
) -> None:
    for n in range(ROUNDS):
        owners = [f"owner-{n}-{i}" for i in range(200)]
        if known:
            record_batch(conn, [item(1, owner_id=owner_id) for owner_id in owners])
        batches = Batches()
        calls = [
            batches.call([item(operation=operation, owner_id=owner_id) for owner_id in order])
            for order in (owners, owners[::-1])
        ]
        assert outcomes(all_at_once(ledger_db, calls)) == {"recorded": 2}
        if operation == "DAILY_REWARD":
            assert batches.outcomes == {"recorded": 200, "claim_limit_reached": 200}
        else:
            assert batches.outcomes == {"recorded": 400}


def test_refused_atomic_batches_with_owners_in_opposite_order_do_not_deadlock(
    ledger_db: str, conn: Connection
) -> None:
    owners = [f"owner-{i}" for i in range(60)]
    record_batch(conn, [item(1, owner_id=owner_id) for owner_id in owners])

    def refused_batch(order: list[str]) -> Callable[[Connection], Row]:
        """The last item is refused, after all the others have been recorded."""
        items = [item(1, owner_id=owner_id) for owner_id in order]
        items.append(item(-100, operation="CREDIT_SPEND", owner_id=order[-1]))
        return lambda caller: record_batch(caller, items, atomic=True)[0]

    calls = [refused_batch(order) for _ in range(8) for order in (owners, owners[::-1])]
    assert outcomes(all_at_once(ledger_db, calls)) == {"LG301": 16}


def test_batches_with_new_owners_in_opposite_order_do_not_deadlock(
    ledger_db: str, conn: Connection
) -> None:
    """Each batch has many owners of its own, and both have the same new ones."""
    own = [[f"own-{k}-{i}" for i in range(400)] for k in range(2)]
    record_batch(conn, [item(1, owner_id=owner_id) for owner_id in own[0] + own[1]])
    for n in range(ROUNDS):
        new = [f"new-{n}-{i}" for i in range(40)]
        batches = Batches()
        calls = [
            batches.call([item(1, owner_id=owner_id) for owner_id in order])
            for order in (own[0] + new, own[1] + new[::-1])
        ]
        assert outcomes(all_at_once(ledger_db, calls)) == {"recorded": 2}
        assert batches.outcomes == {"recorded": 880}


def test_batches_of_plain_and_slow_items_do_not_deadlock(ledger_db: str, conn: Connection) -> None:
    random = Random(1)
    owners = [f"owner-{i:02}" for i in range(60)]
    record_batch(conn, [item(100, owner_id=owner_id) for owner_id in owners[:40]])
    for owner_id in owners[:5]:
        place(conn, 10, owner_id=owner_id)
    batches = Batches()
    calls = []
    for _ in range(24):
        order = random.sample(owners, 30)
        items = [item(2, owner_id=owner_id) for owner_id in order[:15]]
        items += [item(3, owner_id=owner_id, expires_at=LATER) for owner_id in order]
        items += [item(operation="CONTENT_ACCESS", owner_id=owner_id) for owner_id in order[15:]]
        calls.append(batches.call(items))
    assert outcomes(all_at_once(ledger_db, calls)) == {"recorded": 24}
    assert batches.outcomes == {"recorded": 24 * 60}


def test_batches_of_ordinary_life_in_any_order_do_not_deadlock(
    ledger_db: str, conn: Connection
) -> None:
    """Spends from lots, claims by owner and by subject, new owners, beside single calls."""
    random = Random(2)
    owners = [f"owner-{i:02}" for i in range(40)]
    record_batch(conn, [item(100, owner_id=owner_id, expires_at=LATER) for owner_id in owners[:30]])
    for owner_id in owners[:10]:
        place(conn, 10, owner_id=owner_id)
    batches = Batches()
    calls: list[Callable[[Connection], Row]] = []
    for n in range(24):
        order = random.sample(owners, 40)
        items = [spending(1, owner_id) for owner_id in order if owner_id < "owner-30"]
        items += [item(operation="DAILY_REWARD", owner_id=owner_id) for owner_id in order]
        items += [
            item(
                operation="SIGNUP_CREDIT",
                owner_id=f"new-{random.randrange(30)}",
                claim_subject=f"device-{random.randrange(30)}",
            )
            for _ in range(20)
        ]
        items += [item(1, owner_id=owner_id, expires_at=LATER) for owner_id in order[:10]]
        calls.append(batches.call(random.sample(items, len(items))))
        calls.append(partial(spend, amount=1, owner_id=owners[n]))
        calls.append(partial(place, amount=1, owner_id=owners[n]))
    assert outcomes(all_at_once(ledger_db, calls)) == {"recorded": 72}
    assert batches.outcomes.keys() == {"recorded", "claim_limit_reached"}
    assert batches.outcomes["recorded"] >= 24 * 40 + 40
    assert scalar(conn, "SELECT count(*) FROM ledger.verify()") == 0


@pytest.mark.parametrize("size", [50, 100])
def test_batches_spend_no_lot_twice(ledger_db: str, conn: Connection, size: int) -> None:
    for _ in range(10):
        record(conn, amount=10, expires_at=LATER)
    batches = Batches()
    calls: list[Callable[[Connection], Row]] = [
        batches.call([spending() for _ in range(size)]) for _ in range(200 // size)
    ]
    singles = [partial(spend, amount=1) for _ in range(20)]
    answers = outcomes(all_at_once(ledger_db, [*calls, *singles])[len(calls) :])
    assert batches.outcomes["recorded"] + answers["recorded"] == 100
    assert balance(conn) == 0
    assert scalar(conn, "SELECT sum(remaining) FROM ledger.lots") == 0
    assert scalar(conn, "SELECT count(*) FROM ledger.verify()") == 0


# No overspend, no gaps


@pytest.mark.parametrize("size", [1, 7, 20, 100])
def test_200_spends_in_batches_spend_exactly_100_available_credits(
    ledger_db: str, conn: Connection, size: int
) -> None:
    record(conn, amount=100)
    batches = Batches()
    items = [spending() for _ in range(200)]
    calls = [batches.call(items[n : n + size]) for n in range(0, 200, size)]
    assert outcomes(all_at_once(ledger_db, calls)).keys() == {"recorded"}
    assert batches.outcomes == {"recorded": 100, "insufficient_balance": 100}
    assert balance(conn) == 0


def test_batches_and_single_calls_on_one_owner_do_not_overspend(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=100)
    batches = Batches()
    calls: list[Callable[[Connection], Row]] = []
    for _ in range(40):
        calls.append(batches.call([spending() for _ in range(5)]))
        calls.append(partial(spend, amount=1))
    singles = outcomes(all_at_once(ledger_db, calls)[1::2])
    recorded = batches.outcomes["recorded"] + singles["recorded"]
    assert recorded == 100
    assert singles.keys() <= {"recorded", "LG301"}
    assert [entry["seq"] for entry in entries(conn)] == list(range(1, 102))
    assert balance(conn) == 0


def test_batches_beside_single_calls_leave_consistent_books(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=50)
    place(conn, 20, nonce="h")
    batches = Batches()
    calls: list[Callable[[Connection], Row]] = []
    for n in range(20):
        mixed = [item(2), spending(3), item(operation="DAILY_REWARD"), spending(1, "bob")]
        mixed.append(item(1, expires_at=LATER))
        calls += [
            batches.call(mixed),
            batches.call([item(1), item(2, owner_id="bob"), spending(2)]),
            partial(record, amount=1),
            partial(spend, amount=2),
            partial(place, amount=1, nonce=f"h-{n}"),
            partial(capture, hold_nonce="h", amount=1, final=False),
            partial(release, hold_nonce=f"h-{n}"),
        ]
    answers = outcomes(all_at_once(ledger_db, calls))
    assert answers.keys() <= {"recorded", "replayed", "LG105", "LG301", "LG304"}
    assert batches.outcomes.keys() <= {"recorded", "insufficient_balance", "claim_limit_reached"}
    assert min(spendable(conn)) >= 0


def test_batches_on_a_hot_owner_are_numbered_without_gaps(ledger_db: str, conn: Connection) -> None:
    batches = Batches()
    calls = [batches.call([item(1) for _ in range(50)]) for _ in range(12)]
    assert outcomes(all_at_once(ledger_db, calls)) == {"recorded": 12}
    assert [entry["seq"] for entry in entries(conn)] == list(range(1, 601))
    assert balance(conn) == 600


# Retries


def test_same_batch_from_eight_callers_is_recorded_once(ledger_db: str, conn: Connection) -> None:
    record(conn, owner_id="owner-3", amount=1)
    batches = Batches()
    items = [item(5, owner_id=f"owner-{n}") for n in range(60)]
    items += [spending(2, f"owner-{n}") for n in range(60)]
    assert outcomes(all_at_once(ledger_db, [batches.call(items)] * 8)) == {"recorded": 8}
    assert batches.outcomes == {"recorded": 120, "replayed": 7 * 120}
    assert scalar(conn, "SELECT sum(balance) FROM ledger.accounts") == 1 + 60 * 3


def test_nonce_in_two_batches_is_recorded_for_one_owner(ledger_db: str, conn: Connection) -> None:
    """The same nonces for two owners are a mistake of the caller; the books stay right."""
    batches = Batches()
    items = [item(5, owner_id=f"owner-{n}") for n in range(50)]
    others = [it | {"owner_id": f"other-{n}"} for n, it in enumerate(items)]
    calls = [batches.call(items), batches.call(others)]
    assert outcomes(all_at_once(ledger_db, calls)) == {"recorded": 2}
    assert batches.outcomes == {"recorded": 50, "nonce_conflict": 50}
    assert scalar(conn, "SELECT count(*) FROM ledger.entries") == 50
