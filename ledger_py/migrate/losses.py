"""What a rollback loses: rows that it deletes, tables and columns that it drops.

It is told before, and noted in a table that outlives the migrations, which `ledger.verify` reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import psycopg
from psycopg import sql

from ledger_py.migrate import steps
from ledger_py.migrate.database import Connection, scalar
from ledger_py.wording import counted

AnyConnection: TypeAlias = psycopg.Connection[Any]

_TABLE: Final = "ledger_core.losses"
_CREATE: Final = (
    """
    CREATE TABLE ledger_core.losses (
        loss_id bigint NOT NULL,
        lost_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        lost_by text COLLATE "C" NOT NULL DEFAULT session_user,
        migration text COLLATE "C" NOT NULL,
        schema_name text COLLATE "C" NOT NULL,
        table_name text COLLATE "C" NOT NULL,
        column_name text COLLATE "C",
        dropped boolean NOT NULL,
        row_count bigint NOT NULL,
        CONSTRAINT losses_pkey PRIMARY KEY (loss_id)
    )
    """,
    """
    COMMENT ON TABLE ledger_core.losses IS
    'What rollbacks have lost. No migration creates this table, so no rollback drops it.'
    """,
    "COMMENT ON COLUMN ledger_core.losses.lost_by IS 'The login that rolled back.'",
    "COMMENT ON COLUMN ledger_core.losses.migration IS 'The file that was rolled back.'",
    "COMMENT ON COLUMN ledger_core.losses.column_name IS 'Null: whole rows.'",
    "COMMENT ON COLUMN ledger_core.losses.dropped IS 'True: with the table or column itself.'",
    "COMMENT ON COLUMN ledger_core.losses.row_count IS 'Rows, or values that were not null.'",
)
# Not from a sequence, whose state logical replication does not take along.
_NOTE: Final = """
    INSERT INTO ledger_core.losses
        (loss_id, migration, schema_name, table_name, column_name, dropped, row_count)
    SELECT coalesce(max(loss_id), 0) + 1, %s, %s, %s, %s, %s, %s FROM ledger_core.losses
"""

# By number: a column that is renamed keeps it.
_STRUCTURE: Final = """
    SELECT tables.oid, schemas.nspname, tables.relname, columns.attnum, columns.attname
    FROM pg_catalog.pg_class AS tables
    INNER JOIN pg_catalog.pg_namespace AS schemas ON tables.relnamespace = schemas.oid
    INNER JOIN pg_catalog.pg_attribute AS columns ON columns.attrelid = tables.oid
    WHERE tables.relkind IN ('r', 'p', 'm') AND columns.attnum > 0 AND NOT columns.attisdropped
        AND schemas.nspname <> 'information_schema' AND schemas.nspname !~ '^pg_'
"""
_DELETED: Final = """
    SELECT schemaname, relname, n_tup_del
    FROM pg_catalog.pg_stat_xact_user_tables
    WHERE n_tup_del > 0
    ORDER BY schemaname, relname
"""


class Loss(msgspec.Struct, frozen=True, order=True):
    """Rows of a table, or values of a column, that are lost."""

    schema: str
    table: str
    column: str | None = None
    """None: whole rows."""
    dropped: bool = False
    """True: with the table or column itself."""
    rows: int = 0
    """The number of rows, or of values that are not null."""

    def __str__(self) -> str:
        table = f"{self.schema}.{self.table}"
        if self.column is not None:
            return f"{counted(self.rows, 'value')} of {table}.{self.column}, with the column"
        return f"{counted(self.rows, 'row')} of {table}{', with the table' * self.dropped}"


def prepare_losses(conn: Connection) -> None:
    """Create the table if it does not exist."""
    if scalar(conn, "SELECT to_regclass(%s)", [_TABLE]) is None:
        with steps.transaction(conn):
            for statement in _CREATE:
                conn.execute(statement)


def undo(conn: AnyConnection, roll_back: Callable[[], object]) -> tuple[list[Loss], list[Loss]]:
    """Roll something back and see what it takes along.

    Args:
        conn: A connection in a transaction that has deleted nothing yet.
        roll_back: Rolls back, on this connection.

    Returns:
        The tables and columns that were dropped, not counted; and the rows that were deleted.
    """
    before = _structure(conn)
    roll_back()
    after = _structure(conn)
    dropped = [Loss(*before[table][0], dropped=True) for table in before.keys() - after.keys()] + [
        Loss(*name, columns[number], dropped=True)
        for table, (name, columns) in before.items()
        if table in after
        for number in columns.keys() - after[table][1].keys()
    ]
    deleted = conn.execute(_DELETED).fetchall()
    return sorted(dropped), [Loss(schema, table, rows=rows) for schema, table, rows in deleted]


def lock(conn: AnyConnection, dropped: Iterable[Loss]) -> None:
    """Let nobody add rows to tables that will be dropped, so that they can be counted."""
    for loss in dropped:
        if loss.column is None:
            table = sql.Identifier(loss.schema, loss.table)
            conn.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(table))


def count(conn: AnyConnection, dropped: Iterable[Loss]) -> list[Loss]:
    """Count what is in tables and columns that will be dropped.

    Returns:
        Those that are not empty.
    """
    found = []
    for loss in dropped:
        what = sql.SQL("*") if loss.column is None else sql.Identifier(loss.column)
        table = sql.Identifier(loss.schema, loss.table)
        row = conn.execute(sql.SQL("SELECT count({}) FROM {}").format(what, table)).fetchone()
        rows = row[0] if row else 0
        if rows:
            found.append(msgspec.structs.replace(loss, rows=rows))
    return found


def note(conn: AnyConnection, migration: str, lost: Sequence[Loss]) -> None:
    """Note what a rollback has lost, in its transaction."""
    for loss in lost:
        conn.execute(
            _NOTE, [migration, loss.schema, loss.table, loss.column, loss.dropped, loss.rows]
        )


def _structure(conn: AnyConnection) -> dict[int, tuple[tuple[str, str], dict[int, str]]]:
    found: dict[int, tuple[tuple[str, str], dict[int, str]]] = {}
    for table, schema, name, number, column in conn.execute(_STRUCTURE).fetchall():
        found.setdefault(table, ((schema, name), {}))[1][number] = column
    return found
