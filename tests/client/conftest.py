"""Fixtures for tests of the client; each test that connects runs with both clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest
from psycopg import AsyncConnection

from ledger_py import AsyncLedger
from tests.client.clients import Connect, connect_async, connect_sync, ledger_on, lent_to
from tests.client.spread import spread
from tests.fixtures.database import new_database
from tests.fixtures.fronts import is_front
from tests.fixtures.partitions import is_cluster


@pytest.fixture(params=[connect_async, connect_sync], ids=["async", "sync"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Opens a connection for the client under test."""
    return cast(Connect, request.param)


@pytest.fixture
async def conn(
    connect: Connect, request: pytest.FixtureRequest
) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection in a transaction that is rolled back when the test ends.

    On a cluster or with a front, one in autocommit mode to a database of the test's own.
    """
    if is_cluster() or is_front():
        async with connect(request.getfixturevalue("ledger_db"), autocommit=True) as connection:
            yield connection
        return
    with lent_to(connect, request.getfixturevalue("shared_session")) as connection:
        yield connection


@pytest.fixture(scope="session")
def reading_db(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of a cluster, or behind a front, where tests only read."""
    server, options = map(request.getfixturevalue, ("ledger_server", "copied"))
    with new_database(server, options) as url:
        yield url


@pytest.fixture
async def reader(connect: Connect, request: pytest.FixtureRequest) -> AsyncIterator[AsyncLedger]:
    """The ledger of app1 in a shared database, where tests only read."""
    if not (is_cluster() or is_front()):
        with lent_to(connect, request.getfixturevalue("shared_session")) as connection:
            yield ledger_on(connection)
        return
    reading_db = request.getfixturevalue("reading_db")
    async with (
        connect(reading_db, autocommit=True) as connection,
        spread(connection, reading_db) as ledger,
    ):
        yield ledger


@pytest.fixture
async def ledger(
    conn: AsyncConnection[Any], request: pytest.FixtureRequest
) -> AsyncIterator[AsyncLedger]:
    """The ledger of app1 on `conn`.

    On a cluster, if that is in autocommit mode, the one of all partitions; with a front, on it.
    """
    url = request.getfixturevalue("ledger_db") if is_cluster() or is_front() else None
    async with spread(conn, url) as ledger:
        yield ledger


@pytest.fixture
async def transacting(
    connect: Connect, ledger_db: str, ledger: AsyncLedger
) -> AsyncIterator[AsyncLedger]:
    """A second `ledger`, in the test's own database, on a connection without autocommit."""
    async with connect(ledger_db) as connection:
        yield ledger_on(connection, app=ledger.app)
