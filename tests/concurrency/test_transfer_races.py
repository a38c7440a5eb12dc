"""Concurrent transfers: credits are conserved, and nobody waits for ever."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from tests.concurrency.callers import all_at_once, outcomes
from tests.sql.calls import Connection, Row, balance, call, new_nonce, record, rows, scalar, spend
from tests.sql.lifecycle import operate, place, record_batch, reverse

OWNERS = [f"owner {number}" for number in range(5)]


@pytest.fixture(autouse=True)
def gifts(conn: Connection) -> None:
    call(conn, "define_operation", operation="GIFT", description="A gift", min_amount=-100,
         max_amount=-1, transferable=True)  # fmt: skip
    call(conn, "define_operation", operation="PRIZE", description="A prize", min_amount=1,
         max_amount=1000, credit_class="free", usable_for=["GIFT"])  # fmt: skip
    for operation in ("GIFT", "PRIZE"):
        call(conn, "allow_operation", app="app1", operation=operation)


def transfer(
    conn: Connection, sender: str, receiver: str, amount: int, nonce: str | None = None
) -> Row:
    """Transfer, and give the sender's entry."""
    answer = rows(conn, "transfer_credits", app="app1", from_owner_id=sender, to_owner_id=receiver,
                  operation="GIFT", nonce=nonce or new_nonce(), amount=amount)  # fmt: skip
    assert sum(entry["amount"] for entry in answer) == 0
    return answer[0]


def total(conn: Connection) -> int:
    found: int = scalar(conn, "SELECT sum(balance)::bigint FROM ledger.accounts")
    return found


def test_transfers_in_opposite_directions_do_not_block_each_other(
    ledger_db: str, conn: Connection
) -> None:
    for owner_id in ("alice", "bob"):
        record(conn, owner_id=owner_id, amount=1000)
    there = partial(transfer, sender="alice", receiver="bob", amount=1)
    back = partial(transfer, sender="bob", receiver="alice", amount=1)
    answers = all_at_once(ledger_db, [there, back] * 200)
    assert outcomes(answers) == {"recorded": 400}
    assert (balance(conn), balance(conn, "bob")) == (1000, 1000)
    assert rows(conn, "verify") == []


def test_2000_transfers_conserve_credits(ledger_db: str, conn: Connection) -> None:
    chance = random.Random(7)
    for owner_id in OWNERS:
        record(conn, owner_id=owner_id, amount=40)
        record(conn, owner_id=owner_id, operation="PRIZE", amount=30)
        record(conn, owner_id=owner_id, amount=30, expires_at="2999-01-01T00:00:00Z")

    def anything(conn: Connection, seed: int) -> Row:
        own = random.Random(seed)
        sender, receiver = own.sample(OWNERS, 2)
        nonce = f"race-{seed}"
        answer = transfer(conn, sender, receiver, own.randint(1, 12), nonce)
        if own.random() < 0.1:
            answer = reverse(conn, nonce, own.randint(1, 3))
        return answer | {"replayed": False}

    seeds = [chance.randrange(1200) for _ in range(2000)]
    found = outcomes(all_at_once(ledger_db, [partial(anything, seed=seed) for seed in seeds]))
    assert set(found) <= {"recorded", "LG301", "LG305"}, found
    assert found["recorded"] > 1000
    assert total(conn) == 500
    assert rows(conn, "verify") == []
    sides = "SELECT sum(amount)::bigint, count(*) > 1000 FROM ledger.entries WHERE peer_seq > 0"
    assert conn.execute(sides).fetchall() == [(0, True)]


def test_100_callers_with_one_nonce_transfer_once(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=1000)
    answers = all_at_once(
        ledger_db, [partial(transfer, sender="alice", receiver="bob", amount=7, nonce="n")] * 100
    )
    assert outcomes(answers) == {"recorded": 1, "replayed": 99}
    assert balance(conn, "bob") == 7


def test_new_receivers_get_one_account(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=100)
    answers = all_at_once(
        ledger_db, [partial(transfer, sender="alice", receiver="new", amount=1)] * 100
    )
    assert outcomes(answers) == {"recorded": 100}
    assert (balance(conn), balance(conn, "new")) == (0, 100)
    assert rows(conn, "verify") == []


def test_transfers_beside_everything_else(ledger_db: str, conn: Connection) -> None:
    """Spends, holds, batches with transfers, freezes and transfers of the same accounts."""
    for owner_id in OWNERS:
        record(conn, owner_id=owner_id, amount=100)

    def batch(conn: Connection, seed: int) -> Row:
        own = random.Random(seed)
        items: list[Row] = []
        for _ in range(4):
            sender, receiver = own.sample(OWNERS, 2)
            items.append({"owner_id": sender, "to_owner_id": receiver, "operation": "GIFT",
                          "nonce": new_nonce(), "amount": own.randint(1, 5)})  # fmt: skip
        found = record_batch(conn, items)
        assert {row["code"] for row in found} <= {
            None, "insufficient_balance", "account_frozen",
        }  # fmt: skip
        return {"replayed": False}

    def freeze(conn: Connection, seed: int) -> Row:
        owner_id = OWNERS[seed % 5]
        operate(conn, "freeze_account", owner_id=owner_id)
        operate(conn, "unfreeze_account", owner_id=owner_id)
        return {"replayed": False}

    def gift(conn: Connection, seed: int) -> Row:
        return transfer(conn, OWNERS[seed % 5], OWNERS[(seed + seed // 5 % 4 + 1) % 5], 3)

    calls: list[Any] = []
    for seed in range(120):
        owner_id = OWNERS[seed % 5]
        calls += [
            partial(batch, seed=seed),
            partial(spend, amount=1, owner_id=owner_id),
            partial(place, amount=1, owner_id=owner_id),
            partial(record, owner_id=owner_id, amount=1),
            partial(gift, seed=seed),
        ]
        if seed % 20 == 0:
            calls.append(partial(freeze, seed=seed))
    found = outcomes(all_at_once(ledger_db, calls))
    assert set(found) <= {"recorded", "LG301", "LG303"}, found
    gifts = "SELECT sum(amount)::bigint FROM ledger.entries WHERE operation = 'GIFT'"
    assert scalar(conn, gifts) == 0
    assert rows(conn, "verify") == []
