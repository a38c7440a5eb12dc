"""Concurrent single calls."""

from __future__ import annotations

from functools import partial

from tests.concurrency.callers import all_at_once, outcomes
from tests.sql.calls import (
    Connection,
    balance,
    call,
    entries,
    new_nonce,
    record,
    scalar,
    spend,
)
from tests.sql.hash_chain import actions_as_stored, chained
from tests.sql.lifecycle import adjust


def test_200_callers_spend_exactly_100_available_credits(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=100)
    answers = all_at_once(ledger_db, [partial(spend, amount=1)] * 200)
    assert outcomes(answers) == {"recorded": 100, "LG301": 100}
    assert balance(conn) == 0
    assert len(entries(conn)) == 101


def test_50_callers_with_one_nonce_record_one_entry(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=100)
    answers = all_at_once(ledger_db, [partial(spend, amount=1, nonce="once")] * 50)
    assert outcomes(answers) == {"recorded": 1, "replayed": 49}
    assert len({answer["entry_id"] for answer in answers if isinstance(answer, dict)}) == 1
    assert balance(conn) == 99


def test_50_callers_with_one_nonce_spend_the_whole_balance_once(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=5)
    answers = all_at_once(ledger_db, [partial(spend, amount=5, nonce="once")] * 50)
    assert outcomes(answers) == {"recorded": 1, "replayed": 49}


def test_200_callers_claim_one_daily_reward(ledger_db: str, conn: Connection) -> None:
    answers = all_at_once(ledger_db, [partial(record, operation="DAILY_REWARD")] * 200)
    assert outcomes(answers) == {"recorded": 1, "LG302": 199}
    assert balance(conn) == 1


def test_40_callers_reach_a_limit_of_three_and_do_not_exceed_it(
    ledger_db: str, conn: Connection
) -> None:
    call(
        conn,
        "define_operation",
        operation="LIMITED",
        description="Limited",
        default_amount=1,
        claim_limit=3,
        claim_period="ever",
    )
    call(conn, "allow_operation", app="app1", operation="LIMITED")
    answers = all_at_once(
        ledger_db,
        [
            partial(record, owner_id=f"owner-{n}", operation="LIMITED", claim_subject="device")
            for n in range(40)
        ],
    )
    assert outcomes(answers) == {"recorded": 3, "LG302": 37}
    assert scalar(conn, "SELECT count(*) FROM ledger.entries") == 3


def test_one_nonce_for_two_new_owners_at_once_is_recorded_for_one(
    ledger_db: str, conn: Connection
) -> None:
    for n in range(20):
        nonce = new_nonce()
        answers = all_at_once(
            ledger_db,
            [
                partial(record, owner_id=f"alice-{n}", nonce=nonce),
                partial(record, owner_id=f"bob-{n}", nonce=nonce),
            ],
        )
        assert outcomes(answers) == {"recorded": 1, "LG201": 1}
        assert scalar(conn, "SELECT count(*) FROM ledger.entries WHERE nonce = %s", nonce) == 1
    assert scalar(conn, "SELECT sum(balance) FROM ledger.accounts") == 200


def test_one_nonce_for_two_known_owners_at_once_is_recorded_for_one(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, owner_id="alice", amount=20)
    record(conn, owner_id="bob", amount=20)
    for _ in range(20):
        nonce = new_nonce()
        answers = all_at_once(
            ledger_db,
            [partial(spend, amount=1, owner_id=name, nonce=nonce) for name in ("alice", "bob")],
        )
        assert outcomes(answers) == {"recorded": 1, "LG201": 1}
    assert balance(conn, "alice") + balance(conn, "bob") == 20


def test_50_callers_record_on_an_account_that_is_new(ledger_db: str, conn: Connection) -> None:
    answers = all_at_once(ledger_db, [partial(record, amount=2)] * 50)
    assert outcomes(answers) == {"recorded": 50}
    assert balance(conn) == 100


def test_concurrent_calls_of_different_kinds_leave_consistent_books(
    ledger_db: str, conn: Connection
) -> None:
    kinds = [
        partial(record, amount=3),
        partial(spend, amount=2),
        partial(record, operation="CONTENT_ACCESS"),
        partial(record, app="app2", amount=1, metadata={"n": 1}),
        partial(record, amount=1, expires_at="2099-01-01T00:00:00Z"),
        partial(record, operation="DAILY_REWARD"),
        partial(record, nonce="once", amount=4),
    ]
    answers = all_at_once(ledger_db, kinds * 20)
    assert outcomes(answers).keys() <= {"recorded", "replayed", "LG301", "LG302"}
    assert len(entries(conn)) == outcomes(answers)["recorded"]
    lots = scalar(conn, "SELECT sum(remaining) FROM ledger.lots")
    assert 0 <= lots <= balance(conn)


def test_concurrent_operator_actions_form_one_chain(ledger_db: str, conn: Connection) -> None:
    freeze = partial(call, function="freeze_account", owner_id="bob", actor="Ann", reason="x")
    calls = [*(partial(adjust, amount=n) for n in range(1, 31)), *([freeze] * 10)]
    assert not any(isinstance(answer, str) for answer in all_at_once(ledger_db, calls))
    actions = actions_as_stored(conn, "alice")
    assert [action["hash"] for action in actions] == chained(actions)
    assert len(actions) == 30
    assert len(actions_as_stored(conn, "bob")) == 1


def test_concurrent_calls_on_ten_owners_are_all_recorded(ledger_db: str, conn: Connection) -> None:
    calls = [partial(record, owner_id=f"owner-{n % 10}", amount=1) for n in range(200)]
    assert outcomes(all_at_once(ledger_db, calls)) == {"recorded": 200}
    for n in range(10):
        assert balance(conn, f"owner-{n}") == 20


def test_repeatable_read_sees_balance_and_entries_of_one_moment(ledger_db: str) -> None:
    def read(reader: Connection) -> dict[str, object]:
        with reader.transaction():
            reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            found = call(reader, "balance", owner_id="alice")
            stored = entries(reader)
        assert found["balance"] == sum(entry["amount"] for entry in stored)
        assert found["entry_count"] == len(stored)
        return {"replayed": False}

    answers = all_at_once(ledger_db, [partial(record, amount=1), read] * 50)
    assert outcomes(answers) == {"recorded": 100}
