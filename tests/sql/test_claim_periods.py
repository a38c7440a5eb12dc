"""Periods of claim limits, and the calls that take or free a slot."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, balance, new_nonce, record, refused, scalar
from tests.sql.lifecycle import define_limited, item, operate, record_batch, reverse

pytestmark = pytest.mark.usefixtures("clock")


define_daily = partial(define_limited, period="day")


def claim(tx: Connection, **arguments: Any) -> dict[str, Any]:
    return record(tx, operation="LIMITED", **arguments)


def claims(tx: Connection) -> int:
    found: int = scalar(tx, "SELECT count(*) FROM ledger.claims")
    return found


@pytest.mark.parametrize(
    ("period", "zone", "claimed", "following"),
    [
        ("day", "UTC", "2030-12-31T12:00Z", "2031-01-01T00:00Z"),
        ("day", "Asia/Kathmandu", "2024-01-02T18:14:59Z", "2024-01-02T18:15Z"),
        # 23 hours: clocks go forward within the day.
        ("day", "Europe/Berlin", "2024-03-30T23:00Z", "2024-03-31T22:00Z"),
        # 25 hours: clocks go back.
        ("day", "Europe/Berlin", "2024-10-26T22:00Z", "2024-10-27T23:00Z"),
        # The clock goes from 24:00 to 1:00: the next day has no midnight.
        ("day", "America/Sao_Paulo", "2018-11-03T03:00Z", "2018-11-04T03:00Z"),
        ("day", "America/Sao_Paulo", "2018-11-04T03:00Z", "2018-11-05T02:00Z"),
        # From 24:00 back to 23:00: the day ends twice.
        ("day", "America/Sao_Paulo", "2018-02-17T02:00Z", "2018-02-18T03:00Z"),
        ("day", "Asia/Beirut", "2023-10-27T21:00Z", "2023-10-28T22:00Z"),
        # From 1:00 back to 0:00: the next day begins twice.
        ("day", "America/Havana", "2023-11-04T04:00Z", "2023-11-05T04:00Z"),
        ("day", "Atlantic/Azores", "2023-10-28T00:00Z", "2023-10-29T00:00Z"),
        # Samoa left out a whole day.
        ("day", "Pacific/Apia", "2011-12-29T10:00Z", "2011-12-30T10:00Z"),
        ("week", "UTC", "2024-12-31T12:00Z", "2025-01-06T00:00Z"),
        ("week", "Europe/Berlin", "2024-03-24T23:00Z", "2024-03-31T22:00Z"),
        ("week", "Europe/Berlin", "2024-10-20T22:00Z", "2024-10-27T23:00Z"),
        ("month", "UTC", "2024-02-01T00:00Z", "2024-03-01T00:00Z"),
        ("month", "UTC", "2024-12-31T23:59:59Z", "2025-01-01T00:00Z"),
        ("month", "America/New_York", "2024-03-01T05:00Z", "2024-04-01T04:00Z"),
        ("month", "America/Havana", "2015-10-01T04:00Z", "2015-11-01T04:00Z"),
    ],
)
def test_claim_is_open_again_at_the_exact_time_in_the_refusal(
    tx: Connection, clock: Clock, period: str, zone: str, claimed: str, following: str
) -> None:
    define_limited(tx, period=period, claim_time_zone=zone)
    clock.set(claimed)
    claim(tx)
    clock.set(following)
    clock.forward(microseconds=-1)
    with refused(tx, "LG302") as refusal:
        claim(tx)
    clock.set(following)
    assert claim(tx)["recorded_at"] == clock.now
    eligible = datetime.fromisoformat(refusal.detail["next_eligible_at"])
    assert eligible == clock.now


def test_repeated_hour_at_the_end_of_summer_time_is_one_day(tx: Connection, clock: Clock) -> None:
    define_daily(tx, claim_time_zone="Europe/Berlin")
    clock.set("2024-10-27T00:30Z")
    claim(tx)
    clock.forward(hours=1)
    with refused(tx, "LG302"):
        claim(tx)


def test_time_zone_of_the_session_does_not_matter(tx: Connection, clock: Clock) -> None:
    define_daily(tx, claim_time_zone="UTC")
    tx.execute("SET LOCAL TimeZone = 'Pacific/Kiritimati'")
    clock.set("2030-01-01T09:00Z")
    claim(tx)
    clock.set("2030-01-01T11:00Z")
    with refused(tx, "LG302") as refusal:
        claim(tx)
    assert refusal.detail["next_eligible_at"] == "2030-01-02T00:00:00.000000Z"


@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_each_period_allows_claims_up_to_the_limit(
    tx: Connection, clock: Clock, period: str
) -> None:
    define_limited(tx, limit=3, period=period)
    for _ in range(2):
        for _ in range(3):
            claim(tx)
        with refused(tx, "LG302") as refusal:
            claim(tx)
        clock.set(refusal.detail["next_eligible_at"])
    assert balance(tx) == 6


def test_unused_claims_are_not_carried_over(tx: Connection, clock: Clock) -> None:
    define_daily(tx, limit=2)
    clock.forward(days=1)
    for _ in range(2):
        claim(tx)
    with refused(tx, "LG302"):
        claim(tx)


def test_limit_of_period_ever_holds_after_a_hundred_years(tx: Connection, clock: Clock) -> None:
    define_limited(tx, limit=2, period="ever")
    claim(tx)
    clock.forward(days=36_500)
    claim(tx)
    with refused(tx, "LG302") as refusal:
        claim(tx)
    assert refusal.detail["next_eligible_at"] is None


def test_clock_set_back_a_little_opens_no_other_period(tx: Connection, clock: Clock) -> None:
    define_daily(tx)
    clock.set("2030-01-02T00:00Z")
    claim(tx)
    clock.set("2030-01-01T23:59:50Z")
    with refused(tx, "LG302") as refusal:
        claim(tx)
    assert refusal.detail["next_eligible_at"] == "2030-01-03T00:00:00.000000Z"


def test_each_period_is_claimed_once_however_the_clock_is_set(tx: Connection, clock: Clock) -> None:
    define_daily(tx)
    days = ["2030-01-02T00:00Z", "2030-01-01T23:00Z"]
    for at in days:
        clock.set(at)
        claim(tx)
    for at in days:
        clock.set(at)
        with refused(tx, "LG302"):
            claim(tx)


def test_raised_limit_allows_more_claims_at_once(tx: Connection) -> None:
    define_daily(tx, limit=1)
    claim(tx)
    define_daily(tx, limit=3)
    for _ in range(2):
        claim(tx)
    with refused(tx, "LG302"):
        claim(tx)


def test_operations_have_limits_of_their_own(tx: Connection) -> None:
    define_daily(tx)
    claim(tx)
    assert record(tx, operation="DAILY_REWARD")["seq"] == 2


# Owners, apps and subjects


def test_scope_of_the_owner_counts_all_apps_of_a_period(tx: Connection) -> None:
    define_daily(tx, limit=2)
    claim(tx, app="app1")
    claim(tx, app="app2")
    for app in ("app1", "app2"):
        with refused(tx, "LG302"):
            claim(tx, app=app)


def test_scope_of_owner_and_app_counts_subjects_for_each_app(tx: Connection) -> None:
    define_daily(tx, claim_scope="owner_and_app")
    claim(tx, app="app1", owner_id="alice", claim_subject="device")
    claim(tx, app="app2", owner_id="bob", claim_subject="device")
    with refused(tx, "LG302") as refusal:
        claim(tx, app="app2", owner_id="carol", claim_subject="device")
    assert refusal.detail["limited"] == "claim_subject"


def test_limit_of_a_subject_is_counted_over_owners_in_each_period(
    tx: Connection, clock: Clock
) -> None:
    define_daily(tx, limit=2)
    for owner_id in ("alice", "bob"):
        claim(tx, owner_id=owner_id, claim_subject="device")
    with refused(tx, "LG302") as refusal:
        claim(tx, owner_id="carol", claim_subject="device")
    assert refusal.detail == {
        "operation": "LIMITED",
        "limited": "claim_subject",
        "claim_limit": 2,
        "claim_period": "day",
        "next_eligible_at": "2030-01-02T00:00:00.000000Z",
    }
    clock.set(refusal.detail["next_eligible_at"])
    assert claim(tx, owner_id="carol", claim_subject="device")["seq"] == 1


# Calls that take no slot


def test_claim_that_cannot_be_paid_takes_no_slot(tx: Connection) -> None:
    define_daily(tx, default_amount=-5)
    with refused(tx, "LG301"):
        claim(tx)
    record(tx, amount=5)
    assert claim(tx)["balance"] == 0


def test_claim_on_a_frozen_account_takes_no_slot(tx: Connection) -> None:
    define_daily(tx)
    operate(tx, "freeze_account")
    with refused(tx, "LG303"):
        claim(tx)
    operate(tx, "unfreeze_account")
    assert claim(tx)["balance"] == 1


def test_refused_claim_takes_no_slot_of_the_subject(tx: Connection) -> None:
    define_daily(tx)
    claim(tx, owner_id="alice")
    with refused(tx, "LG302"):
        claim(tx, owner_id="alice", claim_subject="device")
    assert claim(tx, owner_id="bob", claim_subject="device")["seq"] == 1


def test_replay_takes_no_slot(tx: Connection) -> None:
    define_daily(tx, limit=2)
    for _ in range(3):
        claim(tx, nonce="n")
    assert claim(tx)["replayed"] is False
    assert claims(tx) == 2


def test_replay_in_the_next_period_takes_no_slot(tx: Connection, clock: Clock) -> None:
    define_daily(tx)
    claim(tx, nonce="n")
    clock.forward(days=1)
    assert claim(tx, nonce="n")["replayed"] is True
    assert claim(tx)["replayed"] is False


def test_refused_item_of_a_batch_takes_no_slot(tx: Connection) -> None:
    define_daily(tx, limit=2)
    results = record_batch(
        tx, [item(operation="LIMITED"), item(operation="LIMITED", amount=2), item()]
    )
    assert [result["code"] for result in results] == [None, "amount_out_of_bounds", None]
    assert claims(tx) == 1


# Reversals


def test_reversal_of_a_claim_does_not_free_its_slot(tx: Connection) -> None:
    define_daily(tx)
    claim(tx, nonce="n")
    reverse(tx, "n")
    with refused(tx, "LG302"):
        claim(tx)


def test_reversal_frees_the_slot_when_asked_to(tx: Connection) -> None:
    define_daily(tx)
    claim(tx, nonce="n")
    reverse(tx, "n", free_claim=True)
    assert claim(tx)["replayed"] is False
    with refused(tx, "LG302"):
        claim(tx)


def test_freed_slot_is_free_for_the_subject(tx: Connection) -> None:
    define_daily(tx)
    claim(tx, owner_id="alice", nonce="n", claim_subject="device")
    reverse(tx, "n", free_claim=True)
    assert claim(tx, owner_id="bob", claim_subject="device")["seq"] == 1


def test_reversal_frees_only_the_slot_of_its_entry(tx: Connection) -> None:
    define_daily(tx, limit=3)
    nonces = [claim(tx)["nonce"] for _ in range(3)]
    reverse(tx, nonces[1], free_claim=True)
    claim(tx)
    with refused(tx, "LG302"):
        claim(tx)


def test_reversal_in_part_cannot_free_the_slot(tx: Connection) -> None:
    define_daily(tx, default_amount=5)
    claim(tx, nonce="n")
    with refused(tx, "LG001") as refusal:
        reverse(tx, "n", 3, free_claim=True)
    assert refusal.detail["field"] == "free_claim"
    assert balance(tx) == 5


def test_reversal_of_the_rest_frees_the_slot(tx: Connection) -> None:
    define_daily(tx, default_amount=5)
    claim(tx, nonce="n")
    reverse(tx, "n", 3)
    reverse(tx, "n", free_claim=True)
    assert claim(tx)["replayed"] is False


def test_freeing_without_a_claim_has_no_effect(tx: Connection) -> None:
    nonce = record(tx, amount=5)["nonce"]
    assert reverse(tx, nonce, free_claim=True)["balance"] == 0


@pytest.mark.parametrize("freed", [True, False])
@pytest.mark.parametrize("claimed_again", [True, False])
def test_reversal_with_another_free_claim_is_not_a_replay(
    tx: Connection, freed: bool, claimed_again: bool
) -> None:
    define_daily(tx, limit=2)
    claim(tx, nonce="n")
    reverse(tx, "n", nonce="back", free_claim=freed)
    if claimed_again:
        claim(tx)
    assert reverse(tx, "n", nonce="back", free_claim=freed)["replayed"] is True
    with refused(tx, "LG201"):
        reverse(tx, "n", nonce="back", free_claim=not freed)


def test_refused_reversal_frees_nothing(tx: Connection) -> None:
    define_daily(tx)
    claim(tx, nonce="n")
    record(tx, operation="CREDIT_SPEND", amount=-1)
    with refused(tx, "LG301"):
        reverse(tx, "n", free_claim=True)
    assert claims(tx) == 1


def test_claim_recorded_again_after_freeing_needs_a_new_nonce(tx: Connection) -> None:
    define_daily(tx)
    nonce = new_nonce()
    claim(tx, nonce=nonce)
    reverse(tx, nonce, free_claim=True)
    assert claim(tx, nonce=nonce)["replayed"] is True
    assert (balance(tx), claims(tx)) == (0, 0)
