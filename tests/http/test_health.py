"""Readiness after changes of the database and of the files."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import psycopg
import pytest

from ledger_py.migrate import Project
from ledger_py.migrate.files import MigrationFolder
from tests.http.problems import assert_problem
from tests.http.running import make_service, running, wait_until
from tests.sql.calls import Connection, record


@pytest.mark.parametrize(
    ("change", "check", "named"),
    [
        (
            "SELECT ledger.retire_operation(operation => 'CONTENT_ACCESS')",
            "operations",
            "CONTENT_ACCESS",
        ),
        (
            "DELETE FROM ledger_core.installed_files WHERE path LIKE 'migrations/%'",
            "schema",
            "migrations/0001",
        ),
    ],
)
def test_service_is_not_ready_after_its_database_changed(
    ledger_db: str, change: str, check: str, named: str
) -> None:
    with running(make_service(ledger_db)) as api:
        with psycopg.connect(ledger_db) as conn:
            conn.execute(change.encode())
        response = api.get("/health/ready")

        checks = assert_problem(response, 503, "not_ready")["checks"]
        assert checks["database"] == "ok"
        assert named in checks[check]
        assert api.get("/health/live").status_code == 200


def test_ready_service_says_which_transaction_the_feed_waits_for(
    ledger_db: str, conn: Connection
) -> None:
    with running(make_service(ledger_db)) as api:

        def feed() -> str:
            response = api.get("/health/ready")
            assert (response.status_code, response.json()["status"]) == (200, "ok")
            return str(response.json()["checks"]["feed"])

        assert feed() == "ok"
        with psycopg.connect(ledger_db) as late:
            late.execute("SELECT pg_current_xact_id()")
            record(conn)
            wait_until(lambda: feed() != "ok")
            pid = late.info.backend_pid
            assert re.fullmatch(
                rf"waiting for transaction of pid {pid} \(open for \d+ s\), \d+ s behind", feed()
            )
        assert feed() == "ok"


def test_service_is_ready_on_a_database_whose_code_is_older(ledger_db: str) -> None:
    with running(make_service(ledger_db)) as api:
        with psycopg.connect(ledger_db) as conn:
            conn.execute("DROP FUNCTION ledger.feed_lag")
        assert api.get("/health/ready").json()["checks"]["feed"] == "ok"


@pytest.mark.parametrize("change", ["ALLOWED", "MIGRATION"])
def test_running_service_stays_ready_beside_a_newer_version(
    ledger_db: str, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(make_service(ledger_db)) as api:
        if change == "ALLOWED":
            with psycopg.connect(ledger_db) as conn:
                conn.execute(
                    "SELECT ledger.define_operation(operation => 'NEWER', description => 'Newer',"
                    " default_amount => 1)"
                )
                conn.execute("SELECT ledger.allow_operation(app => 'app1', operation => 'NEWER')")
        else:
            # As `git pull` in the checkout does.
            monkeypatch.setattr(Project, "_migration_folder", _with_a_newer_file)
        response = api.get("/health/ready")

        assert (response.status_code, response.json()["status"]) == (200, "ok")


_migration_folder = Project._migration_folder


def _with_a_newer_file(project: Project, app: str | None, folder: Path) -> MigrationFolder:
    found = _migration_folder(project, app, folder)
    newer = msgspec.structs.replace(found.files[-1], path="migrations/9999_newer.sql")
    return msgspec.structs.replace(found, files=(*found.files, newer))
