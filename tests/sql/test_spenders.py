"""Spenders: who of an owner's members, keys or sessions an entry or a hold was for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, fails, record, rows, spend
from tests.sql.lifecycle import capture, place, record_batch, reverse


@pytest.fixture(autouse=True)
def _credits(tx: Connection, clock: Clock) -> None:  # noqa: ARG001
    record(tx, amount=100, nonce="start")


def spenders(tx: Connection) -> list[str | None]:
    """Give the spenders of all entries, the oldest first."""
    found = tx.execute("SELECT spender FROM ledger.entry_journal ORDER BY owner_id, seq").fetchall()
    return [spender for (spender,) in found]


def test_an_entry_says_its_spender(tx: Connection) -> None:
    spent = spend(tx, 3, spender="key-7", nonce="s")
    assert (spent["spender"], spent["balance"]) == ("key-7", 97)
    assert rows(tx, "entries_of", owner_id="alice")[0]["spender"] == "key-7"
    assert spenders(tx) == [None, "key-7"]
    assert rows(tx, "verify") == []


def test_the_spender_is_a_part_of_the_request(tx: Connection) -> None:
    spend(tx, 3, spender="key-7", nonce="s")
    assert spend(tx, 3, spender="key-7", nonce="s")["replayed"]
    for other in ({"spender": "key-8"}, {}):
        with fails(tx, "LG201"):
            spend(tx, 3, nonce="s", **other)


@pytest.mark.parametrize("spender", ["", "x" * 256, "*"])
def test_a_spender_is_1_to_255_characters(tx: Connection, spender: str) -> None:
    with fails(tx, "LG001") as refusal:
        spend(tx, 3, spender=spender)
    assert refusal.detail["field"] == "spender"
    with fails(tx, "LG001") as refusal:
        place(tx, 3, nonce="h", spender=spender)
    assert refusal.detail["field"] == "spender"


def test_items_of_a_batch_have_spenders(tx: Connection) -> None:
    plain: dict[str, Any] = {"owner_id": "alice", "operation": "CREDIT_SPEND", "amount": -1}
    items = [
        plain | {"nonce": "b-1", "spender": "key-7"},
        plain | {"nonce": "b-2"},
        plain | {"nonce": "b-3", "spender": ""},
        plain | {"nonce": "b-1", "spender": "key-7"},
        plain | {"nonce": "b-1", "spender": "key-8"},
    ]
    results = record_batch(tx, items)
    assert [(row["spender"], row["code"]) for row in results] == [
        ("key-7", None),
        (None, None),
        (None, "invalid_request"),
        ("key-7", None),
        (None, "nonce_conflict"),
    ]
    assert results[3]["replayed"]
    assert rows(tx, "verify") == []


def test_captures_and_reversals_have_the_spender_of_what_they_belong_to(tx: Connection) -> None:
    held = place(tx, 10, nonce="h", spender="key-7")
    assert held["spender"] == "key-7"
    assert place(tx, 10, nonce="h", spender="key-7")["replayed"]
    with fails(tx, "LG201"):
        place(tx, 10, nonce="h")
    assert capture(tx, "h", 4, nonce="c")["spender"] == "key-7"
    assert capture(tx, "h", 4, nonce="c")["replayed"]
    assert reverse(tx, "c", 1, nonce="r")["spender"] == "key-7"
    assert reverse(tx, "c", 1, nonce="r")["replayed"]
    assert [row["spender"] for row in rows(tx, "holds_of", owner_id="alice")] == ["key-7"]
    assert spenders(tx) == [None, "key-7", "key-7"]
    assert rows(tx, "verify") == []


# The statement by spender


def by_spender(tx: Connection, clock: Clock, **arguments: Any) -> list[tuple[Any, ...]]:
    """Give the statement of alice for the hour since the beginning, as tuples."""
    since = clock.ahead(hours=-1)
    found = rows(tx, "statement_by_spender", owner_id="alice", since=since, **arguments)
    return [tuple(row.values()) for row in found]


def test_statement_by_spender(tx: Connection, clock: Clock) -> None:
    for amount, spender in ((3, "b"), (4, "a"), (5, "b"), (1, None)):
        spend(tx, amount, spender=spender, nonce=f"{amount}")
    reverse(tx, "5", 2)
    assert by_spender(tx, clock) == [("a", 1, 4, 0), ("b", 3, 8, 2)]
    assert by_spender(tx, clock, max_rows=1) == [("a", 1, 4, 0)]
    assert by_spender(tx, clock, after_spender="a") == [("b", 3, 8, 2)]
    clock.forward(hours=2)
    assert by_spender(tx, clock) == []


def test_statement_by_spender_refuses_what_a_statement_refuses(tx: Connection) -> None:
    with fails(tx, "LG001") as refusal:
        rows(tx, "statement_by_spender", owner_id="alice", since="infinity")
    assert refusal.detail["field"] == "since"
    with fails(tx, "LG001") as refusal:
        rows(tx, "statement_by_spender", owner_id="alice", since="2026-01-01", max_rows=0)
    assert refusal.detail["field"] == "max_rows"
