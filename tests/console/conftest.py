"""Consoles on ledgers of their own, and clients that may see their pages."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger_py.console import Console, create_console
from ledger_py.settings import Settings
from tests.console.year import fill
from tests.fixtures.database import Server, new_database
from tests.http.running import running

Visitor: TypeAlias = Callable[..., httpx.Client]

_NUMBERS = itertools.count(1)


@contextmanager
def auditor(url: str, *, group: str = "ledger_auditor") -> Iterator[str]:
    """Make a login that may read the ledger, or what another group may, and give its address."""
    name = f"ledger_test_{os.getpid()}_console_{next(_NUMBERS)}"
    role = sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(role))
        conn.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), role))
        try:
            yield make_conninfo(url, user=name, password="secret")
        finally:
            conn.execute(sql.SQL("DROP OWNED BY {}").format(role))
            conn.execute(sql.SQL("DROP ROLE {}").format(role))


def make_console(url: str, **options: Any) -> Console:
    """Make a console; options are arguments of `create_console`, or fields of Settings."""
    fields = {name: options.pop(name) for name in list(options) if name in _FIELDS}
    settings = Settings(**{"pool_timeout": 10.0} | fields)
    return create_console(url, settings, login="auditor", **options)


_FIELDS = frozenset(Settings.__struct_fields__)


@contextmanager
def visiting(console: Console) -> Iterator[httpx.Client]:
    """Run a console, and open it."""
    with running(console) as client:
        token = console.desk.access.new_token()
        assert client.get("/", params={"token": token}).status_code == 200
        yield client


@pytest.fixture(scope="session")
def year_db(ledger_template: Any, ledger_server: Server) -> Iterator[str]:
    """The address of a ledger with a year of life, which no test changes."""
    with new_database(ledger_server, f"TEMPLATE {ledger_template.template_dbname}") as url:
        with psycopg.connect(url, autocommit=True) as conn:
            fill(conn)
        yield url


@pytest.fixture(scope="session")
def year_login(year_db: str) -> Iterator[str]:
    """The address of that ledger for an auditor."""
    with auditor(year_db) as url:
        yield url


@pytest.fixture(scope="module")
def year_console(year_login: str) -> Console:
    """A console of that ledger; `year` runs it."""
    return make_console(year_login)


@pytest.fixture(scope="module")
def year(year_console: Console) -> Iterator[httpx.Client]:
    """A client of a console of that ledger."""
    with visiting(year_console) as client:
        yield client


@pytest.fixture
def login(ledger_db: str) -> Iterator[str]:
    """The address of `ledger_db` for an auditor."""
    with auditor(ledger_db) as url:
        yield url


@pytest.fixture
def visitor(login: str) -> Iterator[Visitor]:
    """Run a console of `ledger_db`, with options as for `make_console`, and open it."""
    with ExitStack() as opened:
        yield lambda **options: opened.enter_context(visiting(make_console(login, **options)))


@pytest.fixture
def operator(ledger_db: str) -> Iterator[httpx.Client]:
    """A client of a console of `ledger_db` with operators' actions."""
    with (
        auditor(ledger_db, group="ledger_operator") as url,
        visiting(make_console(url, operator=True)) as client,
    ):
        yield client
