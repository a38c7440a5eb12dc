"""Checks of a service at its start, and migration if it is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from ledger_py.migrate import (
    FileState,
    MigrationError,
    Project,
    ensure_current,
    migrate,
    missing_files_async,
    status,
)
from ledger_py.settings import PROJECT_ROOT, Settings
from tests.migration.projects import Files, small_project

FREE = Settings()
BOUND = Settings(migrate_on_start=False)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = small_project(tmp_path)
    name = "functions/installed_files"
    files.code(name, (PROJECT_ROOT / f"sql/{name}.sql").read_text(encoding="utf-8"))
    files.code(
        "privileges/everybody",
        "GRANT USAGE ON SCHEMA ledger TO PUBLIC;\n"
        "GRANT EXECUTE ON FUNCTION ledger.installed_files TO PUBLIC;",
    )
    return files


@pytest.fixture
def small_role(conn_to_empty: psycopg.Connection[TupleRow]) -> Iterator[str]:
    """A role without rights."""
    name = f"ledger_test_small_{conn_to_empty.info.backend_pid}"
    role = sql.Identifier(name)
    conn_to_empty.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'small'").format(role))
    yield name
    conn_to_empty.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
    conn_to_empty.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def conn_to_empty(empty_db: str) -> Iterator[psycopg.Connection[TupleRow]]:
    with psycopg.connect(empty_db, autocommit=True) as connection:
        yield connection


def test_service_installs_missing_files(empty_db: str, files: Files) -> None:
    done: list[str] = []

    ensure_current(empty_db, FREE, project=files.project, report=done.append)

    assert {file.state for file in status(empty_db, project=files.project)} == {FileState.APPLIED}
    assert "migrations/0001_schema.sql applied" in done


def test_service_does_nothing_if_everything_is_installed(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    done: list[str] = []

    ensure_current(empty_db, FREE, project=files.project, report=done.append)

    assert done == []


def test_service_without_migrate_on_start_refuses_to_start(empty_db: str, files: Files) -> None:
    with pytest.raises(MigrationError, match=r"0001_schema.sql.* Run `ledger migrate`"):
        ensure_current(empty_db, BOUND, project=files.project)

    assert {file.state for file in status(empty_db, project=files.project)} == {FileState.PENDING}


def test_role_without_the_right_to_migrate_refuses_to_start(
    empty_db: str, files: Files, small_role: str
) -> None:
    migrate(empty_db, project=files.project)
    files.migration("0002_more", "SELECT 1;", depends="0001_schema")
    url = make_conninfo(empty_db, user=small_role, password="small")

    with pytest.raises(MigrationError, match=r"0002_more.sql not applied.* the role may not"):
        ensure_current(url, FREE, project=files.project)


def test_role_without_the_right_to_migrate_starts_on_installed_files(
    empty_db: str, files: Files, small_role: str
) -> None:
    migrate(empty_db, project=files.project)
    files.code("views/newer", "CREATE VIEW ledger.newer AS SELECT 1 AS one;")
    done: list[str] = []

    ensure_current(
        make_conninfo(empty_db, user=small_role, password="small"),
        FREE,
        project=files.project,
        report=done.append,
    )

    assert done == ["sql/ is pending; left as it is"]


def test_pending_files_of_another_app_are_ignored(empty_db: str, files: Files) -> None:
    migrate(empty_db, project=files.project)
    files.migration("games_0001_things", "SELECT 1;", app="games")

    ensure_current(empty_db, BOUND, app="toys", project=files.project)

    with pytest.raises(MigrationError, match="games_0001_things"):
        ensure_current(empty_db, BOUND, app="games", project=files.project)


def test_newer_database_is_left_as_it_is(empty_db: str, files: Files) -> None:
    path = files.migration("0002_more", "SELECT 1;", depends="0001_schema")
    migrate(empty_db, project=files.project)
    path.unlink()
    path.with_suffix(".rollback.sql").unlink()
    files.code("views/older", "CREATE VIEW ledger.older AS SELECT 1 AS one;")
    done: list[str] = []

    ensure_current(empty_db, FREE, project=files.project, report=done.append)

    assert done == [
        "sql/ is pending; left as it is",
        "migrations/0002_more.sql is missing; left as it is",
    ]


async def missing(url: str, files: Files) -> list[str]:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        return await missing_files_async(conn, project=files.project)


@pytest.mark.anyio
async def test_empty_database_lacks_all_files(empty_db: str, files: Files) -> None:
    assert await missing(empty_db, files) == [
        "migrations/0001_schema.sql",
        "apps/toys/migrations/toys_0001_things.sql",
    ]


@pytest.mark.anyio
async def test_extra_files_are_accepted(empty_db: str, files: Files) -> None:
    path = files.migration("0002_more", "SELECT 1;", depends="0001_schema")
    migrate(empty_db, project=files.project)
    path.unlink()

    assert await missing(empty_db, files) == []


@pytest.mark.anyio
async def test_installed_ledger_lacks_nothing(ledger_db: str) -> None:
    async with await psycopg.AsyncConnection.connect(ledger_db) as conn:
        assert await missing_files_async(conn, app="app1") == []


@pytest.mark.anyio
async def test_empty_database_lacks_all_files_of_an_app(empty_db: str) -> None:
    async with await psycopg.AsyncConnection.connect(empty_db) as conn:
        lacking = await missing_files_async(conn, app="app1")

    assert lacking == [file.path for file in Project().migrations_for("app1")]
