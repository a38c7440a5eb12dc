"""The service's way to the database: a pool of connections that mends itself."""

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
"""Seconds after which the pool stops backing off. The next request makes it begin anew, so a
database that comes back after an hour is found as fast as one that comes back after a second."""

_WAITING_PER_CONNECTION: Final = 100
"""Requests that may wait for each connection; more are turned away at once."""


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
        """Ask the ledger something on a connection of the pool.

        A connection that turns out to be lost is given up and the question is asked again on
        another one. This is safe for what is asked here: reads, and records with a nonce, of which
        the ledger keeps one however often they arrive.

        Args:
            ask: Calls one method of the ledger.
            timeout: Seconds to wait for a connection; as the settings say if left out.

        Returns:
            The answer.

        Raises:
            LedgerError: The ledger refuses.
            psycopg.OperationalError: The database is away, or gave the question up.
            psycopg.errors.ReadOnlySqlTransaction: It cannot be written. The connection is given up.
        """
        pool = self._pool
        if pool is None:
            raise psycopg.OperationalError("the pool is not open")
        # Every connection may be lost, once the server has been restarted; the last try, if it
        # comes to that, is on a new one.
        for _ in range(pool.max_size):
            conn = await pool.getconn(timeout)
            try:
                return await ask(AsyncLedger(conn, app=self._app))
            except psycopg.OperationalError:
                if not conn.closed:
                    raise
            except psycopg.errors.ReadOnlySqlTransaction:
                # A server that was demoted to a standby would refuse for ever.
                await conn.close()
                raise
            finally:
                await pool.putconn(conn)
        async with pool.connection(timeout) as conn:
            return await ask(AsyncLedger(conn, app=self._app))


def service_conninfo(url: str, app: str, settings: Settings) -> str:
    """Add to a database's address what the service wants of every connection.

    Args:
        url: The address.
        app: The app, which names the connection in ``pg_stat_activity``.
        settings: The limits on time, in seconds.

    Returns:
        The address for libpq. What the address says by itself has precedence.
    """
    given = conninfo_to_dict(url)
    limits = {
        "statement_timeout": settings.statement_timeout,
        "lock_timeout": settings.lock_timeout,
        "idle_in_transaction_session_timeout": settings.idle_in_transaction_timeout,
    }
    # Of two settings of one thing the later one holds.
    options = [f"-c {name}={math.ceil(seconds * 1000)}" for name, seconds in limits.items()]
    options.append(str(given.get("options") or ""))
    wanted: dict[str, Any] = {
        "application_name": f"ledger-{app}",
        "connect_timeout": _CONNECT_TIMEOUT,
        **given,
        "options": " ".join(options).strip(),
    }
    if sys.platform == "linux":
        # A server that vanished without a word is given up when the statement would have been.
        wanted.setdefault("tcp_user_timeout", math.ceil(settings.statement_timeout * 1000) + 5000)
    return make_conninfo(**wanted)
