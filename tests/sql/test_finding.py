"""`ledger.find`: what a support person types leads to accounts, entries, holds and claims."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, record, refused, rows, spend
from tests.sql.lifecycle import adjust, define_limited, grow, place


def find(conn: Connection, text: str, **more: Any) -> list[Row]:
    return rows(conn, "find", text=text, **more)


def kinds(found: list[Row]) -> list[tuple[str, str, int | None]]:
    return [(row["kind"], row["owner_id"], row["seq"]) for row in found]


def test_owner_is_found_by_prefix_in_the_order_of_bytes(tx: Connection) -> None:
    for owner_id in ("ann", "anna", "Ann", "an", "ann-lee", "anz", "bob", "ännchen"):
        record(tx, owner_id=owner_id)
    assert [row["owner_id"] for row in find(tx, "ann")] == ["ann", "ann-lee", "anna"]
    assert [row["owner_id"] for row in find(tx, "ä")] == ["ännchen"]
    assert find(tx, "annabel") == []


def test_owner_is_found_once_per_asset_with_the_number_of_entries(tx: Connection) -> None:
    record(tx, owner_id="ann")
    record(tx, owner_id="ann")
    operation = {"operation": "COIN_ADD", "min_amount": 1, "max_amount": 9, "asset": "COIN"}
    call(tx, "define_operation", **operation, default_amount=1, description="Coins")
    call(tx, "allow_operation", app="app1", operation="COIN_ADD")
    record(tx, owner_id="ann", operation="COIN_ADD")
    assert [(row["asset"], row["found"]) for row in find(tx, "an")] == [
        ("COIN", {"entry_count": 1}),
        ("CREDIT", {"entry_count": 2}),
    ]


@pytest.mark.parametrize("text", ["%", "_", "a%", "a_", "\\", "a\\", "A", "*", ".", "'"])
def test_signs_of_patterns_stand_for_themselves(tx: Connection, text: str) -> None:
    record(tx, owner_id="alice", nonce="a nonce")
    assert find(tx, text) == []
    record(tx, owner_id=f"{text}z")
    assert kinds(find(tx, text)) == [("owner", f"{text}z", None)]


def test_last_character_of_all_is_a_prefix_too(tx: Connection) -> None:
    record(tx, owner_id="\U0010ffff\U0010ffff")
    assert kinds(find(tx, "\U0010ffff")) == [("owner", "\U0010ffff\U0010ffff", None)]


def test_entry_is_found_by_its_nonce_in_any_app(tx: Connection) -> None:
    record(tx, nonce="order-1", amount=5)
    record(tx, app="app2", owner_id="bob", nonce="order-1", amount=6)
    record(tx, nonce="order-10")
    adjustment = adjust(tx, 3, nonce="order-1")
    found = find(tx, "order-1")
    assert kinds(found) == [("entry", "alice", 3), ("entry", "alice", 1), ("entry", "bob", 1)]
    assert found[0]["found"] == {
        "app": "ledger",
        "operation": "ADJUSTMENT",
        "nonce": "order-1",
        "amount": 3,
        "entry_id": adjustment["entry_id"],
    }


def test_entry_is_found_by_its_id(tx: Connection) -> None:
    record(tx)
    entry = spend(tx, 4)
    for before in ("", "0", "+", "-", " "):
        text = f"{before}{entry['entry_id']}"
        assert kinds(find(tx, text)) == ([("entry", "alice", 2)] if not before else [])


def test_entry_whose_nonce_is_its_id_is_found_once(tx: Connection) -> None:
    first, second = (record(tx)["entry_id"] for _ in range(2))
    following = second + (second - first)
    assert record(tx, nonce=str(following))["entry_id"] == following
    assert kinds(find(tx, str(following))) == [("entry", "alice", 3)]


def test_id_that_lies_out_of_order_is_found(tx: Connection) -> None:
    """Aborted transactions leave room in old pages, in which new entries then lie."""
    for _ in range(3):
        record(tx)
    tx.execute("SELECT setval('ledger_core.entry_ids', 999999999)")
    far = record(tx)
    tx.execute("SELECT setval('ledger_core.entry_ids', 5000000)")
    near = record(tx)
    for entry in (far, near):
        assert kinds(find(tx, str(entry["entry_id"]))) == [("entry", "alice", entry["seq"])]


def test_hold_is_found_by_its_nonce_with_its_status_as_of_now(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    place(tx, 4, nonce="job-1", expires_in="1 hour")
    clock.forward(hours=1)
    (found,) = find(tx, "job-1")
    assert (found["kind"], found["owner_id"], found["asset"], found["seq"]) == (
        *("hold", "alice", "CREDIT"),
        None,
    )
    assert found["found"] == {
        "app": "app1",
        "operation": "CREDIT_SPEND",
        "nonce": "job-1",
        "amount": 4,
        "status": "expired",
    }


def test_claim_is_found_by_its_subject_with_the_entry_that_made_it(
    tx: Connection, clock: Clock
) -> None:
    define_limited(tx, period="day")
    record(tx, operation="LIMITED", claim_subject="device-1")
    clock.forward(days=1)
    record(tx, operation="LIMITED", owner_id="bob", claim_subject="device-1")
    found = find(tx, "device-1")
    assert kinds(found) == [("claim", "alice", 1), ("claim", "bob", 1)]
    assert found[0]["found"] == {
        "operation": "LIMITED",
        "claim_subject": "device-1",
        "app": None,
        "slot": 1,
        "period_start": "2030-01-01T00:00:00",
    }


def test_claim_of_an_owner_is_no_claim_of_a_subject(tx: Connection) -> None:
    record(tx, operation="SIGNUP_CREDIT", owner_id="device-1")
    assert kinds(find(tx, "device-1")) == [("owner", "device-1", None)]


def test_exact_matches_come_before_owners_that_only_begin_so(tx: Connection) -> None:
    record(tx, owner_id="x", amount=10, nonce="x")
    place(tx, 1, owner_id="x", app="app2", operation="TOKENS_USED", nonce="x")
    define_limited(tx)
    record(tx, owner_id="bob", operation="LIMITED", claim_subject="x")
    for number in range(5):
        record(tx, owner_id=f"x{number}")
    exact = [("owner", "x", None), ("entry", "x", 1), ("hold", "x", None), ("claim", "bob", 1)]
    assert kinds(find(tx, "x", max_rows=5)) == [*exact, ("owner", "x0", None)]
    assert kinds(find(tx, "x", max_rows=2)) == exact[:2]


def test_twenty_rows_are_found_by_default(tx: Connection) -> None:
    for number in range(21):
        record(tx, owner_id=f"user-{number}")
    assert len(find(tx, "user")) == 20
    assert len(find(tx, "user", max_rows=21)) == 21


@pytest.mark.parametrize("text", ["", "x" * 256, None])
def test_text_has_1_to_255_characters(tx: Connection, text: str | None) -> None:
    with refused(tx, "LG001") as refusal:
        rows(tx, "find", text=text)
    assert refusal.detail["field"] == "text"


@pytest.mark.parametrize("max_rows", [0, 1001, None])
def test_rows_are_1_to_1000(tx: Connection, max_rows: int | None) -> None:
    with refused(tx, "LG001") as refusal:
        rows(tx, "find", text="x", max_rows=max_rows)
    assert refusal.detail["field"] == "max_rows"


def test_hold_is_found_by_the_nonce_of_its_growth(tx: Connection) -> None:
    record(tx, amount=100)
    place(tx, 5, nonce="job-1")
    grow(tx, "job-1", 3, nonce="job-1:more")
    (found,) = find(tx, "job-1:more")
    assert (found["kind"], found["found"]["nonce"], found["found"]["amount"]) == (
        "hold",
        "job-1",
        8,
    )
