"""Fixtures of the SQL tests."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import TypeAlias

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.fixtures.clock import Clock
from tests.sql.books import assert_books_are_right
from tests.sql.calls import Connection, call

_NUMBERS = itertools.count(1)

LogIn: TypeAlias = Callable[..., Connection]


@pytest.fixture
def clock(tx: Connection) -> Iterator[Clock]:
    """The clock of `tx`, at noon of 1 January 2030. The books are checked after the test."""
    yield Clock(tx, "2030-01-01T12:00:00Z")
    assert_books_are_right(tx)


@pytest.fixture
def log_in(ledger_db: str, conn: Connection) -> Iterator[LogIn]:
    """Creates login roles, bound to the apps given, and returns a connection of each.

    `log_in("app1")` is bound to app1; `log_in(member_of="ledger_auditor")` is in that group.
    Roles belong to the whole server, so names are unique and roles are dropped after the test.
    """
    names: list[str] = []
    connections: list[Connection] = []

    def make(*apps: str, member_of: str | None = None) -> Connection:
        name = f"ledger_test_{os.getpid()}_{next(_NUMBERS)}"
        password = f"secret of {name}"
        conn.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), password)
        )
        names.append(name)
        if member_of is not None:
            conn.execute(
                sql.SQL("GRANT {} TO {}").format(sql.Identifier(member_of), sql.Identifier(name))
            )
        for app in apps:
            call(conn, "bind_role", role=name, app=app)
        address = make_conninfo(ledger_db, user=name, password=password)
        connection = psycopg.connect(address, autocommit=True)
        connections.append(connection)
        return connection

    yield make
    for connection in connections:
        connection.close()
    for name in names:
        conn.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        conn.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
