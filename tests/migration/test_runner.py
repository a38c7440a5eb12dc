"""`migrate`, `status` and `rollback`, with small projects on an empty database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_py.migrate import FileState, MigrationError, migrate, rollback, status
from tests.migration.catalogue import catalogue
from tests.migration.projects import Files, small_project


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return small_project(tmp_path)


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(query).fetchall()


def states(url: str, files: Files) -> dict[str, str]:
    return {file.path: file.state.value for file in status(url, project=files.project)}


def test_order_is_core_code_apps(empty_db: str, files: Files) -> None:
    done: list[str] = []

    migrate(empty_db, project=files.project, report=done.append)

    assert done == [
        "migrations/0001_schema.sql applied",
        "sql/ loaded (1 file)",
        "apps/toys/migrations/toys_0001_things.sql applied",
    ]
    assert rows(empty_db, "SELECT ledger.count_things(), thing FROM ledger.things") == [
        (1, "toy; 100 % :fun")
    ]


def test_bookkeeping_is_in_ledger_core(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)

    assert rows(
        empty_db,
        "SELECT DISTINCT table_schema FROM information_schema.tables"
        " WHERE table_name LIKE '%yoyo%' OR table_name = 'installed_files'",
    ) == [("ledger_core",)]


def test_second_run_changes_nothing(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    before = (catalogue(empty_db), status(empty_db, project=files.project))
    done: list[str] = []

    migrate(empty_db, project=files.project, report=done.append)

    assert done == []
    assert (catalogue(empty_db), status(empty_db, project=files.project)) == before


def test_rows_of_a_migration_are_not_printed(
    empty_db: str, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    files.migration("0002_more", "SELECT 'noise';", depends="0001_schema")

    migrate(empty_db, project=files.project)

    assert capsys.readouterr() == ("", "")


def test_raised_notice_is_reported(empty_db: str, files: Files) -> None:
    files.code("privileges/roles", "DO $$ BEGIN RAISE NOTICE 'a role is missing'; END $$;")
    done: list[str] = []

    migrate(empty_db, project=files.project, report=done.append)

    assert "NOTICE: a role is missing" in done


def test_failed_migration_is_rolled_back_and_named(empty_db: str, files: Files) -> None:
    files.migration(
        "0002_more",
        "CREATE TABLE ledger.more (id integer);\n\nINSERT INTO ledger.more\nVALUES ('x');",
        depends="0001_schema",
    )

    with pytest.raises(MigrationError) as failed:
        migrate(empty_db, project=files.project)

    assert str(failed.value).splitlines() == [
        "migrations/0002_more.sql, line 7: "
        'invalid input syntax for type integer: "x" (SQLSTATE 22P02)',
        "  statement: INSERT INTO ledger.more VALUES ('x');",
    ]
    assert states(empty_db, files) == {
        "migrations/0001_schema.sql": "applied",
        "migrations/0002_more.sql": "pending",
        "sql/": "pending",
        "apps/toys/migrations/toys_0001_things.sql": "pending",
    }
    assert rows(empty_db, "SELECT to_regclass('ledger.more')") == [(None,)]


def test_password_in_a_statement_that_fails_is_not_repeated(empty_db: str, files: Files) -> None:
    statement = "CREATE ROLE pg_of_the_service LOGIN PASSWORD 'se''same; open' VALID UNTIL 'never';"
    files.migration("0002_login", statement, depends="0001_schema")

    with pytest.raises(MigrationError) as failed:
        migrate(empty_db, project=files.project)

    assert "statement: CREATE ROLE pg_of_the_service LOGIN PASSWORD '...' VALID" in str(
        failed.value
    )
    assert "same" not in str(failed.value)


def test_fixed_migration_is_applied(empty_db: str, files: Files) -> None:
    files.migration("0002_more", "SELECT 1 / 0;", depends="0001_schema")
    with pytest.raises(MigrationError, match="division by zero"):
        migrate(empty_db, project=files.project)
    files.migration("0002_more", "SELECT 1;", depends="0001_schema")

    migrate(empty_db, project=files.project)

    assert set(states(empty_db, files).values()) == {"applied"}


def test_migration_that_fails_at_commit_leaves_no_trace(empty_db: str, files: Files) -> None:
    files.migration(
        "0002_more",
        "ALTER TABLE ledger.things ADD COLUMN parent text"
        " REFERENCES ledger.things (thing) DEFERRABLE INITIALLY DEFERRED;\n"
        "INSERT INTO ledger.things VALUES ('orphan', 'nobody');",
        depends="0001_schema",
    )

    with pytest.raises(MigrationError, match=r"0002_more.sql.*violates foreign key"):
        migrate(empty_db, project=files.project)

    assert rows(empty_db, "SELECT * FROM ledger.things") == []
    assert states(empty_db, files)["migrations/0002_more.sql"] == "pending"


def test_failed_code_leaves_all_code_unchanged(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    before = catalogue(empty_db)
    files.code("functions/another", "CREATE FUNCTION ledger.f() RETURNS int RETURN 1;")
    files.code(
        "views/broken",
        "CREATE VIEW ledger.fine AS SELECT 'ž;' AS text;\n\n"
        "CREATE VIEW ledger.broken AS\nSELECT nothing FROM ledger.things;",
    )

    with pytest.raises(MigrationError, match=r"sql/views/broken.sql, line 4: .*nothing"):
        migrate(empty_db, project=files.project)

    assert catalogue(empty_db) == before
    assert states(empty_db, files)["sql/"] == "pending"


def test_names_in_code_need_a_schema(empty_db: str, files: Files) -> None:
    files.code("views/careless", "CREATE VIEW careless AS SELECT 1 AS one;")

    with pytest.raises(MigrationError, match=r"sql/views/careless.sql: permission denied"):
        migrate(empty_db, project=files.project)


def test_changed_code_is_pending_until_loaded(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    files.code(
        "functions/count_things",
        "CREATE OR REPLACE FUNCTION ledger.count_things() RETURNS bigint RETURN 42;",
    )
    assert states(empty_db, files)["sql/"] == "pending"

    migrate(empty_db, project=files.project)

    assert states(empty_db, files)["sql/"] == "applied"
    assert rows(empty_db, "SELECT ledger.count_things()") == [(42,)]


def test_edited_migration_is_shown_and_refused(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    files.migration("0001_schema", "CREATE SCHEMA ledger; -- edited")

    assert states(empty_db, files)["migrations/0001_schema.sql"] == "edited"
    with pytest.raises(MigrationError, match=r"Edited after .* migrations/0001_schema.sql"):
        migrate(empty_db, project=files.project)


def test_newer_database_is_shown_and_refused(empty_db: str, files: Files) -> None:
    path = files.migration("0002_more", "SELECT 1;", depends="0001_schema")
    migrate(empty_db, project=files.project)
    path.unlink()
    path.with_suffix(".rollback.sql").unlink()

    assert states(empty_db, files)["migrations/0002_more.sql"] == "missing"
    with pytest.raises(MigrationError, match=r"newer than these files.*0002_more.sql"):
        migrate(empty_db, project=files.project)


def test_missing_app_is_shown_and_left_alone(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    for path in (files.root / "apps/toys/migrations").iterdir():
        path.unlink()

    migrate(empty_db, project=files.project)

    missing = status(empty_db, project=files.project)[-1]
    assert (missing.path, missing.state) == (
        "apps/toys/migrations/toys_0001_things.sql",
        FileState.MISSING,
    )


def test_migration_can_opt_out_of_its_transaction(empty_db: str, files: Files) -> None:
    files.migration(
        "0002_index",
        "-- transactional: false\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON ledger.things (thing);",
        depends="0001_schema",
    )

    migrate(empty_db, project=files.project)

    assert states(empty_db, files)["migrations/0002_index.sql"] == "applied"
    assert rows(empty_db, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ledger.i'::regclass")


def test_checksum_lost_in_a_crash_is_restored(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    with psycopg.connect(empty_db) as conn:
        conn.execute("DELETE FROM ledger_core.installed_files WHERE path LIKE 'migrations/%'")

    migrate(empty_db, project=files.project)

    assert set(states(empty_db, files).values()) == {"applied"}


def test_lock_row_of_a_killed_process_is_removed(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    with psycopg.connect(empty_db) as conn:
        conn.execute("INSERT INTO ledger_core.yoyo_lock (locked, pid) VALUES (1, 1)")
    files.migration("0002_more", "SELECT 1;", depends="0001_schema")

    migrate(empty_db, project=files.project)

    assert rows(empty_db, "SELECT * FROM ledger_core.yoyo_lock") == []


def test_violated_rules_are_refused_before_any_change(empty_db: str, files: Files) -> None:
    files.migration("0002_more", "SELECT 1;", depends="")

    with pytest.raises(MigrationError, match="name the one before it"):
        migrate(empty_db, project=files.project)

    assert rows(empty_db, "SELECT to_regnamespace('ledger_core')") == [(None,)]


def test_everything_is_pending_in_an_empty_database(empty_db: str, files: Files) -> None:
    assert set(states(empty_db, files).values()) == {"pending"}


def test_rollback_undoes_the_newest_migration(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    done: list[str] = []

    rollback(empty_db, project=files.project, report=done.append)

    assert done == ["apps/toys/migrations/toys_0001_things.sql rolled back"]
    assert rows(empty_db, "SELECT * FROM ledger.things") == []
    assert states(empty_db, files)["apps/toys/migrations/toys_0001_things.sql"] == "pending"
    migrate(empty_db, project=files.project)
    assert len(rows(empty_db, "SELECT * FROM ledger.things")) == 1


def test_failed_rollback_changes_nothing_and_is_named(empty_db: str, files: Files) -> None:
    files.migration(
        "toys_0001_things",
        "INSERT INTO ledger.things VALUES ('toy');",
        undo="DELETE FROM ledger.things;\nDROP TABLE ledger.nothing;",
        app="toys",
    )
    migrate(empty_db, project=files.project)

    with pytest.raises(MigrationError, match=r"toys_0001_things.rollback.sql, line 2: .*nothing"):
        rollback(empty_db, project=files.project)

    assert len(rows(empty_db, "SELECT * FROM ledger.things")) == 1
    assert set(states(empty_db, files).values()) == {"applied"}


def test_rollback_of_an_empty_database_is_refused(empty_db: str, files: Files) -> None:
    with pytest.raises(MigrationError, match="no migration to roll back"):
        rollback(empty_db, project=files.project)


def test_unreachable_server_is_a_migration_error() -> None:
    with pytest.raises(MigrationError, match="The database cannot be reached"):
        migrate("postgresql://nobody@/nothing?host=/nonexistent")
