"""Functions answer or refuse any values, and the books stay consistent.

Functions and parameters are read from the catalogue, so that new ones are tested as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from ledger_py.settings import PROJECT_ROOT
from tests.sql.calls import Connection, call, record, scalar
from tests.sql.hostile_values import arguments_of

Parameters: TypeAlias = dict[str, str]
Arguments: TypeAlias = dict[str, Any]

FUNCTIONS = sorted(path.stem for path in PROJECT_ROOT.glob("sql/functions/*.sql"))
ROLES = ["ledger_app", "ledger_auditor", "ledger_operator"]

FOUND: list[tuple[str, Arguments]] = [
    (
        "record_entries",
        {
            "app": "app1",
            "entries": json.dumps(
                [
                    {
                        "owner_id": "alice",
                        "operation": "CREDIT_ADD",
                        "nonce": "fresh",
                        # Valid in RFC 3339, but not in PostgreSQL.
                        "expires_at": "2030-01-01T00:00:00+16:00",
                    }
                ]
            ),
            "atomic": True,
        },
    ),
    (
        "statement",
        {"owner_id": "alice", "since": "4714-11-24 00:00:00+00 BC", "until": "infinity"},
    ),
    ("bind_role", {"role": "ledger_app", "app": "app1"}),
    ("bind_role", {"role": "pg_database_owner", "app": "app1"}),
]
"""Calls that once raised an error of PostgreSQL."""


@pytest.fixture(scope="module")
def books(shared_ledger_db: str) -> Iterator[Connection]:
    """A connection in a transaction that is rolled back, with the entries and holds of `KNOWN`."""
    with psycopg.connect(shared_ledger_db) as conn:
        record(conn, nonce="n-add", amount=1000)
        record(conn, nonce="n-spend", operation="CREDIT_SPEND", amount=-7)
        record(conn, nonce="n-claim", operation="SIGNUP_CREDIT")
        record(conn, app="app2", nonce="n-lot", operation="PLAN_ALLOWANCE", amount=50)
        hold = {"app": "app1", "owner_id": "alice", "operation": "CREDIT_SPEND"}
        for nonce in ("h-1", "h-2", "h-done"):
            call(conn, "place_hold", **hold, nonce=nonce, amount=20)
        call(conn, "capture_hold", app="app1", hold_nonce="h-2", nonce="c-2", amount=5, final=False)
        call(conn, "release_hold", app="app1", hold_nonce="h-done")
        record(conn, owner_id="bob", nonce="n-bob")
        record(conn, owner_id="frozen", nonce="n-frozen")
        decision = {"actor": "a person", "reason": "for a test"}
        call(conn, "freeze_account", owner_id="frozen", **decision)
        call(conn, "set_min_balance", owner_id="bob", min_balance=-100, **decision)
        yield conn
        conn.rollback()


@pytest.fixture(scope="module")
def constant_messages(books: Connection) -> dict[str, str]:
    return dict(books.execute("SELECT sqlstate, message FROM ledger.error_codes").fetchall())


def parameters_of(conn: Connection, function: str) -> Parameters:
    """Read the parameters and types of each function of schema ledger."""
    found = conn.execute(
        """
        SELECT name, format_type(type, NULL)
        FROM pg_proc, unnest(proargnames[:pronargs], proargtypes::oid []) AS parameters (name, type)
        WHERE pronamespace = 'ledger'::regnamespace AND proname = %s
        """,
        [function],
    )
    return dict(found.fetchall())


def query(function: str, parameters: Parameters) -> sql.Composed:
    named = sql.SQL(", ").join(
        sql.SQL("{} => {}::{}").format(sql.Identifier(name), sql.Placeholder(name), sql.SQL(type_))
        for name, type_ in parameters.items()
    )
    return sql.SQL("SELECT * FROM {}({})").format(sql.Identifier("ledger", function), named)


def test_every_executable_function_is_tried(books: Connection) -> None:
    executable = books.execute(
        """
        SELECT DISTINCT proname
        FROM pg_proc, unnest(%s::text []) AS role
        WHERE pronamespace = 'ledger'::regnamespace AND has_function_privilege(role, oid, 'EXECUTE')
        """,
        [ROLES],
    )
    assert {name for (name,) in executable} <= set(FUNCTIONS)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_any_values_are_answered_or_refused(
    books: Connection, constant_messages: dict[str, str], function: str
) -> None:
    parameters = parameters_of(books, function)
    statement = query(function, parameters)
    writes = scalar(books, "SELECT provolatile = 'v' FROM pg_proc WHERE proname = %s", function)

    # Two calls, which may be a request and its retry.
    @settings(max_examples=settings().max_examples // 2)
    @given(st.lists(arguments_of(parameters), min_size=1, max_size=2))
    def try_values(calls: list[Arguments]) -> None:
        with books.transaction(force_rollback=True):
            errors = [error_of(books, statement, arguments) for arguments in calls]
            for error in errors:
                if error is not None:
                    assert_refusal(error, constant_messages)
            if writes and None in errors:
                assert books.execute("SELECT * FROM ledger.verify()").fetchall() == []

    try_values()


@pytest.mark.parametrize(("function", "arguments"), FOUND)
def test_formerly_failing_values_are_answered_or_refused(
    books: Connection, constant_messages: dict[str, str], function: str, arguments: Arguments
) -> None:
    types = parameters_of(books, function)
    statement = query(function, {name: types[name] for name in arguments})

    with books.transaction(force_rollback=True):
        error = error_of(books, statement, arguments)

    if error is not None:
        assert_refusal(error, constant_messages)


def error_of(
    conn: Connection, statement: sql.Composed, arguments: Arguments
) -> psycopg.Error | None:
    """Make a call as in a transaction of its own, and return its error, if any."""
    try:
        with conn.transaction():
            conn.execute(statement, arguments).fetchall()
            # Run the deferred checks.
            conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
            conn.execute("SET CONSTRAINTS ALL DEFERRED")
    except psycopg.Error as error:
        return error
    return None


def assert_refusal(error: psycopg.Error, constant_messages: dict[str, str]) -> None:
    """Fail unless an error is a complete refusal, as listed in `ledger.error_codes`."""
    assert error.diag.message_primary == constant_messages.get(error.sqlstate or ""), error
    assert isinstance(json.loads(error.diag.message_detail or "null"), dict)
    assert error.diag.message_hint
