"""Holds: credits that are reserved, and captured or released later."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    Connection,
    Row,
    call,
    count_asset,
    entries,
    fails,
    new_nonce,
    record,
    refused,
    rows,
    spend,
)
from tests.sql.lifecycle import (
    capture,
    extend,
    item,
    operate,
    place,
    record_batch,
    release,
    reverse,
    spendable,
)


@pytest.fixture(autouse=True)
def _credits(tx: Connection, clock: Clock) -> None:  # noqa: ARG001
    record(tx, amount=100, nonce="start")


def holds(tx: Connection, **arguments: Any) -> list[Row]:
    return rows(tx, "holds_of", **{"owner_id": "alice"} | arguments)


ENDS: list[tuple[Callable[..., Any], str]] = [
    (lambda tx, clock: capture(tx, "h"), "captured"),  # noqa: ARG005
    (lambda tx, clock: release(tx, "h"), "released"),  # noqa: ARG005
    (lambda tx, clock: clock.forward(minutes=15), "expired"),  # noqa: ARG005
]


# Placing


def test_place_hold_returns_the_hold(tx: Connection, clock: Clock) -> None:
    assert place(tx, 30, nonce="h", metadata={"job": 1}) == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "app": "app1",
        "operation": "CREDIT_SPEND",
        "nonce": "h",
        "amount": 30,
        "captured": 0,
        "remaining": 30,
        "status": "open",
        "placed_at": clock.now,
        "expires_at": clock.ahead(minutes=15),
        "closed_at": None,
        "metadata": {"job": 1},
        "replayed": False,
        "spender": None,
        "quantity": None,
    }


def test_hold_lowers_what_is_available_and_not_the_balance(tx: Connection) -> None:
    place(tx, 30)
    assert spendable(tx) == (100, 30, 70)
    assert len(entries(tx)) == 1


def test_held_credits_cannot_be_spent(tx: Connection) -> None:
    place(tx, 30)
    with refused(tx, "LG301") as refusal:
        spend(tx, 71)
    assert (refusal.detail["available"], refusal.detail["required"]) == (70, 71)
    assert spend(tx, 70)["balance"] == 30


def test_held_credits_cannot_be_held_again(tx: Connection) -> None:
    place(tx, 30)
    with refused(tx, "LG301") as refusal:
        place(tx, 71)
    assert refusal.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "available": 70,
        "required": 71,
        "min_balance": 0,
    }
    place(tx, 70)
    assert spendable(tx) == (100, 100, 0)


def test_hold_may_go_down_to_the_floor_of_the_account(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-20)
    place(tx, 120)
    assert spendable(tx) == (100, 120, -20)
    with refused(tx, "LG301"):
        place(tx, 1)


def test_unknown_owner_cannot_place_a_hold(tx: Connection) -> None:
    with refused(tx, "LG301") as refusal:
        place(tx, 1, owner_id="bob")
    assert refusal.detail["available"] == 0


def test_refused_hold_leaves_no_account_behind(tx: Connection) -> None:
    with refused(tx, "LG301"):
        place(tx, 1, owner_id="bob")
    assert tx.execute("SELECT owner_id FROM ledger.accounts").fetchall() == [("alice",)]


def test_frozen_account_takes_no_hold(tx: Connection) -> None:
    operate(tx, "freeze_account")
    with refused(tx, "LG303") as refusal:
        place(tx, 1)
    assert refusal.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "frozen_at": "2030-01-01T12:00:00.000000Z",
    }


@pytest.mark.parametrize(
    ("app", "operation", "amount", "bounds", "hint"),
    [
        ("app1", "CREDIT_SPEND", 0, (1, 10**9), "A hold of CREDIT_SPEND is from 1 to 1000000000."),
        (
            "app1",
            "CREDIT_SPEND",
            -3,
            (1, 10**9),
            "A hold of CREDIT_SPEND is from 1 to 1000000000; did you mean 3?",
        ),
        (
            "app1",
            "CREDIT_SPEND",
            10**9 + 1,
            (1, 10**9),
            "A hold of CREDIT_SPEND is from 1 to 1000000000.",
        ),
        ("app1", "CONTENT_CREATION", 4, (5, 5), "A hold of CONTENT_CREATION is from 5 to 5."),
        (
            "app1",
            "CONTENT_CREATION",
            -5,
            (5, 5),
            "A hold of CONTENT_CREATION is from 5 to 5; did you mean 5?",
        ),
        (
            "app2",
            "TOKENS_USED",
            -(2**63),
            (1, 10**6),
            "A hold of TOKENS_USED is from 1 to 1000000.",
        ),
    ],
)
def test_hold_outside_the_bounds_is_refused_with_the_bounds(
    tx: Connection, app: str, operation: str, amount: int, bounds: tuple[int, int], hint: str
) -> None:
    with refused(tx, "LG002") as refusal:
        place(tx, amount, app=app, operation=operation)
    assert refusal.detail == {
        "operation": operation,
        "amount": amount,
        "min_amount": bounds[0],
        "max_amount": bounds[1],
    }
    assert refusal.hint == hint


def test_bounds_of_the_app_are_those_of_its_holds(tx: Connection) -> None:
    call(tx, "allow_operation", app="app1", operation="CREDIT_SPEND", min_amount=-20)
    with refused(tx, "LG002") as refusal:
        place(tx, 21)
    assert refusal.detail["max_amount"] == 20
    assert place(tx, 20)["remaining"] == 20


@pytest.mark.parametrize("operation", ["CREDIT_ADD", "DAILY_REWARD", "CONTENT_ACCESS"])
def test_only_debits_can_be_held(tx: Connection, operation: str) -> None:
    with refused(tx, "LG001") as refusal:
        place(tx, 1, operation=operation)
    assert (refusal.detail["field"], refusal.detail["operation"]) == ("operation", operation)


def test_debit_with_a_claim_limit_cannot_be_held(tx: Connection) -> None:
    rule = {"default_amount": -1, "claim_limit": 1, "claim_period": "day"}
    call(tx, "define_operation", operation="LIMITED", description="Limited", **rule)
    call(tx, "allow_operation", app="app1", operation="LIMITED")
    with refused(tx, "LG001") as refusal:
        place(tx, 1, operation="LIMITED")
    assert refusal.detail["field"] == "operation"


@pytest.mark.parametrize(
    ("sqlstate", "wrong"),
    [
        ("LG101", {"app": "app9"}),
        ("LG102", {"operation": "NO_SUCH"}),
        ("LG103", {"operation": "TOKENS_USED"}),
    ],
)
def test_hold_follows_the_set_of_its_app(
    tx: Connection, sqlstate: str, wrong: dict[str, Any]
) -> None:
    with refused(tx, sqlstate) as refusal:
        place(tx, 1, **wrong)
    assert wrong.items() <= refusal.detail.items()


def test_retired_operation_cannot_be_held(tx: Connection) -> None:
    call(tx, "retire_operation", operation="CONTENT_CREATION")
    with refused(tx, "LG103") as refusal:
        place(tx, 5, operation="CONTENT_CREATION")
    assert refusal.detail["retired_at"] == "2030-01-01T12:00:00.000000Z"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner_id", None),
        ("owner_id", ""),
        ("owner_id", "o" * 256),
        ("nonce", None),
        ("nonce", ""),
        ("nonce", "n" * 256),
        ("app", None),
        ("operation", None),
        ("amount", None),
        ("metadata", "[]"),
        ("expires_in", None),
        ("expires_in", "0"),
        ("expires_in", "-1 second"),
        ("expires_in", "366 days 1 microsecond"),
        ("expires_in", "-12 months 361 days"),
        ("expires_in", "1 day -1 hour"),
        ("expires_in", "-70000000 months 2100000001 days"),
        ("expires_in", "1 year 1 month"),
    ],
)
def test_malformed_hold_is_refused_with_the_field(tx: Connection, field: str, value: Any) -> None:
    with refused(tx, "LG001") as refusal:
        place(tx, **{"amount": 1} | {field: value})
    assert refusal.detail["field"] == field


def test_hold_lasts_from_a_microsecond_to_366_days(tx: Connection, clock: Clock) -> None:
    short = place(tx, 1, expires_in="1 microsecond")
    long = place(tx, 1, expires_in="366 days")
    assert short["expires_at"] == clock.ahead(microseconds=1)
    assert long["expires_at"] == clock.ahead(days=366)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("first", "second", "same"),
    [("1 month", "30 days", False), ("1 month", "31 days", True), ("1 day", "24 hours", True)],
)
def test_hold_is_the_same_if_it_lasts_as_long(
    tx: Connection, first: str, second: str, same: bool
) -> None:
    """The clock stands in January, which has 31 days; as intervals, a month is 30 days."""
    place(tx, 1, nonce="h", expires_in=first)
    if same:
        assert place(tx, 1, nonce="h", expires_in=second)["replayed"]
    else:
        with refused(tx, "LG201"):
            place(tx, 1, nonce="h", expires_in=second)


def test_hold_of_days_is_counted_in_utc(tx: Connection, clock: Clock) -> None:
    clock.set("2030-03-30T12:00:00Z")
    tx.execute("SET LOCAL TimeZone = 'Europe/Berlin'")
    assert place(tx, 1, expires_in="1 day")["expires_at"] == clock.ahead(hours=24)


# Capturing


def test_capture_records_an_entry_of_the_operation_of_the_hold(
    tx: Connection, clock: Clock
) -> None:
    place(tx, 30, nonce="h", metadata={"job": 1})
    entry = capture(tx, "h", 20, nonce="c", metadata={"used": 20})
    del entry["entry_id"]
    assert entry == {
        "seq": 2,
        "owner_id": "alice",
        "asset": "CREDIT",
        "app": "app1",
        "operation": "CREDIT_SPEND",
        "amount": -20,
        "balance": 80,
        "nonce": "c",
        "metadata": {"used": 20},
        "expires_at": None,
        "hold_nonce": "h",
        "reverses_seq": None,
        "recorded_at": clock.now,
        "replayed": False,
        "spender": None,
        "quantity": None,
        "overdrawn": None,
    }


def test_capture_without_amount_captures_everything(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h")
    assert spendable(tx) == (70, 0, 70)


def test_final_capture_releases_the_rest(tx: Connection, clock: Clock) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 20)
    assert spendable(tx) == (80, 0, 80)
    (hold,) = holds(tx)
    found = (hold["status"], hold["captured"], hold["remaining"], hold["closed_at"])
    assert found == ("captured", 20, 0, clock.now)


def test_hold_stays_open_while_captures_are_not_final(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 5, final=False)
    capture(tx, "h", 10, final=False)
    assert spendable(tx) == (85, 15, 70)
    (hold,) = holds(tx)
    assert (hold["status"], hold["captured"], hold["remaining"]) == ("open", 15, 15)


def test_non_final_capture_of_the_rest_ends_the_hold(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 10, final=False)
    capture(tx, "h", 20, final=False)
    (hold,) = holds(tx)
    assert (hold["status"], hold["captured"]) == ("captured", 30)
    with refused(tx, "LG304"):
        capture(tx, "h", 1)


def test_capture_without_amount_captures_the_rest(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 10, final=False)
    assert capture(tx, "h")["amount"] == -20


@pytest.mark.parametrize(
    ("amount", "hint"),
    [
        (21, "Capture at most what the hold still reserves"),
        (0, "release a hold of which nothing was used"),
        (-5, "did you mean 5?"),
        (-(2**63), "Capture at most what the hold still reserves"),
    ],
)
def test_capture_beyond_what_is_held_is_refused(tx: Connection, amount: int, hint: str) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 10, final=False)
    with refused(tx, "LG002") as refusal:
        capture(tx, "h", amount)
    assert refusal.detail == {"amount": amount, "min_amount": 1, "max_amount": 20}
    assert hint in refusal.hint
    assert spendable(tx) == (90, 20, 70)


def test_capture_may_be_below_the_minimum_of_the_operation(tx: Connection) -> None:
    place(tx, 5, operation="CONTENT_CREATION", nonce="h")
    assert capture(tx, "h", 2)["amount"] == -2


def test_hold_can_be_captured_after_its_operation_was_retired(tx: Connection) -> None:
    place(tx, 5, operation="CONTENT_CREATION", nonce="h")
    call(tx, "retire_operation", operation="CONTENT_CREATION")
    assert capture(tx, "h")["amount"] == -5


def test_frozen_account_takes_no_capture(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    operate(tx, "freeze_account")
    with refused(tx, "LG303"):
        capture(tx, "h")
    operate(tx, "unfreeze_account")
    assert capture(tx, "h")["balance"] == 70


def test_hold_of_an_overdraft_can_be_captured(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-20)
    place(tx, 120, nonce="h")
    assert capture(tx, "h")["balance"] == -20


def test_hold_can_be_captured_after_the_floor_was_raised(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-20)
    place(tx, 110, nonce="h")
    record(tx, amount=10)
    operate(tx, "set_min_balance", min_balance=0)
    assert capture(tx, "h")["balance"] == 0


@pytest.mark.parametrize("field", ["nonce", "hold_nonce"])
@pytest.mark.parametrize("value", [None, "", "n" * 256])
def test_malformed_capture_is_refused_with_the_field(
    tx: Connection, field: str, value: str | None
) -> None:
    place(tx, 30, nonce="h")
    with refused(tx, "LG001") as refusal:
        capture(tx, **{"hold_nonce": "h", field: value})  # type: ignore[arg-type]
    assert refusal.detail["field"] == field


# Releasing and extending


def test_release_frees_all_held_credits(tx: Connection, clock: Clock) -> None:
    place(tx, 30, nonce="h")
    clock.forward(minutes=1)
    hold = release(tx, "h")
    assert (hold["status"], hold["closed_at"], hold["remaining"]) == ("released", clock.now, 0)
    assert spendable(tx) == (100, 0, 100)
    assert len(entries(tx)) == 1


def test_release_frees_credits_that_were_not_captured(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 10, final=False)
    hold = release(tx, "h")
    assert (hold["status"], hold["captured"]) == ("released", 10)
    assert spendable(tx) == (90, 0, 90)


def test_hold_of_a_frozen_account_can_be_released(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    operate(tx, "freeze_account")
    assert release(tx, "h")["status"] == "released"


def test_extended_hold_lasts_that_long_from_now(tx: Connection, clock: Clock) -> None:
    place(tx, 30, nonce="h")
    clock.forward(minutes=10)
    assert extend(tx, "h", "1 hour")["expires_at"] == clock.ahead(hours=1)
    clock.forward(hours=1, microseconds=-1)
    assert spendable(tx) == (100, 30, 70)
    clock.forward(microseconds=1)
    assert spendable(tx) == (100, 0, 100)


def test_extending_never_shortens_a_hold(tx: Connection) -> None:
    hold = place(tx, 30, nonce="h")
    assert extend(tx, "h", "1 minute")["expires_at"] == hold["expires_at"]


def test_extending_can_be_repeated(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    assert extend(tx, "h", "1 hour") == extend(tx, "h", "1 hour")


def test_hold_can_be_extended_up_to_the_exact_microsecond_of_its_end(
    tx: Connection, clock: Clock
) -> None:
    place(tx, 30, nonce="h")
    clock.forward(minutes=15, microseconds=-1)
    extend(tx, "h", "1 minute")
    clock.forward(minutes=1, microseconds=-1)
    assert capture(tx, "h")["amount"] == -30


@pytest.mark.parametrize(
    "expires_in", [None, "0", "-1 second", "366 days 1 microsecond", "-1 month 31 days"]
)
def test_hold_is_extended_by_up_to_366_days(tx: Connection, expires_in: Any) -> None:
    place(tx, 30, nonce="h")
    with refused(tx, "LG001") as refusal:
        extend(tx, "h", expires_in)
    assert refusal.detail["field"] == "expires_in"


# Ended holds


@pytest.mark.parametrize(("end", "status"), ENDS)
@pytest.mark.parametrize(
    "after",
    [
        lambda tx: capture(tx, "h", 1),
        lambda tx: capture(tx, "h", final=False),
        lambda tx: extend(tx, "h", "1 hour"),
    ],
    ids=["capture", "capture in part", "extend"],
)
def test_hold_that_has_ended_is_neither_captured_nor_extended(
    tx: Connection,
    clock: Clock,
    end: Callable[..., None],
    status: str,
    after: Callable[[Connection], Row],
) -> None:
    place(tx, 30, nonce="h")
    end(tx, clock)
    closed_at = clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    clock.forward(hours=1)
    before = (spendable(tx), entries(tx))
    with refused(tx, "LG304") as refusal:
        after(tx)
    assert refusal.detail == {
        "app": "app1",
        "hold_nonce": "h",
        "status": status,
        "hold_status": status,
        "closed_at": closed_at,
    }
    assert (spendable(tx), entries(tx)) == before


@pytest.mark.parametrize(("end", "status"), [ENDS[0], ENDS[2]])
def test_hold_that_was_captured_or_has_expired_is_not_released(
    tx: Connection, clock: Clock, end: Callable[..., None], status: str
) -> None:
    place(tx, 30, nonce="h")
    end(tx, clock)
    with refused(tx, "LG304") as refusal:
        release(tx, "h")
    assert refusal.detail["status"] == status


def test_hold_can_be_captured_until_the_exact_microsecond(tx: Connection, clock: Clock) -> None:
    place(tx, 30, nonce="h")
    clock.forward(minutes=15, microseconds=-1)
    capture(tx, "h", 10, final=False)
    clock.forward(microseconds=1)
    with refused(tx, "LG304"):
        capture(tx, "h", 10)
    assert spendable(tx) == (90, 0, 90)


def test_expired_hold_frees_its_credits_without_a_job(tx: Connection, clock: Clock) -> None:
    place(tx, 100)
    clock.forward(minutes=15, microseconds=-1)
    with refused(tx, "LG301"):
        spend(tx, 100)
    clock.forward(microseconds=1)
    assert spend(tx, 100)["balance"] == 0


def test_end_of_a_hold_records_no_entry(tx: Connection, clock: Clock) -> None:
    place(tx, 30)
    clock.forward(minutes=15)
    assert spend(tx, 1)["seq"] == 2


def test_each_hold_ends_at_its_own_time(tx: Connection, clock: Clock) -> None:
    for minutes in (1, 2, 3):
        place(tx, minutes, expires_in=f"{minutes} minutes")
    held = []
    for _ in range(4):
        held.append(spendable(tx)[1])
        clock.forward(minutes=1)
    assert held == [6, 5, 3, 0]


def test_capture_can_be_reversed(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 20, nonce="c")
    assert reverse(tx, "c")["amount"] == 20
    assert spendable(tx) == (100, 0, 100)


def test_reversal_of_a_capture_does_not_open_the_hold_again(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 20, nonce="c")
    reverse(tx, "c")
    with refused(tx, "LG304"):
        capture(tx, "h", 1)


# Only by the app that placed it


@pytest.mark.parametrize(
    "use",
    [
        lambda tx, app, nonce: capture(tx, nonce, app=app),
        lambda tx, app, nonce: release(tx, nonce, app=app),
        lambda tx, app, nonce: extend(tx, nonce, "1 hour", app=app),
    ],
    ids=["capture", "release", "extend"],
)
@pytest.mark.parametrize(("app", "nonce"), [("app2", "h"), ("app1", "start"), ("app1", "no such")])
def test_hold_that_the_app_did_not_place_is_not_found(
    tx: Connection, use: Callable[..., Row], app: str, nonce: str
) -> None:
    place(tx, 30, app="app1", nonce="h")
    with refused(tx, "LG105") as refusal:
        use(tx, app, nonce)
    assert refusal.detail == {"app": app, "hold_nonce": nonce}


def test_unknown_app_cannot_use_holds(tx: Connection) -> None:
    with refused(tx, "LG101") as refusal:
        release(tx, "h", app="app9")
    assert refusal.detail == {"app": "app9"}


def test_apps_may_use_the_same_hold_nonce(tx: Connection) -> None:
    for app in ("app1", "app2"):
        place(tx, 30, app=app, nonce="h")
    release(tx, "h", app="app2")
    assert [(hold["app"], hold["status"]) for hold in holds(tx, status="open")] == [
        ("app1", "open")
    ]


# Retries


def test_same_hold_again_gets_the_first_answer(tx: Connection, clock: Clock) -> None:
    first = place(tx, 30, nonce="h", metadata={"job": 1})
    clock.forward(minutes=5)
    again = place(tx, 30, nonce="h", metadata={"job": 1})
    assert again == first | {"replayed": True}
    assert spendable(tx) == (100, 30, 70)


def test_replayed_hold_shows_its_current_state(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 10)
    again = place(tx, 30, nonce="h")
    found = (again["replayed"], again["status"], again["captured"], again["remaining"])
    assert found == (True, "captured", 10, 0)


@pytest.mark.parametrize(("end", "status"), ENDS)
def test_hold_that_has_ended_is_not_placed_again(
    tx: Connection, clock: Clock, end: Callable[..., None], status: str
) -> None:
    place(tx, 30, nonce="h")
    end(tx, clock)
    again = place(tx, 30, nonce="h")
    assert (again["replayed"], again["status"]) == (True, status)
    assert spendable(tx)[1] == 0


def test_hold_is_replayed_when_nothing_is_available(tx: Connection) -> None:
    place(tx, 100, nonce="h")
    assert place(tx, 100, nonce="h")["replayed"] is True


def test_hold_is_replayed_on_a_frozen_account(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    operate(tx, "freeze_account")
    assert place(tx, 30, nonce="h")["replayed"] is True


def test_hold_is_replayed_after_its_operation_was_retired_or_narrowed(tx: Connection) -> None:
    place(tx, 5, operation="CONTENT_CREATION", nonce="h")
    place(tx, 30, nonce="i")
    call(tx, "allow_operation", app="app1", operation="CREDIT_SPEND", min_amount=-20)
    call(tx, "retire_operation", operation="CONTENT_CREATION")
    assert place(tx, 5, operation="CONTENT_CREATION", nonce="h")["replayed"] is True
    assert place(tx, 30, nonce="i")["replayed"] is True


@pytest.mark.parametrize(
    "changed",
    [
        {"owner_id": "bob"},
        {"operation": "CONTENT_CREATION", "amount": 5},
        {"amount": 31},
        {"expires_in": "16 minutes"},
        {"metadata": {}},
        {"metadata": None},
    ],
    ids=str,
)
def test_different_hold_under_a_used_nonce_is_refused(
    tx: Connection, changed: dict[str, Any]
) -> None:
    record(tx, owner_id="bob", amount=100)
    request: dict[str, Any] = {"amount": 30, "nonce": "h", "metadata": {"job": 1}}
    place(tx, **request)
    with refused(tx, "LG201") as refusal:
        place(tx, **request | changed)
    assert refusal.detail == {"app": "app1", "nonce": "h"}


def test_same_capture_again_gets_the_first_answer(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    first = capture(tx, "h", 10, nonce="c", metadata={"used": 10})
    again = capture(tx, "h", 10, nonce="c", metadata={"used": 10})
    assert again == first | {"replayed": True}
    assert spendable(tx) == (90, 0, 90)


def test_capture_of_everything_is_replayed_when_nothing_is_left(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 10, final=False)
    first = capture(tx, "h", nonce="c")
    assert capture(tx, "h", nonce="c") == first | {"replayed": True}


def test_capture_in_part_is_replayed_after_the_hold_has_ended(tx: Connection, clock: Clock) -> None:
    place(tx, 30, nonce="h")
    first = capture(tx, "h", 10, nonce="c", final=False)
    clock.forward(hours=1)
    assert capture(tx, "h", 10, nonce="c", final=False) == first | {"replayed": True}


def test_capture_is_replayed_on_a_frozen_account(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", nonce="c")
    operate(tx, "freeze_account")
    assert capture(tx, "h", nonce="c")["replayed"] is True


@pytest.mark.parametrize(
    "changed",
    [
        {"hold_nonce": "other"},
        {"amount": 11},
        {"amount": None},
        {"final": True},
        {"metadata": {}},
        {"metadata": None},
    ],
    ids=str,
)
def test_different_capture_under_a_used_nonce_is_refused(
    tx: Connection, changed: dict[str, Any]
) -> None:
    request: dict[str, Any] = {"hold_nonce": "h", "nonce": "c", "amount": 10, "final": False}
    request["metadata"] = {"used": 10}
    for nonce in ("h", "other"):
        place(tx, 30, nonce=nonce)
    capture(tx, **request)
    with refused(tx, "LG201") as refusal:
        capture(tx, **request | changed)
    assert refusal.detail == {"app": "app1", "nonce": "c"}
    assert spendable(tx) == (90, 50, 40)


def test_refused_capture_does_not_use_up_its_nonce(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    with refused(tx, "LG002"):
        capture(tx, "h", 31, nonce="c")
    assert capture(tx, "h", 30, nonce="c")["replayed"] is False


def test_refused_hold_does_not_use_up_its_nonce(tx: Connection) -> None:
    with refused(tx, "LG301"):
        place(tx, 101, nonce="h")
    assert place(tx, 100, nonce="h")["replayed"] is False


def test_release_again_changes_nothing(tx: Connection, clock: Clock) -> None:
    place(tx, 30, nonce="h")
    first = release(tx, "h")
    clock.forward(hours=1)
    assert release(tx, "h") == first | {"replayed": True}


# Holds and entries share nonces


OTHERS = pytest.mark.parametrize("owner_id", ["alice", "bob"], ids=["same owner", "other owner"])


@pytest.fixture
def nonce_of_a_hold(tx: Connection) -> str:
    record(tx, owner_id="bob", amount=100, nonce="start of bob")
    return str(place(tx, 5, operation="CONTENT_CREATION", nonce="taken")["nonce"])


@OTHERS
def test_entry_cannot_have_the_nonce_of_a_hold(
    tx: Connection, nonce_of_a_hold: str, owner_id: str
) -> None:
    with refused(tx, "LG201") as refusal:
        spend(tx, 5, owner_id=owner_id, nonce=nonce_of_a_hold)
    assert refusal.detail == {"app": "app1", "nonce": "taken"}


@OTHERS
def test_entry_with_equal_fields_cannot_have_the_nonce_of_a_hold(
    tx: Connection, nonce_of_a_hold: str, owner_id: str
) -> None:
    with refused(tx, "LG201"):
        record(
            tx, operation="CONTENT_CREATION", amount=-5, owner_id=owner_id, nonce=nonce_of_a_hold
        )


@OTHERS
def test_first_entry_of_an_account_cannot_have_the_nonce_of_a_hold(
    tx: Connection, nonce_of_a_hold: str, owner_id: str
) -> None:
    call(
        tx,
        "define_operation",
        operation="TOKEN_ADD",
        description="Tokens",
        asset="TOKEN",
        default_amount=5,
    )
    call(tx, "allow_operation", app="app1", operation="TOKEN_ADD")
    with refused(tx, "LG201"):
        record(tx, owner_id=owner_id, operation="TOKEN_ADD", nonce=nonce_of_a_hold)


@OTHERS
def test_claim_cannot_have_the_nonce_of_a_hold(
    tx: Connection, nonce_of_a_hold: str, owner_id: str
) -> None:
    with refused(tx, "LG201"):
        record(tx, owner_id=owner_id, operation="SIGNUP_CREDIT", nonce=nonce_of_a_hold)


@OTHERS
def test_item_of_a_batch_cannot_have_the_nonce_of_a_hold(
    tx: Connection, nonce_of_a_hold: str, owner_id: str
) -> None:
    (result,) = record_batch(tx, [item(5, owner_id=owner_id, nonce=nonce_of_a_hold)])
    assert result["code"] == "nonce_conflict"


@OTHERS
def test_capture_cannot_have_the_nonce_of_a_hold(
    tx: Connection, nonce_of_a_hold: str, owner_id: str
) -> None:
    place(tx, 30, owner_id=owner_id, nonce="h")
    with refused(tx, "LG201"):
        capture(tx, "h", nonce=nonce_of_a_hold)


@OTHERS
def test_reversal_cannot_have_the_nonce_of_a_hold(
    tx: Connection, nonce_of_a_hold: str, owner_id: str
) -> None:
    original = {"alice": "start", "bob": "start of bob"}[owner_id]
    with refused(tx, "LG201"):
        reverse(tx, original, 1, nonce=nonce_of_a_hold)


@OTHERS
def test_hold_cannot_have_the_nonce_of_an_entry(tx: Connection, owner_id: str) -> None:
    record(tx, owner_id="bob", amount=100)
    with refused(tx, "LG201") as refusal:
        place(tx, 30, owner_id=owner_id, nonce="start")
    assert refusal.detail == {"app": "app1", "nonce": "start"}


def test_hold_cannot_have_the_nonce_of_a_capture(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 10, nonce="c", final=False)
    with refused(tx, "LG201"):
        place(tx, 10, nonce="c")


def test_capture_cannot_have_the_nonce_of_another_entry(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    for nonce in ("start", "h"):
        with refused(tx, "LG201"):
            capture(tx, "h", 10, nonce=nonce)


def test_entry_cannot_have_the_nonce_of_a_capture_with_equal_fields(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    capture(tx, "h", 10, nonce="c")
    with refused(tx, "LG201"):
        spend(tx, 10, nonce="c")


# Listing


def test_holds_come_newest_first_over_all_apps(tx: Connection, clock: Clock) -> None:
    for app in ("app1", "app2", "app1"):
        place(tx, 1, app=app, operation="CREDIT_SPEND")
        clock.forward(seconds=1)
    listed = holds(tx)
    assert [hold["app"] for hold in listed] == ["app1", "app2", "app1"]
    assert [hold["placed_at"] for hold in listed] == [
        clock.ahead(seconds=-1),
        clock.ahead(seconds=-2),
        clock.ahead(seconds=-3),
    ]


def test_listed_hold_is_as_it_was_placed(tx: Connection) -> None:
    hold = place(tx, 30, metadata={"job": 1})
    assert holds(tx) == [hold]


def test_holds_of_others_are_not_listed(tx: Connection) -> None:
    count_asset(tx, "TOKEN")
    place(tx, 1)
    assert holds(tx, owner_id="bob") == []
    assert holds(tx, asset="TOKEN") == []


@pytest.mark.parametrize("settled", [False, True], ids=["not noted", "noted"])
def test_listed_state_of_a_hold_is_that_of_the_moment(
    tx: Connection, clock: Clock, settled: bool
) -> None:
    for nonce in ("captured", "released", "expired"):
        place(tx, 2, nonce=nonce)
    place(tx, 2, nonce="open", expires_in="1 hour")
    capture(tx, "captured", 1)
    release(tx, "released")
    clock.forward(minutes=15)
    if settled:
        call(tx, "expire_credits")
    for status in ("open", "captured", "released", "expired"):
        assert [hold["nonce"] for hold in holds(tx, status=status)] == [status]
    (expired,) = holds(tx, status="expired")
    assert (expired["closed_at"], expired["remaining"]) == (expired["expires_at"], 0)
    assert len(holds(tx)) == 4


def test_hold_is_listed_as_open_until_the_exact_microsecond(tx: Connection, clock: Clock) -> None:
    place(tx, 1)
    clock.forward(minutes=15, microseconds=-1)
    assert [hold["status"] for hold in holds(tx)] == ["open"]
    clock.forward(microseconds=1)
    assert [hold["status"] for hold in holds(tx)] == ["expired"]


def test_pages_of_holds_follow_each_other(tx: Connection, clock: Clock) -> None:
    placed = []
    for _ in range(5):
        placed.append(place(tx, 1)["nonce"])
        clock.forward(seconds=1)
    listed: list[str] = []
    before = None
    while page := holds(tx, before=before, max_rows=2):
        listed += [hold["nonce"] for hold in page]
        before = page[-1]["placed_at"]
    assert listed == placed[::-1]


def test_page_of_holds_has_50_by_default(tx: Connection, clock: Clock) -> None:
    for _ in range(51):
        place(tx, 1)
        clock.forward(microseconds=1)
    assert len(holds(tx)) == 50
    assert len(holds(tx, max_rows=1000)) == 51


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner_id", ""),
        ("owner_id", None),
        ("asset", "credit"),
        ("status", "closed"),
        ("max_rows", 0),
        ("max_rows", 1001),
        ("max_rows", None),
    ],
)
def test_malformed_listing_is_refused_with_the_field(
    tx: Connection, field: str, value: Any
) -> None:
    with refused(tx, "LG001") as refusal:
        holds(tx, **{field: value})
    assert refusal.detail["field"] == field


def test_row_of_a_hold_ends_once(tx: Connection) -> None:
    place(tx, 30, nonce="h")
    with fails(tx, "23514"):
        tx.execute("UPDATE ledger.holds SET status = 'captured'")
    with fails(tx, "23514"):
        tx.execute("UPDATE ledger.holds SET captured = 31")


# In the caller's transaction


def test_rolled_back_hold_reserves_nothing(tx: Connection) -> None:
    nonce = new_nonce()
    with refused(tx, "LG301"):
        place(tx, 30, nonce=nonce)
        spend(tx, 71)
    assert spendable(tx) == (100, 0, 100)
    assert place(tx, 30, nonce=nonce)["replayed"] is False


def test_rolled_back_capture_leaves_the_hold_open(tx: Connection, clock: Clock) -> None:
    place(tx, 30, nonce="h")
    with refused(tx, "LG304"):
        capture(tx, "h", 10)
        capture(tx, "h", 10)
    (hold,) = holds(tx, status="open")
    assert hold["expires_at"] == clock.now + timedelta(minutes=15)
    assert spendable(tx) == (100, 30, 70)


@pytest.mark.parametrize("amount", [0, -4, -(2**63), 2**53, 2**63 - 1])
def test_capture_of_an_impossible_amount_is_no_replay(tx: Connection, amount: int) -> None:
    place(tx, 10, nonce="job")
    capture(tx, "job", 4, nonce="payment", final=False)

    with refused(tx, "LG201"):
        capture(tx, "job", amount, nonce="payment", final=False)
