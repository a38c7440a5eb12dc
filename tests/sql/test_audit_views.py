"""The views for auditors."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

import pytest
from psycopg import sql
from psycopg.rows import dict_row

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, balance, call, record, scalar, spend
from tests.sql.conftest import LogIn
from tests.sql.full_books import BEGINNING, activities, fill
from tests.sql.lifecycle import adjust, capture, item, place, record_batch, release, reverse

VIEWS = [
    "account_balances",
    "app_prices",
    "app_usage",
    "entry_journal",
    "error_codes",
    "generations",
    "open_holds",
    "operation_prices",
    "operation_sets",
    "proofs",
    "role_rights",
    "trial_balance",
]


@pytest.fixture
def clock(tx: Connection) -> Clock:
    return Clock(tx, BEGINNING)


def view(conn: Connection, name: str, where: str = "true", order: str = "1, 2, 3") -> list[Row]:
    """Read a view."""
    with conn.cursor(row_factory=dict_row) as cursor:
        query = f"SELECT * FROM ledger.{name} WHERE {where} ORDER BY {order}"
        return cursor.execute(query.encode()).fetchall()


def columns(rows: list[Row], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


# All


def test_every_view_is_tested(tx: Connection) -> None:
    present = tx.execute(
        "SELECT relname::text FROM pg_class "
        "WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'v' ORDER BY 1"
    ).fetchall()
    assert [name for (name,) in present] == VIEWS


@pytest.mark.parametrize("group", ["ledger_auditor", "ledger_operator"])
def test_auditor_and_operator_read_every_view(log_in: LogIn, conn: Connection, group: str) -> None:
    record(conn, amount=10, expires_at="2099-01-01T00:00:00Z")
    place(conn, 3)
    call(conn, "note_proof", kind="verify")
    reader = log_in(member_of=group)
    for name in VIEWS:
        found = reader.execute(
            sql.SQL("SELECT * FROM {}").format(sql.Identifier("ledger", name))
        ).fetchall()
        assert found, name


# account_balances


def test_account_balances_agree_with_balance(tx: Connection, clock: Clock) -> None:
    same = (
        *("balance", "held", "available", "entry_count", "next_expiry_at", "next_expiry_amount"),
        *("next_allowance_at", "next_allowance_amount"),
    )
    for activity in activities(tx, clock):
        for account in view(tx, "account_balances"):
            now = call(tx, "balance", owner_id=account["owner_id"], asset=account["asset"])
            assert (activity, columns([account], *same)) == (activity, columns([now], *same))


def test_account_balances_show_floor_freeze_and_last_entry(tx: Connection, clock: Clock) -> None:
    fill(tx, clock)
    (erik,) = view(tx, "account_balances", "owner_id = 'erik'")
    frozen_at = scalar(
        tx,
        "SELECT max(acted_at) FROM ledger.operator_actions"
        " WHERE owner_id = 'erik' AND action = 'freeze_account'",
    )
    last = scalar(tx, "SELECT max(recorded_at) FROM ledger.entries WHERE owner_id = 'erik'")
    assert (erik["min_balance"], erik["frozen_at"], erik["last_entry_at"]) == (-90, frozen_at, last)
    call(tx, "freeze_account", owner_id="nobody", actor="Ann", reason="x")
    (nobody,) = view(tx, "account_balances", "owner_id = 'nobody'")
    assert columns([nobody], "balance", "entry_count", "last_entry_at") == [(0, 0, None)]


def test_account_balances_count_expiries_that_are_not_posted(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    record(tx, amount=5, expires_at=clock.ahead(hours=3))
    place(tx, 2, expires_in="2 hours")
    clock.forward(hours=1)
    (now,) = view(tx, "account_balances")
    assert columns([now], "balance", "held", "available", "next_expiry_amount") == [(7, 2, 5, 5)]
    clock.forward(hours=9)
    (now,) = view(tx, "account_balances")
    assert columns([now], "balance", "held", "available", "next_expiry_at") == [(0, 0, 0, None)]


# entry_journal


def test_journal_has_every_entry_with_a_running_balance(tx: Connection, clock: Clock) -> None:
    fill(tx, clock)
    journal = view(tx, "entry_journal")
    assert len(journal) == scalar(tx, "SELECT count(*) FROM ledger.entries")
    running: dict[tuple[str, str], int] = {}
    for entry in journal:
        account = entry["owner_id"], entry["asset"]
        running[account] = running.get(account, 0) + entry["amount"]
        assert entry["balance_after"] == running[account]
    posted = tx.execute("SELECT owner_id, asset, balance FROM ledger.accounts").fetchall()
    assert running == {(owner_id, asset): amount for owner_id, asset, amount in posted if amount}


def test_journal_shows_reversed_amounts_and_originals(tx: Connection) -> None:
    record(tx, amount=10, nonce="bought")
    spend(tx, 4, nonce="spent")
    reverse(tx, "bought", 2)
    reverse(tx, "bought", 3)
    reverse(tx, "spent")
    assert columns(view(tx, "entry_journal"), "amount", "reverses_seq", "reversed_amount") == [
        (10, None, 5),
        (-4, None, 4),
        (-2, 1, 0),
        (-3, 1, 0),
        (4, 2, 0),
    ]


def test_journal_shows_the_hash_of_the_account_last(tx: Connection) -> None:
    record(tx)
    record(tx)
    head = scalar(tx, "SELECT encode(head_hash, 'hex') FROM ledger.accounts")
    assert view(tx, "entry_journal")[-1]["hash"] == head


# open_holds


def test_open_holds_are_those_that_reserve_credits(tx: Connection) -> None:
    record(tx, amount=100)
    place(tx, 10, nonce="whole", metadata={"job": 1})
    place(tx, 10, nonce="partly")
    place(tx, 10, nonce="done")
    place(tx, 10, nonce="released")
    capture(tx, "partly", 4, final=False)
    capture(tx, "done")
    release(tx, "released")
    found = view(tx, "open_holds", order="nonce")
    assert columns(found, "nonce", "amount", "captured", "remaining") == [
        ("partly", 10, 4, 6),
        ("whole", 10, 0, 10),
    ]
    assert sum(hold["remaining"] for hold in found) == call(tx, "balance", owner_id="alice")["held"]
    assert found[1]["metadata"] == {"job": 1}


def test_expired_hold_is_not_open_before_it_is_posted(tx: Connection) -> None:
    record(tx, amount=10)
    place(tx, 10, nonce="over")
    tx.execute("UPDATE ledger.holds SET expires_at = statement_timestamp()")
    assert view(tx, "open_holds") == []


# app_usage


def test_usage_counts_entries_and_owners_per_app_operation_and_day(
    tx: Connection, clock: Clock
) -> None:
    clock.set("2030-03-01T23:59:59.999999Z")
    record(tx, amount=5)
    record(tx, amount=6, owner_id="bob")
    record(tx, amount=7, owner_id="bob", app="app2")
    clock.forward(microseconds=1)
    spend(tx, 2)
    spend(tx, 1)
    tx.execute("SET LOCAL TimeZone = 'Asia/Kathmandu'")
    found = view(tx, "app_usage", order="day, app, operation")
    names = ("day", "app", "operation", "asset", "entry_count", "owners", "amount")
    assert columns(found, *names) == [
        (date(2030, 3, 1), "app1", "CREDIT_ADD", "CREDIT", 2, 2, 11),
        (date(2030, 3, 1), "app2", "CREDIT_ADD", "CREDIT", 1, 1, 7),
        (date(2030, 3, 2), "app1", "CREDIT_SPEND", "CREDIT", 2, 1, -3),
    ]


def test_usage_adds_up_to_the_balances(tx: Connection, clock: Clock) -> None:
    fill(tx, clock)
    used = scalar(tx, "SELECT sum(amount) FROM ledger.app_usage WHERE asset = 'CREDIT'")
    stood = scalar(tx, "SELECT sum(balance) FROM ledger.accounts WHERE asset = 'CREDIT'")
    assert used == stood


# operation_sets and operation_prices


def test_sets_show_the_rule_in_force_for_each_app(tx: Connection) -> None:
    call(
        tx,
        "allow_operation",
        app="app1",
        operation="CREDIT_ADD",
        default_amount=7,
        max_amount=50,
    )
    found = view(tx, "operation_sets", "operation = 'CREDIT_ADD'")
    assert columns(found, "app", "default_amount", "min_amount", "max_amount", "shared") == [
        ("app1", 7, 1, 50, True),
        ("app2", 10, 1, 10**9, True),
    ]


def test_sets_of_all_apps_have_the_shared_operations(tx: Connection) -> None:
    call(tx, "register_app", app="app3", description="Third")
    found = view(tx, "operation_sets", "app = 'app3'")
    assert columns(found, "operation") == [
        ("CREDIT_ADD",),
        ("CREDIT_SPEND",),
        ("DAILY_REWARD",),
        ("SIGNUP_CREDIT",),
    ]


def test_price_at_a_time_is_found_by_the_period(tx: Connection) -> None:
    for amount in (5, 6, 7):
        call(tx, "define_operation", operation="PRICED", description="x", default_amount=amount)
    first, second, third = view(tx, "operation_prices", "operation = 'PRICED'", "valid_from")
    assert [it["default_amount"] for it in (first, second, third)] == [5, 6, 7]
    assert first["valid_until"] == second["valid_from"]
    assert second["valid_until"] == third["valid_from"]
    assert third["valid_until"] is None
    for price in (first, second, third):
        of_that_time = scalar(
            tx,
            """
            SELECT default_amount FROM ledger.operation_prices
            WHERE operation = 'PRICED' AND app IS NULL
                AND valid_from <= %(at)s AND %(at)s < coalesce(valid_until, 'infinity')
            """.replace("%(at)s", f"'{price['valid_from'].isoformat()}'::timestamptz"),
        )
        assert of_that_time == price["default_amount"]


def test_price_of_an_app_has_a_history_of_its_own(tx: Connection) -> None:
    for amount in (7, 8):
        call(tx, "allow_operation", app="app1", operation="CREDIT_ADD", default_amount=amount)
    found = view(tx, "operation_prices", "operation = 'CREDIT_ADD' AND app = 'app1'", "valid_from")
    assert columns(found, "default_amount", "min_amount", "change") == [
        (None, None, "allowed"),
        (7, None, "allowed"),
        (8, None, "allowed"),
    ]
    assert [it["valid_until"] is None for it in found] == [False, False, True]
    assert {it["changed_by"] for it in found} == {tx.info.user}


def test_retirement_is_in_the_history_of_prices(tx: Connection) -> None:
    call(tx, "retire_operation", operation="CONTENT_ACCESS")
    found = view(tx, "operation_prices", "operation = 'CONTENT_ACCESS' AND app IS NULL")
    assert sorted(columns(found, "change")) == [("defined",), ("retired",)]


# app_prices


def prices(conn: Connection, operation: str, app: str = "app1") -> list[tuple[Any, ...]]:
    """Read the prices of an operation in an app over time, and check that periods have no gaps."""
    where = f"operation = '{operation}' AND app = '{app}'"
    found = view(conn, "app_prices", where, "valid_from")
    for one, following in itertools.pairwise(found):
        assert one["valid_until"] == following["valid_from"] > one["valid_from"]
    assert found[-1]["valid_until"] is None
    return columns(found, "default_amount", "min_amount", "max_amount")


def define_priced(conn: Connection, *amounts: int) -> None:
    for amount in amounts:
        call(conn, "define_operation", operation="PRICED", description="x", default_amount=amount)


def test_price_of_an_app_follows_that_of_the_operation(tx: Connection) -> None:
    define_priced(tx, -5)
    call(tx, "allow_operation", app="app1", operation="PRICED")
    define_priced(tx, -6, -7)
    assert prices(tx, "PRICED") == [(-5, -5, -5), (-6, -6, -6), (-7, -7, -7)]


def test_price_of_an_app_is_its_own_while_it_has_one(tx: Connection) -> None:
    allow = {"app": "app1", "operation": "CREDIT_ADD"}
    call(tx, "allow_operation", **allow, default_amount=7, max_amount=50)
    shared = {"description": "x", "shared": True, "min_amount": 1, "max_amount": 99}
    call(tx, "define_operation", operation="CREDIT_ADD", default_amount=20, **shared)
    call(tx, "allow_operation", **allow)
    assert prices(tx, "CREDIT_ADD") == [(10, 1, 10**9), (7, 1, 50), (7, 1, 50), (20, 1, 99)]
    assert prices(tx, "CREDIT_ADD", "app2") == [(10, 1, 10**9), (20, 1, 99)]


def test_current_price_is_that_of_the_set(tx: Connection, clock: Clock) -> None:
    fill(tx, clock)
    names = ("app", "operation", "default_amount", "min_amount", "max_amount")
    now = columns(view(tx, "app_prices", "valid_until IS NULL", "app, operation"), *names)
    order = "app, operation"
    assert now == columns(view(tx, "operation_sets", "retired_at IS NULL", order), *names)


def test_operation_has_no_price_while_it_is_retired(tx: Connection) -> None:
    define_priced(tx, -5)
    call(tx, "allow_operation", app="app1", operation="PRICED")
    call(tx, "retire_operation", operation="PRICED")
    (before,) = view(tx, "app_prices", "operation = 'PRICED'")
    assert before["valid_until"] is not None
    define_priced(tx, -5)
    before, after = view(tx, "app_prices", "operation = 'PRICED'", "valid_from")
    assert before["valid_until"] < after["valid_from"]


# role_rights


def rights(conn: Connection, role: Connection) -> list[tuple[Any, ...]]:
    """Read the rights of a connection's role."""
    found = view(conn, "role_rights", f"role_name = '{role.info.user}'")
    return columns(found, "records_for", "audits", "operates", "writes_tables")


def test_rights_of_a_service_are_the_apps_that_it_is_bound_to(
    log_in: LogIn, conn: Connection
) -> None:
    assert rights(conn, log_in("app1")) == [(["app1"], False, False, False)]
    assert rights(conn, log_in("app2", "app1")) == [(["app1", "app2"], False, False, False)]


def test_rights_of_auditor_operator_and_owner(log_in: LogIn, conn: Connection) -> None:
    assert rights(conn, log_in(member_of="ledger_auditor")) == [([], True, False, False)]
    assert rights(conn, log_in(member_of="ledger_operator")) == [([], True, True, False)]
    assert rights(conn, conn) == [(["app1", "app2"], True, True, True)]


def test_login_without_rights_is_not_listed(log_in: LogIn, conn: Connection) -> None:
    assert rights(conn, log_in()) == []
    assert rights(conn, log_in(member_of="ledger_app")) == []


def test_bound_role_that_is_no_longer_a_member_has_no_rights(
    log_in: LogIn, conn: Connection
) -> None:
    app1 = log_in("app1")
    conn.execute(sql.SQL("REVOKE ledger_app FROM {}").format(sql.Identifier(app1.info.user)))
    assert rights(conn, app1) == []


def test_rights_of_a_role_include_those_of_roles_it_can_become(
    log_in: LogIn, conn: Connection
) -> None:
    app1, person = log_in("app1"), log_in()
    names = [sql.Identifier(role.info.user) for role in (app1, person)]
    conn.execute(sql.SQL("GRANT {} TO {}").format(*names))
    assert rights(conn, person) == [(["app1"], False, False, False)]
    person.execute(sql.SQL("SET ROLE {}").format(names[0]))
    assert record(person)["seq"] == 1


@pytest.mark.parametrize("privilege", ["DELETE", "UPDATE (amount)"])
def test_direct_write_privilege_on_a_table_is_listed(
    log_in: LogIn, conn: Connection, privilege: str
) -> None:
    stranger = log_in()
    grant = sql.SQL("GRANT {} ON ledger.lots TO {}")
    conn.execute(grant.format(sql.SQL(privilege), sql.Identifier(stranger.info.user)))
    assert rights(conn, stranger) == [([], False, False, True)]


# trial_balance

PARTS = (
    "issued",
    "carried_over",
    "spent",
    "expired",
    "forfeited",
    "reversed",
    "adjusted",
    "transferred",
)


def test_trial_balance_groups_movements_and_ties_to_the_balances(
    tx: Connection, clock: Clock
) -> None:
    record(tx, amount=100, nonce="bought")
    record(tx, amount=8, expires_at=clock.ahead(hours=1))
    spend(tx, 3, nonce="spent")
    spend(tx, 20)
    reverse(tx, "bought", 10)
    reverse(tx, "spent", 2)
    adjust(tx, -4)
    adjust(tx, 1)
    place(tx, 6)
    clock.forward(hours=2)
    call(tx, "expire_credits")
    (found,) = view(tx, "trial_balance", order="1")
    assert found == {
        "asset": "CREDIT",
        "issued": 108,
        "carried_over": 0,
        "spent": -23,
        "expired": found["expired"],
        "forfeited": 0,
        "transferred": 0,
        "reversed": -8,
        "adjusted": -3,
        "total": balance(tx),
        "balances": balance(tx),
        "held": 0,
        "ties": True,
    }
    assert sum(found[part] for part in PARTS) == found["total"]


def test_trial_balance_of_full_books_ties_with_a_line_per_asset(
    tx: Connection, clock: Clock
) -> None:
    for activity in activities(tx, clock):
        for found in view(tx, "trial_balance", order="1"):
            assert (activity, found["ties"]) == (activity, True)
            assert sum(found[part] for part in PARTS) == found["total"] == found["balances"]
    assert columns(view(tx, "trial_balance", order="1"), "asset") == [("CREDIT",), ("TOKEN",)]


def test_trial_balance_that_does_not_tie_is_marked(tx: Connection) -> None:
    record_batch(tx, [item(5, owner_id="alice"), item(6, owner_id="bob")])
    tx.execute("UPDATE ledger.accounts SET balance = balance + 1 WHERE owner_id = 'bob'")
    (found,) = view(tx, "trial_balance", order="1")
    assert columns([found], "total", "balances", "ties") == [(11, 12, False)]


def test_trial_balance_of_an_empty_ledger_is_empty(tx: Connection) -> None:
    assert view(tx, "trial_balance", order="1") == []


# error_codes


def test_error_codes_are_one_line_per_refusal(tx: Connection) -> None:
    found = view(tx, "error_codes", order="1")
    codes = [row["sqlstate"] for row in found]
    assert len(codes) == len(set(codes)) == len({row["code"] for row in found})
    assert all(code.startswith("LG") and len(code) == 5 for code in codes)
    assert all(400 <= row["http_status"] <= 503 for row in found)
    assert all(row["message"].endswith(".") and row["advice"].endswith(".") for row in found)
