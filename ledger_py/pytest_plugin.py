"""Fixtures for tests of your app, each with a ledger of its own and a clock that is set.

In the `conftest.py` at the root of your tests::

    pytest_plugins = ["ledger_py.pytest_plugin"]

The server is that of the environment variable TEST_DATABASE_URL, whose role must be allowed to
create databases; without it an embedded one, which needs the extra `embedded`. A migrated ledger is
made once in a run, and copied for each test.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger_py.database_urls import plain_database_url
from ledger_py.migrate import Project, migrate
from ledger_py.testing import Clock

__all__ = (
    "ledger_clock",
    "ledger_conn",
    "ledger_project",
    "ledger_server_url",
    "ledger_template",
    "ledger_url",
)

_FAST: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Nothing of it outlives the run, so that it need not reach the disk."""


@pytest.fixture(scope="session")
def ledger_project() -> Project:
    """The migrations to apply: those of the ledger and of all apps that are installed.

    Override it for an app that is not: ``Project(apps={"app3": Path("migrations")})``.
    """
    return Project()


@pytest.fixture(scope="session")
def ledger_server_url() -> Iterator[str]:
    """The address of a server on which databases are made."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield plain_database_url(given)
        return
    from ledger_py.embedded import embedded_server

    with (
        tempfile.TemporaryDirectory(prefix="ledger-test-") as folder,
        embedded_server(Path(folder), database="postgres", options=_FAST) as url,
    ):
        yield url


@pytest.fixture(scope="session")
def ledger_template(ledger_server_url: str, ledger_project: Project) -> Iterator[str]:
    """The name of a migrated database, to be copied. Nobody may be connected to it."""
    with _new_database(ledger_server_url) as (name, url):
        migrate(url, project=ledger_project)
        yield name


@pytest.fixture
def ledger_url(ledger_server_url: str, ledger_template: str) -> Iterator[str]:
    """The address of an empty ledger for one test, as its owner."""
    with _new_database(ledger_server_url, template=ledger_template) as (_, url):
        yield url


@pytest.fixture
def ledger_conn(ledger_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to `ledger_url`, as its owner, in autocommit mode."""
    with psycopg.connect(ledger_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def ledger_clock(ledger_conn: psycopg.Connection[Any]) -> Clock:
    """The clock of the ledger of this test. It stands still until it is moved."""
    return Clock(ledger_conn)


class _new_database:  # noqa: N801 (a context manager)
    """Create a database, and drop it at the end with the sessions that are left in it."""

    def __init__(self, server_url: str, *, template: str = "template1") -> None:
        self._server_url = server_url
        self._template = template
        # Runs in containers share a server, and have the same process ids.
        self._name = f"ledger_pytest_{uuid4().hex}"

    def __enter__(self) -> tuple[str, str]:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(create.format(sql.Identifier(self._name), sql.Identifier(self._template)))
        return self._name, make_conninfo(self._server_url, dbname=self._name)

    def __exit__(self, *_: object) -> None:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._execute(drop.format(sql.Identifier(self._name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as conn:
            conn.execute(statement)
