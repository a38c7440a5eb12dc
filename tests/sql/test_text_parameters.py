"""Whatever the functions are given: an answer or a refusal of the ledger, and books that are right.

Functions and parameters are taken from the catalogue, so that what is added later is tried as well.
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
from tests.sql.calls import Connection, call, record
from tests.sql.hostile_values import value_of

Parameters: TypeAlias = dict[str, str]

FUNCTIONS = sorted(path.stem for path in PROJECT_ROOT.glob("sql/functions/*.sql"))
ROLES = ["ledger_app", "ledger_auditor", "ledger_operator"]

# What the functions leave to PostgreSQL: a grant of a role to a role that cannot have it.
LEFT_TO_POSTGRESQL: dict[str, set[str]] = {}


@pytest.fixture(scope="module")
def books(shared_ledger_db: str) -> Iterator[Connection]:
    """A connection in a transaction, never committed, in which the names of `KNOWN` are used."""
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
    """Read the parameters of a function of schema ledger with their types."""
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
        sql.SQL("{} => {}::{}").format(sql.Identifier(name), sql.Placeholder(), sql.SQL(type_))
        for name, type_ in parameters.items()
    )
    return sql.SQL("SELECT * FROM {}({})").format(sql.Identifier("ledger", function), named)


def test_every_function_that_a_role_may_execute_is_tried(books: Connection) -> None:
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
def test_any_values_get_an_answer_or_a_refusal(
    books: Connection, constant_messages: dict[str, str], function: str
) -> None:
    parameters = parameters_of(books, function)
    statement = query(function, parameters)
    calls = st.tuples(*(value_of(name, type_) for name, type_ in parameters.items()))

    # A second call, now and then, is a retry.
    @settings(max_examples=settings.default.max_examples if parameters else 1)
    @given(st.lists(calls, min_size=1, max_size=2))
    def try_values(examples: list[tuple[Any, ...]]) -> None:
        with books.transaction(force_rollback=True):
            answered = [answers(books, statement, values) for values in examples]
            if any(answered):
                assert books.execute("SELECT * FROM ledger.verify()").fetchall() == []

    def answers(conn: Connection, statement: sql.Composed, values: tuple[Any, ...]) -> bool:
        try:
            with conn.transaction():
                conn.execute(statement, values).fetchall()
                # What would be checked at commit.
                conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
                conn.execute("SET CONSTRAINTS ALL DEFERRED")
        except psycopg.Error as error:
            sqlstate = error.sqlstate or ""
            if sqlstate not in LEFT_TO_POSTGRESQL.get(function, ()):
                assert error.diag.message_primary == constant_messages.get(sqlstate), error
                assert isinstance(json.loads(error.diag.message_detail or "null"), dict)
                assert error.diag.message_hint
            return False
        return True

    try_values()
