"""The one object that records: it gathers what it can, and asks singly for the rest."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from ledger_py.http.database import Database, service_conninfo
from ledger_py.http.gathering import LOCK_PATIENCE, Line, WaitingRequest, record_alone
from ledger_py.http.problems import Problem
from ledger_py.http.schemas import RecordRequest
from ledger_py.settings import Settings
from ledger_py.structs import RecordedEntry, Refusal

__all__ = ("CONNECTIONS", "Recorder")

CONNECTIONS: Final = 1
"""What the line takes of the connections that a service may open. Two lines, which shared out the
owners between them, were slower: their groups are half as large, and each waits for the disk."""

MAX_WAITING: Final = 2_000
"""Requests that may wait; more are turned away at once. It is what is recorded in a fraction of a
second, unless the database is away."""

_MAX_GATHERED: Final = 32 * 1024
"""Bytes of the largest request that is gathered: more than any that the ledger accepts."""

_GRACE: Final = 5.0
"""Seconds by which the server may be late to give a statement up."""

_encode = msgspec.json.Encoder().encode


class Recorder:
    """Records entries for the handlers, which do not know how.

    Args:
        app: The app that the service records for.
        database: Where requests are recorded that are not gathered.
    """

    def __init__(self, app: str, database: Database) -> None:
        self._app = app
        self._database = database
        self._line: Line | None = None
        self._places_aside = asyncio.Semaphore(1)
        self._patience_aside = 0.0
        self._waiting = 0

    async def open(self, url: str, settings: Settings) -> None:
        """Connect.

        Args:
            url: The address of the database.
            settings: The limits on time.

        Raises:
            psycopg.OperationalError: The database cannot be reached.
        """
        impatient = msgspec.structs.replace(
            settings, lock_timeout=min(LOCK_PATIENCE, settings.lock_timeout)
        )
        self._patience_aside = settings.pool_timeout
        # Reading goes on while accounts are waited for.
        self._places_aside = asyncio.Semaphore(max(1, self._database.size // 2))
        self._line = Line(
            app=self._app,
            conninfo=service_conninfo(url, self._app, impatient),
            patience=settings.pool_timeout,
            answers_within=settings.statement_timeout + _GRACE,
            aside=self._record_aside,
        )
        await self._line.open()

    async def close(self) -> None:
        """Answer everybody who waits, refuse whoever comes, and disconnect."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    async def record(self, request: RecordRequest[str], nonce: str) -> RecordedEntry:
        """Record one entry.

        Args:
            request: The request.
            nonce: Its nonce, which the request itself may not say.

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
            # It will be refused, the latter before it is sent.
            return await self._database.call(lambda ledger: record_alone(ledger, request))
        if self._line is None:
            raise Problem("database_unavailable", "The service is about to stop.")
        if self._waiting >= MAX_WAITING:
            raise Problem("database_busy", "Too many requests are waiting.")
        item = WaitingRequest(request, encoded)
        self._waiting += 1
        try:
            self._line.add(item)
            return await item.answer
        finally:
            self._waiting -= 1

    async def record_batch(
        self, requests: list[RecordRequest[str]], *, atomic: bool
    ) -> list[RecordedEntry | Refusal]:
        """Record a batch of entries.

        Args:
            requests: The requests, with their nonces.
            atomic: Record all or none.

        Returns:
            What became of each, once it is committed.

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

    async def _record_aside(self, request: RecordRequest[str]) -> RecordedEntry:
        try:
            await asyncio.wait_for(self._places_aside.acquire(), self._patience_aside)
        except TimeoutError as error:
            raise Problem("database_busy", "Too many accounts are locked.") from error
        try:
            return await self._database.call(lambda ledger: record_alone(ledger, request))
        finally:
            self._places_aside.release()
