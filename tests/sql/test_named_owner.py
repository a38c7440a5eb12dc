"""An owner whom a request names in addition to the nonce of a hold or an entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sql.calls import Connection, balance, call, new_nonce, record, refused, scalar
from tests.sql.lifecycle import place

HOLD_CALLS: dict[str, dict[str, Any]] = {
    "capture_hold": {"nonce": "captured"},
    "release_hold": {},
    "extend_hold": {"expires_in": "2 hours"},
    "grow_hold": {"nonce": "grown", "by": 2},
}

on_holds = pytest.mark.parametrize("function", HOLD_CALLS)


@pytest.fixture
def held(tx: Connection) -> Connection:
    record(tx, owner_id="alice", amount=10, nonce="added")
    place(tx, 4, owner_id="alice", nonce="held")
    return tx


def on_hold(conn: Connection, function: str, owner_id: str | None) -> dict[str, Any]:
    return call(
        conn, function, app="app1", hold_nonce="held", owner_id=owner_id, **HOLD_CALLS[function]
    )


@on_holds
def test_hold_is_found_for_its_owner(held: Connection, function: str) -> None:
    assert on_hold(held, function, "alice")["owner_id"] == "alice"


@on_holds
def test_hold_is_not_found_for_another_owner(held: Connection, function: str) -> None:
    with refused(held, "LG105") as refusal:
        on_hold(held, function, "bob")
    assert refusal.detail == {"app": "app1", "hold_nonce": "held", "owner_id": "bob"}
    assert scalar(held, "SELECT held FROM ledger.balance('alice')") == 4


@on_holds
def test_malformed_owner_is_refused(held: Connection, function: str) -> None:
    with refused(held, "LG001") as refusal:
        on_hold(held, function, "")
    assert refusal.detail["field"] == "owner_id"


def reverse(conn: Connection, owner_id: str, nonce: str) -> dict[str, Any]:
    return call(
        conn, "reverse_entry", app="app1", nonce=nonce, original_nonce="added", owner_id=owner_id
    )


def test_entry_is_reversed_for_its_owner(tx: Connection) -> None:
    record(tx, owner_id="alice", amount=10, nonce="added")
    nonce = new_nonce()
    assert not reverse(tx, "alice", nonce)["replayed"]
    assert reverse(tx, "alice", nonce)["replayed"]
    assert balance(tx, "alice") == 0


def test_entry_is_not_reversed_for_another_owner(tx: Connection) -> None:
    record(tx, owner_id="alice", amount=10, nonce="added")
    with refused(tx, "LG104") as refusal:
        reverse(tx, "bob", new_nonce())
    assert refusal.detail == {"app": "app1", "original_nonce": "added", "owner_id": "bob"}
    assert balance(tx, "alice") == 10


@pytest.mark.parametrize(
    "ask",
    [
        lambda conn, owner: on_hold(conn, "capture_hold", owner),
        lambda conn, owner: on_hold(conn, "release_hold", owner),
        lambda conn, owner: on_hold(conn, "extend_hold", owner),
        lambda conn, owner: on_hold(conn, "grow_hold", owner),
        lambda conn, owner: reverse(conn, owner, "reversed"),
    ],
    ids=[*HOLD_CALLS, "reverse_entry"],
)
def test_partition_says_that_it_does_not_keep_the_owner(
    tx: Connection, ask: Callable[[Connection, str], object]
) -> None:
    tx.execute("SELECT ledger_core.keep_buckets('p1', 16, '{[0,8)}')")
    other = scalar(
        tx,
        "SELECT n::text FROM generate_series(1, 99) AS n"
        " WHERE ledger_core.bucket(n::text, 16) >= 8 LIMIT 1",
    )
    with refused(tx, "LG311") as refusal:
        ask(tx, other)
    assert refusal.detail["owner_id"] == other
