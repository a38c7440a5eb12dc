"""`Ledger` behind the interface of `AsyncLedger`, so that one test can run with both clients.

A synchronous call is over when it returns; `await` or `async with` only takes its result.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, TypeAlias, cast

import psycopg
from psycopg import AsyncConnection

from ledger_py import AsyncLedger, Cluster, Ledger, OpenHold
from tests.fixtures.sessions import Lent

Connect: TypeAlias = Callable[..., AbstractAsyncContextManager[AsyncConnection[Any]]]
"""Opens a connection for one of the clients; takes the arguments of `psycopg.connect`."""

_WAITING = (psycopg.Connection, psycopg.Cursor, Ledger, OpenHold, Cluster)


class _Awaitable:
    """A synchronous object as its asynchronous counterpart."""

    def __init__(self, target: Any) -> None:
        vars(self)["target"] = target

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.target, name)
        if inspect.ismethod(value):
            return lambda *args, **kwargs: _Result(value(*args, **kwargs))
        return _awaitable(value)

    async def __aenter__(self) -> Any:
        self.target.__enter__()
        return self

    async def __aexit__(self, *exc: Any) -> bool | None:
        return cast(bool | None, self.target.__exit__(*exc))

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self.target, name, value)


class _Result:
    """The result of a synchronous call."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, Any]:
        yield from ()
        return _awaitable(self._value)

    async def __aenter__(self) -> Any:
        return _awaitable(self._value.__enter__())

    async def __aexit__(self, *exc: Any) -> bool | None:
        return cast(bool | None, self._value.__exit__(*exc))


def _awaitable(value: Any) -> Any:
    return _Awaitable(value) if isinstance(value, _WAITING) else value


@asynccontextmanager
async def connect_async(url: str, **settings: Any) -> AsyncIterator[AsyncConnection[Any]]:
    async with await AsyncConnection.connect(url, **settings) as conn:
        yield conn


@asynccontextmanager
async def connect_sync(url: str, **settings: Any) -> AsyncIterator[Any]:
    with psycopg.connect(url, **settings) as conn:
        yield _Awaitable(conn)


@contextmanager
def lent_to(connect: Connect, session: Lent) -> Iterator[AsyncConnection[Any]]:
    """Make a connection of a client of a session that is lent to the test, and rolled back."""
    with session.lent() as pgconn:
        conn: Any = (
            AsyncConnection(pgconn)
            if connect is connect_async
            else _Awaitable(psycopg.Connection(pgconn))
        )
        yield conn
        del getattr(conn, "target", conn).pgconn


def ledger_on(conn: Any, *, app: str = "app1") -> AsyncLedger:
    """Make the client that belongs to a connection of `connect`."""
    if is_sync(conn):
        return cast(AsyncLedger, _Awaitable(Ledger(conn.target, app=app)))
    return AsyncLedger(conn, app=app)


def is_sync(conn: Any) -> bool:
    """Tell whether a connection of `connect` is synchronous."""
    return isinstance(conn, _Awaitable)


def sync_cluster(*args: Any, **options: Any) -> Any:
    """Make a `Cluster` behind the interface of `AsyncCluster`."""
    return _Awaitable(Cluster(*args, **options))


async def count_asset(ledger: AsyncLedger, asset: str) -> None:
    """Define an operation that counts an asset, which no app has."""
    await ledger.conn.execute(
        "SELECT ledger.define_operation(operation => %s, description => 'Counts it',"
        " default_amount => 1, asset => %s)",
        [f"{asset}_ADD", asset],
    )
