"""Credits of a class, of limited use: what they are spent for, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, record, refused, rows, scalar, spend
from tests.sql.lifecycle import capture, grow, place, release, reverse

_ANY: Mapping[str, Any] = {"min_amount": 1, "max_amount": 1000, "description": "A test"}


def grants(conn: Connection, operation: str, **rule: Any) -> str:
    """Define an operation that grants credits, for app1 and app2."""
    call(conn, "define_operation", operation=operation, **dict(_ANY) | rule)
    for app in ("app1", "app2"):
        call(conn, "allow_operation", app=app, operation=operation)
    return operation


def grant(conn: Connection, amount: int, operation: str, **more: Any) -> Row:
    """Record a grant for alice."""
    return record(conn, operation=operation, amount=amount, **more)


def create(conn: Connection, **more: Any) -> Row:
    """Record a CONTENT_CREATION, which is -5."""
    return record(conn, operation="CONTENT_CREATION", **more)


def left(conn: Connection) -> list[tuple[int, int]]:
    """Read number and remaining credits of alice's lots, as they are spent."""
    return [(row["seq"], row["remaining"]) for row in rows(conn, "lots_of", owner_id="alice")]


def parts(conn: Connection) -> list[tuple[Any, ...]]:
    """Read what alice's balance consists of."""
    return [
        (row["credit_class"], row["usable_for"], row["usable_in"], row["amount"], row["held"])
        for row in rows(conn, "balance_parts", owner_id="alice")
    ]


def available(conn: Connection, app: str | None = None, operation: str | None = None) -> int:
    found: int = call(conn, "balance", owner_id="alice", for_app=app, for_operation=operation)[
        "available"
    ]
    return found


@pytest.fixture(autouse=True)
def books(clock: Clock) -> None:
    """Check the books after every test."""


# Rules


def test_rule_is_kept_and_shown_in_one_order(tx: Connection) -> None:
    grants(
        tx,
        "PRIZE",
        credit_class="free",
        priority=7,
        usable_for=["CREDIT_SPEND", "CONTENT_CREATION"],
        usable_in=["app2", "app1"],
    )
    (rule,) = [row for row in rows(tx, "operations_of", app="app1") if row["operation"] == "PRIZE"]
    kept = {
        "credit_class": "free",
        "priority": 7,
        "usable_for": ["CONTENT_CREATION", "CREDIT_SPEND"],
        "usable_in": ["app1", "app2"],
    }
    assert {name: rule[name] for name in kept} == kept
    noted = "SELECT rule FROM ledger.operation_changes WHERE operation = 'PRIZE' AND app IS NULL"
    assert {name: scalar(tx, noted)[name] for name in kept} == kept


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("credit_class", {"credit_class": "gold"}),
        ("priority", {"priority": 0}),
        ("priority", {"priority": 1001}),
        ("usable_for", {"usable_for": []}),
        ("usable_for", {"usable_for": ["CREDIT_SPEND", None]}),
        ("usable_for", {"usable_for": ["CREDIT_SPEND", "CREDIT_SPEND"]}),
        ("usable_for", {"usable_for": ["UNKNOWN"]}),
        ("usable_for", {"usable_for": ["CREDIT_ADD"]}),
        ("usable_for", {"usable_for": ["CREDIT_SPEND"], "asset": "OTHER"}),
        ("usable_in", {"usable_in": []}),
        ("usable_in", {"usable_in": ["app1", None]}),
        ("usable_in", {"usable_in": ["app9"]}),
        ("usable_in", {"usable_in": [["app1"], ["app2"]]}),
        ("credit_class", {"credit_class": "free", "min_amount": -5, "max_amount": -1}),
        ("priority", {"priority": 5, "min_amount": -5, "max_amount": -1}),
        ("usable_for", {"usable_for": ["CREDIT_SPEND"], "min_amount": -5, "max_amount": -1}),
        ("usable_in", {"usable_in": ["app1"], "min_amount": -5, "max_amount": -1}),
    ],
)
def test_malformed_rule_is_refused(tx: Connection, field: str, rule: dict[str, Any]) -> None:
    with refused(tx, "LG001") as refusal:
        call(tx, "define_operation", operation="PRIZE", **dict(_ANY) | rule)
    assert refusal.detail["field"] == field


def test_same_rule_again_is_not_noted(tx: Connection) -> None:
    changes = "SELECT count(*) FROM ledger.operation_changes"
    rule = {"priority": 7, "usable_for": ["CREDIT_SPEND", "CONTENT_CREATION"]}
    grants(tx, "PRIZE", **rule)
    noted = scalar(tx, changes)
    grants(tx, "PRIZE", **rule | {"usable_for": ["CONTENT_CREATION", "CREDIT_SPEND"]})
    assert scalar(tx, changes) == noted


def test_entry_keeps_the_rule_of_its_day(tx: Connection) -> None:
    grants(tx, "PRIZE", credit_class="free", usable_for=["CONTENT_CREATION"])
    grant(tx, 5, "PRIZE")
    grants(tx, "PRIZE", credit_class="paid")
    grant(tx, 5, "PRIZE")
    assert parts(tx) == [
        ("free", ["CONTENT_CREATION"], None, 5, 0),
        ("paid", None, None, 5, 0),
    ]


# Spending


def test_spend_takes_only_what_it_may_use(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    grant(tx, 7, "PRIZE")
    record(tx, amount=4)
    spend(tx, 3)
    assert parts(tx) == [(None, ["CONTENT_CREATION"], None, 7, 0), (None, None, None, 1, 0)]
    create(tx)
    assert parts(tx) == [(None, ["CONTENT_CREATION"], None, 2, 0), (None, None, None, 1, 0)]


@pytest.mark.parametrize("through", ["single", "with a spend that is due"])
def test_refusal_says_what_is_for_others(tx: Connection, clock: Clock, through: str) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    grant(tx, 7, "PRIZE")
    record(tx, amount=2)
    if through != "single":
        record(tx, amount=1, expires_at=clock.ahead(hours=1))
        clock.forward(hours=2)
    with refused(tx, "LG301") as refusal:
        spend(tx, 3, nonce="n")
    assert refusal.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "available": 2,
        "available_to_others": 7,
        "required": 3,
        "min_balance": 0,
    }
    # The nonce is free.
    spend(tx, 2, nonce="n")


def test_use_is_limited_to_apps(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_in=["app2"])
    grant(tx, 7, "PRIZE")
    with refused(tx, "LG301"):
        spend(tx, 1)
    spend(tx, 7, app="app2")
    assert parts(tx) == []


def test_both_limits_apply(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_in=["app1"], usable_for=["CONTENT_CREATION"])
    grant(tx, 7, "PRIZE")
    with refused(tx, "LG301"):
        spend(tx, 1, app="app2")
    with refused(tx, "LG301"):
        spend(tx, 1)
    create(tx)


def test_order_of_spending(tx: Connection) -> None:
    both = ["CONTENT_CREATION", "CREDIT_SPEND"]
    rules: list[dict[str, Any]] = [
        {"priority": 200},
        {"credit_class": "paid"},
        {"credit_class": "free"},
        {"usable_for": both},
        {"usable_for": ["CREDIT_SPEND"]},
        {"usable_for": both, "usable_in": ["app1"]},
        {"expires_after": "2 days"},
        {"expires_after": "1 day"},
        {"priority": 99},
        {"priority": 99, "expires_after": "100 days"},
        {"priority": 1},
    ]
    for number, rule in enumerate(rules):
        grants(tx, f"PRIZE_{number}", **rule)
        grant(tx, 1, f"PRIZE_{number}")
    record(tx, amount=1)
    # The plain credit, number 12, comes before those of priority 200.
    order = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert [seq for seq, _ in left(tx)] == order
    for spent in range(1, 13):
        spend(tx, 1)
        gone = spent if spent <= 10 else spent - 1
        assert [seq for seq, _ in left(tx)] == order[gone:]


def test_plain_credits_come_before_a_higher_priority(tx: Connection) -> None:
    grants(tx, "LAST", priority=101)
    grant(tx, 5, "LAST")
    record(tx, amount=5)
    spend(tx, 4)
    assert left(tx) == [(1, 5)]
    spend(tx, 3)
    assert left(tx) == [(1, 3)]


def test_overdraft_comes_last_and_limited_credits_do_not_pay_for_it(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    grants(tx, "LAST", priority=101)
    call(tx, "set_min_balance", owner_id="alice", min_balance=-10, actor="a", reason="b")
    grant(tx, 7, "PRIZE")
    grant(tx, 2, "LAST")
    spend(tx, 5)
    assert left(tx) == [(1, 7)]
    assert parts(tx) == [(None, ["CONTENT_CREATION"], None, 7, 0), (None, None, None, -3, 0)]
    with refused(tx, "LG301") as refusal:
        spend(tx, 8)
    assert refusal.detail["available"] == -3
    spend(tx, 7)
    # Granted to an account that is overdrawn
    grant(tx, 4, "PRIZE")
    assert left(tx) == [(1, 7), (5, 4)]
    # Others do pay for it.
    grant(tx, 12, "LAST")
    assert left(tx) == [(1, 7), (5, 4), (6, 2)]
    spend(tx, 5)
    with refused(tx, "LG301"):
        call(tx, "set_min_balance", owner_id="alice", min_balance=0, actor="a", reason="b")


def test_zero_and_negative_amounts_have_no_class(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"], min_amount=0)
    grant(tx, 0, "PRIZE")
    assert left(tx) == []
    assert scalar(tx, "SELECT usable_for FROM ledger.entries") is None


def test_limited_credits_expire(tx: Connection, clock: Clock) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"], expires_after="1 day")
    grant(tx, 7, "PRIZE")
    clock.forward(days=1)
    assert parts(tx) == []
    assert call(tx, "balance", owner_id="alice")["balance"] == 0


def test_expiry_of_the_request_counts(tx: Connection, clock: Clock) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    grant(tx, 7, "PRIZE", expires_at=clock.ahead(hours=1))
    clock.forward(hours=1)
    record(tx, amount=1)
    assert parts(tx) == [(None, None, None, 1, 0)]


def test_never_ending_lots_are_never_due(tx: Connection) -> None:
    grants(tx, "PRIZE", credit_class="free")
    grant(tx, 7, "PRIZE")
    assert scalar(tx, "SELECT next_due_at = ledger_core.never_due() FROM ledger.accounts")
    found = call(tx, "balance", owner_id="alice")
    assert (found["next_expiry_at"], found["next_expiry_amount"]) == (None, None)
    assert rows(tx, "forecast", owner_id="alice") == []
    assert rows(tx, "forecast", owner_id="alice", until="infinity") == []
    spend(tx, 7)
    assert scalar(tx, "SELECT next_due_at = 'infinity' FROM ledger.accounts")


def test_retry_is_a_replay_after_the_rule_has_changed(tx: Connection) -> None:
    grants(tx, "PRIZE", credit_class="free")
    first = grant(tx, 7, "PRIZE", nonce="n")
    grants(tx, "PRIZE")
    again = grant(tx, 7, "PRIZE", nonce="n")
    assert again == first | {"replayed": True}


def test_claims_are_refused_before_what_is_not_covered(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    call(
        tx,
        "define_operation",
        operation="ONCE",
        description="A debit that is limited",
        default_amount=-1,
        claim_limit=1,
        claim_period="ever",
    )
    call(tx, "allow_operation", app="app1", operation="ONCE")
    record(tx, amount=1, owner_id="bob")
    record(tx, operation="ONCE", owner_id="bob", claim_subject="device")
    grant(tx, 7, "PRIZE")
    with refused(tx, "LG302"):
        record(tx, operation="ONCE", claim_subject="device")
    with refused(tx, "LG301"):
        record(tx, operation="ONCE", claim_subject="another")


# What a spend could use


def test_balance_for_a_purpose(tx: Connection, clock: Clock) -> None:
    grants(tx, "FOR_CONTENT", usable_for=["CONTENT_CREATION"])
    grants(tx, "IN_APP2", usable_in=["app2"])
    grants(tx, "BOTH", usable_for=["CREDIT_SPEND"], usable_in=["app1"], expires_after="1 day")
    grant(tx, 1, "FOR_CONTENT")
    grant(tx, 2, "IN_APP2")
    grant(tx, 4, "BOTH")
    record(tx, amount=8)
    assert available(tx) == 15
    assert available(tx, operation="CONTENT_CREATION") == 11
    assert available(tx, "app1") == 13
    assert available(tx, "app2") == 11
    assert available(tx, "app1", "CREDIT_SPEND") == 12
    assert available(tx, "app2", "CREDIT_SPEND") == 10
    assert available(tx, "app1", "CONTENT_CREATION") == 9
    clock.forward(days=1)
    assert available(tx, "app1", "CREDIT_SPEND") == 8
    with refused(tx, "LG101"):
        available(tx, "app9")
    with refused(tx, "LG102"):
        available(tx, None, "NONE")


# Holds


def test_hold_reserves_what_its_operation_may_use(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    grant(tx, 7, "PRIZE")
    record(tx, amount=4)
    with refused(tx, "LG301") as refusal:
        place(tx, 5, nonce="h")
    assert (refusal.detail["available"], refusal.detail["available_to_others"]) == (4, 7)
    place(tx, 4, nonce="h")
    with refused(tx, "LG301"):
        grow(tx, "h", 1)
    place(tx, 5, operation="CONTENT_CREATION", nonce="c")
    assert parts(tx) == [(None, ["CONTENT_CREATION"], None, 7, 5), (None, None, None, 4, 4)]
    capture(tx, hold_nonce="h", amount=1)
    capture(tx, hold_nonce="c", amount=4)
    assert parts(tx) == [(None, ["CONTENT_CREATION"], None, 3, 0), (None, None, None, 3, 0)]


def test_capture_beyond_a_hold_takes_what_its_operation_may_use(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    grant(tx, 7, "PRIZE")
    record(tx, amount=4)
    place(tx, 1, nonce="h")
    with refused(tx, "LG301") as refusal:
        capture(tx, hold_nonce="h", amount=5, beyond="available")
    assert refusal.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "available": 3,
        "available_to_others": 7,
        "required": 4,
        "min_balance": 0,
    }
    capture(tx, hold_nonce="h", amount=4, beyond="available")
    assert parts(tx) == [(None, ["CONTENT_CREATION"], None, 7, 0)]


def test_debt_leaves_limited_credits_alone(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    call(
        tx,
        "define_operation",
        operation="METERED",
        description="May go into debt",
        min_amount=-1000,
        max_amount=-1,
        max_debt=10,
    )
    call(tx, "allow_operation", app="app1", operation="METERED")
    grant(tx, 7, "PRIZE")
    record(tx, amount=4)
    place(tx, 4, operation="METERED", nonce="h")
    capture(tx, hold_nonce="h", amount=9, beyond="debt")
    assert scalar(tx, "SELECT debt FROM ledger.accounts") == 5
    assert parts(tx) == [(None, ["CONTENT_CREATION"], None, 7, 0), (None, None, None, -5, 0)]
    grant(tx, 1, "PRIZE")
    assert scalar(tx, "SELECT debt FROM ledger.accounts") == 5
    record(tx, amount=3)
    assert scalar(tx, "SELECT debt FROM ledger.accounts") == 2


def test_captures_take_what_is_reserved_in_the_order_of_spending(tx: Connection) -> None:
    grants(tx, "LAST", priority=500)
    grants(tx, "FIRST", priority=1)
    grant(tx, 2, "LAST")
    grant(tx, 2, "FIRST")
    record(tx, amount=2)
    place(tx, 6, nonce="h")
    capture(tx, hold_nonce="h", amount=1, final=False)
    assert left(tx) == [(2, 1), (1, 2)]
    capture(tx, hold_nonce="h", amount=2, final=False)
    assert left(tx) == [(1, 2)]
    capture(tx, hold_nonce="h", amount=2, final=False)
    assert left(tx) == [(1, 1)]
    release(tx, hold_nonce="h")
    assert parts(tx) == [(None, None, None, 1, 0)]


# Corrections


def test_reversal_gives_back_to_where_credits_came_from(tx: Connection) -> None:
    grants(tx, "LAST", priority=500)
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION", "CREDIT_SPEND"])
    grant(tx, 2, "LAST")
    grant(tx, 2, "PRIZE")
    record(tx, amount=2)
    spend(tx, 6, nonce="s")
    reverse(tx, "s", amount=1)
    assert left(tx) == [(1, 1)]
    reverse(tx, "s", amount=2)
    assert left(tx) == [(1, 2)]
    reverse(tx, "s", amount=2)
    assert left(tx) == [(2, 1), (1, 2)]
    reverse(tx, "s")
    assert left(tx) == [(2, 2), (1, 2)]


def test_limited_credits_come_back_although_the_account_is_overdrawn(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    call(tx, "set_min_balance", owner_id="alice", min_balance=-10, actor="a", reason="b")
    grant(tx, 5, "PRIZE")
    create(tx, nonce="c")
    spend(tx, 8)
    reverse(tx, "c")
    assert left(tx) == [(1, 5)]


def test_reversal_of_a_grant_takes_its_own_lot_first(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    grant(tx, 5, "PRIZE")
    grant(tx, 5, "PRIZE", nonce="g")
    create(tx)
    record(tx, amount=1)
    spend(tx, 1)
    reverse(tx, "g", amount=3)
    assert left(tx) == [(2, 2)]


def test_adjustments_know_no_limits(tx: Connection) -> None:
    grants(tx, "PRIZE", usable_for=["CONTENT_CREATION"])
    grant(tx, 5, "PRIZE")
    record(tx, amount=2)
    call(tx, "adjust_balance", owner_id="alice", amount=-6, nonce="a", actor="b", reason="c")
    assert parts(tx) == [(None, None, None, 1, 0)]
