"""The service's pool of connections, which recovers by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Final, TypeVar

import psycopg
from psycopg_pool import AsyncConnectionPool

from ledger_py.cluster.pools import pool_name
from ledger_py.errors import LedgerError
from ledger_py.http.callers import Caller, ClientGone
from ledger_py.http.connections import (
    GRACE,
    LOCK_PATIENCE,
    Connector,
    ServiceConnection,
    ServiceLedger,
    limited,
)
from ledger_py.http.places import Places
from ledger_py.http.problems import FAILURES, Problem
from ledger_py.sessions import NoAnswer, has_ended
from ledger_py.settings import Settings
from ledger_py.structs import FeedEntry, FeedLag

__all__ = ("MAX_OF_ONE", "Database")

AnswerT = TypeVar("AnswerT")

_RECONNECT_TIMEOUT: Final = 5.0
"""Seconds after which the pool stops backing off. The next request starts it anew, so a database
that returns after an hour is found as soon as one that returns after a second."""

_WAITING_PER_CONNECTION: Final = 100
"""Requests that may wait for each connection; more are refused at once."""

MAX_OF_ONE: Final = 250
"""Requests about one account that may wait; more are refused at once, and those about others go
on."""

_AT_A_TIME: Final = 2
"""Calls about one account at a time. They wait for each other in the database anyway; the second
one prepares meanwhile."""

FAILURE_LASTS: Final = 15.0
"""Seconds for which the service is not ready after the database has failed for lack of resources.
Only another write shows whether it has recovered."""


_LOCKED: Final = "The account was locked for too long."
_MANY: Final = "Too many requests are waiting."
_MANY_OF_ONE: Final = "Too many requests for this account are waiting."
_MANY_LOCKED: Final = "Too many accounts are locked."


@dataclass(slots=True)
class _Call:
    """A call with all its attempts.

    Attributes:
        timeout: Seconds of a wait before it is made.
        answers_within: Seconds until the answer then.
        end: When all of it has to be done, on the loop's clock.
        lost: The error with which the connection of an attempt was lost.
    """

    timeout: float
    answers_within: float
    end: float
    lost: psycopg.OperationalError | None = None

    def left(self) -> float:
        """Return the seconds until the end."""
        return self.end - asyncio.get_running_loop().time()

    def patience(self) -> float:
        """Return the seconds for the next wait."""
        return min(self.timeout, self.left())


class Database:
    """The ledger's database as one service uses it.

    Connections are in autocommit: every call is a transaction of its own.

    A call waits for a lock only for a moment. Then it is repeated in one of a few places, where it
    waits as long as the settings say. So locked accounts take a third of the connections at most,
    and a quarter is left for reading.

    Args:
        app: The app that the service records for.
        partition: The partition of a cluster that this is, by which lines of the log name the pool.

    Attributes:
        size: The most connections that the pool opens; 0 until it is open.
        outage: Why the database is away, if that is known.
    """

    def __init__(self, app: str, partition: str | None = None) -> None:
        self._app = app
        self._partition = partition
        self.size = 0
        self.outage: str | None = None
        self._answers_within = 0.0
        self._failure: tuple[float, str] | None = None
        self._pool: AsyncConnectionPool[ServiceConnection] | None = None
        self._lock_patience = self._lock_timeout = ""
        self._of_one = Places(at_a_time=_AT_A_TIME, most=MAX_OF_ONE, full=_MANY_OF_ONE)
        self._parked_of_one = Places(at_a_time=1, most=MAX_OF_ONE, full=_MANY_OF_ONE)

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
        patience = min(LOCK_PATIENCE, settings.lock_timeout)
        connector = Connector(
            url, self._app, settings, lock_timeout=patience, partition=self._partition
        )
        self._lock_patience = connector.limits["lock_timeout"]
        self._lock_timeout = Connector(url, self._app, settings).limits["lock_timeout"]
        most = size * _WAITING_PER_CONNECTION
        self._writes = Places(at_a_time=size - size // 4, most=most, full=_MANY)
        self._parked = Places(at_a_time=max(1, size // 3), most=most, full=_MANY_LOCKED)
        pool = AsyncConnectionPool(
            connector.conninfo,
            connection_class=ServiceConnection,
            kwargs={"autocommit": True},
            configure=connector.configure,
            min_size=min(2, size),
            max_size=size,
            timeout=settings.pool_timeout,
            max_waiting=most,
            reconnect_timeout=_RECONNECT_TIMEOUT,
            name=pool_name(self._app, self._partition),
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
        ask: Callable[[ServiceLedger], Awaitable[AnswerT]],
        *,
        timeout: float | None = None,
        answers_within: float | None = None,
    ) -> AnswerT:
        """Call the ledger on a connection of the pool, to read.

        If the connection turns out to be lost, the call is repeated on another one. This is safe
        for reads, and for writes with a nonce, which the ledger records once. A refusal for the
        state of the books says nothing about the lost attempt, so the error of that is raised.

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
            Problem: Too many other calls wait for locks.
        """
        call = self._new_call(timeout, answers_within)
        try:
            return await self._call(ask, call)
        except psycopg.errors.LockNotAvailable:
            pass
        return await self._call_patiently(ask, call)

    async def feed_after(self, cursor: str | None, rows: int) -> list[FeedEntry]:
        """Read the change feed; fewer entries than rows are all that there are.

        Raises:
            LedgerError: The cursor is none, or a generation is needed.
            psycopg.OperationalError: As `call`.
        """
        return await self.call(lambda ledger: ledger.entries_after(cursor, max_rows=rows))

    async def feed_lag(self) -> FeedLag:
        """Return how far the change feed is behind; the errors are those of `call`."""
        return await self.call(lambda ledger: ledger.feed_lag())

    async def write(
        self,
        ask: Callable[[ServiceLedger], Awaitable[AnswerT]],
        *,
        about: Hashable,
        caller: Caller | None = None,
        locked: bool = False,
    ) -> AnswerT:
        """Call the ledger on a connection of the pool, for something that locks accounts.

        Args:
            ask: As for `call`.
            about: What only one call at a time can be about, such as an account; None if unknown.
            caller: Who waits. If the client leaves before the call is made, it is not made.
            locked: The account is known to be locked.

        Returns:
            The answer.

        Raises:
            LedgerError: As `call`, and so are the errors of psycopg.
            Problem: Too many other calls are waiting.
            ClientGone: The client has left, and nothing was done.
        """
        call = self._new_call()
        if locked:
            return await self._call_patiently(ask, call, about=about)
        async with AsyncExitStack() as places:
            async with _waiting(call, caller, _LOCKED):
                if about is not None:
                    await places.enter_async_context(self._of_one.place(about))
            try:
                return await self._call_in_place(ask, call, caller)
            except psycopg.errors.LockNotAvailable:
                pass
            return await self._call_patiently(ask, call, about=about, caller=caller)

    async def _call_in_place(
        self,
        ask: Callable[[ServiceLedger], Awaitable[AnswerT]],
        call: _Call,
        caller: Caller | None,
    ) -> AnswerT:
        async with AsyncExitStack() as places:
            async with _waiting(call, caller, _MANY):
                await places.enter_async_context(self._writes.place())
            dries = caller is not None and caller.dries
            return await self._call(ask, call, dries=dries)

    async def _call_patiently(
        self,
        ask: Callable[[ServiceLedger], Awaitable[AnswerT]],
        call: _Call,
        *,
        about: Hashable = None,
        caller: Caller | None = None,
    ) -> AnswerT:
        """Call, and wait for a lock as long as the settings say, in one of the places for that."""

        async def ask_patiently(ledger: ServiceLedger) -> AnswerT:
            await ledger.set_lock_timeout(self._lock_timeout)
            try:
                return await ask(ledger)
            finally:
                if not ledger.conn.closed:
                    await ledger.set_lock_timeout(self._lock_patience)

        async with AsyncExitStack() as places:
            async with _waiting(call, caller, _MANY_LOCKED):
                if about is not None:
                    await places.enter_async_context(self._parked_of_one.place(about))
                await places.enter_async_context(self._parked.place())
            return await self._call_in_place(ask_patiently, call, caller)

    def _new_call(self, timeout: float | None = None, answers_within: float | None = None) -> _Call:
        if self._pool is None:
            raise psycopg.OperationalError("the pool is not open")
        timeout = self._pool.timeout if timeout is None else timeout
        answers_within = self._answers_within if answers_within is None else answers_within
        end = asyncio.get_running_loop().time() + timeout + answers_within
        return _Call(timeout, answers_within, end)

    async def _call(
        self,
        ask: Callable[[ServiceLedger], Awaitable[AnswerT]],
        call: _Call,
        *,
        dries: bool = False,
    ) -> AnswerT:
        pool = self._pool
        if pool is None:
            raise psycopg.OperationalError("the pool is not open")
        # After a restart of the server all connections are lost; the last attempt is on a new one.
        for attempts_left in reversed(range(pool.max_size + 1)):
            conn = await pool.getconn(call.patience())
            try:
                if attempts_left and has_ended(conn):
                    await conn.close()
                    continue
                with limited(conn, min(call.answers_within, call.left())):
                    ledger = ServiceLedger(conn, app=self._app, dries=dries, lost=call.lost)
                    return await ask(ledger)
            except LedgerError as refusal:
                if call.lost is None or refusal.is_of_request:
                    raise
                raise call.lost from refusal
            except psycopg.OperationalError as error:
                self.note_failure(error)
                if not conn.closed or isinstance(error, NoAnswer) or not attempts_left:
                    raise
                call.lost = error
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


@asynccontextmanager
async def _waiting(call: _Call, caller: Caller | None, too_long: str) -> AsyncIterator[None]:
    """Limit how long the block waits, and end it when the client leaves."""
    try:
        async with asyncio.timeout(call.patience()) as limit:
            with caller.waiting(lambda: limit.reschedule(0)) if caller else nullcontext():
                yield
    except TimeoutError:
        if caller is not None and caller.gone:
            raise ClientGone from None
        raise Problem("database_busy", too_long) from None
