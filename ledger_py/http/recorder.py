"""Recording for the routes: requests are gathered where possible, and sent alone otherwise."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from ledger_py.http.connections import GRACE, Connector
from ledger_py.http.database import Database
from ledger_py.http.deadlines import Deadlines
from ledger_py.http.gathering import LOCK_PATIENCE, RequestQueue, WaitingRequest, record_alone
from ledger_py.http.problems import Problem
from ledger_py.http.schemas import RecordRequest
from ledger_py.settings import Settings
from ledger_py.structs import RecordedEntry, Refusal

__all__ = ("CONNECTIONS", "Recorder")

CONNECTIONS: Final = 1
"""Connections that the queue takes of those that a service may open. Two queues that shared the
owners were slower: their groups are half as large, and each waits for the disk."""

MAX_WAITING: Final = 2_000
"""Requests that may wait; more are refused at once. So many are recorded in a fraction of a second,
unless the database is away."""

_MAX_GATHERED: Final = 32 * 1024
"""Bytes of the largest request that is gathered: more than the ledger accepts."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Recorder:
    """Records entries, alone or gathered.

    Args:
        app: The app that the service records for.
        database: The pool, for requests that are not gathered.
    """

    def __init__(self, app: str, database: Database) -> None:
        self._app = app
        self._database = database
        self._queue: RequestQueue | None = None
        self._parking_places = asyncio.Semaphore(1)
        self._parking_patience = 0.0
        self._answers_within = 0.0
        self._deadlines = Deadlines()
        self._waiting = 0

    async def open(self, url: str, settings: Settings) -> None:
        """Connect.

        Args:
            url: The address of the database.
            settings: The limits on time.

        Raises:
            psycopg.OperationalError: The database cannot be reached.
        """
        lock_patience = min(LOCK_PATIENCE, settings.lock_timeout)
        self._parking_patience = settings.pool_timeout
        # Half of the pool stays free for reading while locked accounts are waited for.
        self._parking_places = asyncio.Semaphore(max(1, self._database.size // 2))
        self._queue = RequestQueue(
            app=self._app,
            connector=Connector(url, self._app, settings, lock_timeout=lock_patience),
            lock_patience=lock_patience,
            patience=settings.pool_timeout,
            answers_within=settings.statement_timeout + GRACE,
            record_parked=self._record_parked,
            note_failure=self._database.note_failure,
        )
        self._answers_within = settings.pool_timeout + settings.statement_timeout + GRACE
        await self._queue.open()

    @property
    def is_pooled(self) -> bool:
        """True if there is a pooler between the service and the database."""
        return self._queue is not None and self._queue.is_pooled

    async def close(self) -> None:
        """Drain the queue, refuse new requests, and disconnect."""
        queue, self._queue = self._queue, None
        if queue is not None:
            await queue.close()

    async def record(self, request: RecordRequest[str], nonce: str) -> RecordedEntry:
        """Record one entry.

        Args:
            request: The request.
            nonce: Its nonce; the request itself may have none.

        Returns:
            The entry, once it is committed.

        Raises:
            LedgerError: The ledger refuses the request.
            psycopg.Error: The database is away, or gave the request up.
            Problem: Too many requests are waiting.
        """
        if request.nonce is None:
            request = msgspec.structs.replace(request, nonce=nonce)
        encoded = _encode(request)
        if len(encoded) > _MAX_GATHERED or b"\\u0000" in encoded:
            # The ledger refuses these, and would refuse the whole group because of them.
            return await self._database.call(lambda ledger: record_alone(ledger, request))
        if self._queue is None:
            raise Problem("database_unavailable", "The service is about to stop.")
        if self._waiting >= MAX_WAITING:
            raise Problem("database_busy", "Too many requests are waiting.")
        item = WaitingRequest(request, encoded)
        self._waiting += 1
        self._deadlines.add(item, self._answers_within)
        try:
            self._queue.add(item)
            return await item.answer
        finally:
            self._deadlines.remove(item)
            self._waiting -= 1

    async def record_batch(
        self, requests: list[RecordRequest[str]], *, atomic: bool
    ) -> list[RecordedEntry | Refusal]:
        """Record a batch of entries.

        Args:
            requests: The requests, with their nonces.
            atomic: Record all or none.

        Returns:
            The entry or the refusal of each, in their order, once they are committed.

        Raises:
            LedgerError: The ledger refuses the batch as a whole.
            psycopg.Error: The database is away, or gave the batch up.
        """
        if not requests:
            return []
        entries = _encode(requests)
        return await self._database.call(
            lambda ledger: ledger.record_entries(entries, atomic=atomic)
        )

    async def _record_parked(self, request: RecordRequest[str]) -> RecordedEntry:
        try:
            await asyncio.wait_for(self._parking_places.acquire(), self._parking_patience)
        except TimeoutError as error:
            raise Problem("database_busy", "Too many accounts are locked.") from error
        try:
            return await self._database.call(lambda ledger: record_alone(ledger, request))
        finally:
            self._parking_places.release()
