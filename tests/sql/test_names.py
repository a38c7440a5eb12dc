"""Names in requests: assets that nothing counts, owners and holds that no URL can contain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sql.calls import Connection, call, count_asset, record, refused, rows, scalar, spend
from tests.sql.lifecycle import adjust, item, operate, place, record_batch, release

PAST = "2020-01-01T00:00:00Z"

OF_AN_ACCOUNT: list[tuple[str, dict[str, Any]]] = [
    ("balance", {}),
    ("balance_at", {"at": PAST}),
    ("entries_of", {}),
    ("holds_of", {}),
    ("statement", {"since": PAST}),
    ("adjust_balance", {"amount": 5, "nonce": "n", "actor": "Ann", "reason": "Because"}),
    ("set_min_balance", {"min_balance": -5, "actor": "Ann", "reason": "Because"}),
    ("freeze_account", {"actor": "Ann", "reason": "Because"}),
    ("unfreeze_account", {"actor": "Ann", "reason": "Because"}),
]

of_an_account = pytest.mark.parametrize(("function", "arguments"), OF_AN_ACCOUNT)


# Assets


@of_an_account
def test_asset_that_no_operation_counts_is_refused(
    tx: Connection, function: str, arguments: dict[str, Any]
) -> None:
    count_asset(tx, "GEM")
    record(tx)
    with refused(tx, "LG001") as refusal:
        rows(tx, function, owner_id="alice", asset="CREDITS", **arguments)
    assert refusal.detail == {
        "field": "asset",
        "asset": "CREDITS",
        "reason": "is not an asset of this ledger, which has CREDIT, GEM",
    }
    assert (
        refusal.hint == "Correct the asset. To use a new one, define an operation that counts it."
    )
    assert scalar(tx, "SELECT count(*) FROM ledger.accounts") == 1


@of_an_account
def test_asset_of_an_operation_is_known_before_its_first_entry(
    tx: Connection, function: str, arguments: dict[str, Any]
) -> None:
    count_asset(tx, "GEM")
    rows(tx, function, owner_id="alice", asset="GEM", **arguments)


@of_an_account
def test_asset_of_a_retired_operation_is_known(
    tx: Connection, function: str, arguments: dict[str, Any]
) -> None:
    count_asset(tx, "GEM")
    call(tx, "retire_operation", operation="GEM_ADD")
    rows(tx, function, owner_id="alice", asset="GEM", **arguments)


@of_an_account
def test_account_is_known_even_if_no_operation_counts_its_asset(
    tx: Connection, function: str, arguments: dict[str, Any]
) -> None:
    count_asset(tx, "GEM")
    adjust(tx, 7, asset="GEM")
    tx.execute("DELETE FROM ledger.operations WHERE operation = 'GEM_ADD'")
    rows(tx, function, owner_id="alice", asset="GEM", **arguments)
    with refused(tx, "LG001"):
        rows(tx, function, owner_id="bob", asset="GEM", **arguments)


def test_reason_names_at_most_20_assets(tx: Connection) -> None:
    for number in range(10, 30):
        count_asset(tx, f"GEM_{number}")
    with refused(tx, "LG001") as refusal:
        call(tx, "balance", owner_id="alice", asset="CREDITS")
    assert refusal.detail["reason"].endswith(
        "CREDIT, " + ", ".join(f"GEM_{number}" for number in range(10, 29)) + " …"
    )


@pytest.mark.parametrize("asset", ["credit", "", "CREDIT ", "A" * 64, None])
@of_an_account
def test_malformed_asset_is_refused(
    tx: Connection, function: str, arguments: dict[str, Any], asset: str | None
) -> None:
    with refused(tx, "LG001") as refusal:
        rows(tx, function, owner_id="alice", asset=asset, **arguments)
    assert refusal.detail["field"] == "asset"


@pytest.mark.parametrize("owner_id", ["", None, "x" * 256])
@of_an_account
def test_malformed_owner_is_refused(
    tx: Connection, function: str, arguments: dict[str, Any], owner_id: str | None
) -> None:
    with refused(tx, "LG001") as refusal:
        rows(tx, function, owner_id=owner_id, **arguments)
    assert refusal.detail["field"] == "owner_id"


# Dot segments

dots = pytest.mark.parametrize("dots", [".", ".."])


@dots
def test_new_owner_is_not_a_dot_segment(tx: Connection, dots: str) -> None:
    actions: list[Callable[[], object]] = [
        lambda: record(tx, owner_id=dots),
        lambda: record(tx, owner_id=dots, expires_at="2099-01-01T00:00:00Z"),
        lambda: place(tx, 1, owner_id=dots),
        lambda: adjust(tx, 5, owner_id=dots),
        lambda: operate(tx, "set_min_balance", owner_id=dots, min_balance=-5),
        lambda: operate(tx, "freeze_account", owner_id=dots),
    ]
    for act in actions:
        with refused(tx, "LG001") as refusal:
            act()
        assert refusal.detail == {
            "field": "owner_id",
            "reason": "must not be . or .., which no URL can contain as a part of its path",
        }
    assert scalar(tx, "SELECT count(*) FROM ledger.accounts") == 0


@pytest.mark.parametrize("others", [0, 1, 50])
@dots
def test_batch_refuses_a_dot_segment_and_records_the_others(
    tx: Connection, dots: str, others: int
) -> None:
    items = [item(owner_id=f"owner-{number}") for number in range(others)]
    results = record_batch(tx, [*items, item(owner_id=dots)])
    assert [result["code"] for result in results] == [None] * others + ["invalid_request"]
    assert results[-1]["detail"]["field"] == "owner_id"


@pytest.mark.parametrize("owner_id", ["...", "a.", ". ", "./", "%2e"])
def test_other_names_with_dots_are_owners(tx: Connection, owner_id: str) -> None:
    assert record(tx, owner_id=owner_id)["owner_id"] == owner_id


@dots
def test_older_owner_with_such_a_name_goes_on(tx: Connection, dots: str) -> None:
    tx.execute("INSERT INTO ledger.accounts (owner_id, asset) VALUES (%s, 'CREDIT')", [dots])
    record(tx, owner_id=dots, amount=7)
    record(tx, owner_id=dots, amount=1, expires_at="2099-01-01T00:00:00Z")
    (result,) = record_batch(tx, [item(owner_id=dots, amount=2)])
    release(tx, place(tx, 1, owner_id=dots)["nonce"])
    spend(tx, 3, owner_id=dots)
    assert result["code"] is None
    assert call(tx, "balance", owner_id=dots)["balance"] == 7
    assert rows(tx, "verify") == []


@dots
def test_nonce_of_a_new_hold_is_not_a_dot_segment(tx: Connection, dots: str) -> None:
    record(tx, amount=10)
    with refused(tx, "LG001") as refusal:
        place(tx, 1, nonce=dots)
    assert refusal.detail["field"] == "nonce"
    assert record(tx, nonce=dots)["nonce"] == dots


@dots
def test_older_hold_with_such_a_nonce_goes_on(tx: Connection, dots: str) -> None:
    record(tx, amount=10)
    place(tx, 1, nonce="older")
    tx.execute("SET CONSTRAINTS ALL IMMEDIATE")
    tx.execute("ALTER TABLE ledger.holds DISABLE TRIGGER ALL")
    tx.execute("UPDATE ledger.holds SET nonce = %s", [dots])
    assert place(tx, 1, nonce=dots)["replayed"]
    assert release(tx, dots)["status"] == "released"


def test_owners_are_compared_byte_by_byte(tx: Connection) -> None:
    names = ["alice", "Alice", "alice ", " alice", "ali\u0301ce", "alíce"]
    for amount, owner_id in enumerate(names, start=1):
        record(tx, owner_id=owner_id, amount=amount)
    balances = [call(tx, "balance", owner_id=owner_id)["balance"] for owner_id in names]
    assert balances == [1, 2, 3, 4, 5, 6]
