"""Recording for the routes: requests are gathered where possible, and sent alone otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
import psycopg

from ledger_py.errors import LedgerError
from ledger_py.http.callers import Caller, ClientGone
from ledger_py.http.connections import GRACE, LOCK_PATIENCE, Connector, ServiceLedger
from ledger_py.http.database import MAX_OF_ONE, Database
from ledger_py.http.gathering import RequestQueue, WaitingRequest, record_alone
from ledger_py.http.problems import Problem, problem_of
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


def _encode_result(
    result: RecordedEntry | Refusal, problem: Callable[[LedgerError], Problem]
) -> msgspec.Raw:
    # At once, because decoded metadata may take many times as much memory.
    if isinstance(result, Refusal):
        return msgspec.Raw(problem(result.error).encode())
    return msgspec.Raw(_encode(result))


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
        self._answers_within = 0.0
        self._waiting = 0
        self._waiting_of: dict[str, int] = {}

    async def open(self, url: str, settings: Settings) -> None:
        """Connect.

        Args:
            url: The address of the database.
            settings: The limits on time.

        Raises:
            psycopg.OperationalError: The database cannot be reached.
        """
        await self.prepare(url, settings).open()

    def prepare(self, url: str, settings: Settings) -> RequestQueue:
        """Take requests; the first one connects.

        Args:
            url: The address of the database.
            settings: The limits on time.

        Returns:
            The queue of requests.
        """
        lock_patience = min(LOCK_PATIENCE, settings.lock_timeout)
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
        return self._queue

    @property
    def is_pooled(self) -> bool:
        """True if there is a pooler between the service and the database."""
        return self._queue is not None and self._queue.is_pooled

    async def close(self) -> None:
        """Drain the queue, refuse new requests, and disconnect."""
        queue, self._queue = self._queue, None
        if queue is not None:
            await queue.close()

    async def record(
        self, request: RecordRequest[str], nonce: str, caller: Caller
    ) -> RecordedEntry:
        """Record one entry.

        Args:
            request: The request.
            nonce: Its nonce; the request itself may have none.
            caller: Who waits for the answer.

        Returns:
            The entry, once it is committed.

        Raises:
            LedgerError: The ledger refuses the request.
            psycopg.Error: The database is away, or gave the request up.
            Problem: Too many requests are waiting, in all or for the account.
            ClientGone: The client has left, and nothing was recorded.
        """
        if request.nonce is None:
            request = msgspec.structs.replace(request, nonce=nonce)
        encoded = _encode(request)
        # The ledger refuses large ones and NUL, and would refuse the whole group because of them. A
        # group is committed, and so has no place for a dry run.
        if caller.dries or len(encoded) > _MAX_GATHERED or b"\\u0000" in encoded:
            return await self._database.write(
                lambda ledger: record_alone(ledger, request),
                about=_account(request.owner_id),
                caller=caller,
            )
        queue, owner_id = self._queue, request.owner_id
        if queue is None:
            raise Problem("database_unavailable", "The service is about to stop.")
        if self._waiting >= MAX_WAITING:
            raise Problem("database_busy", "Too many requests are waiting.")
        of_owner = self._waiting_of.get(owner_id, 0)
        if of_owner >= MAX_OF_ONE:
            raise Problem("database_busy", "Too many requests for this account are waiting.")
        item = WaitingRequest(request, encoded)

        def leave() -> None:
            if queue.discard(item):
                item.fail(ClientGone())

        self._waiting += 1
        self._waiting_of[owner_id] = of_owner + 1
        caller.begin_to_wait(leave, late=item.give_up, within=self._answers_within)
        try:
            queue.add(item)
            return await item.answer
        finally:
            caller.end_to_wait()
            self._waiting -= 1
            if self._waiting_of[owner_id] > 1:
                self._waiting_of[owner_id] -= 1
            else:
                del self._waiting_of[owner_id]

    async def record_batch(
        self,
        requests: bytes,
        *,
        atomic: bool,
        owner_id: str | None,
        caller: Caller,
        on_send: Callable[[], None] = lambda: None,
        unknown: Callable[[psycopg.OperationalError], Problem] = problem_of,
    ) -> list[msgspec.Raw]:
        """Record a batch of entries.

        Args:
            requests: The requests, with their nonces, as a JSON array.
            atomic: Record all or none.
            owner_id: The only owner in the batch; None if there are others.
            caller: Who waits for the answer.
            on_send: Is called whenever the batch is sent; once, unless a connection is lost or an
                account is locked.
            unknown: Makes the problem of an item that was refused after the connection of an
                earlier attempt was lost, and so may be recorded or not.

        Returns:
            For each, in their order, the entry, or the problem of its refusal, as JSON, once they
            are committed.

        Raises:
            LedgerError: The ledger refuses the batch as a whole.
            psycopg.Error: The database is away, or gave the batch up.
            Problem: Too many requests are waiting, in all or for the only account of the batch.
            ClientGone: The client has left, and nothing was recorded.
        """

        async def record(ledger: ServiceLedger) -> list[msgspec.Raw]:
            def problem(refusal: LedgerError) -> Problem:
                lost = None if refusal.is_of_request else ledger.lost
                return problem_of(refusal) if lost is None else unknown(lost)

            on_send()
            converting = ledger.converting(lambda result: _encode_result(result, problem))
            recorded: list[msgspec.Raw] = await converting.record_entries(requests, atomic=atomic)
            return recorded

        about = None if owner_id is None else _account(owner_id)
        return await self._database.write(record, about=about, caller=caller)

    async def _record_parked(self, request: RecordRequest[str]) -> RecordedEntry:
        return await self._database.write(
            lambda ledger: record_alone(ledger, request),
            about=_account(request.owner_id),
            locked=True,
        )


def _account(owner_id: str) -> tuple[str, str]:
    return "owner_id", owner_id
