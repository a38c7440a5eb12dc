"""Triggers keep the catalogue consistent at commit, for writes of any role and kind."""

from __future__ import annotations

import pytest

from tests.sql.calls import Connection, call, record, refused, scalar

INSERT_SHARED = """
    INSERT INTO ledger.operations (operation, description, shared, min_amount, max_amount)
    VALUES ('BONUS', 'A bonus', true, 5, 5)
"""
GIVE_TO_ALL = """
    INSERT INTO ledger.app_operations (app, operation) SELECT app, 'BONUS' FROM ledger.apps
"""


# LG902: every app has every shared operation


@pytest.mark.parametrize(
    ("change", "app", "operation"),
    [
        (
            "DELETE FROM ledger.app_operations WHERE app = 'app1' AND operation = 'CREDIT_ADD'",
            "app1",
            "CREDIT_ADD",
        ),
        (
            "UPDATE ledger.app_operations SET operation = 'TOKENS_USED' "
            "WHERE app = 'app1' AND operation = 'CREDIT_ADD'",
            "app1",
            "CREDIT_ADD",
        ),
        (
            "INSERT INTO ledger.apps (app, description) VALUES ('app3', 'Third')",
            "app3",
            "CREDIT_ADD",
        ),
        (INSERT_SHARED, "app1", "BONUS"),
        (
            "UPDATE ledger.operations SET shared = true WHERE operation = 'TOKENS_USED'",
            "app1",
            "TOKENS_USED",
        ),
    ],
    ids=["taken from an app", "renamed", "new app", "new shared operation", "becomes shared"],
)
def test_commit_is_refused_while_an_app_lacks_a_shared_operation(
    conn: Connection, change: str, app: str, operation: str
) -> None:
    with refused(conn, "LG902") as refusal:
        conn.execute(change.encode())
    assert refusal.detail == {"app": app, "operation": operation}


def test_sets_must_be_complete_only_at_commit(conn: Connection) -> None:
    with conn.transaction():
        conn.execute(INSERT_SHARED)
        conn.execute(GIVE_TO_ALL)
    assert scalar(conn, "SELECT count(*) FROM ledger.app_operations WHERE operation = 'BONUS'") == 2


def test_operation_no_longer_shared_can_be_removed_from_an_app(conn: Connection) -> None:
    with conn.transaction():
        conn.execute("UPDATE ledger.operations SET shared = false WHERE operation = 'CREDIT_ADD'")
        conn.execute("DELETE FROM ledger.app_operations WHERE operation = 'CREDIT_ADD'")
    assert scalar(conn, "SELECT count(*) FROM ledger.app_operations WHERE app = 'app1'") == 7


def test_replication_role_does_not_disable_the_checks(conn: Connection) -> None:
    with refused(conn, "LG902"):
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute(INSERT_SHARED)


# LG903: rows that entries refer to cannot be changed


@pytest.mark.parametrize(
    ("change", "attempted"),
    [
        ("DELETE FROM ledger.operations WHERE operation = 'CONTENT_ACCESS'", "delete"),
        (
            "UPDATE ledger.operations SET operation = 'OTHER' WHERE operation = 'CONTENT_ACCESS'",
            "update",
        ),
        (
            "UPDATE ledger.operations SET asset = 'STAR' WHERE operation = 'CONTENT_ACCESS'",
            "update",
        ),
        ("DELETE FROM ledger.app_operations WHERE operation = 'CONTENT_ACCESS'", "delete"),
        (
            "UPDATE ledger.app_operations SET app = 'app2' WHERE operation = 'CONTENT_ACCESS'",
            "update",
        ),
        ("DELETE FROM ledger.apps WHERE app = 'app1'", "delete"),
        ("UPDATE ledger.apps SET app = 'app0' WHERE app = 'app1'", "update"),
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_referenced_catalogue_rows_cannot_be_deleted_or_renamed(
    tx: Connection, change: str, attempted: str, role: str
) -> None:
    record(tx, operation="CONTENT_ACCESS")
    with refused(tx, "LG903") as refusal:
        tx.execute(f"SET LOCAL session_replication_role = {role}".encode())
        tx.execute(change.encode())
    assert refusal.detail["attempted"] == attempted


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM ledger.operations WHERE operation = 'CONTENT_CREATION'",
        "UPDATE ledger.operations SET asset = 'STAR' WHERE operation = 'CONTENT_CREATION'",
        "DELETE FROM ledger.app_operations WHERE operation = 'CONTENT_CREATION'",
    ],
)
def test_catalogue_rows_of_a_hold_cannot_be_deleted_or_renamed(tx: Connection, change: str) -> None:
    record(tx, amount=10)
    call(
        tx,
        "place_hold",
        app="app1",
        owner_id="alice",
        operation="CONTENT_CREATION",
        nonce="h",
        amount=5,
    )
    with refused(tx, "LG903"):
        tx.execute(change.encode())


def test_function_cannot_move_a_used_operation_to_another_asset(tx: Connection) -> None:
    record(tx, operation="CONTENT_ACCESS")
    with refused(tx, "LG903"):
        call(
            tx,
            "define_operation",
            operation="CONTENT_ACCESS",
            description="Reading",
            default_amount=0,
            asset="STAR",
        )


def test_used_operation_can_get_another_price(tx: Connection) -> None:
    record(tx, operation="CONTENT_ACCESS")
    call(
        tx, "define_operation", operation="CONTENT_ACCESS", description="Reading", default_amount=-1
    )
    assert (
        scalar(
            tx, "SELECT default_amount FROM ledger.operations WHERE operation = 'CONTENT_ACCESS'"
        )
        == -1
    )


def test_unused_operation_can_be_deleted(conn: Connection) -> None:
    with conn.transaction():
        conn.execute("DELETE FROM ledger.app_operations WHERE operation = 'CONTENT_ACCESS'")
        conn.execute("DELETE FROM ledger.operations WHERE operation = 'CONTENT_ACCESS'")
    assert scalar(conn, "SELECT count(*) FROM ledger.app_operations WHERE app = 'app1'") == 7


def test_operation_used_by_one_app_can_be_taken_from_another(conn: Connection) -> None:
    call(conn, "allow_operation", app="app2", operation="CONTENT_ACCESS")
    record(conn, app="app1", operation="CONTENT_ACCESS")
    conn.execute(
        "DELETE FROM ledger.app_operations WHERE app = 'app2' AND operation = 'CONTENT_ACCESS'"
    )
    with refused(conn, "LG903"):
        conn.execute("DELETE FROM ledger.app_operations WHERE operation = 'CONTENT_ACCESS'")


# LG904: the app's rule lies within the operation's


@pytest.mark.parametrize(
    "bounds",
    [
        {"min_amount": 0},
        {"max_amount": 1_000_000_001},
        {"min_amount": 20},
        {"max_amount": 9},
        {"default_amount": 0},
        {"min_amount": 5, "max_amount": 4, "default_amount": 5},
        {"min_amount": 5, "max_amount": 6, "default_amount": 7},
    ],
    ids=str,
)
def test_rule_of_an_app_lies_within_that_of_the_operation(
    conn: Connection, bounds: dict[str, int]
) -> None:
    with refused(conn, "LG904") as refusal:
        call(conn, "allow_operation", app="app1", operation="CREDIT_ADD", **bounds)
    assert refusal.detail == {"app": "app1", "operation": "CREDIT_ADD"}


def narrow_the_operation(conn: Connection) -> None:
    call(
        conn,
        "define_operation",
        operation="CREDIT_ADD",
        description="Credits",
        shared=True,
        default_amount=10,
        min_amount=1,
        max_amount=49,
    )


def test_operation_cannot_become_narrower_than_the_rule_of_an_app(conn: Connection) -> None:
    call(conn, "allow_operation", app="app1", operation="CREDIT_ADD", max_amount=50)
    with refused(conn, "LG904"):
        narrow_the_operation(conn)


def test_operation_and_rule_of_an_app_can_be_narrowed_together(conn: Connection) -> None:
    call(conn, "allow_operation", app="app1", operation="CREDIT_ADD", max_amount=50)
    with conn.transaction():
        narrow_the_operation(conn)
        call(conn, "allow_operation", app="app1", operation="CREDIT_ADD", max_amount=40)
    with refused(conn, "LG002"):
        record(conn, amount=41)
