"""Concurrent changes of apps and operations."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeAlias

import psycopg
import pytest

from tests.concurrency.callers import all_at_once, wait_until_blocked
from tests.sql.calls import Connection, Row, call, scalar

Change: TypeAlias = Callable[[Connection], Row]

REGISTER = partial(call, function="register_app", app="app3", description="Third")
SHARE = partial(
    call,
    function="define_operation",
    operation="BONUS",
    description="A bonus",
    default_amount=5,
    shared=True,
)


def missing_shared_operations(conn: Connection) -> int:
    found: int = scalar(
        conn,
        """
        SELECT count(*) FROM ledger.apps CROSS JOIN ledger.operations
        WHERE shared AND NOT EXISTS (
            SELECT 1 FROM ledger.app_operations
            WHERE app_operations.app = apps.app
                AND app_operations.operation = operations.operation
        )
        """,
    )
    return found


@pytest.mark.parametrize(
    ("earlier", "later"), [(REGISTER, SHARE), (SHARE, REGISTER)], ids=["app first", "app last"]
)
def test_new_app_gets_a_shared_operation_defined_concurrently(
    pair: tuple[Connection, Connection],
    conn: Connection,
    thread: ThreadPoolExecutor,
    earlier: Change,
    later: Change,
) -> None:
    first, second = pair
    with first.transaction():
        earlier(first)
        waiting = thread.submit(later, second)
        wait_until_blocked(conn, second)
    waiting.result()
    assert missing_shared_operations(conn) == 0
    assert scalar(
        conn,
        "SELECT EXISTS (SELECT 1 FROM ledger.app_operations WHERE app = %s AND operation = %s)",
        "app3",
        "BONUS",
    )


@pytest.mark.parametrize(
    ("earlier", "later"), [(REGISTER, SHARE), (SHARE, REGISTER)], ids=["app first", "app last"]
)
@pytest.mark.parametrize(
    "level",
    [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE],
    ids=lambda level: level.name,
)
def test_change_in_a_stale_snapshot_keeps_sets_complete(
    pair: tuple[Connection, Connection],
    conn: Connection,
    earlier: Change,
    later: Change,
    level: psycopg.IsolationLevel,
) -> None:
    for connection in pair:
        connection.isolation_level = level
    first, second = pair
    with suppress(psycopg.Error), second.transaction():
        second.execute("SELECT 1 FROM ledger.apps, ledger.operations")
        with suppress(psycopg.Error), first.transaction():
            earlier(first)
        later(second)
    assert missing_shared_operations(conn) == 0


def test_change_in_a_stale_snapshot_raises_a_serialization_failure(
    pair: tuple[Connection, Connection],
) -> None:
    first, second = pair
    second.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    with pytest.raises(psycopg.errors.SerializationFailure), second.transaction():
        second.execute("SELECT 1 FROM ledger.apps")
        SHARE(first)
        call(second, "define_operation", operation="X", description="x", default_amount=1)


def test_apps_and_shared_operations_can_be_created_concurrently(
    ledger_db: str, conn: Connection
) -> None:
    makers: list[Change] = []
    for n in range(10):
        makers.append(partial(call, function="register_app", app=f"new{n}", description="New"))
        makers.append(
            partial(
                call,
                function="define_operation",
                operation=f"NEW_{n}",
                description="New",
                default_amount=1,
                shared=True,
            )
        )
    answers = all_at_once(ledger_db, makers)
    assert [answer for answer in answers if isinstance(answer, str)] == []
    assert missing_shared_operations(conn) == 0
    assert scalar(conn, "SELECT count(*) FROM ledger.apps") == 12


@pytest.mark.parametrize(
    ("change", "notes"),
    [(REGISTER, 5), (SHARE, 3)],
    ids=["an app with 4 operations", "an operation for 2 apps"],
)
def test_same_change_by_ten_callers_is_journalled_once(
    ledger_db: str, conn: Connection, change: Change, notes: int
) -> None:
    count = "SELECT count(*)::integer FROM ledger.operation_changes"
    before = scalar(conn, count)
    answers = all_at_once(ledger_db, [change] * 10)
    assert [answer for answer in answers if isinstance(answer, str)] == []
    assert scalar(conn, count) == before + notes
