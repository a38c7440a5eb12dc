"""The command `ledger`: output and exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from ledger_py.cli import main
from tests.sql.calls import scalar


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    # Of the commands, only `serve` writes in a format that can be set.
    return CliRunner(env={"LEDGER_LOG_FORMAT": "console"})


def run(runner: CliRunner, *arguments: str, url: str) -> Result:
    return runner.invoke(main, arguments, env={"DATABASE_URL": url})


def test_migrate_reports_each_file(ledger: CliRunner, empty_db: str) -> None:
    result = run(ledger, "migrate", url=empty_db)

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "migrations/0001_schemas.sql applied"
    assert lines[-1] == "The database is up to date"


def test_status_fails_while_something_is_pending(ledger: CliRunner, empty_db: str) -> None:
    result = run(ledger, "status", url=empty_db)

    assert result.exit_code == 1
    assert "pending  migrations/0001_schemas.sql" in result.stdout


def test_status_succeeds_when_all_is_applied(ledger: CliRunner, ledger_db: str) -> None:
    result = run(ledger, "status", url=ledger_db)

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("applied  migrations/0001_schemas.sql ")


def test_rollback_names_the_migration(ledger: CliRunner, ledger_db: str) -> None:
    result = run(ledger, "rollback", url=ledger_db)

    assert result.exit_code == 0, result.output
    assert result.stdout.strip().endswith(" rolled back")


def test_psql_has_the_ledger_in_its_search_path(
    ledger: CliRunner, ledger_db: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result = run(ledger, "psql", "-Atc", "SELECT count(*) > 0 FROM operation_sets", url=ledger_db)

    assert result.exit_code == 0, result.output
    assert capfd.readouterr().out == "t\n"


def test_psql_prefers_the_ledger_over_public(
    ledger: CliRunner, ledger_db: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(ledger_db) as conn:
        conn.execute("CREATE TABLE public.accounts AS SELECT 'planted'")
        conn.execute(
            "CREATE FUNCTION public.verify(owner_id text DEFAULT NULL) RETURNS text "
            "LANGUAGE sql AS $$ SELECT 'planted' $$"
        )
    query = "SELECT count(*) FROM accounts UNION ALL SELECT count(*) FROM verify()"

    result = run(ledger, "psql", "-qAtc", query, url=ledger_db)

    assert result.exit_code == 0, result.output
    assert capfd.readouterr().out == "0\n0\n"


def test_psql_returns_the_exit_code_of_psql(
    ledger: CliRunner, ledger_db: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result = run(ledger, "psql", "-c", "SELECT nonsense", url=ledger_db)

    assert result.exit_code == 1
    assert 'column "nonsense" does not exist' in capfd.readouterr().err


def test_unknown_app_is_refused_with_a_list_of_apps(ledger: CliRunner) -> None:
    result = ledger.invoke(main, ["serve", "app9"])

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: There is no app 'app9'. Found: app1, app2. Apps are")


@pytest.mark.parametrize(
    "arguments", [["migrate"], ["roles"], ["status"], ["rollback"], ["serve", "app1"]]
)
def test_unreachable_database_is_one_line_without_a_traceback(
    ledger: CliRunner, arguments: list[str]
) -> None:
    result = run(ledger, *arguments, url="postgresql://nobody@/nothing?host=/nonexistent")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The database cannot be reached: ")


def test_invalid_setting_is_named(ledger: CliRunner) -> None:
    result = run(ledger, "status", url="mysql://somewhere")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: DATABASE_URL: must be a postgresql:// address")


@pytest.mark.parametrize("command", [["migrate"], ["verify"], ["export", "FILE"], ["checkpoint"]])
def test_interrupted_command_says_that_it_did_not_finish(
    ledger_db: str, tmp_path: Path, command: list[str]
) -> None:
    with psycopg.connect(ledger_db) as other, psycopg.connect(ledger_db, autocommit=True) as conn:
        other.execute("LOCK TABLE ledger.accounts, ledger.entries, ledger_core.installed_files")
        process = subprocess.Popen(
            [sys.executable, "-m", "ledger_py", *command],
            cwd=tmp_path,
            env={**os.environ, "DATABASE_URL": ledger_db},
            stderr=subprocess.PIPE,
            text=True,
        )
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while scalar(conn, waiting) == 0:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)

        assert (process.returncode, said) == (
            143,
            f"Ended by SIGTERM: `ledger {command[0]}` did not finish\n",
        )
        while scalar(conn, waiting) > 0:
            time.sleep(0.01)
