"""Operators' actions: adjustments, reversals, floors, freezes, each with an actor and a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from psycopg.rows import dict_row

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    MAX_AMOUNT,
    Connection,
    Row,
    balance,
    call,
    count_asset,
    entries,
    record,
    refused,
    rows,
    scalar,
    spend,
)
from tests.sql.conftest import LogIn
from tests.sql.lifecycle import (
    adjust,
    end_by_hand,
    operate,
    place,
    reverse,
    reverse_by_hand,
    spendable,
)

pytestmark = pytest.mark.usefixtures("clock")


def actions(conn: Connection) -> list[Row]:
    """Read the journal of operators, oldest first, without the columns of its hash chain."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "SELECT * FROM ledger.operator_actions ORDER BY acted_at, owner_id, asset, action_seq"
        )
        chaining = {"action_seq", "xact_id", "hash"}
        return [
            {name: it for name, it in row.items() if name not in chaining}
            for row in found.fetchall()
        ]


def accounts(tx: Connection) -> int:
    found: int = scalar(tx, "SELECT count(*) FROM ledger.accounts")
    return found


# Adjustments


def test_adjustment_returns_the_entry(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    entry = adjust(tx, 5, nonce="ticket-1", actor="Ann", reason="Goodwill")
    del entry["entry_id"]
    assert entry == {
        "seq": 2,
        "owner_id": "alice",
        "asset": "CREDIT",
        "app": "ledger",
        "operation": "ADJUSTMENT",
        "amount": 5,
        "balance": 15,
        "nonce": "ticket-1",
        "metadata": {"actor": "Ann", "reason": "Goodwill"},
        "expires_at": None,
        "hold_nonce": None,
        "reverses_seq": None,
        "recorded_at": clock.now,
        "replayed": False,
        "spender": None,
        "quantity": None,
        "overdrawn": None,
    }


def test_adjustment_can_take_credits(tx: Connection) -> None:
    record(tx, amount=10)
    assert adjust(tx, -10)["balance"] == 0


def test_adjustment_can_be_the_first_entry_of_an_account(tx: Connection) -> None:
    assert adjust(tx, 5, owner_id="bob")["seq"] == 1


def test_adjustment_is_of_one_asset(tx: Connection) -> None:
    count_asset(tx, "TOKEN")
    adjust(tx, 5, asset="TOKEN")
    assert balance(tx) == 0
    assert call(tx, "balance", owner_id="alice", asset="TOKEN")["balance"] == 5


def test_adjustment_stops_at_the_floor(tx: Connection) -> None:
    record(tx, amount=10)
    place(tx, 4)
    with refused(tx, "LG301") as refusal:
        adjust(tx, -7)
    assert refusal.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "available": 6,
        "required": 7,
        "min_balance": 0,
    }
    assert adjust(tx, -6)["balance"] == 4


def test_adjustment_can_use_an_overdraft(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-5)
    assert adjust(tx, -5)["balance"] == -5
    with refused(tx, "LG301"):
        adjust(tx, -1)


def test_refused_adjustment_leaves_no_account_behind(tx: Connection) -> None:
    with refused(tx, "LG301"):
        adjust(tx, -1, owner_id="bob")
    assert (accounts(tx), actions(tx)) == (0, [])


def test_frozen_account_can_be_adjusted(tx: Connection) -> None:
    record(tx, amount=10)
    operate(tx, "freeze_account")
    adjust(tx, 5)
    assert adjust(tx, -15)["balance"] == 0


def test_adjustment_again_gets_the_first_answer(tx: Connection) -> None:
    first = adjust(tx, 5, nonce="n")
    assert adjust(tx, 5, nonce="n") == first | {"replayed": True}
    assert (balance(tx), len(actions(tx))) == (5, 1)


def test_adjustment_is_replayed_when_no_credits_are_left(tx: Connection) -> None:
    record(tx, amount=5)
    first = adjust(tx, -5, nonce="n")
    assert adjust(tx, -5, nonce="n") == first | {"replayed": True}


@pytest.mark.parametrize(
    "changed",
    [
        {"owner_id": "bob"},
        {"asset": "TOKEN"},
        {"amount": 6},
        {"amount": -5},
        {"actor": "Bert"},
        {"reason": "For nothing"},
    ],
    ids=str,
)
def test_different_adjustment_under_a_used_nonce_is_refused(
    tx: Connection, changed: dict[str, Any]
) -> None:
    count_asset(tx, "TOKEN")
    record(tx, amount=10)
    request: dict[str, Any] = {"amount": 5, "nonce": "n"}
    adjust(tx, **request)
    with refused(tx, "LG201") as refusal:
        adjust(tx, **request | changed)
    assert refusal.detail == {"app": "ledger", "nonce": "n"}
    assert (balance(tx), len(actions(tx))) == (15, 1)


def test_nonces_of_adjustments_are_independent_of_apps(tx: Connection) -> None:
    record(tx, nonce="n")
    assert adjust(tx, 5, nonce="n")["replayed"] is False


@pytest.mark.parametrize("amount", [MAX_AMOUNT + 1, -MAX_AMOUNT - 1, 2**63 - 1, -(2**63)])
def test_adjustment_is_of_at_most_2_to_the_53_less_1(tx: Connection, amount: int) -> None:
    with refused(tx, "LG002") as refusal:
        adjust(tx, amount)
    assert refusal.detail == {
        "amount": amount,
        "min_amount": -MAX_AMOUNT,
        "max_amount": MAX_AMOUNT,
    }


def test_adjustment_cannot_bring_the_balance_past_2_to_the_53_less_1(tx: Connection) -> None:
    assert adjust(tx, MAX_AMOUNT)["balance"] == MAX_AMOUNT
    with refused(tx, "LG002") as refusal:
        adjust(tx, 1)
    assert refusal.detail["max_balance"] == MAX_AMOUNT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner_id", None),
        ("owner_id", ""),
        ("amount", None),
        ("amount", 0),
        ("nonce", None),
        ("nonce", ""),
        ("nonce", "n" * 256),
        ("nonce", "EXPIRY:1"),
        ("actor", None),
        ("actor", ""),
        ("actor", "a" * 256),
        ("reason", None),
        ("reason", ""),
        ("reason", "r" * 1001),
        ("asset", None),
        ("asset", "credit"),
    ],
)
def test_malformed_adjustment_is_refused_with_the_field(
    tx: Connection, field: str, value: Any
) -> None:
    with refused(tx, "LG001") as refusal:
        adjust(tx, **{"amount": 1} | {field: value})
    assert refusal.detail["field"] == field


# Reversals by hand


def test_reversal_by_hand_is_the_apps_and_in_the_journal(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, nonce="order")
    entry = reverse_by_hand(tx, "order", amount=4, nonce="ticket-1", actor="Ann", reason="Oops")
    del entry["entry_id"]
    assert entry == {
        "seq": 2,
        "owner_id": "alice",
        "asset": "CREDIT",
        "app": "app1",
        "operation": "REVERSAL",
        "amount": -4,
        "balance": 6,
        "nonce": "ticket-1",
        "metadata": {"actor": "Ann", "reason": "Oops"},
        "expires_at": None,
        "hold_nonce": None,
        "reverses_seq": 1,
        "recorded_at": clock.now,
        "replayed": False,
        "spender": None,
        "quantity": None,
        "overdrawn": None,
    }
    assert actions(tx) == [
        {
            "acted_at": clock.now,
            "role_name": scalar(tx, "SELECT session_user"),
            "actor": "Ann",
            "action": "reverse_entry",
            "owner_id": "alice",
            "asset": "CREDIT",
            "reason": "Oops",
            "seq": 2,
            "before": {"balance": 10},
            "after": {"balance": 6},
        }
    ]


def test_reversal_by_hand_again_gets_the_first_answer(tx: Connection) -> None:
    record(tx, amount=10, nonce="order")
    first = reverse_by_hand(tx, "order", nonce="n")
    assert reverse_by_hand(tx, "order", nonce="n") == first | {"replayed": True}
    with refused(tx, "LG201"):
        reverse_by_hand(tx, "order", nonce="n", reason="Something else")
    assert (balance(tx), len(actions(tx))) == (0, 1)


def test_reversals_by_hand_and_by_the_app_never_exceed_the_original(tx: Connection) -> None:
    record(tx, amount=10, nonce="order")
    reverse(tx, "order", 4)
    with refused(tx, "LG305") as refusal:
        reverse_by_hand(tx, "order", amount=7)
    assert refusal.detail["reversible"] == 6
    reverse_by_hand(tx, "order")
    with refused(tx, "LG305"):
        reverse(tx, "order")


def test_entry_on_a_frozen_account_can_be_reversed_by_hand_only(tx: Connection) -> None:
    record(tx, amount=10, nonce="order")
    operate(tx, "freeze_account")
    with refused(tx, "LG303"):
        reverse(tx, "order", 3)
    assert reverse_by_hand(tx, "order", amount=3)["balance"] == 7


def test_claim_can_be_freed_by_hand(tx: Connection) -> None:
    nonce = record(tx, operation="SIGNUP_CREDIT")["nonce"]
    reverse_by_hand(tx, nonce, free_claim=True)
    assert record(tx, operation="SIGNUP_CREDIT")["seq"] == 3


def test_credits_spent_come_back_by_hand_with_their_expiry(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.now + timedelta(days=1))
    nonce = spend(tx, 4)["nonce"]
    reverse_by_hand(tx, nonce)
    assert [lot["remaining"] for lot in rows(tx, "lots_of", owner_id="alice")] == [10]


@pytest.mark.parametrize("app", ["ledger", ""])
def test_only_entries_of_apps_can_be_reversed_by_hand(tx: Connection, app: str) -> None:
    adjust(tx, 5, nonce="n")
    with refused(tx, "LG001") as refusal:
        reverse_by_hand(tx, "n", app=app)
    assert refusal.detail["field"] == "app"


@pytest.mark.parametrize("app", ["app1", "app2", "nobody"])
def test_unknown_entry_cannot_be_reversed_by_hand(tx: Connection, app: str) -> None:
    with refused(tx, "LG104") as refusal:
        reverse_by_hand(tx, "n", app=app)
    assert refusal.detail == {"app": app, "original_nonce": "n"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nonce", None),
        ("nonce", "n" * 256),
        ("original_nonce", ""),
        ("actor", None),
        ("actor", "a" * 256),
        ("reason", ""),
        ("reason", "r" * 1001),
    ],
)
def test_malformed_reversal_by_hand_is_refused_with_the_field(
    tx: Connection, field: str, value: Any
) -> None:
    record(tx, amount=10, nonce="order")
    request: dict[str, Any] = {"original_nonce": "order"} | {field: value}
    with refused(tx, "LG001") as refusal:
        reverse_by_hand(tx, **request)
    assert refusal.detail["field"] == field


# Allowances


def granted(conn: Connection, **arguments: Any) -> Row:
    """Grant alice an allowance of 100 CREDIT_ADD a month by app1, unless told otherwise."""
    plain = {"app": "app1", "owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "plan"}
    return call(conn, "grant_allowance", **plain | {"amount": 100} | arguments)


def test_allowance_ended_by_hand_is_in_the_journal_once(tx: Connection, clock: Clock) -> None:
    plan = granted(tx)
    ended = end_by_hand(tx, "plan", actor="Ann", reason="Left us")
    assert ended == plan | {
        "ends_at": clock.now,
        "status": "ended",
        "next_at": None,
        "replayed": False,
    }
    clock.forward(minutes=1)
    assert end_by_hand(tx, "plan", reason="Again") == ended | {"replayed": True}
    of_plan = {"app": "app1", "allowance_nonce": "plan"}
    assert actions(tx) == [
        {
            "acted_at": clock.now - timedelta(minutes=1),
            "role_name": scalar(tx, "SELECT session_user"),
            "actor": "Ann",
            "action": "end_allowance",
            "owner_id": "alice",
            "asset": "CREDIT",
            "reason": "Left us",
            "seq": None,
            "before": of_plan | {"ends_at": None},
            "after": of_plan | {"ends_at": "2030-01-01T12:00:00.000000Z"},
        }
    ]
    assert balance(tx) == 100
    assert rows(tx, "verify") == []


def test_what_is_left_is_forfeited_by_hand_as_an_entry_of_the_action(tx: Connection) -> None:
    granted(tx)
    spend(tx, 30)
    end_by_hand(tx, "plan", forfeit=True)
    assert [entry["operation"] for entry in entries(tx)][-1] == "FORFEITURE"
    assert (balance(tx), actions(tx)[0]["seq"]) == (0, 3)
    assert end_by_hand(tx, "plan", forfeit=True)["replayed"]
    assert len(actions(tx)) == 1
    assert rows(tx, "verify") == []


def test_end_by_hand_can_be_moved_and_taken_back(tx: Connection, clock: Clock) -> None:
    granted(tx)
    end_by_hand(tx, "plan", at=clock.ahead(days=90))
    end_by_hand(tx, "plan", at=clock.ahead(days=60))
    assert end_by_hand(tx, "plan", at="infinity")["ends_at"] is None
    ends = [action["after"]["ends_at"] for action in actions(tx)]
    assert [action["before"]["ends_at"] for action in actions(tx)] == [None, *ends[:2]]
    assert ends[2] is None
    assert rows(tx, "verify") == []
    clock.forward(days=32)
    assert balance(tx) == 100


def test_allowance_of_a_frozen_account_can_be_ended_by_hand(tx: Connection, clock: Clock) -> None:
    granted(tx)
    operate(tx, "freeze_account")
    assert end_by_hand(tx, "plan", forfeit=True)["status"] == "ended"
    clock.forward(days=40)
    operate(tx, "unfreeze_account")
    assert balance(tx) == 0
    assert rows(tx, "verify") == []


@pytest.mark.parametrize(
    ("detail", "wrong"),
    [
        ({"app": "app1", "allowance_nonce": "other"}, {"allowance_nonce": "other"}),
        ({"app": "app2", "allowance_nonce": "plan"}, {"app": "app2"}),
        ({"app": "nobody", "allowance_nonce": "plan"}, {"app": "nobody"}),
        (
            {"app": "app1", "allowance_nonce": "plan", "owner_id": "bob"},
            {"owner_id": "bob"},
        ),
    ],
)
def test_unknown_allowance_cannot_be_ended_by_hand(
    tx: Connection, detail: Row, wrong: dict[str, Any]
) -> None:
    granted(tx)
    with refused(tx, "LG106") as refusal:
        end_by_hand(tx, **{"allowance_nonce": "plan"} | wrong)
    assert refusal.detail == detail


def test_allowance_that_is_over_gets_no_later_end_by_hand(tx: Connection, clock: Clock) -> None:
    granted(tx)
    end_by_hand(tx, "plan")
    with refused(tx, "LG306"):
        end_by_hand(tx, "plan", at=clock.ahead(days=1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("app", None),
        ("app", ""),
        ("allowance_nonce", None),
        ("actor", None),
        ("actor", "a" * 256),
        ("reason", ""),
        ("reason", "r" * 1001),
        ("at", "9999-01-01Z"),
        ("at", "-infinity"),
        ("owner_id", ""),
    ],
)
def test_malformed_end_by_hand_is_refused_with_the_field(
    tx: Connection, field: str, value: Any
) -> None:
    granted(tx)
    with refused(tx, "LG001") as refusal:
        end_by_hand(tx, **{"allowance_nonce": "plan"} | {field: value})
    assert refusal.detail["field"] == field


@pytest.mark.parametrize(
    "change",
    [
        "seq = 1",
        """before = before || '{"ends_at": "2030-03-01T12:00:00.000000Z"}'""",
        """after = after || '{"ends_at": null}'""",
        """after = after || '{"allowance_nonce": "other"}'""",
        "acted_at = acted_at - interval '1 us'",
    ],
)
def test_verify_finds_an_end_by_hand_that_the_allowance_does_not_know(
    tx: Connection, change: str
) -> None:
    granted(tx)
    end_by_hand(tx, "plan")
    tx.execute("ALTER TABLE ledger.operator_actions DISABLE TRIGGER ALL")
    tx.execute(f"UPDATE ledger.operator_actions SET {change}".encode())
    assert "action and allowance differ" in {row["problem"] for row in rows(tx, "verify")}


# Floors


def test_floor_below_zero_is_an_overdraft(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-20)
    assert spend(tx, 20)["balance"] == -20
    with refused(tx, "LG301") as refusal:
        spend(tx, 1)
    assert (refusal.detail["available"], refusal.detail["min_balance"]) == (-20, -20)


def test_floor_can_be_set_before_the_first_entry(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-20)
    found = call(tx, "balance", owner_id="alice")
    assert (found["balance"], found["entry_count"]) == (0, 0)
    assert spend(tx, 20)["seq"] == 1


def test_floor_is_of_one_asset(tx: Connection) -> None:
    count_asset(tx, "TOKEN")
    operate(tx, "set_min_balance", min_balance=-20, asset="TOKEN")
    with refused(tx, "LG301"):
        spend(tx, 1)


def test_floor_can_be_raised_to_what_is_available(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-20)
    spend(tx, 10)
    place(tx, 5)
    with refused(tx, "LG301") as refusal:
        operate(tx, "set_min_balance", min_balance=-14)
    assert refusal.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "available": -15,
        "min_balance": -14,
    }
    operate(tx, "set_min_balance", min_balance=-15)
    with refused(tx, "LG301"):
        spend(tx, 1)


@pytest.mark.parametrize("min_balance", [None, 1, 2**63 - 1, -MAX_AMOUNT - 1, -(2**63)])
def test_positive_floor_is_refused(tx: Connection, min_balance: int | None) -> None:
    with refused(tx, "LG001") as refusal:
        operate(tx, "set_min_balance", min_balance=min_balance)
    assert refusal.detail["field"] == "min_balance"


def test_overdrawn_account_takes_credits(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-20)
    spend(tx, 20)
    assert record(tx, amount=5)["balance"] == -15


def test_floor_can_be_set_on_a_frozen_account(tx: Connection) -> None:
    operate(tx, "freeze_account")
    operate(tx, "set_min_balance", min_balance=-5)
    assert actions(tx)[-1]["after"] == {"min_balance": -5}


# Freezing


def test_frozen_account_refuses_all_changes_until_it_is_unfrozen(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=10)
    operate(tx, "freeze_account")
    for refused_call in (record, lambda tx: spend(tx, 1), lambda tx: place(tx, 1)):
        with refused(tx, "LG303") as refusal:
            refused_call(tx)
        assert refusal.detail == {
            "owner_id": "alice",
            "asset": "CREDIT",
            "frozen_at": clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
    operate(tx, "unfreeze_account")
    assert spend(tx, 10)["balance"] == 0


def test_frozen_account_can_be_read(tx: Connection) -> None:
    record(tx, amount=10)
    operate(tx, "freeze_account")
    assert spendable(tx) == (10, 0, 10)


def test_account_can_be_frozen_before_its_first_entry(tx: Connection) -> None:
    operate(tx, "freeze_account")
    with refused(tx, "LG303"):
        record(tx)


def test_assets_are_frozen_separately(tx: Connection) -> None:
    count_asset(tx, "TOKEN")
    operate(tx, "freeze_account", asset="TOKEN")
    assert record(tx)["seq"] == 1


def test_freezing_again_keeps_the_first_time(tx: Connection, clock: Clock) -> None:
    record(tx)
    operate(tx, "freeze_account")
    frozen_at = clock.now
    clock.forward(hours=1)
    operate(tx, "freeze_account")
    assert scalar(tx, "SELECT frozen_at FROM ledger.account_balances") == frozen_at
    assert len(actions(tx)) == 1


@pytest.mark.parametrize("function", ["freeze_account", "unfreeze_account", "set_min_balance"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner_id", None),
        ("owner_id", ""),
        ("actor", None),
        ("actor", ""),
        ("actor", "a" * 256),
        ("reason", None),
        ("reason", ""),
        ("reason", "r" * 1001),
        ("asset", "credit"),
    ],
)
def test_malformed_action_is_refused_with_the_field(
    tx: Connection, function: str, field: str, value: Any
) -> None:
    floor = {"min_balance": -1} if function == "set_min_balance" else {}
    with refused(tx, "LG001") as refusal:
        operate(tx, function, **floor | {field: value})
    assert refusal.detail["field"] == field


# The journal


def test_adjustment_is_in_the_journal_with_its_entry(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10)
    clock.forward(hours=1)
    entry = adjust(tx, -3, actor="Ann", reason="Chargeback")
    assert actions(tx) == [
        {
            "acted_at": clock.now,
            "role_name": tx.info.user,
            "actor": "Ann",
            "action": "adjust_balance",
            "owner_id": "alice",
            "asset": "CREDIT",
            "reason": "Chargeback",
            "seq": entry["seq"],
            "before": {"balance": 10},
            "after": {"balance": 7},
        }
    ]


def test_journal_shows_each_action_with_values_before_and_after(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-5)
    operate(tx, "set_min_balance", min_balance=-9)
    operate(tx, "freeze_account")
    operate(tx, "unfreeze_account")
    assert [(row["action"], row["before"], row["after"], row["seq"]) for row in actions(tx)] == [
        ("set_min_balance", {"min_balance": 0}, {"min_balance": -5}, None),
        ("set_min_balance", {"min_balance": -5}, {"min_balance": -9}, None),
        ("freeze_account", {"frozen": False}, {"frozen": True}, None),
        ("unfreeze_account", {"frozen": True}, {"frozen": False}, None),
    ]


@pytest.mark.parametrize(
    ("function", "arguments"),
    [("unfreeze_account", {}), ("set_min_balance", {"min_balance": 0})],
)
def test_action_without_effect_is_not_noted(
    tx: Connection, function: str, arguments: dict[str, Any]
) -> None:
    operate(tx, function, **arguments)
    assert (actions(tx), accounts(tx)) == ([], 0)


def test_refused_action_is_not_in_the_journal(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-5)
    spend(tx, 5)
    with refused(tx, "LG301"):
        operate(tx, "set_min_balance", min_balance=0)
    assert len(actions(tx)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.operator_actions SET reason = 'Another'",
        "DELETE FROM ledger.operator_actions",
        "TRUNCATE ledger.operator_actions",
    ],
)
def test_journal_cannot_be_edited(tx: Connection, statement: str) -> None:
    adjust(tx, 1)
    with refused(tx, "LG901"):
        tx.execute(statement.encode())


def test_journal_names_the_role_that_called_beside_the_person(
    conn: Connection, log_in: LogIn
) -> None:
    operator = log_in(member_of="ledger_operator")
    adjust(operator, 5, actor="Ann")
    operate(operator, "set_min_balance", min_balance=-5, actor="Bert")
    operate(operator, "freeze_account")
    operate(operator, "unfreeze_account")
    found = actions(conn)
    assert {row["role_name"] for row in found} == {operator.info.user}
    assert [row["actor"] for row in found] == ["Ann", "Bert", "Ann", "Ann"]


@pytest.mark.parametrize("entry", ["CREDIT_ADD", "DAILY_REWARD", "CREDIT_SPEND"])
def test_entry_of_an_app_is_not_in_the_journal(tx: Connection, entry: str) -> None:
    adjust(tx, 5)
    record(tx, operation=entry)
    assert len(actions(tx)) == 1
    assert [found["app"] for found in entries(tx)] == ["ledger", "app1"]
