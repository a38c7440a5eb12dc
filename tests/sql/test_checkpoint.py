"""A checkpoint stays valid unless the past is changed."""

from __future__ import annotations

from hashlib import sha256

import psycopg
import pytest

from tests.sql.calls import (
    Connection,
    call,
    changed_since,
    entries,
    record,
    refused,
    rows,
    spend,
)
from tests.sql.hash_chain import actions_as_stored, changes_as_stored
from tests.sql.lifecycle import item, operate, place, record_batch


def test_digest_is_a_chain_over_the_newest_lines_of_all_chains(conn: Connection) -> None:
    owners = ["zoë", "bob", "a\\b", "bo", "Bob", "☃"]
    for n in range(3):
        record_batch(conn, [item(n + 1, owner_id=owner_id) for owner_id in owners])
        operate(conn, "freeze_account", owner_id=owners[n + 3], actor=f"Ann {n}")
        operate(conn, "unfreeze_account", owner_id=owners[n + 3])
    expected = bytes(32)
    for owner_id in sorted(owners, key=str.encode):
        head = entries(conn, owner_id)[-1]
        name = f"entries,{len(owner_id)}:{owner_id},CREDIT,3,".encode()
        expected = sha256(expected + name + head["hash"]).digest()
    for owner_id in sorted(owners[3:], key=str.encode):
        head = actions_as_stored(conn, owner_id)[-1]
        name = f"operator_actions,{len(owner_id)}:{owner_id},CREDIT,2,".encode()
        expected = sha256(expected + name + head["hash"]).digest()
    head = changes_as_stored(conn)[-1]
    name = f"operation_changes,{head['change_id']},".encode()
    expected = sha256(expected + name + head["hash"]).digest()
    checkpoint = call(conn, "checkpoint")
    assert checkpoint["digest"] == expected.hex()
    assert (checkpoint["accounts"], checkpoint["entries"]) == (6, 18)


def test_empty_ledger_has_a_checkpoint(conn: Connection) -> None:
    checkpoint = call(conn, "checkpoint")
    assert (checkpoint["accounts"], checkpoint["entries"]) == (0, 0)
    record(conn)
    assert changed_since(conn, checkpoint) == []


def test_checkpoint_stays_valid_after_further_entries(conn: Connection) -> None:
    record(conn, amount=10)
    checkpoint = call(conn, "checkpoint")
    spend(conn, 1)
    record(conn, owner_id="bob")
    record(conn, owner_id="aaron", expires_at="2099-01-01T00:00:00Z")
    operate(conn, "set_min_balance", owner_id="carl", min_balance=-5)
    call(conn, "define_operation", operation="BONUS", description="x", default_amount=5)
    assert changed_since(conn, checkpoint) == []
    later = call(conn, "checkpoint")
    assert later["digest"] != checkpoint["digest"]
    assert changed_since(conn, later) == []


def test_same_books_have_the_same_digest(conn: Connection) -> None:
    record(conn)
    first, second = call(conn, "checkpoint"), call(conn, "checkpoint")
    assert first["digest"] == second["digest"]
    assert first["taken_at"] <= second["taken_at"]


def test_open_transactions_are_not_covered(ledger_db: str, conn: Connection) -> None:
    """Neither an open transaction nor those committed after its start are covered."""
    record(conn, owner_id="alice")
    before = call(conn, "checkpoint")
    with psycopg.connect(ledger_db) as pending:
        record(pending, owner_id="bob")
        place(pending, 1, owner_id="bob")
        operate(pending, "freeze_account", owner_id="bob")
        record(conn, owner_id="carl")
        operate(conn, "freeze_account", owner_id="carl")
        call(conn, "define_operation", operation="BONUS", description="x", default_amount=5)
        checkpoint = call(conn, "checkpoint")
        assert checkpoint["digest"] == before["digest"]
        assert (checkpoint["accounts"], checkpoint["entries"]) == (1, 1)
        pending.commit()
    assert changed_since(conn, checkpoint) == []


def test_transaction_that_is_rolled_back_changes_no_checkpoint(
    ledger_db: str, conn: Connection
) -> None:
    record(conn)
    with psycopg.connect(ledger_db) as pending:
        spend(pending, 1)
        checkpoint = call(conn, "checkpoint")
        pending.rollback()
    assert changed_since(conn, checkpoint) == []


@pytest.mark.parametrize(
    "table", ["operator_actions", "operation_changes", "hold_events", "allowance_events"]
)
def test_journal_line_is_covered_without_any_entries(conn: Connection, table: str) -> None:
    before = call(conn, "checkpoint")
    operate(conn, "set_min_balance", owner_id="nobody", min_balance=-5)
    place(conn, 5, owner_id="nobody")
    plan = {"operation": "CREDIT_ADD", "nonce": "plan", "starts_at": "2100-01-01Z"}
    call(conn, "grant_allowance", app="app1", owner_id="nobody", **plan)
    call(conn, "define_operation", operation="BONUS", description="x", default_amount=5)
    checkpoint = call(conn, "checkpoint")
    assert checkpoint["digest"] != before["digest"]
    assert changed_since(conn, before) == []
    conn.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER ALL".encode())
    conn.execute(f"UPDATE ledger.{table} SET hash = sha256(hash)".encode())
    assert changed_since(conn, checkpoint)


def test_checkpoint_does_not_depend_on_the_settings_of_the_session(conn: Connection) -> None:
    record(conn, owner_id="a\\b")
    checkpoint = call(conn, "checkpoint")
    for setting in (
        "standard_conforming_strings = off",
        "escape_string_warning = off",
        "bytea_output = 'escape'",
        "TimeZone = 'Asia/Kathmandu'",
        "search_path = pg_temp",
    ):
        conn.execute(f"SET {setting}".encode())
    assert changed_since(conn, checkpoint) == []
    with psycopg.connect(conn.info.dsn, autocommit=True) as other:
        other.execute("SET standard_conforming_strings = off")
        assert rows(other, "verify") == []
        assert call(other, "checkpoint")["digest"] == checkpoint["digest"]


@pytest.mark.parametrize("statement", ["DELETE FROM ledger.accounts", "DELETE FROM ledger.entries"])
def test_checkpoint_finds_a_deleted_account(conn: Connection, statement: str) -> None:
    record(conn, owner_id="alice")
    record(conn, owner_id="bob")
    checkpoint = call(conn, "checkpoint")
    conn.execute("ALTER TABLE ledger.accounts DISABLE TRIGGER ALL")
    conn.execute("ALTER TABLE ledger.entries DISABLE TRIGGER ALL")
    conn.execute(f"{statement} WHERE owner_id = 'bob'".encode())
    (found,) = changed_since(conn, checkpoint)
    assert found["problem"] == "the past has changed since the checkpoint"
    assert found["found_in"] == "checkpoint"
    assert found["detail"]["horizon"] == checkpoint["horizon"]


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("horizon", "digest", "field"),
    [
        (None, DIGEST, "horizon"),
        ("", DIGEST, "horizon"),
        ("-1", DIGEST, "horizon"),
        ("1\n", DIGEST, "horizon"),
        ("1e3", DIGEST, "horizon"),
        ("99999999999999999999", DIGEST, "horizon"),
        ("1", None, "digest"),
        ("1", "", "digest"),
        ("1", DIGEST[1:], "digest"),
        ("1", DIGEST + "\n", "digest"),
        ("1", "A" * 64, "digest"),
    ],
)
def test_malformed_checkpoint_is_refused(
    tx: Connection, horizon: str | None, digest: str | None, field: str
) -> None:
    with refused(tx, "LG001") as refusal:
        rows(tx, "verify_checkpoint", horizon=horizon, digest=digest)
    assert refusal.detail["field"] == field
