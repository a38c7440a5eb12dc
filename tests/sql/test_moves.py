"""Moves: an account becomes that of another owner, and is closed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, balance, call, entries, record, refused, rows, spend
from tests.sql.lifecycle import (
    adjust,
    capture,
    define_limited,
    item,
    operate,
    place,
    record_batch,
    release,
    reverse,
    reverse_by_hand,
)
from tests.sql.test_classes import grants
from tests.sql.test_transfers import lots


@pytest.fixture(autouse=True)
def books(clock: Clock) -> None:
    """Check the books after every test."""


def move(conn: Connection, sender: str = "alice", receiver: str = "bob", **more: Any) -> list[Row]:
    """Move alice's account to bob as Ann, under the nonce "merge", unless told otherwise."""
    plain = {"from_owner_id": sender, "to_owner_id": receiver, "nonce": "merge", "actor": "Ann"}
    return rows(conn, "move_account", **plain | {"reason": "One person"} | more)


def test_all_credits_go_over_as_they_are(tx: Connection, clock: Clock) -> None:
    grants(tx, "PRIZE", credit_class="free", usable_for=["CONTENT_CREATION"])
    soon = clock.ahead(days=2)
    record(tx, amount=50)
    record(tx, amount=10, expires_at=soon)
    record(tx, operation="PRIZE", amount=7)
    record(tx, owner_id="bob", amount=1)
    old, *new = move(tx)
    assert (old["app"], old["operation"], old["amount"], old["balance"]) == (
        "ledger", "ACCOUNT_MOVE", -67, 0,
    )  # fmt: skip
    assert old["metadata"] == {"actor": "Ann", "reason": "One person"}
    assert [(one["owner_id"], one["amount"]) for one in new] == [
        ("bob", 10),
        ("bob", 7),
        ("bob", 50),
    ]
    assert (balance(tx), balance(tx, "bob")) == (0, 68)
    assert lots(tx, "bob") == [
        (10, soon, None, None),
        (7, None, "free", ["CONTENT_CREATION"]),
    ]


def test_move_is_in_the_journal(tx: Connection) -> None:
    record(tx, amount=50)
    move(tx)
    actions = tx.execute(
        "SELECT action, owner_id, actor, reason, seq, before, after FROM ledger.operator_actions"
        " WHERE action = 'move_account'"
    ).fetchall()
    after = {"balance": 0, "moved_to": "bob"}
    assert actions == [("move_account", "alice", "Ann", "One person", 2, {"balance": 50}, after)]


def test_retry_of_a_move_is_answered(tx: Connection) -> None:
    record(tx, amount=50)
    first = move(tx)
    spend(tx, 20, owner_id="bob")
    assert move(tx) == [entry | {"replayed": True} for entry in first]
    with refused(tx, "LG201"):
        move(tx, reason="Another")
    with refused(tx, "LG201"):
        move(tx, receiver="carol")
    with refused(tx, "LG308") as refusal:
        move(tx, nonce="again", receiver="carol")
    assert refusal.detail["moved_to"] == "bob"


def test_empty_account_is_moved(tx: Connection) -> None:
    record(tx, amount=5)
    spend(tx, 5)
    (old,) = first = move(tx)
    assert (old["amount"], old["balance"]) == (0, 0)
    assert move(tx) == [one | {"replayed": True} for one in first]
    record(tx, owner_id="bob", amount=5)
    assert move(tx) == [one | {"replayed": True} for one in first]
    with refused(tx, "LG308"):
        record(tx, amount=1)


@pytest.mark.parametrize(
    "change",
    [
        lambda conn: record(conn, amount=1),
        lambda conn: record(conn, amount=1, expires_at="2999-01-01T00:00:00Z"),
        lambda conn: record(conn, operation="DAILY_REWARD"),
        lambda conn: spend(conn, 1),
        lambda conn: place(conn, 1),
        lambda conn: adjust(conn, 1),
        lambda conn: operate(conn, "unfreeze_account"),
        lambda conn: operate(conn, "set_min_balance", min_balance=-1),
        lambda conn: reverse(conn, "spent"),
        lambda conn: reverse_by_hand(conn, "spent"),
        lambda conn: call(conn, "grant_allowance", app="app1", owner_id="alice",
                          operation="CREDIT_ADD", nonce="a", amount=1),
        lambda conn: rows(conn, "move_account", from_owner_id="bob", to_owner_id="alice",
                          nonce="back", actor="Ann", reason="x"),
    ],
)  # fmt: skip
def test_closed_account_says_where_it_went(tx: Connection, change: Any) -> None:
    record(tx, amount=50)
    spend(tx, 5, nonce="spent")
    move(tx)
    with refused(tx, "LG308") as refusal:
        change(tx)
    assert (refusal.detail["owner_id"], refusal.detail["moved_to"]) == ("alice", "bob")
    assert "bob" not in refusal.message


def test_batch_refuses_items_of_a_closed_account(tx: Connection) -> None:
    record(tx, amount=50)
    move(tx)
    items = [item(1), item(-1, operation="CREDIT_SPEND"), item(3, owner_id="bob")]
    results = record_batch(tx, items * 3)
    assert [one["code"] for one in results[:3]] == ["account_closed", "account_closed", None]
    assert results[0]["detail"]["moved_to"] == "bob"


def test_retries_of_what_was_recorded_before_are_answered(tx: Connection) -> None:
    first = record(tx, amount=50, nonce="n")
    move(tx)
    assert record(tx, amount=50, nonce="n") == first | {"replayed": True}


def test_open_holds_keep_an_account_from_being_moved(tx: Connection) -> None:
    record(tx, amount=50)
    place(tx, 5, nonce="h")
    with refused(tx, "LG001") as refusal:
        move(tx)
    assert "open holds" in refusal.detail["reason"]
    release(tx, "h")
    move(tx)


def test_ended_hold_does_not(tx: Connection, clock: Clock) -> None:
    record(tx, amount=50)
    place(tx, 5, nonce="h")
    clock.advance("1 day")
    move(tx)
    with refused(tx, "LG304"):
        capture(tx, "h")


def test_allowance_keeps_an_account_from_being_moved(tx: Connection) -> None:
    call(tx, "grant_allowance", app="app1", owner_id="alice", operation="CREDIT_ADD", nonce="a",
         amount=10)  # fmt: skip
    with refused(tx, "LG001") as refusal:
        move(tx)
    assert "allowances" in refusal.detail["reason"]
    operate(tx, "freeze_account")
    with refused(tx, "LG001"):
        move(tx)
    call(tx, "end_allowance", app="app1", allowance_nonce="a")
    move(tx)
    assert balance(tx, "bob") == 10


def test_debts_are_not_moved(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-10)
    spend(tx, 5)
    with refused(tx, "LG001") as refusal:
        move(tx)
    assert "owes" in refusal.detail["reason"]


def test_overdraft_beside_limited_credits_is_not_moved(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CREDIT_SPEND"])
    operate(tx, "set_min_balance", min_balance=-10)
    spend(tx, 5)
    record(tx, operation="PRIZE", amount=5)
    assert balance(tx) == 0
    with refused(tx, "LG001") as refusal:
        move(tx)
    assert "owes" in refusal.detail["reason"]


def test_freed_claim_leaves_those_that_came_with_a_move(tx: Connection) -> None:
    define_limited(tx)
    record(tx, operation="LIMITED")
    record(tx, owner_id="bob", operation="LIMITED", nonce="of bob")
    move(tx)
    reverse(tx, "of bob", free_claim=True)
    with refused(tx, "LG302"):
        record(tx, owner_id="bob", operation="LIMITED")


def test_frozen_account_is_moved(tx: Connection) -> None:
    record(tx, amount=50)
    operate(tx, "freeze_account")
    move(tx)
    assert balance(tx, "bob") == 50


def test_unknown_account_is_not_moved(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        move(tx, sender="nobody")
    assert refusal.detail["field"] == "from_owner_id"


def test_claims_count_for_the_new_owner(tx: Connection, clock: Clock) -> None:
    define_limited(tx, 2, "day")
    record(tx, operation="LIMITED")
    record(tx, owner_id="bob", operation="LIMITED")
    move(tx)
    with refused(tx, "LG302"):
        record(tx, owner_id="bob", operation="LIMITED")
    clock.advance("1 day")
    record(tx, owner_id="bob", operation="LIMITED")


def test_claims_go_on_with_a_second_move(tx: Connection) -> None:
    define_limited(tx)
    record(tx, operation="LIMITED")
    record(tx, owner_id="bob", amount=1)
    move(tx)
    move(tx, sender="bob", receiver="carol", nonce="second")
    with refused(tx, "LG302"):
        record(tx, owner_id="carol", operation="LIMITED")
    assert balance(tx, "carol") == 2


def test_claims_beyond_the_limit_are_kept(tx: Connection) -> None:
    define_limited(tx)
    for owner_id in ("alice", "bob"):
        record(tx, owner_id=owner_id, operation="LIMITED")
    move(tx)
    with refused(tx, "LG302"):
        record(tx, owner_id="bob", operation="LIMITED")


def test_other_assets_stay(tx: Connection) -> None:
    call(tx, "define_operation", operation="TOKEN_ADD", description="x", asset="TOKEN",
         default_amount=3)  # fmt: skip
    call(tx, "allow_operation", app="app1", operation="TOKEN_ADD")
    record(tx, amount=5)
    record(tx, operation="TOKEN_ADD")
    move(tx)
    record(tx, operation="TOKEN_ADD")
    assert len(entries(tx, asset="TOKEN")) == 2
