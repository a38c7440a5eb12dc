"""The fixtures for tests of other people's apps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import psycopg
import pytest

from ledger_py.settings import PROJECT_ROOT
from tests.documents.examples import examples_of

_CONFTEST = 'pytest_plugins = ["ledger_py.pytest_plugin"]\n'
_TESTS = """
import psycopg
import pytest
from ledger_py import Ledger


@pytest.mark.parametrize("number", [1, 2])
def test_each_has_a_ledger_of_its_own(ledger_conn, ledger_url, ledger_clock, number):
    ledger_clock.set("2031-01-31T12:00:00Z")
    ledger = Ledger(ledger_conn, app="app1")
    with psycopg.connect(ledger_url, autocommit=True) as other:
        entry = Ledger(other, app="app1").record_entry(
            owner_id="ann", operation="CREDIT_ADD", nonce="same", amount=number
        )
    assert entry.recorded_at == ledger_clock.now
    assert ledger.balance(owner_id="ann").balance == number


def test_that_leaves_a_session(ledger_url):
    psycopg.connect(ledger_url).execute("SELECT 1")
"""
_OWN_APP = """
from pathlib import Path
import pytest
from ledger_py.migrate import Project

pytest_plugins = ["ledger_py.pytest_plugin"]


@pytest.fixture(scope="session")
def ledger_project():
    return Project(apps={"app3": Path(__file__).parent / "migrations"})
"""
_MIGRATION = """-- depends:

SELECT ledger.register_app('app3', 'A third one');
"""
_ROLLBACK = """
DELETE FROM ledger.apps WHERE app = 'app3';
"""
_TESTS_OF_APP = """
def test_only_the_own_app_is_there(ledger_conn):
    assert ledger_conn.execute("SELECT app FROM ledger.apps").fetchall() == [("app3",)]
"""


HOW_TO: Final = PROJECT_ROOT / "docs" / "how-to" / "test-your-app.md"


def files_of_the_how_to() -> dict[str, str]:
    """Return the files that the document shows, by name."""
    examples = examples_of(HOW_TO.read_text())
    return {example.path: example.text for example in examples if example.kind == "file"}


def run(folder: Path, server_url: str) -> str:
    """Run pytest in a folder, as its users do, and return what it says."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"TEST_DATABASE_URL": server_url},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def databases(server_url: str) -> list[str]:
    query = "SELECT datname FROM pg_database WHERE datname LIKE 'ledger\\_pytest\\_%'"
    with psycopg.connect(server_url) as conn:
        return [name for (name,) in conn.execute(query)]


@pytest.mark.parametrize(
    ("files", "passed"),
    [
        (files_of_the_how_to(), 1),
        ({"conftest.py": _CONFTEST, "test_it.py": _TESTS}, 3),
        (
            {
                "conftest.py": _OWN_APP,
                "test_it.py": _TESTS_OF_APP,
                "migrations/app3_0001_app.sql": _MIGRATION,
                "migrations/app3_0001_app.rollback.sql": _ROLLBACK,
            },
            1,
        ),
    ],
    ids=["as the document says", "every app", "an app of its own"],
)
def test_tests_have_ledgers_of_their_own_and_leave_none(
    tmp_path: Path, server_url: str, files: dict[str, str], passed: int
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    said = run(tmp_path, server_url)
    assert f"{passed} passed" in said, said
    assert databases(server_url) == []
