"""Logins that hold advisory locks, which any login may, stop no owner and no operator."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.concurrency.callers import wait_until_blocked
from tests.sql.calls import Connection, call, record, scalar, spend
from tests.sql.conftest import LogIn

STRANGERS = pytest.mark.parametrize("apps", [("app2",), ()], ids=["of another app", "no rights"])


def hold(stranger: Connection, *names: str) -> None:
    """Hold the advisory locks of the names as long as the connection lives."""
    for name in names:
        stranger.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])


@STRANGERS
def test_stranger_on_the_queue_stops_no_owner(
    conn: Connection, log_in: LogIn, apps: tuple[str, ...]
) -> None:
    record(conn, amount=10)
    hold(log_in(*apps), "alice", "bob")
    app1 = log_in("app1")
    app1.execute("SET lock_timeout = '10s'")  # ends a test that would hang

    assert spend(app1, 3)["balance"] == 7
    assert record(app1, owner_id="bob", amount=1)["seq"] == 1


def test_callers_queue_beside_a_stranger(ledger_db: str, conn: Connection, log_in: LogIn) -> None:
    record(conn, amount=10)
    hold(log_in("app2"), "alice")
    with (
        psycopg.connect(ledger_db) as first,
        psycopg.connect(ledger_db, autocommit=True) as second,
        psycopg.connect(ledger_db, autocommit=True) as third,
        ThreadPoolExecutor(2) as threads,
    ):
        spend(first, 1)
        waiting = [threads.submit(spend, second, 1)]
        wait_until_blocked(conn, second)
        waiting.append(threads.submit(spend, third, 1))
        wait_until_blocked(conn, third)
        # The third waits for the first entry, not for the account, whose waiters are woken badly.
        queued = scalar(
            conn,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'tuple' AND NOT granted"
            " AND relation = 'ledger.entries'::regclass",
        )
        first.commit()
        assert [entry.result()["seq"] for entry in waiting] == [3, 4]
    assert queued == 1


@STRANGERS
def test_stranger_on_the_catalogue_stops_no_operator(
    conn: Connection, log_in: LogIn, apps: tuple[str, ...]
) -> None:
    hold(log_in(*apps), "ledger.catalogue")
    operator = log_in(member_of="ledger_operator")
    operator.execute("SET lock_timeout = '10s'")

    call(operator, "register_app", app="app9", description="An app")

    assert scalar(conn, "SELECT count(*) FROM ledger.apps WHERE app = 'app9'") == 1
