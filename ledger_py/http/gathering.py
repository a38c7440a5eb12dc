"""Gathering: requests that wait while a transaction is under way go together in the next one.

A line has one connection. A request that finds it idle is recorded at once, by itself; those that
arrive meanwhile become one call of `ledger.record_entries`. Nobody ever waits for company, and what
goes wrong with a group is mended by recording its requests one by one, each with its own answer.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import psycopg
from psycopg import AsyncConnection

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import LedgerError
from ledger_py.http.problems import Problem
from ledger_py.http.schemas import RecordRequest
from ledger_py.structs import RecordedEntry, Refusal

__all__ = ("LOCK_PATIENCE", "Line", "WaitingRequest", "record_alone")

AnswerT = TypeVar("AnswerT")

MAX_GROUP: Final = 100
"""The most requests in one transaction: the last of them should not wait long for the first."""

LOCK_PATIENCE: Final = 0.05
"""Seconds that a line waits for a locked account, while others wait behind it: longer than another
service's transaction takes. Who holds one for longer is waited for aside."""

_PROBE: Final = b"SET lock_timeout = '5ms'"
"""Finds the locked accounts of a group that has waited in vain: there may be many."""

_ATTEMPTS: Final = 3
"""How often a request is tried that a lost connection or another transaction has stopped."""

_PAUSE: Final = 0.1
"""Seconds between two attempts to connect."""

_COLLISIONS: Final = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


class _DatabaseAway(psycopg.OperationalError):
    """No connection could be made."""


_FOR_ALL: Final = (_DatabaseAway, psycopg.errors.ReadOnlySqlTransaction)
"""What would befall each of a group by itself."""


@dataclass(slots=True, eq=False)
class WaitingRequest:
    """A request to record an entry, and the answer that somebody waits for.

    Attributes:
        request: The request, with its nonce.
        encoded: The same as JSON, as an item of a batch.
        answer: The entry or the refusal, once it is known. Whoever gives up waiting may cancel it;
            the request is recorded all the same.
    """

    request: RecordRequest[str]
    encoded: bytes
    answer: asyncio.Future[RecordedEntry] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def settle(self, result: RecordedEntry | Refusal) -> None:
        """Give the answer of the ledger."""
        if self.answer.done():
            return
        if isinstance(result, Refusal):
            self.answer.set_exception(result.error)
        else:
            self.answer.set_result(result)

    def fail(self, error: Exception) -> None:
        """Give the reason why there is no other answer."""
        if not self.answer.done():
            self.answer.set_exception(error)


async def record_alone(ledger: AsyncLedger, request: RecordRequest[str]) -> RecordedEntry:
    """Record one request by a call of its own.

    Args:
        ledger: The ledger.
        request: The request, with its nonce.

    Raises:
        LedgerError: The ledger refuses the request.
        psycopg.Error: The database is away, or gave the request up.
    """
    assert request.nonce is not None
    return await ledger.record_entry(
        owner_id=request.owner_id,
        operation=request.operation,
        nonce=request.nonce,
        amount=request.amount,
        metadata=request.metadata,
        expires_at=request.expires_at,
        claim_subject=request.claim_subject,
    )


class Line:
    """Requests that wait for one connection, which records as many of them at a time as there are.

    Args:
        app: The app that records.
        conninfo: The database, with a lock timeout of about LOCK_PATIENCE.
        patience: Seconds to go on trying when no connection can be made, or when the requests of a
            group have to be recorded one by one.
        answers_within: Seconds after which a call is given up, and its connection with it. The
            server's own limits end calls earlier, unless it has stopped to do anything.
        aside: Records a request whose account is locked by somebody else, and takes its time.
    """

    def __init__(
        self,
        *,
        app: str,
        conninfo: str,
        patience: float,
        answers_within: float,
        aside: Callable[[RecordRequest[str]], Awaitable[RecordedEntry]],
    ) -> None:
        self._app = app
        self._conninfo = conninfo
        self._patience = patience
        self._answers_within = answers_within
        self._record_aside = aside
        self._ledger: AsyncLedger | None = None
        self._waiting: deque[WaitingRequest] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._aside: dict[str, deque[WaitingRequest]] = {}
        self._aside_tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect.

        Raises:
            psycopg.OperationalError: The database cannot be reached.
        """
        await self._connected()

    async def close(self) -> None:
        """Answer everybody who waits, and disconnect. Nobody may be added from now on."""
        while tasks := [*filter(None, [self._worker]), *self._aside_tasks]:
            await asyncio.wait(tasks)
        await self._disconnect()

    def add(self, item: WaitingRequest) -> None:
        """Put a request at the end of the line."""
        if item.request.owner_id in self._aside:
            self._aside[item.request.owner_id].append(item)
            return
        self._waiting.append(item)
        if self._worker is None:
            # A task begins after the requests that the event loop has in hand, so that those go
            # together that arrived together.
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                group = self._next_group()
                try:
                    await self._record(group)
                except _DatabaseAway as error:
                    # Nobody should wait for this again who has waited meanwhile.
                    group.extend(self._waiting)
                    self._waiting.clear()
                    _fail(group, error)
                except Exception as error:
                    _fail(group, error)
        finally:
            self._worker = None

    def _next_group(self) -> list[WaitingRequest]:
        group: list[WaitingRequest] = []
        while self._waiting and len(group) < MAX_GROUP:
            item = self._waiting.popleft()
            if item.request.owner_id in self._aside:
                self._aside[item.request.owner_id].append(item)
            else:
                group.append(item)
        return group

    async def _record(self, group: list[WaitingRequest]) -> None:
        if len(group) > 1:
            items = b"[" + b",".join([item.encoded for item in group]) + b"]"
            try:
                results = await self._ask(lambda ledger: ledger.record_entries(items))
            except _FOR_ALL:
                raise
            except psycopg.errors.LockNotAvailable:
                await self._set(_PROBE)
                await self._record_one_by_one(group)
                await self._set(b"RESET lock_timeout")
                return
            except (psycopg.Error, LedgerError):
                pass  # one of them is at fault, or nobody: they are told apart below
            else:
                for item, result in zip(group, results, strict=True):
                    item.settle(result)
                return
        await self._record_one_by_one(group)

    async def _record_one_by_one(self, group: list[WaitingRequest]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        for item in group:
            if item.request.owner_id in self._aside:
                self._put_aside(item)
                continue
            if loop.time() > deadline:
                item.fail(Problem("database_busy", "The database took too long."))
                continue
            try:
                item.settle(await self._record_alone(item))
            except _FOR_ALL:
                raise
            except psycopg.errors.LockNotAvailable:
                self._put_aside(item)
            except (psycopg.Error, LedgerError) as error:
                item.fail(error)

    async def _record_alone(self, item: WaitingRequest) -> RecordedEntry:
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._ask(lambda ledger: record_alone(ledger, item.request))
            except _COLLISIONS:
                pass
            except psycopg.OperationalError as error:
                # Lost in mid-flight, recorded or not: the nonce makes it safe to ask again.
                if isinstance(error, _DatabaseAway) or self._ledger is not None:
                    raise
        return await self._ask(lambda ledger: record_alone(ledger, item.request))

    def _put_aside(self, item: WaitingRequest) -> None:
        owner_id = item.request.owner_id
        if owner_id in self._aside:
            self._aside[owner_id].append(item)
            return
        self._aside[owner_id] = deque([item])
        task = asyncio.create_task(self._wait_aside(owner_id))
        self._aside_tasks.add(task)
        task.add_done_callback(self._aside_tasks.discard)

    async def _wait_aside(self, owner_id: str) -> None:
        """Wait until an account is free, with one request; then let the others return."""
        arriving = self._aside[owner_id]
        present: list[WaitingRequest] = []
        while arriving:
            present.extend(arriving)
            arriving.clear()
            first = present.pop(0)
            try:
                first.settle(await self._record_aside(first.request))
            except (psycopg.errors.LockNotAvailable, Problem) as error:
                # All who were here have waited in vain; who came later has not waited long enough.
                _fail([first, *present], error)
                present.clear()
            except Exception as error:
                first.fail(error)
                break
            else:
                break
        del self._aside[owner_id]
        for item in (*present, *arriving):
            self.add(item)

    async def _ask(self, ask: Callable[[AsyncLedger], Awaitable[AnswerT]]) -> AnswerT:
        """Ask the ledger on the line's connection; one that is of no use any more is given up."""
        ledger = await self._connected()
        limit = asyncio.get_running_loop().call_later(
            self._answers_within, _hang_up, ledger.conn.pgconn.socket
        )
        try:
            try:
                return await ask(ledger)
            finally:
                limit.cancel()
        except psycopg.Error as error:
            # A server that was demoted to a standby would refuse for ever.
            if ledger.conn.closed or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                await self._disconnect()
            raise

    async def _set(self, statement: bytes) -> None:
        try:
            await self._ask(lambda ledger: ledger.conn.execute(statement))
        except _DatabaseAway:
            raise
        except psycopg.OperationalError:
            pass  # lost, and the next connection begins with its own settings

    async def _connected(self) -> AsyncLedger:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while self._ledger is None:
            try:
                conn: AsyncConnection[Any] = await AsyncConnection.connect(
                    self._conninfo, autocommit=True, prepare_threshold=0
                )
            except psycopg.OperationalError as error:
                if loop.time() + _PAUSE > deadline:
                    raise _DatabaseAway(str(error)) from error
                await asyncio.sleep(_PAUSE)
            else:
                self._ledger = AsyncLedger(conn, app=self._app)
        return self._ledger

    async def _disconnect(self) -> None:
        if self._ledger is not None:
            await self._ledger.conn.close()
            self._ledger = None


def _fail(items: list[WaitingRequest], error: Exception) -> None:
    for item in items:
        item.fail(error)


def _hang_up(descriptor: int) -> None:
    """End a connection from this side, so that whoever reads from it is told that it has ended."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as end:
        end.shutdown(socket.SHUT_RDWR)
