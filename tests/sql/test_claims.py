"""Claim limits per owner, claim subject and period."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.sql.calls import Connection, balance, call, fails, record, refused, rows
from tests.sql.lifecycle import define_limited, reverse


def claim_at(tx: Connection, at: str, app: str = "app1", subject: str | None = None) -> None:
    """Take a slot of LIMITED for alice as of a time."""
    tx.execute(
        """
        SELECT 1 FROM ledger_core.take_claim_slots(
            owner_id => 'alice', asset => 'CREDIT', app => %s, operation => 'LIMITED',
            claim_subject => %s, seq => 1, at => %s
        )
        """,
        [app, subject, at],
    )


def test_daily_reward_is_refused_the_second_time_until_midnight_utc(tx: Connection) -> None:
    first = record(tx, operation="DAILY_REWARD")
    midnight = (first["recorded_at"] + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00.000000Z")
    with refused(tx, "LG302") as refusal:
        record(tx, operation="DAILY_REWARD")
    assert refusal.detail == {
        "operation": "DAILY_REWARD",
        "limited": "owner",
        "claim_limit": 1,
        "claim_period": "day",
        "next_eligible_at": midnight,
    }


def test_signup_credit_is_refused_forever(tx: Connection) -> None:
    record(tx, operation="SIGNUP_CREDIT")
    with refused(tx, "LG302") as refusal:
        record(tx, operation="SIGNUP_CREDIT")
    assert refusal.detail["claim_period"] == "ever"
    assert refusal.detail["next_eligible_at"] is None


def test_shared_claims_are_counted_over_all_apps(tx: Connection) -> None:
    record(tx, app="app1", operation="SIGNUP_CREDIT")
    with refused(tx, "LG302"):
        record(tx, app="app2", operation="SIGNUP_CREDIT")


def test_scope_of_owner_and_app_counts_each_app_separately(tx: Connection) -> None:
    define_limited(tx, claim_scope="owner_and_app")
    record(tx, app="app1", operation="LIMITED")
    record(tx, app="app2", operation="LIMITED")
    with refused(tx, "LG302"):
        record(tx, app="app1", operation="LIMITED")


def test_owners_have_limits_of_their_own(tx: Connection) -> None:
    record(tx, owner_id="alice", operation="SIGNUP_CREDIT")
    assert record(tx, owner_id="bob", operation="SIGNUP_CREDIT")["seq"] == 1


def test_limit_of_three_allows_three(tx: Connection) -> None:
    define_limited(tx, limit=3)
    for _ in range(3):
        record(tx, operation="LIMITED")
    with refused(tx, "LG302") as refusal:
        record(tx, operation="LIMITED")
    assert refusal.detail["claim_limit"] == 3
    assert balance(tx) == 3


def test_lowered_limit_counts_what_was_claimed_before(tx: Connection) -> None:
    define_limited(tx, limit=3)
    record(tx, operation="LIMITED")
    define_limited(tx, limit=1)
    with refused(tx, "LG302"):
        record(tx, operation="LIMITED")


def test_refused_claim_leaves_the_balance(tx: Connection) -> None:
    record(tx, operation="SIGNUP_CREDIT")
    with refused(tx, "LG302"):
        record(tx, operation="SIGNUP_CREDIT")
    assert balance(tx) == 3


def test_refused_request_takes_no_slot(tx: Connection) -> None:
    with refused(tx, "LG001"):
        record(tx, operation="SIGNUP_CREDIT", expires_at="2001-01-01T00:00:00Z")
    assert record(tx, operation="SIGNUP_CREDIT")["seq"] == 1


def test_claim_subject_is_limited_over_all_owners(tx: Connection) -> None:
    record(tx, owner_id="alice", operation="SIGNUP_CREDIT", claim_subject="device")
    with refused(tx, "LG302") as refusal:
        record(tx, owner_id="bob", operation="SIGNUP_CREDIT", claim_subject="device")
    assert refusal.detail["limited"] == "claim_subject"


def test_owner_is_limited_across_claim_subjects(tx: Connection) -> None:
    record(tx, operation="SIGNUP_CREDIT", claim_subject="device")
    with refused(tx, "LG302") as refusal:
        record(tx, operation="SIGNUP_CREDIT", claim_subject="other device")
    assert refusal.detail["limited"] == "owner"


def test_refusal_for_the_subject_takes_no_slot_of_the_owner(tx: Connection) -> None:
    record(tx, owner_id="alice", operation="SIGNUP_CREDIT", claim_subject="device")
    with refused(tx, "LG302"):
        record(tx, owner_id="bob", operation="SIGNUP_CREDIT", claim_subject="device")
    assert record(tx, owner_id="bob", operation="SIGNUP_CREDIT")["seq"] == 1


def test_subject_named_like_an_owner_is_not_that_owner(tx: Connection) -> None:
    record(tx, owner_id="alice", operation="SIGNUP_CREDIT", claim_subject="bob")
    assert record(tx, owner_id="bob", operation="SIGNUP_CREDIT")["seq"] == 1


def test_claim_subject_has_no_effect_without_a_limit(tx: Connection) -> None:
    record(tx, owner_id="alice", claim_subject="device")
    assert record(tx, owner_id="bob", claim_subject="device")["seq"] == 1


@pytest.mark.parametrize(
    ("period", "zone", "first", "last", "following"),
    [
        (
            "day",
            "UTC",
            "2024-02-28T00:00:00Z",
            "2024-02-28T23:59:59.999999Z",
            "2024-02-29T00:00:00Z",
        ),
        ("day", "Asia/Kathmandu", "2024-01-01T18:15Z", "2024-01-02T18:14:59Z", "2024-01-02T18:15Z"),
        # Days of 23 and of 25 hours.
        ("day", "Europe/Berlin", "2024-03-30T23:00Z", "2024-03-31T21:59:59Z", "2024-03-31T22:00Z"),
        ("day", "Europe/Berlin", "2024-10-26T22:00Z", "2024-10-27T22:59:59Z", "2024-10-27T23:00Z"),
        ("week", "UTC", "2024-01-01T00:00Z", "2024-01-07T23:59:59Z", "2024-01-08T00:00Z"),
        ("month", "UTC", "2024-02-01T00:00Z", "2024-02-29T23:59:59Z", "2024-03-01T00:00Z"),
        (
            "month",
            "America/New_York",
            "2024-03-01T05:00Z",
            "2024-04-01T03:59Z",
            "2024-04-01T04:00Z",
        ),
    ],
)
def test_period_begins_and_ends_by_the_clock_of_its_zone(
    tx: Connection, period: str, zone: str, first: str, last: str, following: str
) -> None:
    define_limited(tx, period=period, claim_time_zone=zone)
    claim_at(tx, first)
    with refused(tx, "LG302") as refusal:
        claim_at(tx, last)
    eligible = datetime.fromisoformat(refusal.detail["next_eligible_at"])
    assert eligible == datetime.fromisoformat(following)
    claim_at(tx, following)


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_claim_is_open_again_in_the_next_period(tx: Connection, period: str) -> None:
    define_limited(tx, period=period)
    claim_at(tx, "2024-05-15T12:00Z")
    assert record(tx, operation="LIMITED")["amount"] == 1


def test_subject_is_open_again_in_the_next_period(tx: Connection) -> None:
    define_limited(tx, period="day")
    claim_at(tx, "2024-05-15T12:00Z", subject="device")
    claim_at(tx, "2024-05-16T12:00Z", subject="device")
    with refused(tx, "LG302"):
        claim_at(tx, "2024-05-16T12:00Z", subject="device")


def test_slot_of_a_claim_cannot_be_changed(tx: Connection) -> None:
    record(tx, operation="SIGNUP_CREDIT")
    with fails(tx, "LG901"):
        tx.execute("UPDATE ledger.claims SET subject = 'bob'")


# Stored slots


def test_entry_of_a_claim_stores_its_slot(tx: Connection) -> None:
    call(
        tx,
        "define_operation",
        operation="TWICE",
        description="x",
        default_amount=1,
        claim_limit=2,
        claim_period="ever",
    )
    call(tx, "allow_operation", app="app1", operation="TWICE")
    record(tx, operation="TWICE", nonce="first", claim_subject="device")
    record(tx, operation="TWICE", nonce="second")
    reverse(tx, "first", free_claim=True)
    record(tx, operation="TWICE", nonce="third", claim_subject="device")
    record(tx, amount=1, nonce="no claim")
    record(tx, operation="SIGNUP_CREDIT", nonce="only", claim_subject="device")
    slots = tx.execute(
        "SELECT nonce, claim_slot, subject_slot FROM ledger.entries WHERE reverses_seq IS NULL "
        "ORDER BY seq"
    ).fetchall()
    assert slots == [
        ("first", 1, 1),
        ("second", 2, None),
        ("third", 1, 1),
        ("no claim", None, None),
        ("only", 1, 1),
    ]
    assert rows(tx, "verify") == []
