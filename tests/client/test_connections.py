"""The client in the caller's transaction and on the caller's connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, AsyncCursor, AsyncRawCursor, Cursor, RawCursor
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader
from psycopg_pool import ConnectionPool

from ledger_py import AsyncLedger, Ledger
from ledger_py.errors import InsufficientBalance
from tests.client.clients import Connect, ledger_on

pytestmark = pytest.mark.anyio


@pytest.fixture
async def conn(connect: Connect, ledger_db: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection with psycopg's defaults: no autocommit, rows as tuples."""
    async with connect(ledger_db) as connection:
        yield connection


@pytest.fixture
async def observer(connect: Connect, ledger_db: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A second connection, which sees only committed data."""
    async with connect(ledger_db, autocommit=True) as connection:
        yield connection


async def entry_count(connection: AsyncConnection[Any], owner_id: str) -> int:
    """Count the entries of an owner that are visible to a connection."""
    found = await ledger_on(connection).balance(owner_id=owner_id)
    return found.entry_count


# In the caller's transaction


async def test_order_and_entry_commit_together(
    conn: AsyncConnection[Any], observer: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await observer.execute("CREATE TABLE orders (order_id integer PRIMARY KEY)")
    await conn.execute("INSERT INTO orders VALUES (7)")
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="order-7")
    unseen = await observer.execute("SELECT count(*) FROM orders")
    assert await unseen.fetchone() == (0,)
    assert await entry_count(observer, "alice") == 0

    await conn.commit()
    seen = await observer.execute("SELECT count(*) FROM orders")
    assert await seen.fetchone() == (1,)
    assert await entry_count(observer, "alice") == 1


async def test_order_and_entry_roll_back_together(
    conn: AsyncConnection[Any], observer: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await observer.execute("CREATE TABLE orders (order_id integer PRIMARY KEY)")
    async with conn.transaction(force_rollback=True):
        await conn.execute("INSERT INTO orders VALUES (7)")
        await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="order-7")
    await conn.commit()
    unseen = await observer.execute("SELECT count(*) FROM orders")
    assert await unseen.fetchone() == (0,)
    assert await entry_count(observer, "alice") == 0


async def test_refusal_rolls_the_order_back(
    conn: AsyncConnection[Any], observer: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await observer.execute("CREATE TABLE orders (order_id integer PRIMARY KEY)")
    with pytest.raises(InsufficientBalance):
        async with conn.transaction():
            await conn.execute("INSERT INTO orders VALUES (7)")
            await ledger.record_entry(
                owner_id="alice", operation="CREDIT_SPEND", nonce="order-7", amount=-3
            )
    unseen = await observer.execute("SELECT count(*) FROM orders")
    assert await unseen.fetchone() == (0,)


async def test_refusal_in_a_savepoint_keeps_earlier_work(
    conn: AsyncConnection[Any], observer: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    async with conn.transaction():
        await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=2)
        with pytest.raises(InsufficientBalance):
            async with conn.transaction():
                await ledger.record_entry(
                    owner_id="alice", operation="CREDIT_SPEND", nonce="n-2", amount=-3
                )
        await ledger.record_entry(
            owner_id="alice", operation="CREDIT_SPEND", nonce="n-2", amount=-2
        )
    assert await entry_count(observer, "alice") == 2


async def test_refusal_without_a_savepoint_aborts_the_transaction(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    with pytest.raises(InsufficientBalance):
        await ledger.record_entry(owner_id="alice", operation="CREDIT_SPEND", nonce="n", amount=-1)
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        await ledger.balance(owner_id="alice")
    await conn.rollback()
    assert (await ledger.balance(owner_id="alice")).balance == 0


async def test_autocommit_makes_each_call_a_transaction(
    conn: AsyncConnection[Any], observer: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await conn.set_autocommit(True)
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=2)
    with pytest.raises(InsufficientBalance):
        await ledger.record_entry(owner_id="alice", operation="CREDIT_SPEND", nonce="n", amount=-3)
    assert conn.info.transaction_status == TransactionStatus.IDLE
    assert await entry_count(observer, "alice") == 1


async def test_pipeline_returns_each_result(
    conn: AsyncConnection[Any], observer: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    async with conn.pipeline(), conn.transaction():
        await conn.execute("SELECT 1")
        first = await ledger.record_entry(
            owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=2
        )
        with pytest.raises(InsufficientBalance):
            async with conn.transaction():
                await ledger.record_entry(
                    owner_id="alice", operation="CREDIT_SPEND", nonce="n-2", amount=-3
                )
        second = await ledger.record_entry(
            owner_id="alice", operation="CREDIT_ADD", nonce="n-3", amount=2
        )
    assert (first.balance, second.balance) == (2, 4)
    assert await entry_count(observer, "alice") == 2


# On the caller's connection


async def test_settings_of_the_connection_have_no_effect_and_are_kept(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    conn.row_factory = dict_row
    raw_cursor: Any = {AsyncCursor: AsyncRawCursor, Cursor: RawCursor}[conn.cursor_factory]
    conn.cursor_factory = raw_cursor
    conn.adapters.register_loader("int8", TextLoader)
    await conn.execute("SELECT 1")

    entry = await ledger.record_entry(
        owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=2
    )
    assert entry.balance == 2

    assert conn.row_factory is dict_row
    assert conn.cursor_factory is raw_cursor
    assert conn.autocommit is False
    assert conn.info.transaction_status == TransactionStatus.INTRANS
    cursor = await conn.execute("SELECT 2::bigint AS number")
    assert await cursor.fetchone() == {"number": "2"}


async def test_amounts_of_all_sizes_share_one_prepared_statement(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    conn.prepare_threshold = 0
    for amount in (1, 40_000, 1_000_000_000):
        await ledger.record_entry(
            owner_id="alice", operation="CREDIT_ADD", nonce=f"n-{amount}", amount=amount
        )
    prepared = await conn.execute(
        "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%record_entry%'",
        prepare=False,
    )
    assert await prepared.fetchone() == (1,)


async def test_closed_connection_is_not_a_refusal(
    conn: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await conn.close()
    for client in (ledger, ledger_on(conn)):
        with pytest.raises(psycopg.OperationalError):
            await client.balance(owner_id="alice")


async def test_lock_timeout_is_not_a_refusal(
    conn: AsyncConnection[Any], observer: AsyncConnection[Any], ledger: AsyncLedger
) -> None:
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-1")
    await conn.commit()
    await ledger.record_entry(owner_id="alice", operation="CREDIT_ADD", nonce="n-2")
    await observer.execute("SET lock_timeout = 1")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        await ledger_on(observer).record_entry(
            owner_id="alice", operation="CREDIT_ADD", nonce="n-3"
        )


@pytest.mark.parametrize("client", [Ledger, AsyncLedger])
@pytest.mark.parametrize("wrong", [None, "postgresql://", ConnectionPool("", open=False)])
def test_client_says_which_connection_it_wants(client: type[Any], wrong: object) -> None:
    with pytest.raises(TypeError, match=r"conn must be a psycopg\.(Async)?Connection"):
        client(wrong, app="app1")


def test_clients_do_not_take_the_connection_of_the_other(ledger_db: str) -> None:
    wanted = "psycopg.AsyncConnection"
    with psycopg.connect(ledger_db) as connection, pytest.raises(TypeError, match=wanted):
        AsyncLedger(connection, app="app1")  # type: ignore[arg-type]


@pytest.mark.parametrize(("encoding", "named"), [("LATIN1", "iso8859-1"), ("SQL_ASCII", "ascii")])
async def test_connection_that_cannot_express_all_texts_is_refused(
    connect: Connect, shared_ledger_db: str, encoding: str, named: str
) -> None:
    async with connect(shared_ledger_db, client_encoding=encoding) as other:
        with pytest.raises(ValueError, match=rf"client encoding UTF8, not {named}; connect"):
            ledger_on(other)


@pytest.mark.parametrize("encoding", ["utf-8", "UNICODE"])
async def test_encoding_may_have_any_of_its_names(
    connect: Connect, shared_ledger_db: str, encoding: str
) -> None:
    async with connect(shared_ledger_db, client_encoding=encoding) as other:
        assert (await ledger_on(other).balance(owner_id="nobody")).balance == 0


def test_pool_gives_connections_for_the_client(ledger_db: str) -> None:
    with ConnectionPool(ledger_db, open=True) as pool:
        with pool.connection() as connection:
            Ledger(connection, app="app1").record_entry(
                owner_id="alice", operation="CREDIT_ADD", nonce="n-1", amount=2
            )
        with pytest.raises(InsufficientBalance), pool.connection() as connection:
            Ledger(connection, app="app1").record_entry(
                owner_id="alice", operation="CREDIT_SPEND", nonce="n-2", amount=-3
            )
        with pool.connection() as connection:
            assert Ledger(connection, app="app1").balance(owner_id="alice").balance == 2
