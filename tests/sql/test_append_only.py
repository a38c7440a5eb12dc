"""The books are append-only for all roles, including the owner and superusers."""

from __future__ import annotations

import pytest
from psycopg import sql

from tests.sql.calls import Connection, fails, record, refused

# Tables whose rows are kept forever. The text after "may" is a change that the functions need.
NEVER_CHANGED = ["entries", "lot_movements", "operation_changes", "operator_actions"]
MAY_BE_UPDATED = ["accounts", "holds", "lots"]
MAY_BE_DELETED = ["claims"]


@pytest.mark.parametrize("table", NEVER_CHANGED + MAY_BE_DELETED)
def test_rows_cannot_be_updated(tx: Connection, table: str) -> None:
    record(tx, operation="SIGNUP_CREDIT", expires_at="2099-01-01T00:00:00Z")
    column = tx.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attname = ANY(%s)",
        [f"ledger.{table}", ["owner_id", "operation"]],
    ).fetchone()
    assert column is not None
    update = sql.SQL("UPDATE {} SET {column} = {column}").format(
        sql.Identifier("ledger", table), column=sql.Identifier(column[0])
    )
    with refused(tx, "LG901") as refusal:
        tx.execute(update)
    assert refusal.detail["attempted"] == "update"


@pytest.mark.parametrize("table", NEVER_CHANGED + MAY_BE_UPDATED)
def test_rows_cannot_be_deleted(tx: Connection, table: str) -> None:
    record(tx)
    with refused(tx, "LG901") as refusal:
        tx.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("ledger", table)))
    assert refusal.detail["attempted"] == "delete"


@pytest.mark.parametrize("cascade", ["", "CASCADE"])
@pytest.mark.parametrize("table", NEVER_CHANGED + MAY_BE_UPDATED + MAY_BE_DELETED)
def test_tables_cannot_be_truncated(tx: Connection, table: str, cascade: str) -> None:
    record(tx)
    truncate = sql.SQL("TRUNCATE {} ").format(sql.Identifier("ledger", table))
    with refused(tx, "LG901") as refusal:
        tx.execute(truncate + sql.SQL(cascade))
    assert refusal.detail["attempted"] == "truncate"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.entries SET amount = 1000",
        "DELETE FROM ledger.entries",
        "TRUNCATE ledger.entries",
    ],
)
def test_rows_cannot_be_changed_with_the_replication_role(tx: Connection, statement: str) -> None:
    record(tx)
    tx.execute("SET LOCAL session_replication_role = replica")
    with refused(tx, "LG901"):
        tx.execute(statement.encode())


def test_rows_cannot_be_changed_by_upsert(tx: Connection) -> None:
    record(tx)
    with refused(tx, "LG901"):
        tx.execute(
            "INSERT INTO ledger.entries SELECT * FROM ledger.entries "
            "ON CONFLICT (owner_id, asset, seq) DO UPDATE SET amount = 1000"
        )


def test_rows_cannot_be_changed_by_merge(tx: Connection) -> None:
    record(tx)
    with refused(tx, "LG901"):
        tx.execute(
            "MERGE INTO ledger.entries USING (VALUES ('alice')) AS them (owner_id) "
            "ON entries.owner_id = them.owner_id WHEN MATCHED THEN DELETE"
        )


@pytest.mark.parametrize("table", ["apps", "operations", "app_operations"])
def test_catalogue_cannot_be_truncated(tx: Connection, table: str) -> None:
    """TRUNCATE fires neither row triggers nor constraint triggers."""
    record(tx)
    truncate = sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier("ledger", table))
    with fails(tx, "LG901"):
        tx.execute(truncate)


@pytest.mark.parametrize(
    "change",
    [
        "balance = balance + 1, min_balance = -100, held = 200",
        "balance = 9007199254740992",
        "held = -1",
        "min_balance = 1",
        "balance = -1",
    ],
)
def test_check_constraints_repeat_the_guarantees_of_the_functions(
    tx: Connection, change: str
) -> None:
    record(tx)
    with fails(tx, "23514"):
        tx.execute(f"UPDATE ledger.accounts SET {change}".encode())
