"""Fixtures for tests of the client; each test that connects runs with both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from psycopg import AsyncConnection

from ledger_py import AsyncLedger
from tests.client.clients import Connect, connect_async, connect_sync, ledger_on


@pytest.fixture(params=[connect_async, connect_sync], ids=["async", "sync"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Opens a connection for the client under test."""
    return cast(Connect, request.param)


@pytest.fixture
async def conn(connect: Connect, shared_ledger_db: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection in a transaction that is rolled back when the test ends."""
    async with connect(shared_ledger_db) as connection:
        yield connection
        await connection.rollback()


@pytest.fixture
async def reader(connect: Connect, shared_ledger_db: str) -> AsyncIterator[AsyncLedger]:
    """The ledger of app1 in a shared database, where tests only read."""
    async with connect(shared_ledger_db) as connection:
        yield ledger_on(connection)


@pytest.fixture
def ledger(conn: AsyncConnection[Any]) -> AsyncLedger:
    """The ledger of app1 on `conn`."""
    return ledger_on(conn)


@pytest.fixture
async def transacting(
    connect: Connect, ledger_db: str, ledger: AsyncLedger
) -> AsyncIterator[AsyncLedger]:
    """A second `ledger`, in the test's own database, on a connection without autocommit."""
    async with connect(ledger_db) as connection:
        yield ledger_on(connection, app=ledger.app)
