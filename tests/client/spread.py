"""The ledger of a cluster behind the interface of one: each call goes where its owner is.

Or through a front, which looks for the owner itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from ledger_py import AsyncCluster, AsyncLedger
from ledger_py.settings import PROJECT_ROOT
from tests.client.clients import connect_async, connect_sync, is_sync, ledger_on, sync_cluster
from tests.fixtures.database import pair_of
from tests.fixtures.fronts import front_address, goes_through

__all__ = ("spread",)

_OF_ALL = ("record_entries", "entries_after")
_FUNCTIONS = frozenset(path.stem for path in PROJECT_ROOT.glob("sql/functions/*.sql"))


class _Spread:
    """Makes each call in a transaction of its own, through the client of the cluster.

    Args:
        cluster: An `AsyncCluster`, or a `Cluster` behind its interface.
        conn: A connection to the partition of alice, for what tests ask the database itself.

    Attributes:
        conn: The same.
        app: The app.
    """

    def __init__(self, cluster: Any, conn: Any) -> None:
        self._cluster = cluster
        self.conn = conn
        self.app = cluster.app

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in _OF_ALL:
            method: Callable[..., Any] = getattr(self._cluster, name)
            return method
        if not callable(getattr(AsyncLedger, name)):
            raise AttributeError(name)

        async def call(*args: Any, **named: Any) -> Any:
            async with self._place(named) as ledger:
                return await getattr(ledger, name)(*args, **named)

        return call

    def _place(self, named: dict[str, Any]) -> Any:
        owner_id = named.get("owner_id", named.get("from_owner_id"))
        if isinstance(owner_id, str):
            return self._cluster.ledger_for(owner_id)
        if isinstance(nonce := named.get("hold_nonce"), str):
            return self._cluster.ledger_of_hold(nonce)
        if isinstance(nonce := named.get("original_nonce"), str):
            return self._cluster.ledger_of_entry(nonce)
        return self._cluster.ledger_for("alice")


class _Through:
    """Makes calls through a front, and on the partition itself those that a front refuses.

    Args:
        front: The ledger on the front.
        partition: The ledger on the partition.

    Attributes:
        conn: The connection to the partition, for what tests ask the database itself.
    """

    def __init__(self, front: AsyncLedger, partition: AsyncLedger) -> None:
        self._front = front
        self._partition = partition
        self.conn = partition.conn

    def __getattr__(self, name: str) -> Any:
        is_function = name in _FUNCTIONS and not goes_through(name)
        return getattr(self._partition if is_function else self._front, name)


@asynccontextmanager
async def spread(conn: Any, url: str | None) -> AsyncIterator[AsyncLedger]:
    """Make the ledger of app1 for the client of a connection.

    Args:
        conn: The connection.
        url: Its database. If that is one of two partitions and the connection is in autocommit
            mode, so that no transaction is to span calls, the ledger is that of both.
    """
    pair = pair_of(url) if url is not None and conn.autocommit else None
    front = front_address(url) if url is not None and conn.autocommit else None
    if front is not None:
        connect = connect_sync if is_sync(conn) else connect_async
        async with connect(front, autocommit=True) as there:
            yield cast(AsyncLedger, _Through(ledger_on(there), ledger_on(conn)))
        return
    if pair is None:
        yield ledger_on(conn)
        return
    make = sync_cluster if is_sync(conn) else AsyncCluster
    async with make(pair.path, app="app1") as cluster:
        yield cast(AsyncLedger, _Spread(cluster, conn))
