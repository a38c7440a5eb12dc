"""The client in the transactions of Django, with settings of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import django
import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.db.transaction import TransactionManagementError
from psycopg.conninfo import conninfo_to_dict

from ledger_py import Ledger
from ledger_py.errors import InsufficientBalance
from tests.sql.calls import Connection

SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "server-side binding": {"OPTIONS": {"server_side_binding": True}},
    "pool": {"OPTIONS": {"pool": True}},
    "repeatable read": {"OPTIONS": {"isolation_level": psycopg.IsolationLevel.REPEATABLE_READ}},
    "prepared at once": {"OPTIONS": {"prepare_threshold": 0}},
    "another time zone": {"TIME_ZONE": "Asia/Tokyo"},
    "kept connections": {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True},
}


@pytest.fixture
def connect(ledger_db: str, conn: Connection) -> Iterator[Callable[..., None]]:
    """Make the database of the test Django's; takes settings of a database."""
    conn.execute("CREATE TABLE orders (order_id text PRIMARY KEY)")
    if not settings.configured:
        settings.configure(USE_TZ=True)
        django.setup()
    server = conninfo_to_dict(ledger_db)
    given = {
        "ENGINE": "django.db.backends.postgresql",
        **{key.upper(): server.get(key, "") for key in ("host", "port", "user", "password")},
        "NAME": server["dbname"],
    }

    def configure(**more: Any) -> None:
        connections.settings = connections.configure_settings({"default": given | more})

    yield configure
    connection.close()
    if connection.settings_dict["OPTIONS"].get("pool"):
        connection.close_pool()
    del connections["default"]


@pytest.fixture(params=list(SETTINGS.values()), ids=list(SETTINGS))
def usual(connect: Callable[..., None], request: pytest.FixtureRequest) -> None:
    """Usual settings of a database."""
    connect(**request.param)


def ledger() -> Ledger:
    return Ledger(connection.connection, app="app1")


def buy(order_id: str, price: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO orders VALUES (%s) ON CONFLICT DO NOTHING", [order_id])
    ledger().record_entry(owner_id="alice", operation="CREDIT_SPEND", nonce=order_id, amount=-price)


def grant(amount: int) -> None:
    ledger().record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="grant", amount=amount)


def found(conn: Connection) -> tuple[list[str], int]:
    """The orders and the balance that are committed."""
    orders = conn.execute("SELECT order_id FROM orders ORDER BY order_id").fetchall()
    balance = Ledger(conn, app="app1").balance(owner_id="alice").balance
    return [order for (order,) in orders], balance


@pytest.mark.usefixtures("usual")
def test_order_and_entry_commit_together(conn: Connection) -> None:
    with transaction.atomic():
        grant(7)
        buy("order-1", 4)
        assert found(conn) == ([], 0)

    assert found(conn) == (["order-1"], 3)


@pytest.mark.usefixtures("usual")
def test_order_and_entry_roll_back_together(conn: Connection) -> None:
    with transaction.atomic():
        grant(7)
        buy("order-1", 4)
        transaction.set_rollback(True)

    assert found(conn) == ([], 0)


@pytest.mark.usefixtures("usual")
def test_refusal_in_a_savepoint_keeps_earlier_and_later_work(conn: Connection) -> None:
    with transaction.atomic():
        grant(7)
        buy("order-1", 4)
        with pytest.raises(InsufficientBalance), transaction.atomic():
            buy("order-2", 4)
        buy("order-3", 3)

    assert found(conn) == (["order-1", "order-3"], 0)


@pytest.mark.usefixtures("usual")
def test_refusal_that_leaves_the_transaction_takes_all(conn: Connection) -> None:
    with pytest.raises(InsufficientBalance), transaction.atomic():
        grant(7)
        buy("order-1", 8)

    assert found(conn) == ([], 0)


@pytest.mark.usefixtures("usual")
def test_retry_takes_nothing_twice(conn: Connection) -> None:
    for _ in range(2):
        with transaction.atomic():
            grant(7)
            buy("order-1", 4)

    assert found(conn) == (["order-1"], 3)


@pytest.mark.usefixtures("usual")
def test_hold_is_captured_in_the_transaction(conn: Connection) -> None:
    with transaction.atomic():
        grant(7)
        with ledger().hold(
            owner_id="alice",
            operation="CREDIT_SPEND",
            nonce="job",
            amount=5,
            expires_in=timedelta(minutes=5),
        ) as hold:
            hold.capture(2)

    assert found(conn) == ([], 5)


def test_refusal_without_a_savepoint_is_marked_for_rollback(
    connect: Callable[..., None], conn: Connection
) -> None:
    connect()
    after_commit: list[str] = []
    with pytest.raises(TransactionManagementError), transaction.atomic():
        transaction.on_commit(lambda: after_commit.append("run"))
        with pytest.raises(InsufficientBalance), transaction.atomic(savepoint=False):
            buy("order-1", 4)
        buy("order-2", 0)

    assert after_commit == []
    assert found(conn) == ([], 0)


def test_django_recovers_from_a_connection_that_is_lost_in_a_call(
    connect: Callable[..., None], conn: Connection
) -> None:
    connect(CONN_MAX_AGE=None)
    with pytest.raises(psycopg.OperationalError), transaction.atomic():
        grant(7)
        pid = connection.connection.info.backend_pid
        conn.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        grant(7)

    with transaction.atomic():
        grant(7)
    assert found(conn) == ([], 7)


def test_proxy_and_missing_connection_are_refused_with_advice(
    connect: Callable[..., None],
) -> None:
    connect()
    for given in (connection, connection.connection):
        with pytest.raises(TypeError, match=r"connection\.connection inside of transaction\.atomi"):
            Ledger(given, app="app1")
