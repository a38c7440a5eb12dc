"""Budgets: the most that may be spent and held in a period of the calendar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, balance, call, record, refused, rows, scalar, spend
from tests.sql.lifecycle import adjust, capture, item, place, record_batch, release, reverse

BY = {"actor": "olga", "reason": "agreed"}


pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture(autouse=True)
def funded(tx: Connection, clock: Clock) -> Iterator[None]:  # noqa: ARG001
    """Alice has enough of everything. The books are verified after the test."""
    record(tx, amount=100_000)
    yield
    assert [row for row in rows(tx, "verify") if "future" not in row["problem"]] == []


def set_budget(tx: Connection, most: int, period: str = "month", **rule: Any) -> dict[str, Any]:
    plain = {"owner_id": "alice", "budget": "limit", "most": most, "period": period}
    return call(tx, "set_budget", **plain | rule | BY)


def define_budget(tx: Connection, most: int, period: str = "month", **rule: Any) -> None:
    call(tx, "define_budget", **{"budget": "limit", "most": most, "period": period} | rule)


def define(tx: Connection, operation: str, **rule: Any) -> None:
    """Define a debit for app1."""
    plain = {"description": "For tests", "min_amount": -1, "max_amount": 0}
    call(tx, "define_operation", operation=operation, **plain | rule)
    call(tx, "allow_operation", app="app1", operation=operation)


def used(tx: Connection, budget: str = "limit", spender: str | None = None) -> tuple[int, int]:
    """Return what is spent and held."""
    for row in rows(tx, "budgets_of", owner_id="alice"):
        if (row["budget"], row["spender"]) == (budget, spender):
            return row["spent"], row["held"]
    raise AssertionError("no such budget")


def test_spending_up_to_a_budget_passes_and_beyond_is_refused_with_the_values(
    tx: Connection,
) -> None:
    set_budget(tx, 10)
    spend(tx, 7)
    with refused(tx, "LG307") as refusal:
        spend(tx, 4)
    assert refusal.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "budget": "limit",
        "spender": None,
        "most": 10,
        "spent": 7,
        "held": 0,
        "required": 4,
        "resets_at": "2030-02-01T00:00:00.000000Z",
    }
    spend(tx, 3)
    assert used(tx) == (10, 0)


def test_retry_of_an_entry_that_is_older_than_the_list_of_nonces_does_not_count(
    tx: Connection,
) -> None:
    set_budget(tx, 10)
    spend(tx, 3, nonce="old")
    tx.execute("ALTER TABLE ledger_core.nonces DISABLE TRIGGER nonces_append_only")
    tx.execute("DELETE FROM ledger_core.nonces WHERE nonce = 'old'")
    tx.execute("ALTER TABLE ledger_core.nonces ENABLE ALWAYS TRIGGER nonces_append_only")
    assert spend(tx, 3, nonce="old")["replayed"]
    assert used(tx) == (3, 0)


def test_credits_adjustments_and_expiries_do_not_count(tx: Connection, clock: Clock) -> None:
    set_budget(tx, 0)
    record(tx, amount=5, expires_at=clock.ahead(hours=1))
    adjust(tx, amount=-5)
    clock.forward(hours=2)
    record(tx, amount=1)
    reverse(tx, original_nonce=record(tx, amount=6)["nonce"])
    assert used(tx) == (0, 0)


def test_budget_set_later_counts_what_was_spent_and_held_before(tx: Connection) -> None:
    spend(tx, 4)
    place(tx, amount=3)
    set_budget(tx, 10)
    assert used(tx) == (4, 3)
    with refused(tx, "LG307") as refusal:
        spend(tx, 4)
    assert (refusal.detail["spent"], refusal.detail["held"]) == (4, 3)
    spend(tx, 3)


def test_changing_most_never_resets_what_was_used(tx: Connection) -> None:
    set_budget(tx, 10)
    spend(tx, 9)
    set_budget(tx, 5)
    assert used(tx) == (9, 0)
    with refused(tx, "LG307"):
        spend(tx, 1)
    set_budget(tx, 10)
    spend(tx, 1)


@pytest.mark.parametrize(
    ("period", "zone", "first", "last", "following"),
    [
        ("day", "UTC", "2030-05-01T00:00Z", "2030-05-01T23:59:59.999999Z", "2030-05-02T00:00Z"),
        ("day", "Europe/Berlin", "2024-03-30T23:00Z", "2024-03-31T21:59Z", "2024-03-31T22:00Z"),
        ("day", "Europe/Berlin", "2024-10-26T22:00Z", "2024-10-27T22:59Z", "2024-10-27T23:00Z"),
        ("day", "America/Sao_Paulo", "2018-11-03T03:00Z", "2018-11-04T02:59Z", "2018-11-04T03:00Z"),
        ("day", "America/Sao_Paulo", "2018-02-17T02:00Z", "2018-02-18T02:59Z", "2018-02-18T03:00Z"),
        ("day", "America/Havana", "2023-11-04T04:00Z", "2023-11-05T03:59Z", "2023-11-05T04:00Z"),
        ("day", "America/Havana", "2023-11-05T04:00Z", "2023-11-06T04:59Z", "2023-11-06T05:00Z"),
        ("day", "America/St_Johns", "2006-10-29T02:31Z", "2006-10-29T03:00Z", "2006-10-30T03:30Z"),
        ("week", "UTC", "2024-12-30T00:00Z", "2025-01-05T23:59Z", "2025-01-06T00:00Z"),
        ("month", "UTC", "2024-02-01T00:00Z", "2024-02-29T23:59Z", "2024-03-01T00:00Z"),
    ],
)
def test_budget_begins_anew_at_the_exact_beginning_of_the_period(
    tx: Connection, clock: Clock, period: str, zone: str, first: str, last: str, following: str
) -> None:
    clock.set(first)
    set_budget(tx, 10, period, time_zone=zone)
    spend(tx, 8)
    clock.set(last)
    with refused(tx, "LG307") as refusal:
        spend(tx, 3)
    clock.set(following)
    assert refusal.detail["resets_at"] == clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    clock.forward(microseconds=-1)
    spend(tx, 2)
    clock.set(following)
    assert used(tx) == (0, 0)
    spend(tx, 10)
    with refused(tx, "LG307"):
        spend(tx, 1)


def test_budget_for_ever_never_begins_anew(tx: Connection, clock: Clock) -> None:
    set_budget(tx, 10, "ever")
    spend(tx, 10)
    clock.forward(days=3000)
    with refused(tx, "LG307") as refusal:
        spend(tx, 1)
    assert refusal.detail["resets_at"] is None


def test_hold_and_its_captures_count_in_the_period_in_which_it_was_placed(
    tx: Connection, clock: Clock
) -> None:
    clock.set("2030-01-31T23:30Z")
    set_budget(tx, 10)
    held = place(tx, amount=8, expires_in="2 hours")
    with refused(tx, "LG307") as refusal:
        place(tx, amount=3)
    assert (refusal.detail["held"], refusal.detail["required"]) == (8, 3)
    clock.set("2030-02-01T00:10Z")
    spend(tx, 10)
    capture(tx, hold_nonce=held["nonce"], amount=5, final=False)
    assert used(tx) == (10, 0)
    release(tx, hold_nonce=held["nonce"])
    assert used(tx) == (10, 0)


def test_what_a_hold_does_not_use_is_free_again(tx: Connection, clock: Clock) -> None:
    set_budget(tx, 10)
    first, second, third = (place(tx, amount=3, expires_in="1 hour") for _ in range(3))
    capture(tx, hold_nonce=first["nonce"], amount=1)
    assert used(tx) == (1, 6)
    release(tx, hold_nonce=second["nonce"])
    assert used(tx) == (1, 3)
    capture(tx, hold_nonce=third["nonce"], amount=1, final=False)
    assert used(tx) == (2, 2)
    clock.forward(hours=1)
    assert used(tx) == (2, 0)
    spend(tx, 8)
    assert used(tx) == (10, 0)


def test_reversal_gives_back_in_the_period_of_its_original(tx: Connection, clock: Clock) -> None:
    set_budget(tx, 10)
    early = spend(tx, 10)
    reverse(tx, original_nonce=early["nonce"], amount=4)
    assert used(tx) == (6, 0)
    clock.set("2030-02-01T00:00Z")
    late = spend(tx, 10)
    reverse(tx, original_nonce=early["nonce"], amount=6)
    assert used(tx) == (10, 0)
    reverse(tx, original_nonce=late["nonce"], amount=1)
    assert used(tx) == (9, 0)
    spend(tx, 1)


def test_reversal_of_a_capture_gives_back_in_the_period_of_the_hold(
    tx: Connection, clock: Clock
) -> None:
    clock.set("2030-01-31T23:30Z")
    set_budget(tx, 10)
    held = place(tx, amount=10, expires_in="2 hours")
    clock.set("2030-02-01T00:10Z")
    spend(tx, 10)
    captured = capture(tx, hold_nonce=held["nonce"])
    reverse(tx, original_nonce=captured["nonce"])
    assert used(tx) == (10, 0)


def test_app_and_operation_say_what_counts(tx: Connection) -> None:
    define(tx, "WORK", min_amount=-9)
    set_budget(tx, 5, app="app2", budget="of-app2")
    set_budget(tx, 5, operation="WORK", budget="of-work")
    spend(tx, 50)
    spend(tx, 5, app="app2")
    record(tx, operation="WORK", amount=-5)
    with refused(tx, "LG307") as refusal:
        spend(tx, 1, app="app2")
    assert refusal.detail["budget"] == "of-app2"
    with refused(tx, "LG307") as refusal:
        record(tx, operation="WORK", amount=-1)
    assert refusal.detail["budget"] == "of-work"


def test_first_exceeded_budget_is_named_and_none_counts_what_was_refused(tx: Connection) -> None:
    set_budget(tx, 9, budget="c")
    set_budget(tx, 5, budget="b")
    set_budget(tx, 100, budget="a")
    with refused(tx, "LG307") as refusal:
        spend(tx, 10)
    assert refusal.detail["budget"] == "b"
    assert [used(tx, name) for name in "abc"] == [(0, 0)] * 3


def test_balance_is_refused_before_the_budget(tx: Connection) -> None:
    set_budget(tx, 10)
    with refused(tx, "LG301"):
        spend(tx, 200_000)


def test_star_is_each_spender_by_itself_and_leaves_requests_without_spender_alone(
    tx: Connection,
) -> None:
    spend(tx, 2, spender="ann")
    set_budget(tx, 10, spender="*")
    spend(tx, 8, spender="ann")
    spend(tx, 10, spender="ben")
    spend(tx, 1000)
    for spender in ("ann", "ben"):
        with refused(tx, "LG307") as refusal:
            spend(tx, 1, spender=spender)
        assert refusal.detail["spender"] == spender
    assert used(tx, spender="ann") == (10, 0)
    assert used(tx, spender="*") == (0, 0)


def test_named_spender_goes_before_star_of_the_same_name(tx: Connection) -> None:
    define_budget(tx, 5, spender="*")
    spend(tx, 5, spender="ann")
    spend(tx, 5, spender="ben")
    set_budget(tx, 20, spender="ann")
    spend(tx, 15, spender="ann")
    for spender, most in (("ann", 20), ("ben", 5), ("cas", 5)):
        with refused(tx, "LG307") as refusal:
            spend(tx, 21, spender=spender)
        assert refusal.detail["most"] == most
    call(tx, "drop_budget", owner_id="alice", budget="limit", spender="ann", **BY)
    with refused(tx, "LG307") as refusal:
        spend(tx, 1, spender="ann")
    assert (refusal.detail["most"], refusal.detail["spent"]) == (5, 20)


def test_definition_is_for_everybody_until_an_owner_has_its_own(tx: Connection) -> None:
    spend(tx, 3)
    define_budget(tx, 5)
    record(tx, owner_id="bob", amount=100)
    with refused(tx, "LG307"):
        spend(tx, 3)
    with refused(tx, "LG307"):
        spend(tx, 6, owner_id="bob")
    set_budget(tx, 8)
    spend(tx, 5)
    with refused(tx, "LG307"):
        spend(tx, 1)
    call(tx, "drop_budget", owner_id="alice", budget="limit", **BY)
    with refused(tx, "LG307") as refusal:
        spend(tx, 1)
    assert (refusal.detail["most"], refusal.detail["spent"]) == (5, 8)
    call(tx, "undefine_budget", budget="limit")
    spend(tx, 100)
    assert rows(tx, "budgets_of", owner_id="alice") == []
    define_budget(tx, 500)
    assert used(tx) == (108, 0)
    spend(tx, 1)
    assert used(tx) == (109, 0)


def test_definition_is_refused_where_a_budget_of_an_app_would_go_before_it(tx: Connection) -> None:
    set_budget(tx, 1000, app="app1")
    with refused(tx, "LG001") as refusal:
        define_budget(tx, 5)
    assert (refusal.detail["field"], refusal.detail["budget"]) == ("budget", "limit")
    assert (refusal.detail["owner_id"], refusal.detail["app"]) == ("alice", "app1")
    # One that counts no more than the app may be replaced by it.
    define_budget(tx, 5, app="app1")
    with refused(tx, "LG001"):
        define_budget(tx, 5)
    call(tx, "drop_budget", owner_id="alice", budget="limit", **BY)
    define_budget(tx, 5)
    with refused(tx, "LG307"):
        spend(tx, 6)
    # Operators may replace it, and it can be changed all the same.
    set_budget(tx, 1000, app="app1")
    define_budget(tx, 4)
    spend(tx, 6)


@pytest.mark.parametrize(
    ("most", "period", "amount", "hint"),
    [
        (10, "month", 4, "wait until resets_at"),
        (10, "month", 11, "Waiting does not help: the request alone"),
        (10, "ever", 4, "Waiting does not help: the budget never"),
    ],
)
def test_hint_says_whether_waiting_helps(
    tx: Connection, most: int, period: str, amount: int, hint: str
) -> None:
    set_budget(tx, most, period)
    spend(tx, 7)
    with refused(tx, "LG307") as refusal:
        spend(tx, amount)
    assert hint in refusal.hint
    (result,) = record_batch(tx, [item(-amount, operation="CREDIT_SPEND")])
    assert hint in result["hint"]


def test_changed_definition_counts_anew_and_changed_most_does_not_reset(
    tx: Connection, clock: Clock
) -> None:
    define_budget(tx, 10, "day")
    spend(tx, 10)
    clock.forward(days=1)
    spend(tx, 4)
    define_budget(tx, 12, "day")
    assert used(tx) == (4, 0)
    define_budget(tx, 20, "month")
    with refused(tx, "LG307") as refusal:
        spend(tx, 7)
    assert refusal.detail["spent"] == 14
    spend(tx, 6)


def test_rules_that_change_to_and_fro_count_what_came_between(tx: Connection) -> None:
    set_budget(tx, 100, app="app1")
    spend(tx, 10)
    set_budget(tx, 100, app="app2")
    spend(tx, 20)
    set_budget(tx, 100, app="app1")
    assert used(tx) == (30, 0)
    spend(tx, 1)
    assert used(tx) == (31, 0)


def test_zero_forbids_and_a_debit_of_zero_is_always_allowed(tx: Connection) -> None:
    define(tx, "VISIT")
    set_budget(tx, 0)
    record(tx, operation="VISIT", amount=0)
    with refused(tx, "LG307"):
        record(tx, operation="VISIT", amount=-1)


def test_replay_is_answered_though_the_budget_is_used_up(tx: Connection) -> None:
    set_budget(tx, 10)
    entry = spend(tx, 10, nonce="once")
    again = spend(tx, 10, nonce="once")
    assert again == entry | {"replayed": True}
    assert used(tx) == (10, 0)


def test_refused_nonce_can_be_used_again(tx: Connection) -> None:
    set_budget(tx, 10)
    with refused(tx, "LG307"):
        spend(tx, 11, nonce="mine")
    assert not spend(tx, 10, nonce="mine")["replayed"]


def test_debit_of_a_clock_that_was_ahead_counts_in_the_period_of_the_next_entry(
    tx: Connection, clock: Clock
) -> None:
    set_budget(tx, 10, "day")
    clock.forward(days=2)
    ahead = spend(tx, 10)
    clock.forward(days=-2)
    with refused(tx, "LG307"):
        spend(tx, 1)
    record(tx, amount=1)
    assert used(tx) == (10, 0)
    clock.forward(days=2)
    assert used(tx) == (0, 0)
    spend(tx, 10)
    reverse(tx, original_nonce=ahead["nonce"])
    assert used(tx) == (10, 0)


def test_batch_counts_in_budgets_as_single_calls_do(tx: Connection) -> None:
    set_budget(tx, 10)
    set_budget(tx, 4, budget="per-member", spender="*")
    results = record_batch(
        tx,
        [
            item(operation="CREDIT_SPEND", amount=-4, spender="ann"),
            item(operation="CREDIT_SPEND", amount=-1, spender="ann"),
            item(operation="CREDIT_ADD", amount=1),
            item(operation="CREDIT_SPEND", amount=-6),
            item(operation="CREDIT_SPEND", amount=-1, spender="ben"),
        ],
    )
    assert [result["code"] for result in results] == [
        None,
        "budget_exceeded",
        None,
        None,
        "budget_exceeded",
    ]
    assert [results[at]["detail"]["budget"] for at in (1, 4)] == ["per-member", "limit"]
    assert used(tx) == (10, 0)
    assert used(tx, "per-member", "ann") == (4, 0)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"budget": "Limit"}, "budget"),
        ({"budget": None}, "budget"),
        ({"most": -1}, "most"),
        ({"most": None}, "most"),
        ({"period": "year"}, "period"),
        ({"period": None}, "period"),
        ({"spender": ""}, "spender"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"time_zone": None}, "time_zone"),
        ({"asset": "NONE"}, "asset"),
        ({"actor": None}, "actor"),
        ({"reason": ""}, "reason"),
        ({"owner_id": None}, "owner_id"),
    ],
)
def test_malformed_budget_is_refused_with_the_field(
    tx: Connection, rule: dict[str, Any], field: str
) -> None:
    plain = {"owner_id": "alice", "budget": "limit", "most": 1, "period": "day"}
    with refused(tx, "LG001") as refusal:
        call(tx, "set_budget", **plain | BY | rule)
    assert refusal.detail["field"] == field


def test_unknown_app_or_operation_is_refused(tx: Connection) -> None:
    with refused(tx, "LG101"):
        set_budget(tx, 1, app="nobody")
    with refused(tx, "LG102"):
        set_budget(tx, 1, operation="NOTHING")


def test_budgets_of_all_and_of_single_spenders_are_not_mixed_under_one_name(tx: Connection) -> None:
    set_budget(tx, 10)
    with refused(tx, "LG001") as refusal:
        set_budget(tx, 10, spender="*")
    assert refusal.detail["field"] == "spender"
    define_budget(tx, 10)
    with refused(tx, "LG001"):
        define_budget(tx, 10, spender="ann")


def test_budget_that_is_not_there_cannot_be_dropped(tx: Connection) -> None:
    define_budget(tx, 10)
    with refused(tx, "LG107") as refusal:
        call(tx, "drop_budget", owner_id="alice", budget="limit", **BY)
    assert refusal.detail["budget"] == "limit"
    with refused(tx, "LG107"):
        call(tx, "undefine_budget", budget="other")


def test_setting_and_dropping_are_noted_once_with_what_was_before(tx: Connection) -> None:
    set_budget(tx, 10, spender="*")
    set_budget(tx, 10, spender="*")
    set_budget(tx, 20, spender="*")
    call(tx, "drop_budget", owner_id="alice", budget="limit", spender="*", **BY)
    noted = tx.execute(
        "SELECT action, before -> 'rule' ->> 'most', after -> 'rule' ->> 'most',"
        " after ->> 'spender' FROM ledger.operator_actions WHERE action LIKE '%budget'"
        " ORDER BY action_seq"
    ).fetchall()
    assert noted == [
        ("set_budget", None, "10", "*"),
        ("set_budget", "10", "20", "*"),
        ("drop_budget", "20", None, "*"),
    ]


def test_owner_without_entries_can_have_a_budget(tx: Connection) -> None:
    call(tx, "set_budget", owner_id="new", budget="limit", most=1, period="day", **BY)
    record(tx, owner_id="new", amount=10)
    with refused(tx, "LG307"):
        spend(tx, 2, owner_id="new")
    assert balance(tx, "new") == 10


def test_budget_of_another_asset_leaves_credits_alone(tx: Connection) -> None:
    define(tx, "TOKENS", asset="TOKEN")
    define_budget(tx, 0, asset="TOKEN")
    spend(tx, 1)
    assert scalar(tx, "SELECT has_budgets FROM ledger.accounts WHERE owner_id = 'alice'") is False
