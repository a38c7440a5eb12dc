"""The ledger works inside the caller's transaction, beside the caller's own tables."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.sql.calls import Connection, balance, entries, fails, record, refused, scalar, spend
from tests.sql.lifecycle import extend, place


@pytest.fixture
def caller(ledger_db: str) -> Iterator[Connection]:
    """A caller with a table of its own, on a connection that is not in autocommit mode."""
    with psycopg.connect(ledger_db) as connection:
        connection.execute("CREATE TABLE orders (order_id integer PRIMARY KEY)")
        connection.commit()
        yield connection


def orders(conn: Connection) -> int:
    found: int = scalar(conn, "SELECT count(*) FROM orders")
    return found


def test_commit_stores_the_order_and_the_entry(caller: Connection, conn: Connection) -> None:
    caller.execute("INSERT INTO orders VALUES (1)")
    record(caller, amount=5)
    caller.commit()
    assert (orders(conn), balance(conn)) == (1, 5)


def test_rollback_undoes_the_order_and_the_entry(caller: Connection, conn: Connection) -> None:
    caller.execute("INSERT INTO orders VALUES (1)")
    record(caller, operation="SIGNUP_CREDIT")
    caller.rollback()
    assert orders(conn) == 0
    for table in ("entries", "accounts", "claims"):
        assert scalar(conn, f"SELECT count(*) FROM ledger.{table}") == 0


def test_nobody_else_sees_the_entry_before_the_commit(caller: Connection, conn: Connection) -> None:
    record(caller, amount=5)
    assert (balance(caller), balance(conn)) == (5, 0)


def test_refusal_rolls_back_the_order(caller: Connection, conn: Connection) -> None:
    with pytest.raises(psycopg.Error), caller.transaction():
        caller.execute("INSERT INTO orders VALUES (1)")
        spend(caller, 1)
    assert orders(conn) == 0


def test_error_of_the_caller_rolls_back_the_entry(caller: Connection, conn: Connection) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation), caller.transaction():
        record(caller, amount=5)
        caller.execute("INSERT INTO orders VALUES (1), (1)")
    assert balance(conn) == 0


def test_rolled_back_entry_can_be_recorded_under_the_same_nonce(caller: Connection) -> None:
    record(caller, nonce="n", amount=5)
    caller.rollback()
    entry = record(caller, nonce="n", amount=5)
    assert (entry["seq"], entry["replayed"]) == (1, False)


def test_savepoint_undoes_a_refused_call_and_keeps_the_rest(
    caller: Connection, conn: Connection
) -> None:
    record(caller, amount=5)
    with refused(caller, "LG301"):
        spend(caller, 6)
    spend(caller, 5)
    caller.commit()
    assert [entry["amount"] for entry in entries(conn)] == [5, -5]


def test_rollback_to_a_savepoint_undoes_an_entry_and_its_number(
    caller: Connection, conn: Connection
) -> None:
    record(caller, amount=5)
    with caller.transaction(force_rollback=True):
        spend(caller, 2)
    entry = spend(caller, 3)
    caller.commit()
    assert (entry["seq"], entry["balance"], balance(conn)) == (2, 2, 2)


def test_rollback_to_a_savepoint_frees_the_claim(caller: Connection) -> None:
    with caller.transaction(force_rollback=True):
        record(caller, operation="SIGNUP_CREDIT")
    assert record(caller, operation="SIGNUP_CREDIT")["seq"] == 1


def test_plpgsql_of_the_caller_can_catch_a_refusal_by_its_sqlstate(tx: Connection) -> None:
    record(tx, amount=5)
    tx.execute(
        """
        DO $$
        BEGIN
            PERFORM ledger.record_entry(
                app => 'app1', owner_id => 'alice', operation => 'CREDIT_SPEND', nonce => 'n',
                amount => -6
            );
        EXCEPTION
            WHEN SQLSTATE 'LG301' THEN
                PERFORM ledger.record_entry(
                    app => 'app1', owner_id => 'alice', operation => 'CREDIT_SPEND', nonce => 'n',
                    amount => -5
                );
        END
        $$
        """
    )
    assert [entry["amount"] for entry in entries(tx)] == [5, -5]


def test_entries_of_one_transaction_follow_each_other(tx: Connection) -> None:
    recorded = [record(tx, amount=1) for _ in range(5)]
    assert [entry["seq"] for entry in recorded] == [1, 2, 3, 4, 5]
    assert [entry["balance"] for entry in recorded] == [1, 2, 3, 4, 5]
    times = [entry["recorded_at"] for entry in recorded]
    assert times == sorted(times)


def test_many_entries_can_be_recorded_by_one_statement(tx: Connection) -> None:
    tx.execute(
        """
        SELECT ledger.record_entry(
            app => 'app1', owner_id => owner_id, operation => 'CREDIT_ADD', nonce => owner_id
        )
        FROM unnest(ARRAY['a', 'b', 'c']) AS owner_id
        """
    )
    assert [balance(tx, owner_id) for owner_id in ("a", "b", "c")] == [10, 10, 10]


def test_read_only_transaction_can_read_and_not_record(caller: Connection) -> None:
    record(caller, amount=5)
    caller.commit()
    caller.read_only = True
    assert balance(caller) == 5
    with fails(caller, "25006"):
        spend(caller, 1)


# Stricter isolation levels


@pytest.mark.parametrize("level", list(psycopg.IsolationLevel), ids=lambda level: level.name)
def test_every_isolation_level_can_record(
    caller: Connection, level: psycopg.IsolationLevel
) -> None:
    caller.isolation_level = level
    record(caller, nonce="n", amount=5)
    assert record(caller, nonce="n", amount=5)["replayed"] is True
    assert spend(caller, 5)["balance"] == 0
    caller.commit()


STRICT = [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE]


@pytest.fixture(params=STRICT, ids=lambda level: level.name)
def strict_caller(caller: Connection, request: pytest.FixtureRequest) -> Connection:
    """A caller in a transaction that has taken its snapshot."""
    caller.isolation_level = request.param
    caller.execute("SELECT 1 FROM orders")
    return caller


def test_snapshot_older_than_an_entry_can_be_retried(
    conn: Connection, strict_caller: Connection
) -> None:
    strict_caller.rollback()
    record(conn, amount=10)
    assert balance(strict_caller) == 10
    spend(conn, 4)
    with pytest.raises(psycopg.errors.SerializationFailure):
        spend(strict_caller, 4)
    strict_caller.rollback()
    assert spend(strict_caller, 4)["balance"] == 2
    strict_caller.commit()
    assert balance(conn) == 2


def test_snapshot_older_than_the_account_can_be_retried(
    conn: Connection, strict_caller: Connection
) -> None:
    record(conn, amount=10)
    with pytest.raises(psycopg.errors.SerializationFailure):
        record(strict_caller, amount=1)
    strict_caller.rollback()
    assert record(strict_caller, amount=1)["balance"] == 11


def test_snapshot_older_than_the_nonce_can_be_retried(
    conn: Connection, strict_caller: Connection
) -> None:
    record(conn, owner_id="bob", nonce="n", amount=1)
    with pytest.raises(psycopg.errors.SerializationFailure):
        record(strict_caller, owner_id="alice", nonce="n", amount=1)
    strict_caller.rollback()
    with refused(strict_caller, "LG201"):
        record(strict_caller, owner_id="alice", nonce="n", amount=1)


def test_snapshot_older_than_a_claim_of_the_subject_cannot_record(
    conn: Connection, strict_caller: Connection
) -> None:
    record(conn, owner_id="bob", operation="SIGNUP_CREDIT", claim_subject="device")
    with pytest.raises(psycopg.errors.SerializationFailure):
        record(strict_caller, owner_id="alice", operation="SIGNUP_CREDIT", claim_subject="device")


def test_snapshot_older_than_an_extension_cannot_place_a_hold(
    conn: Connection, strict_caller: Connection
) -> None:
    strict_caller.rollback()
    record(conn, amount=10)
    place(conn, 1, expires_in="1 hour")
    place(conn, 1, nonce="later", expires_in="2 hours")
    assert balance(strict_caller) == 10
    extend(conn, "later", "3 hours")
    with pytest.raises(psycopg.errors.SerializationFailure):
        place(strict_caller, 1)
    strict_caller.rollback()
    assert place(strict_caller, 1)["status"] == "open"


def test_snapshot_older_than_an_extension_does_not_bring_back_the_earlier_end(
    conn: Connection, strict_caller: Connection
) -> None:
    strict_caller.rollback()
    record(conn, amount=10)
    place(conn, 10, nonce="h", expires_in="2 hours")
    expires_at = scalar(conn, "SELECT now() + interval '1 hour'")
    record(conn, amount=5, expires_at=expires_at)
    assert balance(strict_caller) == 15
    extended = extend(conn, "h", "3 hours")
    with pytest.raises(psycopg.errors.SerializationFailure):
        spend(strict_caller, 5)
    strict_caller.rollback()
    spend(strict_caller, 5)
    strict_caller.commit()
    assert scalar(conn, "SELECT next_due_at FROM ledger.accounts") == extended["expires_at"]
