"""`ledger.claims_of`: claim limits, and when an owner can claim next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, record, refused, rows
from tests.sql.lifecycle import reverse


def claims_of(conn: Connection, **more: Any) -> dict[tuple[str, str | None], Row]:
    found = rows(conn, "claims_of", **{"owner_id": "alice"} | more)
    return {(row.pop("operation"), row.pop("app")): row for row in found}


def limit(conn: Connection, operation: str, claims: int, period: str, **more: Any) -> None:
    """Define an operation with a claim limit for both apps."""
    rule = {"default_amount": 1, "claim_limit": claims, "claim_period": period} | more
    call(conn, "define_operation", operation=operation, description="x", **rule)
    for app in ("app1", "app2"):
        call(conn, "allow_operation", app=app, operation=operation)


def next_refusal(conn: Connection, operation: str, app: str = "app1") -> Any:
    with refused(conn, "LG302") as refusal:
        record(conn, app=app, operation=operation)
    return refusal.detail["next_eligible_at"]


def test_limits_are_told_to_an_owner_never_seen(tx: Connection, clock: Clock) -> None:
    assert claims_of(tx, owner_id="nobody") == {
        ("DAILY_REWARD", None): {
            "claim_limit": 1,
            "claim_period": "day",
            "claim_time_zone": "UTC",
            "claimed": 0,
            "last_seq": None,
            "next_eligible_at": clock.now,
        },
        ("SIGNUP_CREDIT", None): {
            "claim_limit": 1,
            "claim_period": "ever",
            "claim_time_zone": "UTC",
            "claimed": 0,
            "last_seq": None,
            "next_eligible_at": clock.now,
        },
    }


def test_next_time_is_the_one_that_a_refusal_tells(tx: Connection, clock: Clock) -> None:
    # In this zone clocks go back over midnight: 00:00 of 4 November 2029 comes twice.
    limit(tx, "HAVANA", 1, "day", claim_time_zone="America/Havana")
    limit(tx, "WEEKLY", 2, "week", claim_time_zone="Asia/Kathmandu")
    clock.set("2029-11-03T12:00:00Z")
    for operation in ("HAVANA", "WEEKLY", "WEEKLY", "SIGNUP_CREDIT"):
        record(tx, operation=operation)
    found = claims_of(tx)
    for operation in ("HAVANA", "WEEKLY"):
        told = found[operation, None]["next_eligible_at"]
        assert datetime.fromisoformat(next_refusal(tx, operation)) == told
        clock_before = clock.now
        clock.set(told)
        record(tx, operation=operation)
        clock.set(clock_before)
    assert found["SIGNUP_CREDIT", None]["next_eligible_at"] is None
    assert next_refusal(tx, "SIGNUP_CREDIT") is None


def test_claims_of_this_period_are_counted(tx: Connection, clock: Clock) -> None:
    limit(tx, "THRICE", 3, "day")
    for claimed in range(3):
        row = claims_of(tx)["THRICE", None]
        assert (row["claimed"], row["last_seq"]) == (claimed, claimed or None)
        assert row["next_eligible_at"] == clock.now
        record(tx, operation="THRICE")
    assert claims_of(tx)["THRICE", None]["next_eligible_at"] == clock.ahead(hours=12)
    clock.forward(hours=12)
    row = claims_of(tx)["THRICE", None]
    assert (row["claimed"], row["last_seq"], row["next_eligible_at"]) == (0, 3, clock.now)


@pytest.mark.usefixtures("clock")
def test_limit_of_apps_has_a_row_for_each(tx: Connection) -> None:
    limit(tx, "EACH", 1, "day", claim_scope="owner_and_app")
    record(tx, app="app2", operation="EACH")
    found = claims_of(tx)
    assert (found["EACH", "app1"]["claimed"], found["EACH", "app2"]["claimed"]) == (0, 1)
    assert ("EACH", None) not in found


@pytest.mark.usefixtures("clock")
def test_claim_that_was_given_back_does_not_count(tx: Connection) -> None:
    record(tx, operation="DAILY_REWARD", nonce="reward")
    reverse(tx, "reward", free_claim=True)
    assert claims_of(tx)["DAILY_REWARD", None]["claimed"] == 0


@pytest.mark.usefixtures("clock")
def test_claims_of_others_do_not_count(tx: Connection) -> None:
    record(tx, owner_id="bob", operation="DAILY_REWARD", claim_subject="alice")
    assert claims_of(tx)["DAILY_REWARD", None]["claimed"] == 0


@pytest.mark.usefixtures("clock")
def test_lower_limit_counts_no_more_than_it_has(tx: Connection) -> None:
    limit(tx, "LESS", 3, "ever")
    for _ in range(3):
        record(tx, operation="LESS")
    limit(tx, "LESS", 1, "ever")
    assert claims_of(tx)["LESS", None]["claimed"] == 1
    assert claims_of(tx)["LESS", None]["next_eligible_at"] is None


@pytest.mark.usefixtures("clock")
def test_retired_operations_and_other_assets_are_left_out(tx: Connection) -> None:
    limit(tx, "OLD", 1, "day")
    limit(tx, "TOKEN", 1, "day", asset="TOKEN")
    call(tx, "retire_operation", operation="OLD")
    assert not {("OLD", None), ("TOKEN", None)} & claims_of(tx).keys()
    assert claims_of(tx, asset="TOKEN").keys() == {("TOKEN", None)}


@pytest.mark.usefixtures("clock")
def test_values_are_checked(tx: Connection) -> None:
    for wrong in ({"owner_id": None}, {"owner_id": ""}, {"asset": None}):
        with refused(tx, "LG001"):
            claims_of(tx, **wrong)
