"""Reading accounts by balance, entries_of and the views."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sql.calls import Connection, call, count_asset, record, refused, rows, scalar, spend

NOTHING = {
    "balance": 0,
    "held": 0,
    "available": 0,
    "entry_count": 0,
    "next_expiry_at": None,
    "next_expiry_amount": None,
    "next_allowance_at": None,
    "next_allowance_amount": None,
}


def test_unknown_owner_has_zero_balances(tx: Connection) -> None:
    assert call(tx, "balance", owner_id="nobody") == NOTHING


def test_reading_creates_no_account(tx: Connection) -> None:
    call(tx, "balance", owner_id="nobody")
    rows(tx, "entries_of", owner_id="nobody")
    assert scalar(tx, "SELECT count(*) FROM ledger.accounts") == 0


def test_balance_counts_amounts_and_entries(tx: Connection) -> None:
    record(tx, amount=10)
    spend(tx, 3)
    found = call(tx, "balance", owner_id="alice")
    assert found == NOTHING | {"balance": 7, "available": 7, "entry_count": 2}


def test_balance_shows_the_next_expiry(tx: Connection) -> None:
    record(tx, amount=5)
    record(tx, amount=7, expires_at="2098-01-01T00:00:00Z")
    first = record(tx, amount=3, expires_at="2097-01-01T00:00:00Z")
    found = call(tx, "balance", owner_id="alice")
    assert (found["balance"], found["next_expiry_at"], found["next_expiry_amount"]) == (
        15,
        first["expires_at"],
        3,
    )


def test_spending_uses_soonest_credits_first(tx: Connection) -> None:
    record(tx, amount=5)
    last = record(tx, amount=7, expires_at="2098-01-01T00:00:00Z")
    record(tx, amount=3, expires_at="2097-01-01T00:00:00Z")
    spend(tx, 4)
    found = call(tx, "balance", owner_id="alice")
    assert (found["next_expiry_at"], found["next_expiry_amount"]) == (last["expires_at"], 6)


def test_balance_is_of_one_asset(tx: Connection) -> None:
    count_asset(tx, "STAR")
    record(tx, amount=10)
    assert call(tx, "balance", owner_id="alice", asset="STAR") == NOTHING


def test_entries_come_newest_first(tx: Connection) -> None:
    recorded = [record(tx, amount=n) for n in (1, 2, 3)]
    for entry in recorded:
        del entry["replayed"]
    assert rows(tx, "entries_of", owner_id="alice") == recorded[::-1]


def test_unknown_owner_has_no_entries(tx: Connection) -> None:
    assert rows(tx, "entries_of", owner_id="nobody") == []


def test_pages_follow_each_other_without_gap_or_repetition(tx: Connection) -> None:
    for _ in range(7):
        record(tx)
    seen: list[int] = []
    cursor = None
    while page := rows(tx, "entries_of", owner_id="alice", before_seq=cursor, max_rows=3):
        seen += [entry["seq"] for entry in page]
        cursor = seen[-1]
    assert seen == [7, 6, 5, 4, 3, 2, 1]


def test_new_entries_do_not_shift_a_page(tx: Connection) -> None:
    for _ in range(4):
        record(tx)
    first = rows(tx, "entries_of", owner_id="alice", max_rows=2)
    record(tx)
    second = rows(tx, "entries_of", owner_id="alice", before_seq=first[-1]["seq"], max_rows=2)
    assert [entry["seq"] for entry in first + second] == [4, 3, 2, 1]


def test_page_has_50_entries_by_default(tx: Connection) -> None:
    for _ in range(51):
        record(tx)
    assert len(rows(tx, "entries_of", owner_id="alice")) == 50


def test_page_before_the_first_entry_is_empty(tx: Connection) -> None:
    record(tx)
    assert rows(tx, "entries_of", owner_id="alice", before_seq=1) == []


@pytest.mark.parametrize("max_rows", [0, -1, 1001, None])
def test_page_has_1_to_1000_entries(tx: Connection, max_rows: int | None) -> None:
    with refused(tx, "LG001") as refusal:
        rows(tx, "entries_of", owner_id="alice", max_rows=max_rows)
    assert refusal.detail == {"field": "max_rows", "reason": "must be from 1 to 1000"}


@pytest.mark.parametrize("function", ["balance", "entries_of"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner_id", None),
        ("owner_id", ""),
        ("owner_id", "x" * 256),
        ("asset", None),
        ("asset", "credit"),
        ("asset", ""),
    ],
)
def test_malformed_account_is_refused(
    tx: Connection, function: str, field: str, value: str | None
) -> None:
    with refused(tx, "LG001") as refusal:
        rows(tx, function, **{"owner_id": "alice", field: value})
    assert refusal.detail["field"] == field


def test_view_of_balances_equals_the_function(tx: Connection) -> None:
    record(tx, owner_id="alice", amount=10)
    record(tx, owner_id="bob", amount=4, expires_at="2099-01-01T00:00:00Z")
    columns = ", ".join(NOTHING)
    for owner_id in ("alice", "bob"):
        seen: Any = tx.execute(
            f"SELECT {columns} FROM ledger.account_balances WHERE owner_id = %s".encode(),
            [owner_id],
        ).fetchone()
        assert dict(zip(NOTHING, seen, strict=True)) == call(tx, "balance", owner_id=owner_id)


def test_journal_shows_every_entry(tx: Connection) -> None:
    record(tx, amount=10)
    spend(tx, 4)
    found = tx.execute(
        "SELECT seq, amount, balance_after, reversed_amount FROM ledger.entry_journal ORDER BY seq"
    ).fetchall()
    assert found == [(1, 10, 10, 0), (2, -4, 6, 0)]
