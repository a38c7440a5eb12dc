"""`migrate` through PgBouncer leaves no lock and no setting on a connection of the pool."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ledger_py.migrate import FileState, MigrationError, migrate, rollback, status
from ledger_py.migrate.database import only_runner
from tests.deployment.pooler import PGBOUNCER, pooler
from tests.fixtures.database import Server
from tests.migration.projects import small_project

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")

SETTINGS = (
    "SELECT name, setting FROM pg_settings WHERE source = 'session'"
    " AND name NOT IN ('application_name', 'client_encoding', 'DateStyle', 'TimeZone',"
    " 'standard_conforming_strings') ORDER BY name"
)


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_migrate_leaves_no_state_in_server_sessions(empty_db: str, mode: str) -> None:
    with pooler(empty_db, mode, server_reset_query="") as url:
        migrate(url)
        rollback(url)
        migrate(url)

        assert {file.state for file in status(empty_db)} == {FileState.APPLIED}
        with psycopg.connect(empty_db) as conn:
            locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
            assert conn.execute(locks).fetchone() == (0,)
        pooled = [psycopg.connect(url) for _ in range(4)]
        for conn in pooled:
            assert conn.execute(SETTINGS).fetchall() == []
        for conn in pooled:
            conn.close()


def test_database_that_was_created_anew_with_the_right_encoding_is_taken(
    empty_db: str, ledger_server: Server
) -> None:
    """PgBouncer remembers what the server said of the database that had the name before."""
    name = sql.Identifier(Server(empty_db).maintenance_dbname)
    anew = sql.SQL("CREATE DATABASE {} ENCODING {} LOCALE 'C' TEMPLATE template0 {}")
    provider = sql.SQL("LOCALE_PROVIDER libc")
    with (
        psycopg.connect(ledger_server.url(ledger_server.maintenance_dbname)) as admin,
        pooler(empty_db, "transaction") as url,
    ):
        admin.autocommit = True
        for encoding in ("SQL_ASCII", "UTF8"):
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            admin.execute(anew.format(name, encoding, provider))
            if encoding == "SQL_ASCII":
                with pytest.raises(MigrationError, match="has the encoding SQL_ASCII"):
                    migrate(url)
        migrate(url)

        assert {file.state for file in status(url)} == {FileState.APPLIED}


def test_concurrent_migrations_exclude_each_other(empty_db: str) -> None:
    lines: list[str] = []
    with pooler(empty_db, "transaction") as url:
        second = threading.Thread(target=migrate, args=(url,), kwargs={"report": lines.append})
        with only_runner(url, print):
            second.start()
            while not lines:
                time.sleep(0.01)
            with psycopg.connect(empty_db) as conn:
                assert conn.execute("SELECT to_regnamespace('ledger')").fetchone() == (None,)
        second.join()

    assert re.fullmatch(
        r"Waiting for another process that migrates this database: process \d+ \(role \w+\)",
        lines[0],
    )
    assert {file.state for file in status(empty_db)} == {FileState.APPLIED}


def test_file_without_a_transaction_needs_the_address_of_the_server(
    empty_db: str, tmp_path: Path
) -> None:
    files = small_project(tmp_path)
    files.migration(
        "0002_index",
        "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON ledger.things (thing);",
        depends="0001_schema",
    )
    with (
        pooler(empty_db, "transaction") as url,
        pytest.raises(MigrationError, match=r"there is a pooler: run `ledger migrate` with the se"),
    ):
        migrate(url, project=files.project)

    migrate(empty_db, project=files.project)
