"""The clients in the transactions of SQLAlchemy, with settings of all kinds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from ledger_py import AsyncLedger, Ledger
from ledger_py.errors import InsufficientBalance
from tests.sql.calls import Connection


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    order_id: Mapped[str] = mapped_column(primary_key=True)


@pytest.fixture
def address(ledger_db: str) -> sa.URL:
    """The database of the test, with a table of orders, for SQLAlchemy."""
    url = sa.make_url(ledger_db).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
    return url


SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "prepared at once": {"connect_args": {"prepare_threshold": 0}},
    "never prepared": {"connect_args": {"prepare_threshold": None}},
    "bound by the client": {"connect_args": {"cursor_factory": psycopg.ClientCursor}},
    "serializable": {"isolation_level": "SERIALIZABLE"},
    "no pool": {"poolclass": sa.NullPool},
}


@pytest.fixture(params=list(SETTINGS.values()), ids=list(SETTINGS))
def engine(address: sa.URL, request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """Engines with usual settings."""
    found = sa.create_engine(address, **request.param)
    yield found
    found.dispose()


@pytest.fixture
def plain_engine(address: sa.URL) -> Iterator[sa.Engine]:
    """An engine with the defaults."""
    found = sa.create_engine(address)
    yield found
    found.dispose()


def ledger_of(session: Session) -> Ledger:
    raw: Any = session.connection().connection.driver_connection
    return Ledger(raw, app="app1")


def buy(session: Session, order_id: str, price: int) -> None:
    session.merge(Order(order_id=order_id))
    ledger_of(session).record_entry(
        owner_id="alice", operation="CREDIT_SPEND", nonce=order_id, amount=-price
    )


def grant(session: Session, amount: int) -> None:
    ledger_of(session).record_entry(
        owner_id="alice", operation="CREDIT_ADD", nonce="grant", amount=amount
    )


def found(conn: Connection) -> tuple[list[str], int]:
    """The orders and the balance that are committed."""
    orders = conn.execute("SELECT order_id FROM orders ORDER BY order_id").fetchall()
    return [order for (order,) in orders], Ledger(conn, app="app1").balance(
        owner_id="alice"
    ).balance


def test_order_and_entry_commit_together(engine: sa.Engine, conn: Connection) -> None:
    with Session(engine) as session, session.begin():
        grant(session, 7)
        buy(session, "order-1", 4)
        session.flush()
        assert found(conn) == ([], 0)

    assert found(conn) == (["order-1"], 3)


def test_order_and_entry_roll_back_together(engine: sa.Engine, conn: Connection) -> None:
    with Session(engine) as session:
        grant(session, 7)
        buy(session, "order-1", 4)
        session.rollback()

    assert found(conn) == ([], 0)


def test_refusal_in_a_savepoint_keeps_earlier_and_later_work(
    engine: sa.Engine, conn: Connection
) -> None:
    with Session(engine) as session, session.begin():
        grant(session, 7)
        buy(session, "order-1", 4)
        with pytest.raises(InsufficientBalance), session.begin_nested():
            buy(session, "order-2", 4)
        buy(session, "order-3", 3)

    assert found(conn) == (["order-1", "order-3"], 0)


def test_refusal_that_leaves_the_transaction_takes_all(engine: sa.Engine, conn: Connection) -> None:
    with pytest.raises(InsufficientBalance), Session(engine) as session, session.begin():
        grant(session, 7)
        buy(session, "order-1", 8)

    assert found(conn) == ([], 0)


def test_retry_takes_nothing_twice(engine: sa.Engine, conn: Connection) -> None:
    for _ in range(2):
        with Session(engine) as session, session.begin():
            grant(session, 7)
            buy(session, "order-1", 4)

    assert found(conn) == (["order-1"], 3)


def test_hold_is_captured_in_the_session(engine: sa.Engine, conn: Connection) -> None:
    with Session(engine) as session, session.begin():
        grant(session, 7)
        with ledger_of(session).hold(
            owner_id="alice",
            operation="CREDIT_SPEND",
            nonce="job",
            amount=5,
            expires_in=timedelta(minutes=5),
        ) as hold:
            session.add(Order(order_id="order-1"))
            with session.begin_nested():
                hold.capture(2)

    assert found(conn) == (["order-1"], 5)


def test_connection_without_a_session(plain_engine: sa.Engine, conn: Connection) -> None:
    with plain_engine.begin() as connection:
        raw: Any = connection.connection.driver_connection
        with pytest.raises(InsufficientBalance), connection.begin_nested():
            connection.execute(sa.insert(Order).values(order_id="order-1"))
            Ledger(raw, app="app1").record_entry(
                owner_id="alice", operation="CREDIT_SPEND", nonce="order-1", amount=-1
            )
        connection.execute(sa.insert(Order).values(order_id="order-2"))

    assert found(conn) == (["order-2"], 0)


def test_engine_recovers_from_a_connection_that_is_lost_in_a_call(
    plain_engine: sa.Engine, conn: Connection
) -> None:
    with pytest.raises(sa.exc.OperationalError), Session(plain_engine) as session, session.begin():
        grant(session, 7)
        pid = session.scalar(sa.text("SELECT pg_backend_pid()"))
        conn.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(psycopg.OperationalError):
            grant(session, 7)

    with Session(plain_engine) as session, session.begin():
        grant(session, 7)
    assert found(conn) == ([], 7)


@pytest.mark.parametrize("taken", ["session", "connection", "proxy"])
def test_sqlalchemy_objects_are_refused_with_advice(plain_engine: sa.Engine, taken: str) -> None:
    with Session(plain_engine) as session:
        connection = session.connection()
        given: Any = {
            "session": session,
            "connection": connection,
            "proxy": connection.connection,
        }[taken]

        with pytest.raises(
            TypeError, match=r"session\.connection\(\)\.connection\.driver_connection"
        ):
            Ledger(given, app="app1")


@pytest.mark.anyio
@pytest.mark.parametrize("settings", list(SETTINGS.values())[:3], ids=list(SETTINGS)[:3])
async def test_asynchronous_session(
    address: sa.URL, conn: Connection, settings: dict[str, Any]
) -> None:
    engine = create_async_engine(address, **settings)

    async def buy(session: AsyncSession, order_id: str, price: int) -> None:
        session.add(Order(order_id=order_id))
        raw: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        await AsyncLedger(raw, app="app1").record_entry(
            owner_id="alice", operation="CREDIT_SPEND", nonce=order_id, amount=-price
        )

    Ledger(conn, app="app1").record_entry(
        owner_id="alice", operation="CREDIT_ADD", nonce="grant", amount=7
    )
    async with AsyncSession(engine) as session, session.begin():
        await buy(session, "order-1", 4)
        with pytest.raises(InsufficientBalance):
            async with session.begin_nested():
                await buy(session, "order-2", 4)
    async with AsyncSession(engine) as session:
        await buy(session, "order-3", 1)
        await session.rollback()
    await engine.dispose()

    assert found(conn) == (["order-1"], 3)


@pytest.mark.anyio
async def test_asynchronous_client_says_how_to_get_to_the_connection(address: sa.URL) -> None:
    engine = create_async_engine(address)
    async with AsyncSession(engine) as session:
        given: Any = await session.connection()
        with pytest.raises(TypeError, match=r"get_raw_connection\(\)\)\.driver_connection"):
            AsyncLedger(given, app="app1")
    await engine.dispose()
