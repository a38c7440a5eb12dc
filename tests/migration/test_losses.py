"""What a rollback loses is told before, and noted for ever."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_py.migrate import MigrationError, migrate, rollback
from ledger_py.migrate.losses import Loss
from tests.migration.projects import Files, small_project
from tests.sql.calls import Connection, record, rows, scalar
from tests.sql.lifecycle import place

HOLDS = "migrations/0007_proof_of_holds_and_bindings.sql"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return small_project(tmp_path)


def lost(url: str, files: Files | None = None) -> list[str]:
    """Roll the newest migration back; return what was told before."""
    told: list[str] = []

    def agree(_path: str, losses: Sequence[Loss]) -> None:
        told.extend(map(str, losses))

    rollback(url, project=files.project if files else None, agree=agree)
    return told


def noted(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(
            "SELECT migration, schema_name, table_name, column_name, dropped, row_count"
            " FROM ledger_core.losses ORDER BY loss_id"
        ).fetchall()


def test_deleted_rows_dropped_tables_and_columns_are_counted(empty_db: str, files: Files) -> None:
    files.migration(
        "toys_0001_things",
        """
        CREATE SCHEMA toys;
        CREATE TABLE toys."Full" (id integer, note text);
        CREATE TABLE toys.empty (id integer);
        ALTER TABLE ledger.things ADD COLUMN size integer, ADD COLUMN unused integer,
            ADD COLUMN renamed integer;
        INSERT INTO toys."Full" VALUES (1, NULL), (2, NULL);
        INSERT INTO ledger.things (thing, size, renamed)
        VALUES ('a', 1, 1), ('b', 2, 2), ('c', NULL, 3);
        """,
        undo="""
        DELETE FROM ledger.things WHERE thing = 'c';
        ALTER TABLE ledger.things DROP COLUMN size, DROP COLUMN unused;
        ALTER TABLE ledger.things RENAME COLUMN renamed TO of_another_name;
        DROP SCHEMA toys CASCADE;
        """,
        app="toys",
    )
    migrate(empty_db, project=files.project)

    told = lost(empty_db, files)

    path = "apps/toys/migrations/toys_0001_things.sql"
    assert told == [
        "2 values of ledger.things.size, with the column",
        "2 rows of toys.Full, with the table",
        "1 row of ledger.things",
    ]
    assert noted(empty_db) == [
        (path, "ledger", "things", "size", True, 2),
        (path, "toys", "Full", None, True, 2),
        (path, "ledger", "things", None, False, 1),
    ]


def test_rollback_that_is_not_agreed_to_changes_nothing(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)

    def refuse(_path: str, losses: Sequence[Loss]) -> None:
        raise MigrationError(f"not {losses[0]}")

    with pytest.raises(MigrationError, match="not 1 row of"):
        rollback(empty_db, project=files.project, agree=refuse)

    assert noted(empty_db) == []
    with psycopg.connect(empty_db) as conn:
        assert scalar(conn, "SELECT count(*) FROM ledger.things") == 1


def test_rows_that_come_while_it_is_asked_are_counted_too(empty_db: str, files: Files) -> None:
    files.migration(
        "toys_0001_things",
        "CREATE TABLE ledger.toys (id integer);",
        undo="DROP TABLE ledger.toys;",
        app="toys",
    )
    migrate(empty_db, project=files.project)

    def meanwhile(_path: str, losses: Sequence[Loss]) -> None:
        assert losses == []
        with psycopg.connect(empty_db) as conn:
            conn.execute("INSERT INTO ledger.toys VALUES (1)")

    rollback(empty_db, project=files.project, agree=meanwhile)

    assert [loss[2:] for loss in noted(empty_db)] == [("toys", None, True, 1)]


def test_waiting_for_the_answer_stops_nobody(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    asked, answered = threading.Event(), threading.Event()

    def agree(_path: str, _losses: Sequence[Loss]) -> None:
        asked.set()
        assert answered.wait(60)

    thread = threading.Thread(
        target=rollback, args=[empty_db], kwargs={"project": files.project, "agree": agree}
    )
    thread.start()
    try:
        assert asked.wait(60)
        with psycopg.connect(empty_db) as conn:
            conn.execute("SET lock_timeout = '10s'")
            conn.execute("LOCK TABLE ledger.things IN ACCESS EXCLUSIVE MODE")
            conn.execute("INSERT INTO ledger.things VALUES ('meanwhile')")
    finally:
        answered.set()
        thread.join()


def test_journal_that_a_rollback_drops_is_missed_by_verify_for_ever(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, amount=10)
    for number in range(3):
        place(conn, 1, nonce=f"hold-{number}")
    assert rows(conn, "verify") == []
    # As in a ledger that was upgraded: apps are older than what is newest, but for what needs it.
    conn.execute(
        "UPDATE ledger_core._yoyo_migration SET applied_at_utc = '2020-01-01'"
        " WHERE migration_id LIKE 'app%' AND migration_id <> 'app1_0003_gifts'"
    )
    told: dict[str, list[str]] = {}

    def agree(path: str, losses: Sequence[Loss]) -> None:
        told[path] = list(map(str, losses))

    while HOLDS not in told:
        rollback(ledger_db, agree=agree)
    for _ in range(2):
        migrate(ledger_db)

        found = [row for row in rows(conn, "verify") if row["problem"] == "lost in a rollback"]
        assert "3 rows of ledger.hold_events, with the table" in told[HOLDS]
        assert {row["found_in"] for row in found} >= {"hold_events", "operation_changes"}
        (events,) = (row for row in found if row["found_in"] == "hold_events")
        assert events["detail"].pop("lost_at")
        assert events["detail"] == {
            "rows": 3,
            "dropped": True,
            "migration": HOLDS,
            "lost_by": conn.info.user,
        }


def test_rollback_that_loses_none_of_the_books_leaves_them_right(
    ledger_db: str, conn: Connection
) -> None:
    """What an app's migration defines is in the journal of the catalogue, which stays."""
    record(conn)
    for _ in range(2):  # the later migrations of app2 change rules
        assert lost(ledger_db) == []
    assert "1 row of ledger.apps" in lost(ledger_db)
    migrate(ledger_db)
    assert rows(conn, "verify") == []
