"""Installation of the project's own files: repeated, concurrent, by different kinds of owners."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger_py.embedded import embedded_server
from ledger_py.migrate import FileState, MigrationError, Project, migrate, rollback, status
from ledger_py.settings import PROJECT_ROOT
from tests.fixtures.database import Server, new_database
from tests.migration.catalogue import catalogue
from tests.sql.calls import record


def test_migrating_again_changes_nothing(ledger_db: str) -> None:
    before = catalogue(ledger_db)

    migrate(ledger_db)

    assert catalogue(ledger_db) == before
    assert {file.state for file in status(ledger_db)} == {FileState.APPLIED}


def test_first_run_on_a_new_server_leaves_nothing_for_the_second(data_dir: Path) -> None:
    # A server of its own: roles belong to the server, and must not exist yet.
    with embedded_server(data_dir) as url:
        migrate(url)
        before = catalogue(url)

        migrate(url)

        assert catalogue(url) == before


def test_unreleased_migrations_can_be_rolled_back_and_applied_again(
    ledger_db: str,
) -> None:
    before = catalogue(ledger_db)
    undone: list[str] = []

    while "migrations/0007_proof_of_holds_and_bindings.sql rolled back" not in undone:
        rollback(ledger_db, report=undone.append)
    migrate(ledger_db)

    assert catalogue(ledger_db) == before
    with psycopg.connect(ledger_db) as conn:
        found = conn.execute("SELECT problem, found_in FROM ledger.verify()").fetchall()
        assert found == [("lost in a rollback", "operation_changes")]


def test_hashed_data_is_not_rolled_back(ledger_db: str) -> None:
    with psycopg.connect(ledger_db) as conn:
        record(conn, operation="SIGNUP_CREDIT")
    undo = PROJECT_ROOT / "migrations/0007_proof_of_holds_and_bindings.rollback.sql"
    with (
        psycopg.connect(ledger_db) as conn,
        pytest.raises(psycopg.errors.RaiseException, match="slot"),
    ):
        conn.execute(undo.read_bytes())


def test_eight_processes_migrate_an_empty_database_concurrently(
    empty_db: str, ledger_db: str
) -> None:
    environment = dict(os.environ, DATABASE_URL=empty_db)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "ledger_py", "migrate"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(8)
    ]

    outputs = [process.communicate()[0] for process in processes]

    assert [process.returncode for process in processes] == [0] * 8, outputs
    applied = [line for output in outputs for line in output.splitlines() if "applied" in line]
    assert sorted(applied) == sorted(f"{file.path} applied" for file in Project().migrations)
    assert catalogue(empty_db) == catalogue(ledger_db)


def test_newest_migration_can_be_rolled_back_and_applied_again(ledger_db: str) -> None:
    before = catalogue(ledger_db)
    newest = Project().migrations[-1].path

    rollback(ledger_db)
    assert [file.path for file in status(ledger_db) if file.state is FileState.PENDING] == [
        "sql/",
        newest,
    ]
    migrate(ledger_db)

    assert catalogue(ledger_db) == before
    assert {file.state for file in status(ledger_db)} == {FileState.APPLIED}


@contextmanager
def database_of_an_ordinary_owner(server: Server, *, may_make_roles: bool) -> Iterator[str]:
    """Create a database whose owner is no superuser and has no right on schema public."""
    owner = f"ledger_test_owner_{os.getpid()}"
    attributes = sql.SQL("CREATEROLE" if may_make_roles else "NOCREATEROLE")
    with psycopg.connect(server.url(server.maintenance_dbname), autocommit=True) as admin:
        name = sql.Identifier(owner)
        admin.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'a:b@c/d%%e' {}").format(name, attributes)
        )
        try:
            # A role that is no superuser must be a member of the new owner to create its database.
            admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))
            with new_database(server, f"OWNER {owner}") as url:
                with psycopg.connect(url, autocommit=True) as conn:
                    conn.execute("ALTER SCHEMA public OWNER TO CURRENT_USER")
                    conn.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
                yield make_conninfo(url, user=owner, password="a:b@c/d%%e")
        finally:
            admin.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(name))
            admin.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.mark.parametrize("may_make_roles", [True, False])
def test_owner_without_superuser_rights_can_migrate(
    ledger_server: Server, may_make_roles: bool
) -> None:
    with database_of_an_ordinary_owner(ledger_server, may_make_roles=may_make_roles) as url:
        migrate(url)
        migrate(url)

        assert {file.state for file in status(url)} == {FileState.APPLIED}


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_database_with_another_encoding_is_refused(ledger_server: Server, encoding: str) -> None:
    options = f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
    if server_version(ledger_server) >= 15:
        options += " LOCALE_PROVIDER libc"
    with (
        new_database(ledger_server, options) as url,
        pytest.raises(MigrationError, match=f"has the encoding {encoding}; the ledger needs UTF8"),
    ):
        migrate(url)


def test_role_without_the_right_to_create_schemas_is_refused(
    ledger_server: Server, empty_db: str
) -> None:
    with database_of_an_ordinary_owner(ledger_server, may_make_roles=False) as owned:
        stranger = psycopg.conninfo.conninfo_to_dict(owned)
        here = psycopg.conninfo.conninfo_to_dict(empty_db)["dbname"]

        with pytest.raises(MigrationError, match="may not make schemas in the database"):
            migrate(make_conninfo(**{**stranger, "dbname": here}))  # type: ignore[arg-type]


def server_version(server: Server) -> int:
    with psycopg.connect(server.url(server.maintenance_dbname)) as conn:
        return conn.info.server_version // 10_000
