"""The command `ledger`: output and exit codes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from ledger_py.cli import main
from tests.fixtures.processes import is_sleeping
from tests.sql.calls import record, scalar

SCRIPT = str(Path(sys.executable).with_name("ledger"))


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
    result = run(ledger, "rollback", "--yes", url=ledger_db)

    assert result.exit_code == 0, result.output
    assert result.stdout.strip().endswith(" rolled back")


@pytest.mark.parametrize("answer", ["", "n\n", "y\n"])
def test_rollback_says_what_is_lost_and_asks(
    ledger: CliRunner, ledger_db: str, answer: str
) -> None:
    environment = {"DATABASE_URL": ledger_db}
    for _ in range(2):  # the later migrations of app2 lose nothing
        run(ledger, "rollback", "--yes", url=ledger_db)
    result = ledger.invoke(main, ["rollback"], env=environment, input=answer)

    lines = result.stderr.splitlines()
    assert lines[0] == "Rolling back apps/app2/migrations/app2_0001_operations.sql loses"
    assert "  1 row of ledger.apps" in lines
    assert "Lose this for good? [y/N]: " in result.stderr
    with psycopg.connect(ledger_db) as conn:
        left = scalar(conn, "SELECT count(*) FROM ledger.apps WHERE app = 'app2'")
    assert (result.exit_code, left) == ((0, 0) if answer == "y\n" else (1, 1))


def test_rollback_that_loses_nothing_does_not_ask(ledger: CliRunner, ledger_db: str) -> None:
    path = "migrations/0009_comments_on_hashes.sql"
    result = run(ledger, "rollback", "--yes", url=ledger_db)
    while f"{path} rolled back" not in result.stdout:
        assert result.exit_code == 0, result.output
        result = run(ledger, "rollback", "--yes", url=ledger_db)
    assert result.stderr == ""


def test_status_says_which_transaction_the_feed_waits_for(
    ledger: CliRunner, ledger_db: str
) -> None:
    assert "The change feed is up to date\n" in run(ledger, "status", url=ledger_db).stdout
    with psycopg.connect(ledger_db, application_name="nightly") as late:
        late.execute("SELECT pg_current_xact_id()")
        with psycopg.connect(ledger_db) as conn:
            record(conn)
        line = "up to date"
        while "up to date" in line:
            line = run(ledger, "status", url=ledger_db).stdout.splitlines()[-1]
        pid, role = late.info.backend_pid, late.info.user
        database = late.info.dbname
    assert re.fullmatch(
        rf"The change feed is waiting for transaction of pid {pid} \(open for \d+ s\),"
        rf" \d+ s behind; role {role}; application nightly; state idle in transaction;"
        rf" database {database}",
        line,
    )


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


def test_psql_says_that_there_is_no_ledger(
    ledger: CliRunner, empty_db: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result = run(ledger, "psql", "-Atc", "SELECT 1", url=empty_db)

    assert (result.exit_code, capfd.readouterr().out) == (0, "1\n")
    assert result.stderr == "This database holds no ledger yet: run `ledger migrate` first\n"


def test_status_says_that_there_is_no_ledger(ledger: CliRunner, empty_db: str) -> None:
    result = run(ledger, "status", url=empty_db)

    assert result.exit_code == 1
    last = result.stdout.splitlines()[-1]
    assert last == "This database holds no ledger yet: run `ledger migrate` first"


def test_status_says_what_to_do_about_pending_files(ledger: CliRunner, ledger_db: str) -> None:
    assert run(ledger, "rollback", "--yes", url=ledger_db).exit_code == 0

    result = run(ledger, "status", url=ledger_db)

    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "Files are pending: run `ledger migrate`"


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


@pytest.mark.parametrize(
    ("number", "name", "code"), [(signal.SIGTERM, "SIGTERM", 143), (signal.SIGINT, "Ctrl-C", 130)]
)
@pytest.mark.parametrize("command", [["migrate"], ["verify"], ["export", "FILE"], ["checkpoint"]])
def test_interrupted_command_says_that_it_did_not_finish(
    ledger_db: str, tmp_path: Path, command: list[str], number: int, name: str, code: int
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
        process.send_signal(number)
        _, said = process.communicate(timeout=30)

        assert (process.returncode, said) == (
            code,
            f"Ended by {name}: `ledger {command[0]}` did not finish\n",
        )
        while scalar(conn, waiting) > 0:
            time.sleep(0.01)


@pytest.mark.parametrize("program", [["-m", "ledger_py"], [SCRIPT]], ids=["module", "script"])
def test_command_that_is_interrupted_while_it_is_loaded_says_so(
    tmp_path: Path, program: list[str]
) -> None:
    (tmp_path / "click.py").write_text(
        "print('loading', flush=True)\nimport time\nwhile True: time.sleep(0.01)\n"
    )
    process = subprocess.Popen(
        [sys.executable, *program, "status"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)

    assert (process.returncode, said) == (130, "Ended by Ctrl-C\n")


def test_command_loads_almost_nothing_before_it_can_be_interrupted() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import ledger_py.__main__, sys; print(*sys.modules)"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.split()

    assert {name for name in loaded if name.startswith("ledger_py")} == {
        "ledger_py",
        "ledger_py.__main__",
        "ledger_py.interrupts",
    }
    assert not {"click", "msgspec", "psycopg"} & set(loaded)


def test_question_that_is_answered_by_an_interruption_changes_nothing(
    ledger: CliRunner, ledger_db: str
) -> None:
    for _ in range(2):  # the later migrations of app2 lose nothing
        run(ledger, "rollback", "--yes", url=ledger_db)
    process = subprocess.Popen(
        [sys.executable, "-m", "ledger_py", "rollback"],
        env={**os.environ, "DATABASE_URL": ledger_db},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stderr is not None
    said = b""
    while not said.endswith(b"[y/N]: "):
        more = process.stderr.read(1)
        assert more, said
        said += more
    # A signal that comes just before Python waits for the answer is noticed only after the answer.
    while not is_sleeping(process.pid):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    # The standard input stays open: its end would be an answer too.
    assert process.wait(timeout=30) == 130
    _, rest = process.communicate()

    assert rest.decode().strip() == "Ended by Ctrl-C: `ledger rollback` did not finish"
    with psycopg.connect(ledger_db) as conn:
        assert scalar(conn, "SELECT count(*) FROM ledger.apps WHERE app = 'app2'") == 1
