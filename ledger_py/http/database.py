"""The service's pool of connections, which recovers by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool

from ledger_py.client_async import AsyncLedger
from ledger_py.http.connections import GRACE, Connector, ServiceConnection, ServiceLedger, limited
from ledger_py.http.problems import FAILURES
from ledger_py.sessions import NoAnswer
from ledger_py.settings import Settings

__all__ = ("Database",)

AnswerT = TypeVar("AnswerT")

_RECONNECT_TIMEOUT: Final = 5.0
"""Seconds after which the pool stops backing off. The next request starts it anew, so a database
that returns after an hour is found as soon as one that returns after a second."""

_WAITING_PER_CONNECTION: Final = 100
"""Requests that may wait for each connection; more are refused at once."""


FAILURE_LASTS: Final = 15.0
"""Seconds for which the service is not ready after the database has failed for lack of resources.
Only another write shows whether it has recovered."""


class Database:
    """The ledger's database as one service uses it.

    Connections are in autocommit: every call is a transaction of its own.

    Args:
        app: The app that the service records for.

    Attributes:
        size: The most connections that the pool opens; 0 until it is open.
        outage: Why the database is away, if that is known.
    """

    def __init__(self, app: str) -> None:
        self._app = app
        self.size = 0
        self.outage: str | None = None
        self._answers_within = 0.0
        self._failure: tuple[float, str] | None = None
        self._pool: AsyncConnectionPool[ServiceConnection] | None = None

    async def open(self, url: str, settings: Settings, *, size: int, wait: bool = True) -> None:
        """Open the pool.

        Args:
            url: The address of the database.
            settings: The limits on time.
            size: The most connections.
            wait: True to wait for its first connections.

        Raises:
            psycopg_pool.PoolTimeout: The database cannot be reached.
        """
        connector = Connector(url, self._app, settings)
        pool = AsyncConnectionPool(
            connector.conninfo,
            connection_class=ServiceConnection,
            kwargs={"autocommit": True},
            configure=connector.configure,
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
        self._answers_within = settings.statement_timeout + GRACE
        await pool.open(wait=wait, timeout=settings.pool_timeout)

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()

    async def call(
        self,
        ask: Callable[[AsyncLedger], Awaitable[AnswerT]],
        *,
        timeout: float | None = None,
        answers_within: float | None = None,
    ) -> AnswerT:
        """Call the ledger on a connection of the pool.

        If the connection turns out to be lost, the call is repeated on another one. This is safe
        for reads, and for writes with a nonce, which the ledger records once.

        Args:
            ask: Calls the ledger.
            timeout: Seconds to wait for a connection; as the settings say if left out.
            answers_within: Seconds to wait for the answer then; if left out, a little longer than
                the server takes to cancel a statement.

        Returns:
            The answer.

        Raises:
            LedgerError: The ledger refuses.
            psycopg.OperationalError: The database is away, does not answer in time, or cancelled
                the call.
            psycopg.errors.ReadOnlySqlTransaction: The database is read-only. The connection is
                closed.
        """
        pool = self._pool
        if pool is None:
            raise psycopg.OperationalError("the pool is not open")
        loop = asyncio.get_running_loop()
        timeout = pool.timeout if timeout is None else timeout
        answers_within = self._answers_within if answers_within is None else answers_within
        deadline = loop.time() + timeout + answers_within
        # After a restart of the server all connections are lost; the last attempt is on a new one.
        for attempts_left in reversed(range(pool.max_size + 1)):
            conn = await pool.getconn(min(timeout, deadline - loop.time()))
            try:
                with limited(conn, min(answers_within, deadline - loop.time())):
                    return await ask(ServiceLedger(conn, app=self._app))
            except psycopg.OperationalError as error:
                self.note_failure(error)
                if not conn.closed or isinstance(error, NoAnswer) or not attempts_left:
                    raise
            except psycopg.errors.ReadOnlySqlTransaction:
                # A server that was demoted to a standby would refuse every write from now on.
                await conn.close()
                raise
            finally:
                await pool.putconn(conn)
        raise AssertionError("the last attempt returns or raises")

    def note_failure(self, error: psycopg.Error) -> None:
        """Remember an error that will hit other calls as well, such as a full disk."""
        if (failure := FAILURES.get(error.sqlstate or "")) is not None:
            self._failure = time.monotonic(), failure

    @property
    def recent_failure(self) -> str | None:
        """The reason why calls fail, if one failed a moment ago and others will as well."""
        if self._failure is None or time.monotonic() - self._failure[0] > FAILURE_LASTS:
            return None
        return self._failure[1]
