"""The wheel in environments of its own, with a small app from another repository (`quiz/`)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ledger_py.settings import PROJECT_ROOT
from tests.fixtures.processes import free_port

QUIZ = Path(__file__).parent / "quiz"


class Environment:
    """A virtual environment, and an empty folder to run in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "empty"
        self.folder.mkdir(parents=True)
        venv.create(folder / "venv")
        self.bin = folder / "venv" / "bin"

    def copy(self, folder: Path) -> Environment:
        """Copy it. Its scripts still run in the first one: use `python -m`."""
        copy = Environment(folder)
        shutil.rmtree(copy.bin.parent)
        shutil.copytree(self.bin.parent, copy.bin.parent, symlinks=True)
        return copy

    def install(self, *arguments: str) -> None:
        """Install with pip, in the versions of the lock file."""
        lock = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")
        constraints = self.folder.parent / "constraints.txt"
        # A constraint may name neither extras nor hashes.
        pinned = re.findall(r"(?m)^([\w.-]+)(?:\[[\w,]+\])?(==[^\s;\\]+)", lock)
        constraints.write_text("\n".join(name + version for name, version in pinned))
        # Bytecode is compiled on import, for the few modules that are imported.
        install = ["install", "--quiet", "--no-compile", "-c", str(constraints)]
        subprocess.run([*self._pip, *install, *arguments], check=True, cwd=self.folder)

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the empty folder."""
        return subprocess.run(
            [self.bin / command[0], *command[1:]],
            cwd=self.folder,
            env=clean_environment() | settings,
            capture_output=True,
            text=True,
            check=False,
        )

    def packages(self) -> set[str]:
        """List the installed packages."""
        pip = [*self._pip, "list", "--format=freeze"]
        listed = subprocess.run(pip, check=True, capture_output=True, text=True).stdout.split()
        return {line.partition("==")[0].lower() for line in listed}

    @property
    def _pip(self) -> list[str]:
        # The pip of the tests, because an environment without one is made in a moment.
        options = ["--python", str(self.bin / "python"), "--disable-pip-version-check"]
        return [sys.executable, "-m", "pip", *options]


def clean_environment() -> dict[str, str]:
    """Give an environment without settings of the ledger or of Python."""
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def build(project: Path, folder: Path) -> Path:
    """Build the wheel of a project, with the tools of the tests."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, check=True, cwd=project, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build(PROJECT_ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def with_http(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the extra `http`, and no database of its own."""
    environment = Environment(tmp_path_factory.mktemp("http"))
    environment.install(f"shared-ledger[http] @ {wheel.as_uri()}")
    return environment


@contextmanager
def serving(environment: Environment, *app: str, database: str) -> Iterator[str]:
    """Run a service until the end of the block, and give its address once it answers."""
    port = free_port()
    process = subprocess.Popen(
        [environment.bin / "ledger", "serve", *app, "--port", str(port)],
        cwd=environment.folder,
        env=clean_environment() | {"DATABASE_URL": database},
    )
    address = f"http://127.0.0.1:{port}"
    try:
        transport = httpx.HTTPTransport(retries=10)
        with httpx.Client(transport=transport, base_url=address, timeout=30) as client:
            while process.poll() is None:
                try:
                    client.get("/health/live")
                    break
                except httpx.ConnectError:
                    continue
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_wheel_contains_the_sql_and_nothing_else_of_the_repository(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.partition("/")[0] for name in names}
    assert tops == {"ledger_py", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"}
    for folder in ("sql", "migrations"):
        expected = {
            f"ledger_py/{path.relative_to(PROJECT_ROOT).as_posix()}"
            for path in (PROJECT_ROOT / folder).rglob("*.sql")
        }
        assert expected <= set(names)


def test_wheel_contains_the_files_of_the_console(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    for folder in ("templates", "static"):
        files = (PROJECT_ROOT / "ledger_py/console" / folder).iterdir()
        assert {file.relative_to(PROJECT_ROOT).as_posix() for file in files} <= set(names)


def test_console_comes_with_its_extra(
    wheel: Path, with_http: Environment, empty_db: str, tmp_path: Path
) -> None:
    environment = with_http.copy(tmp_path)
    console = ("python", "-m", "ledger_py", "console")
    without = environment.run(*console, DATABASE_URL=empty_db)
    assert without.returncode == 1
    assert "pip install 'shared-ledger[console]'" in without.stderr

    environment.install(f"shared-ledger[console] @ {wheel.as_uri()}")

    refused = environment.run(*console, DATABASE_URL=empty_db)
    assert "This database holds no ledger yet" in refused.stderr
    rendered = environment.run(
        "python",
        "-c",
        "from ledger_py.console.desk import Desk, _templates;"
        "print(len(_templates().list_templates()))",
    )
    files = list((PROJECT_ROOT / "ledger_py/console/templates").iterdir())
    assert rendered.stdout.strip() == str(len(files)), rendered.stderr


def test_bare_package_needs_psycopg_and_msgspec_only(wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.install(str(wheel))

    needed_by_psycopg = {"typing_extensions"} if sys.version_info < (3, 13) else set()
    assert environment.packages() == {
        *("shared-ledger", "msgspec", "psycopg", "psycopg-binary"),
        *needed_by_psycopg,
    }
    imported = environment.run(
        "python",
        "-c",
        "from ledger_py import AsyncLedger, BaseLedgerOperation, Ledger, LedgerError",
    )
    assert imported.returncode == 0, imported.stderr
    command = environment.run("ledger", "status")
    assert command.returncode == 1
    assert "pip install 'shared-ledger[cli]'" in command.stderr


def test_app_of_another_repository_is_migrated_and_served(
    with_http: Environment, empty_db: str, tmp_path: Path
) -> None:
    environment = with_http
    environment.install("--no-deps", str(build(QUIZ, tmp_path)))

    without_database = environment.run("ledger", "status")
    assert without_database.returncode == 1
    assert "shared-ledger[embedded]" in without_database.stderr
    migrated = environment.run("ledger", "migrate", DATABASE_URL=empty_db)
    assert migrated.returncode == 0, migrated.stderr
    assert "apps/quiz/migrations/quiz_0001_operations.sql applied" in migrated.stdout
    with serving(environment, "quiz", database=empty_db) as address:
        entry = {"owner_id": "alice", "operation": "QUIZ_WON", "nonce": "round-1"}
        recorded = httpx.post(f"{address}/ledger", json=entry)
        assert (recorded.status_code, recorded.json()["balance"]) == (201, 2)
    with serving(environment, "quiz.main:app", database=empty_db) as address:
        assert httpx.get(f"{address}/ledger/alice").json()["balance"] == 2
    unknown = environment.run("ledger", "serve", "puzzle", DATABASE_URL=empty_db)
    assert unknown.returncode == 1
    assert "Found: quiz." in unknown.stderr


def test_app_of_a_folder_is_migrated_and_served(with_http: Environment, empty_db: str) -> None:
    environment = with_http
    folder = ["--app-dir", str(QUIZ)]
    migrated = environment.run("ledger", "migrate", *folder, DATABASE_URL=empty_db)
    assert "apps/quiz/migrations/quiz_0001_operations.sql applied" in migrated.stdout
    with serving(environment, "quiz", *folder, "--workers", "2", database=empty_db) as address:
        entry = {"owner_id": "alice", "operation": "QUIZ_WON", "nonce": "round-1"}
        assert httpx.post(f"{address}/ledger", json=entry).status_code == 201
