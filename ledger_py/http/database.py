"""The service's pool of connections, which recovers by itself."""

from __future__ import annotations

import math
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

from ledger_py.client_async import AsyncLedger
from ledger_py.settings import Settings

__all__ = ("Database", "service_conninfo")

AnswerT = TypeVar("AnswerT")

_CONNECT_TIMEOUT: Final = 5
"""Seconds that one attempt to connect may take."""

_RECONNECT_TIMEOUT: Final = 5.0
"""Seconds after which the pool stops backing off. The next request starts it anew, so a database
that returns after an hour is found as soon as one that returns after a second."""

_WAITING_PER_CONNECTION: Final = 100
"""Requests that may wait for each connection; more are refused at once."""


class Database:
    """The ledger's database as one service uses it.

    Connections are in autocommit: every call is a transaction of its own.

    Args:
        app: The app that the service records for.

    Attributes:
        size: The most connections that the pool opens; 0 until it is open.
    """

    def __init__(self, app: str) -> None:
        self._app = app
        self.size = 0
        self._pool: AsyncConnectionPool[AsyncConnection[Any]] | None = None

    async def open(self, url: str, settings: Settings, *, size: int) -> None:
        """Open the pool and wait for its first connections.

        Args:
            url: The address of the database.
            settings: The limits on time.
            size: The most connections.

        Raises:
            psycopg_pool.PoolTimeout: The database cannot be reached.
        """
        pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            service_conninfo(url, self._app, settings),
            kwargs={"autocommit": True},
            min_size=min(2, size),
            max_size=size,
            timeout=settings.pool_timeout,
            max_waiting=size * _WAITING_PER_CONNECTION,
            reconnect_timeout=_RECONNECT_TIMEOUT,
            name=f"ledger-{self._app}",
            open=False,
        )
        self._pool = pool
        self.size = size
        await pool.open(wait=True, timeout=settings.pool_timeout)

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()

    async def call(
        self, ask: Callable[[AsyncLedger], Awaitable[AnswerT]], *, timeout: float | None = None
    ) -> AnswerT:
        """Call the ledger on a connection of the pool.

        If the connection turns out to be lost, the call is repeated on another one. This is safe
        for reads, and for writes with a nonce, which the ledger records once.

        Args:
            ask: Calls the ledger.
            timeout: Seconds to wait for a connection; as the settings say if left out.

        Returns:
            The answer.

        Raises:
            LedgerError: The ledger refuses.
            psycopg.OperationalError: The database is away, or cancelled the call.
            psycopg.errors.ReadOnlySqlTransaction: The database is read-only. The connection is
                closed.
        """
        pool = self._pool
        if pool is None:
            raise psycopg.OperationalError("the pool is not open")
        # After a restart of the server all connections are lost; the last attempt is on a new one.
        for _ in range(pool.max_size):
            conn = await pool.getconn(timeout)
            try:
                return await ask(AsyncLedger(conn, app=self._app))
            except psycopg.OperationalError:
                if not conn.closed:
                    raise
            except psycopg.errors.ReadOnlySqlTransaction:
                # A server that was demoted to a standby would refuse every write from now on.
                await conn.close()
                raise
            finally:
                await pool.putconn(conn)
        async with pool.connection(timeout) as conn:
            return await ask(AsyncLedger(conn, app=self._app))


def service_conninfo(url: str, app: str, settings: Settings) -> str:
    """Add the parameters of the service's connections to a database's address.

    Args:
        url: The address.
        app: The app, which names the connection in ``pg_stat_activity``.
        settings: The limits on time, in seconds.

    Returns:
        The address for libpq. Parameters of the given address have precedence.
    """
    given = conninfo_to_dict(url)
    limits = {
        "statement_timeout": settings.statement_timeout,
        "lock_timeout": settings.lock_timeout,
        "idle_in_transaction_session_timeout": settings.idle_in_transaction_timeout,
    }
    # PostgreSQL takes the last of several options of one name.
    options = [f"-c {name}={math.ceil(seconds * 1000)}" for name, seconds in limits.items()]
    options.append(str(given.get("options") or ""))
    wanted: dict[str, Any] = {
        "application_name": f"ledger-{app}",
        "connect_timeout": _CONNECT_TIMEOUT,
        **given,
        "options": " ".join(options).strip(),
    }
    if sys.platform == "linux":
        # Detect a server that vanished soon after the statement would have timed out.
        wanted.setdefault("tcp_user_timeout", math.ceil(settings.statement_timeout * 1000) + 5000)
    return make_conninfo(**wanted)
