"""Gathering: requests that arrive during a transaction share the next one.

A queue has one connection. A request that finds it idle is recorded at once, alone; requests that
arrive meanwhile become one call of `ledger.record_entries`. No request waits for others to arrive.
When a group fails, its requests are recorded one by one, and each gets its own answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec
import psycopg

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import LedgerError
from ledger_py.http.connections import Connector, ServiceLedger, limited, milliseconds
from ledger_py.http.problems import Problem
from ledger_py.http.schemas import RecordRequest
from ledger_py.sessions import NoAnswer, has_ended
from ledger_py.structs import RecordedEntry, Refusal

__all__ = ("RequestQueue", "WaitingRequest", "record_alone")

AnswerT = TypeVar("AnswerT")

MAX_GROUP: Final = 100
"""The most requests in one transaction, so that the last does not wait long for the first."""

MAX_PARKED: Final = 1_000
"""Requests for locked accounts that may wait; more are refused, so that the others have room."""

_PROBE: Final = 0.005
"""Seconds to wait for each account of a group that ran into the lock timeout, to detect the locked
ones; there may be many."""

_ATTEMPTS: Final = 3
"""Attempts for a request whose connection is lost or that collides with another transaction."""

_PAUSE: Final = 0.1
"""Seconds between two attempts to connect."""

_COLLISIONS: Final = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


class _DatabaseAway(psycopg.OperationalError):
    """No connection could be made."""


_SILENT: Final = (_DatabaseAway, NoAnswer)
"""Errors after a long wait that every waiting request would have as well."""

_FOR_ALL: Final = (*_SILENT, psycopg.errors.ReadOnlySqlTransaction)
"""Errors that would hit every request of the group alike."""


@dataclass(slots=True, eq=False)
class WaitingRequest:
    """A queued request to record an entry, and its answer.

    Attributes:
        request: The request, with its nonce.
        encoded: The same as JSON, as an item of a batch.
        answer: The entry or the refusal. A request that has its answer is not sent any more.
        lost: The error with which the connection of an earlier attempt was lost.
    """

    request: RecordRequest[str]
    encoded: bytes
    answer: asyncio.Future[RecordedEntry] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    lost: psycopg.OperationalError | None = None

    def settle(self, result: RecordedEntry | Refusal) -> None:
        """Set the answer of the ledger."""
        if isinstance(result, Refusal):
            self.fail(result.error)
        elif not self.answer.done():
            self.answer.set_result(result)

    def fail(self, error: Exception) -> None:
        """Set an error as the answer. A refusal does not hide that an attempt was lost."""
        if self.answer.done():
            return
        if self.lost is not None and isinstance(error, LedgerError) and not error.is_of_request:
            error = self.lost
        self.answer.set_exception(error)

    def give_up(self) -> None:
        """Answer that it takes too long. The request may be recorded all the same."""
        self.fail(Problem("database_busy", "The database took too long."))


async def record_alone(ledger: AsyncLedger, request: RecordRequest[str]) -> RecordedEntry:
    """Record one request by a call of its own.

    Args:
        ledger: The ledger.
        request: The request, with its nonce.

    Raises:
        LedgerError: The ledger refuses the request.
        psycopg.Error: The database is away, or gave the request up.
    """
    return await ledger.record_entry(**msgspec.structs.asdict(request))


class RequestQueue:
    """Requests that wait for one connection, which records all that have gathered at a time.

    Args:
        app: The app that records.
        connector: Opens its connections.
        lock_patience: Seconds that a group waits for a locked account. If it is locked for longer,
            its requests are parked, and the queue goes on.
        patience: Seconds to keep trying when no connection can be made, or when the requests of a
            group have to be recorded one by one.
        answers_within: Seconds after which a call is given up, and its connection with it. The
            server's own limits end calls earlier, unless the server hangs.
        record_parked: Records a request whose account is locked by another transaction, and waits
            for the lock.
        note_failure: Takes every error of the database.
    """

    def __init__(
        self,
        *,
        app: str,
        connector: Connector,
        lock_patience: float,
        patience: float,
        answers_within: float,
        record_parked: Callable[[RecordRequest[str]], Awaitable[RecordedEntry]],
        note_failure: Callable[[psycopg.Error], None],
    ) -> None:
        self._app = app
        self._connector = connector
        self._lock_patience = lock_patience
        self._patience = patience
        self._answers_within = answers_within
        self._record_parked = record_parked
        self._note_failure = note_failure
        self._ledger: ServiceLedger | None = None
        self._waiting: deque[WaitingRequest] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._parked: dict[str, deque[WaitingRequest]] = {}
        self._parked_tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect.

        Raises:
            psycopg.OperationalError: The database cannot be reached.
        """
        await self._connected()

    @property
    def is_pooled(self) -> bool:
        """True if the connection leads to a pooler."""
        return self._ledger is not None and self._ledger.conn.pooled

    async def close(self) -> None:
        """Drain the queue, and disconnect. No request may be added any more."""
        while tasks := [*filter(None, [self._worker]), *self._parked_tasks]:
            await asyncio.wait(tasks)
        await self._disconnect()

    def add(self, item: WaitingRequest) -> None:
        """Put a request at the end of the queue."""
        if item.request.owner_id in self._parked:
            self._park(item)
            return
        self._waiting.append(item)
        if self._worker is None:
            # The task starts after the event loop has handled what has already arrived, so that
            # simultaneous requests share a transaction.
            self._worker = asyncio.create_task(self._work())

    def discard(self, item: WaitingRequest) -> bool:
        """Take a request out of the queue; return False if it was sent already."""
        for line in (self._waiting, self._parked.get(item.request.owner_id, deque())):
            with suppress(ValueError):
                line.remove(item)
                return True
        return False

    async def _work(self) -> None:
        try:
            while self._waiting:
                group = self._next_group()
                try:
                    await self._record(group)
                except _SILENT as error:
                    # Requests that have arrived meanwhile have waited long enough, too.
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
            if item.request.owner_id in self._parked:
                self._park(item)
            elif not item.answer.done():
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
                await self._set_lock_timeout(_PROBE)
                await self._record_one_by_one(group)
                await self._set_lock_timeout(self._lock_patience)
                return
            except (psycopg.Error, LedgerError) as error:
                # Which request is at fault, if any, shows when each is recorded alone.
                for item in group:
                    item.lost = self._lost_by(error) or item.lost
            else:
                for item, result in zip(group, results, strict=True):
                    item.settle(result)
                return
        await self._record_one_by_one(group)

    async def _record_one_by_one(self, group: list[WaitingRequest]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        for item in group:
            if item.request.owner_id in self._parked:
                self._park(item)
                continue
            if loop.time() > deadline:
                item.fail(Problem("database_busy", "The database took too long."))
                continue
            try:
                item.settle(await self._record_alone(item))
            except _FOR_ALL:
                raise
            except psycopg.errors.LockNotAvailable:
                self._park(item)
            except (psycopg.Error, LedgerError) as error:
                item.fail(error)

    async def _record_alone(self, item: WaitingRequest) -> RecordedEntry:
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._ask(lambda ledger: record_alone(ledger, item.request))
            except _COLLISIONS:
                pass
            except psycopg.OperationalError as error:
                # Lost in flight, recorded or not: the nonce makes a retry safe.
                lost = self._lost_by(error)
                item.lost = lost or item.lost
                if isinstance(error, _SILENT) or lost is None:
                    raise
        return await self._ask(lambda ledger: record_alone(ledger, item.request))

    def _lost_by(self, error: Exception) -> psycopg.OperationalError | None:
        """Return the error of a call if the connection was lost with it; it may be recorded."""
        if self._ledger is None and isinstance(error, psycopg.OperationalError):
            return error
        return None

    def _park(self, item: WaitingRequest) -> None:
        owner_id = item.request.owner_id
        if sum(map(len, self._parked.values())) >= MAX_PARKED:
            item.fail(Problem("database_busy", "Too many requests wait for locked accounts."))
            return
        if owner_id in self._parked:
            self._parked[owner_id].append(item)
            return
        self._parked[owner_id] = deque([item])
        task = asyncio.create_task(self._wait_for_lock(owner_id))
        self._parked_tasks.add(task)
        task.add_done_callback(self._parked_tasks.discard)

    async def _wait_for_lock(self, owner_id: str) -> None:
        """Wait with one request until an account is unlocked, then return the others."""
        parked = self._parked[owner_id]
        while parked:
            first = parked.popleft()
            if first.answer.done():
                continue
            present = [first, *parked]
            try:
                first.settle(await self._record_parked(first.request))
            except (psycopg.errors.LockNotAvailable, Problem) as error:
                # All that were parked have timed out; later ones have not waited long enough.
                _fail(present, error)
            except Exception as error:
                first.fail(error)
                break
            else:
                break
        del self._parked[owner_id]
        for item in parked:
            self.add(item)

    async def _ask(self, ask: Callable[[ServiceLedger], Awaitable[AnswerT]]) -> AnswerT:
        """Call the ledger on the queue's connection; a broken one is closed."""
        ledger = await self._connected()
        try:
            with limited(ledger.conn, self._answers_within):
                return await ask(ledger)
        except psycopg.Error as error:
            self._note_failure(error)
            # A server that was demoted to a standby would refuse every write from now on.
            if ledger.conn.closed or isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                await self._disconnect()
            raise

    async def _set_lock_timeout(self, seconds: float) -> None:
        try:
            await self._ask(lambda ledger: ledger.set_lock_timeout(milliseconds(seconds)))
        except _SILENT:
            raise
        except psycopg.OperationalError:
            pass  # lost; the next connection starts with its own settings

    async def _connected(self) -> ServiceLedger:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        if self._ledger is not None and has_ended(self._ledger.conn):
            await self._disconnect()
        while self._ledger is None:
            try:
                conn = await self._connector.connect(prepare_threshold=0)
            except psycopg.OperationalError as error:
                if loop.time() + _PAUSE > deadline:
                    raise _DatabaseAway(str(error)) from error
                await asyncio.sleep(_PAUSE)
            else:
                self._ledger = ServiceLedger(conn, app=self._app)
        return self._ledger

    async def _disconnect(self) -> None:
        if self._ledger is not None:
            await self._ledger.conn.close()
            self._ledger = None


def _fail(items: list[WaitingRequest], error: Exception) -> None:
    for item in items:
        item.fail(error)
