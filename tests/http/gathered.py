"""A recorder as in a service, and simultaneous requests to it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from litestar.types import HTTPReceiveMessage

from ledger_py.http.callers import Caller
from ledger_py.http.connections import Connector
from ledger_py.http.database import Database
from ledger_py.http.deadlines import Deadlines
from ledger_py.http.gathering import RequestQueue, WaitingRequest
from ledger_py.http.problems import problem_of
from ledger_py.http.recorder import Recorder
from ledger_py.http.schemas import RecordRequest
from ledger_py.settings import Settings
from ledger_py.structs import RecordedEntry
from tests.sql.calls import Connection

__all__ = (
    "SETTINGS",
    "Answer",
    "Patient",
    "Records",
    "assert_busy",
    "kinds",
    "lock",
    "make_queue",
    "request",
    "terminate_connections",
    "transactions",
    "until",
    "waiting",
    "waiting_for_locks",
)

SETTINGS = Settings(pool_size=4, pool_timeout=10.0)

Answer = RecordedEntry | BaseException

_NUMBERS = itertools.count(1)


class Patient(Caller):
    """A caller who does not leave."""

    def __init__(self, *, dries: bool = False) -> None:
        super().__init__(_nothing, Deadlines(), dries=dries)


async def _nothing() -> HTTPReceiveMessage:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets the event")


class Records:
    """A recorder and its database, as a service has them."""

    def __init__(self) -> None:
        self.database = Database("app1")
        self.recorder = Recorder("app1", self.database)

    async def open(self, url: str, settings: Settings = SETTINGS) -> None:
        """Connect."""
        await self.database.open(url, settings, size=2)
        await self.recorder.open(url, settings)

    async def close(self) -> None:
        """Drain the queue, and disconnect."""
        await self.recorder.close()
        await self.database.close()

    def begin(self, *requests: RecordRequest[str]) -> list[asyncio.Task[RecordedEntry]]:
        """Start simultaneous requests."""
        return [
            asyncio.create_task(self.recorder.record(request, request.nonce or "", Patient()))
            for request in requests
        ]

    async def together(self, *requests: RecordRequest[str]) -> list[Answer]:
        """Send simultaneous requests, and wait for all answers."""
        return await asyncio.gather(*self.begin(*requests), return_exceptions=True)


def request(owner_id: str = "alice", amount: int | None = 1, **fields: Any) -> RecordRequest[str]:
    """Make a request to credit, or to debit, with a nonce of its own."""
    operation = "CREDIT_SPEND" if (amount or 0) < 0 else "CREDIT_ADD"
    nonce = f"nonce-{next(_NUMBERS)}"
    return RecordRequest(
        **{"owner_id": owner_id, "operation": operation, "nonce": nonce, "amount": amount} | fields
    )


def transactions(conn: Connection) -> list[int]:
    """The sizes of the transactions that have recorded entries, in their order."""
    query = "SELECT count(*) FROM ledger.entries GROUP BY xact_id ORDER BY xact_id"
    return [row[0] for row in conn.execute(query)]


def lock(blocker: Connection, owner_id: str) -> None:
    """Lock an account until the transaction ends."""
    blocker.execute("SELECT 1 FROM ledger.accounts WHERE owner_id = %s FOR UPDATE", [owner_id])


def waiting_for_locks(conn: Connection) -> list[int]:
    """The processes of the service that wait for a lock."""
    found = conn.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'ledger-app1' AND wait_event_type = 'Lock'"
    )
    return [row[0] for row in found]


def terminate_connections(conn: Connection) -> None:
    """End the sessions of the service, as a server that is stopped does."""
    conn.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'ledger-app1'"
    )


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; the deadline only ends a test that hangs."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


def kinds(answers: Sequence[Answer]) -> list[str]:
    """Classify answers: recorded, replayed, or the code or class of the error."""
    return [
        ("replayed" if answer.replayed else "recorded")
        if isinstance(answer, RecordedEntry)
        else getattr(answer, "code", type(answer).__name__)
        for answer in answers
    ]


def assert_busy(answer: Answer) -> None:
    """Assert that the answer becomes a 503 that asks for another attempt."""
    assert isinstance(answer, Exception)
    problem = problem_of(answer)
    assert (problem.type.status, problem.type.code) == (503, "database_busy")
    assert "retry-after" in dict(problem.headers)


def waiting(asked: RecordRequest[str]) -> WaitingRequest:
    """Make the queue's item of a request."""
    return WaitingRequest(asked, msgspec.json.encode(asked))


def make_queue(
    url: str, settings: Settings = SETTINGS, answers_within: float = 10.0
) -> RequestQueue:
    """Make a queue of app1 that never parks a request."""

    async def record_parked(_: RecordRequest[str]) -> RecordedEntry:
        raise AssertionError("no request is parked")

    return RequestQueue(
        app="app1",
        connector=Connector(url, "app1", settings),
        lock_patience=settings.lock_timeout,
        patience=0.2,
        answers_within=answers_within,
        record_parked=record_parked,
        note_failure=lambda _: None,
    )
