"""The files of docs/running, and the commands of the pages about them, work."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import httpx
import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger_py.cli import main
from ledger_py.embedded import binaries, embedded_server
from ledger_py.embedded.accounts import account_for
from ledger_py.migrate import migrate
from ledger_py.settings import PROJECT_ROOT, example
from tests.sql.calls import record

PAGE: Final = PROJECT_ROOT / "docs/how-to/run-in-production.md"
DRILL: Final = PROJECT_ROOT / "docs/how-to/backup-and-restore.md"
FOLDER: Final = PROJECT_ROOT / "docs/running"
UNITS: Final = sorted(FOLDER.glob("*.service")) + sorted(FOLDER.glob("*.timer"))
CONTAINERFILE: Final = FOLDER / "Containerfile"
TEXTS: Final = {path.name: path.read_text() for path in [PAGE, DRILL, *FOLDER.iterdir()]}

JOBS: Final = re.findall(r"ledger-daily@(\w+)\.timer", PAGE.read_text().replace("@.timer", ""))
INSTALLED: Final = "/opt/ledger/.venv/bin/ledger"


# Names in the files


@pytest.mark.parametrize("name", TEXTS)
def test_settings_exist(name: str) -> None:
    known = set(re.findall(r"^#(\w+)=", example(), re.MULTILINE))
    named = re.findall(r"\b(?:LEDGER_[A-Z_]+|(?:READ_)?DATABASE_URL)\b", TEXTS[name])

    assert set(named) <= known


def commands() -> Iterator[list[str]]:
    """List what the files and the page run, without the program's name."""
    for unit in UNITS:
        for line in re.findall(rf"^ExecStart={INSTALLED} (.*)$", unit.read_text(), re.MULTILINE):
            for instance in JOBS if "daily" in unit.name else ["app1"]:
                yield line.replace("%i", instance).split()
    yield container("CMD")
    for block in sh_blocks():
        for line in re.findall(r"(?:^|\s)ledger ((?!_)\w[^\n]*)", block):
            yield shlex.split(line)


def test_commands_exist() -> None:
    found = list(commands())
    assert {words[0] for words in found} >= {"serve", "migrate", "verify", "checkpoint", "settle"}
    for name, *arguments in found:
        command = main.commands[name]
        existing = [str(PAGE) if word.endswith(".txt") else word for word in arguments]
        command.make_context(name, existing, parent=click.Context(main))


def test_every_unit_runs_the_installed_command() -> None:
    for unit in UNITS:
        if unit.suffix == ".service":
            assert f"\nExecStart={INSTALLED} " in unit.read_text()


def test_every_file_is_on_the_page() -> None:
    hidden = {"Containerfile.dockerignore"}

    assert {path.name for path in FOLDER.iterdir()} - hidden == set(
        re.findall(r"\(\.\./running/([^)]+)\)", PAGE.read_text())
    )


# Units


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_units_are_valid(tmp_path: Path) -> None:
    here = Path(sys.executable).with_name("ledger")
    for unit in UNITS:
        name = unit.name.replace("@.", "@app1.") if "daily" not in unit.name else unit.name
        text = unit.read_text().replace(INSTALLED, str(here)).replace("User=ledger\n", "")
        (tmp_path / name.replace("@.", "@verify.")).write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(map(str, tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:/lib/systemd/system"},
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("job", JOBS)
def test_jobs_may_log_in_as_operators(
    ledger_db: str, conn: psycopg.Connection, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(conn)
    login = sql.Identifier(f"ledger_test_{os.getpid()}_jobs")
    conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x' IN ROLE ledger_operator").format(login))
    try:
        user = login.as_string().strip('"')
        monkeypatch.setenv("DATABASE_URL", make_conninfo(ledger_db, user=user, password="x"))
        result = CliRunner().invoke(main, [job])
    finally:
        conn.execute(sql.SQL("DROP ROLE {}").format(login))

    assert (result.exit_code, result.exception) == (0, None), result.output


# The image


def instructions() -> list[tuple[str, str]]:
    """Read the Containerfile: comments out, lines joined."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line)]


def container(instruction: str) -> list[str]:
    (found,) = [rest for word, rest in instructions() if word == instruction]
    arguments: list[str] = json.loads(found)
    return arguments


def test_image_runs_as_an_ordinary_user_and_passes_signals_on() -> None:
    words = [word for word, _ in instructions()]

    assert set(words) <= {
        *("FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "CMD"),
        "ENTRYPOINT",
    }
    assert [rest for word, rest in instructions() if word == "USER"] == ["10001"]
    assert words.index("USER") > max(at for at, word in enumerate(words) if word == "RUN")
    # In exec form, there is no shell that would keep signals to itself.
    assert container("ENTRYPOINT") == ["ledger"]


def test_image_copies_what_exists_and_is_not_ignored() -> None:
    ignored = (FOLDER / "Containerfile.dockerignore").read_text().splitlines()
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (PROJECT_ROOT / source).exists(), source
                assert f"!{source}" in ignored


def test_health_check_of_the_image_follows_ready(
    api_of_container: httpx.Client, conn: psycopg.Connection
) -> None:
    (check,) = [rest for word, rest in instructions() if word == "HEALTHCHECK"]
    program, *arguments = json.loads(check.partition(" CMD ")[2])
    assert program == "python"

    def code() -> int:
        port = str(api_of_container.base_url.port)
        environment = os.environ | {"LEDGER_PORT": port}
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, check=False
        )
        return done.returncode

    assert code() == 0
    conn.execute("DELETE FROM ledger_core.installed_files WHERE path LIKE 'migrations/%'")
    assert code() == 1


@pytest.fixture
def api_of_container(ledger_db: str) -> Iterator[httpx.Client]:
    from tests.http.running import make_service, running

    with running(make_service(ledger_db)) as api:
        yield api


def test_image_can_be_built() -> None:
    builder = next(filter(shutil.which, ("podman", "buildah", "docker")), None)
    if builder is None:
        pytest.skip("there is nothing that builds images")
    if subprocess.run([builder, "info"], capture_output=True, check=False).returncode:
        pytest.skip(f"{builder} is not running")
    subprocess.run(
        [builder, "build", "-f", CONTAINERFILE, "-t", "ledger-test", PROJECT_ROOT], check=True
    )


# Drills


def sh_blocks() -> list[str]:
    text = PAGE.read_text() + DRILL.read_text()
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("begins", ["pg_basebackup", "pg_dumpall"])
def test_drill_ends_with_right_books(data_dir: Path, begins: str) -> None:
    (drill,) = [block for block in sh_blocks() if block.startswith(begins)]
    folder = data_dir.with_name("data")  # a name that needs no quotes
    account = account_for(folder)
    with embedded_server(folder) as url, embedded_server(data_dir.with_name("new")) as new_server:
        migrate(url)
        with psycopg.connect(url) as conn:
            record(conn)
        scratch = folder / "scratch"
        scratch.mkdir()
        if account.switch:
            os.chown(scratch, account.uid, account.gid)
        where = conninfo_to_dict(new_server)
        settings = {
            "PATH": f"{binaries(account)}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DATABASE_URL": url,
            "PGHOST": str(where["host"]),
            "PGPORT": str(where["port"]),
            "PGUSER": str(where["user"]),
        }

        def enter(line: str) -> str:
            command = ["sh", "-euc", f'cd "$0"; {line}', str(scratch)]
            if " ledger " in f" {line}":  # the account of the server may not enter the checkout
                done = subprocess.run(
                    command, env=os.environ | settings, capture_output=True, text=True, check=False
                )
            else:
                given = [f"{name}={value}" for name, value in settings.items()]
                done = account.run(["env", *given, *command])
            assert done.returncode == 0, (line, done.stdout, done.stderr)
            return done.stdout

        (scratch / "checkpoints.txt").write_text(enter("ledger checkpoint"))
        said = "".join(enter(line) for line in drill.splitlines())

    assert "nothing recorded before it has changed" in said
    assert "The books are right (1 account, 1 " in said
