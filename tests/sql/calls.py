"""Calls of the ledger's functions, and checks of refusals."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import TupleRow, dict_row
from psycopg.types.json import Jsonb

from tests.fixtures.fronts import front_of

Connection: TypeAlias = psycopg.Connection[TupleRow]
Row: TypeAlias = dict[str, Any]

MAX_AMOUNT = 2**53 - 1

_NONCES = itertools.count(1)


class Refusal:
    """The error of a failed block, filled in when the block has ended."""

    message: str = ""
    hint: str = ""
    detail: Any = None
    """The JSON detail of a refusal of the ledger."""


def rows(conn: Connection, function: str, **arguments: Any) -> list[Row]:
    """Call a function of schema ledger in named notation. Dicts become jsonb."""
    values = {name: Jsonb(it) if isinstance(it, dict) else it for name, it in arguments.items()}
    named = sql.SQL(", ").join(
        sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values
    )
    query = sql.SQL("SELECT * FROM {}({})").format(sql.Identifier("ledger", function), named)
    with front_of(conn, function).cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def call(conn: Connection, function: str, **arguments: Any) -> Row:
    """Call a function of schema ledger that returns one row."""
    (row,) = rows(conn, function, **arguments)
    return row


def record(conn: Connection, **arguments: Any) -> Row:
    """Record an entry: CREDIT_ADD for alice by app1 under a new nonce, unless told otherwise."""
    plain = {"app": "app1", "owner_id": "alice", "operation": "CREDIT_ADD", "nonce": new_nonce()}
    return call(conn, "record_entry", **plain | arguments)


def spend(conn: Connection, amount: int, **arguments: Any) -> Row:
    """Record a CREDIT_SPEND of a positive amount."""
    return record(conn, operation="CREDIT_SPEND", amount=-amount, **arguments)


def entries(conn: Connection, owner_id: str = "alice", asset: str = "CREDIT") -> list[Row]:
    """Read all columns of an account's entries, oldest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT * FROM ledger.entries WHERE owner_id = %s AND asset = %s ORDER BY seq",
            [owner_id, asset],
        ).fetchall()


def balance(conn: Connection, owner_id: str = "alice") -> int:
    """Read an owner's balance."""
    found: int = call(conn, "balance", owner_id=owner_id)["balance"]
    return found


def changed_since(conn: Connection, checkpoint: Row) -> list[Row]:
    """Return the findings of `verify_checkpoint`."""
    return rows(
        conn, "verify_checkpoint", horizon=checkpoint["horizon"], digest=checkpoint["digest"]
    )


def count_asset(conn: Connection, asset: str) -> None:
    """Define an operation that counts an asset, which no app has."""
    rule = {"description": f"Counts {asset}", "asset": asset, "default_amount": 1}
    call(conn, "define_operation", operation=f"{asset}_ADD", **rule)


def scalar(conn: Connection, query: str, *parameters: Any) -> Any:
    """Run a query of one row and one column."""
    row = conn.execute(query.encode(), parameters or None).fetchone()
    assert row is not None
    return row[0]


def has_compiled(conn: Connection) -> bool:
    """Tell whether the server's process has loaded the compiler of expressions."""
    backend = scalar(conn, "SELECT pg_backend_pid()")
    return "llvmjit" in Path(f"/proc/{backend}/maps").read_text()


def new_nonce() -> str:
    """Return a nonce that is unique in this run."""
    return f"n-{next(_NONCES)}"


@contextmanager
def fails(conn: Connection, sqlstate: str) -> Iterator[Refusal]:
    """Expect an error of the database in the block, or at its commit.

    The block is a transaction of its own on a connection in autocommit mode, else a savepoint.
    """
    refusal = Refusal()
    if not conn.autocommit:
        # Begin the transaction. Else psycopg would make the block the whole transaction.
        conn.execute("SELECT")
    with pytest.raises(psycopg.Error) as raised, conn.transaction():
        yield refusal
    error = raised.value
    assert error.sqlstate == sqlstate, error
    refusal.message = error.diag.message_primary or ""
    refusal.hint = error.diag.message_hint or ""
    if sqlstate.startswith("LG"):
        refusal.detail = json.loads(error.diag.message_detail or "null")


@contextmanager
def refused(conn: Connection, sqlstate: str) -> Iterator[Refusal]:
    """Expect a complete refusal; otherwise like `fails`.

    The message must be the constant one of its SQLSTATE, the detail a JSON object, and the hint not
    empty. The connection must be allowed to read `ledger.error_codes`.
    """
    with fails(conn, sqlstate) as refusal:
        yield refusal
    constant = scalar(conn, "SELECT message FROM ledger.error_codes WHERE sqlstate = %s", sqlstate)
    assert refusal.message == constant
    assert isinstance(refusal.detail, dict)
    assert refusal.hint
