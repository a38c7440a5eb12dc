"""A front before the cluster of a run: its callers, and the faults of it and its pooler."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from ledger_py import AsyncLedger, Refusal
from ledger_py.errors import LedgerError, PartitionUnavailable, WrongPartition
from tests.distributed.clusters import Partitions
from tests.distributed.fronts import LOGIN, RunningFront, front_server, running_front
from tests.distributed.test_moving import database_on
from tests.faults.callers import ANSWERED_WITHIN, Caller, Refused, Unanswered
from tests.faults.journal import Journal, Request

__all__ = (
    "FRONT_FAULTS",
    "FrontCaller",
    "FrontFault",
    "front_before",
    "kill_front_pooler",
    "kill_front_session",
)

_ENDS_AFTER: Final = 6
"""Seconds after which a front gives a call up: longer than its pooler's limit."""

_AWAY: Final = (PartitionUnavailable.code, WrongPartition.code)
"""Refusals by a partition that is away, or has moved and is looked for at its old place."""


@contextmanager
def front_before(path: Path, folder: Path) -> Iterator[RunningFront]:
    """Make a front of the cluster in a file, with a server and a pooler of its own."""
    with (
        front_server(folder / "front") as url,
        running_front(Partitions(path), database_on(url), folder) as front,
    ):
        yield front


class FrontCaller(Caller):
    """Calls a front in Python, each call in a transaction of its own.

    Args:
        journal: Takes the requests and their answers.
        random_: Chooses the requests.
        url: The address of the front.
        owners: The owners that it chooses from.
    """

    def __init__(
        self, journal: Journal, random_: random.Random, url: str, owners: Sequence[str]
    ) -> None:
        super().__init__(journal, random_, owners)
        self._url = url
        self._conn: psycopg.AsyncConnection[Any] | None = None

    async def run(self) -> None:
        """Make requests until `stopping` is set, and finish the last one."""
        try:
            await super().run()
        finally:
            await self._hang_up()

    async def call(self) -> None:
        """Make one request, or a few that belong together."""
        await self.random.choice([self._entry, self._entry, self._batch])()

    async def _entry(self) -> None:
        request = self.journal.new("front")
        change = self.change(request.nonce)

        async def attempt() -> None:
            async with self._answered() as ledger:
                entry = await ledger.record_entry(**change)
            self.journal.acknowledge(request, msgspec.structs.asdict(entry))

        await self.insist([request], attempt)

    async def _batch(self) -> None:
        requests = [self.journal.new("front-batch") for _ in range(self.random.randint(1, 8))]
        entries = [self.change(request.nonce) for request in requests]

        async def attempt() -> None:
            async with self._answered() as ledger:
                results = await ledger.record_entries(entries)
            self._note(requests, results)

        await self.insist(requests, attempt)

    def _note(self, requests: Sequence[Request], results: Sequence[Any]) -> None:
        away = None
        for request, result in zip(requests, results, strict=True):
            if not isinstance(result, Refusal):
                self.journal.acknowledge(request, msgspec.structs.asdict(result))
            elif result.code in _AWAY:
                away = result.code
            else:
                self.refuse(request, result.code)
        if away is not None:
            raise Unanswered(f"front item {away}")

    @asynccontextmanager
    async def _answered(self) -> AsyncIterator[AsyncLedger]:
        """Raise Unanswered or Refused for what an attempt fails with."""
        try:
            with self.timing():
                async with asyncio.timeout(ANSWERED_WITHIN):
                    yield AsyncLedger(await self._connected(), app="app1")
        except LedgerError as error:
            if error.code in _AWAY:
                raise Unanswered(f"front {error.code}") from error
            raise Refused(error.code) from error
        except psycopg.Error as error:
            await self._hang_up()
            if not isinstance(error, psycopg.OperationalError):
                self.journal.wrong.append(f"front: {error!r}")
            raise Unanswered(f"front {error.sqlstate or type(error).__name__}") from error
        except TimeoutError as error:
            await self._hang_up()
            raise Unanswered("front timeout") from error

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self._conn is None:
            conn = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
            await conn.execute(f"SET statement_timeout = '{_ENDS_AFTER}s'".encode())
            self._conn = conn
        return self._conn

    async def _hang_up(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(psycopg.Error):
                await conn.close()


def stop_front_pooler(front: RunningFront, random_: random.Random) -> None:
    """End the PgBouncer beside the front by SIGTERM, and start it again a little later."""
    _restart_pooler(front, random_, signal.SIGTERM)


def kill_front_pooler(front: RunningFront, random_: random.Random) -> None:
    """Kill -9 the PgBouncer beside the front, and start it again a little later."""
    _restart_pooler(front, random_, signal.SIGKILL)


def _restart_pooler(front: RunningFront, random_: random.Random, number: signal.Signals) -> None:
    front.pooler.stop(number)
    time.sleep(random_.uniform(0.1, 1.0))
    front.pooler.start()


def drop_front_sessions(front: RunningFront, random_: random.Random) -> None:
    """End some sessions of callers on the front."""
    with _admin(front) as conn:
        for pid in _sessions(conn):
            if random_.random() < 0.6:
                conn.execute("SELECT pg_terminate_backend(%s)", [pid])


def kill_front_session(front: RunningFront, random_: random.Random) -> None:
    """Kill -9 a session of the front, whose server then ends all of them and recovers."""
    with _admin(front) as conn:
        pids = _sessions(conn)
    if pids:
        with suppress(ProcessLookupError):
            os.kill(random_.choice(pids), signal.SIGKILL)


def _admin(front: RunningFront) -> psycopg.Connection[Any]:
    return psycopg.connect(front.front.url, autocommit=True)


def _sessions(conn: psycopg.Connection[Any]) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE usename = %s"
    return [pid for (pid,) in conn.execute(query, [LOGIN])]


FrontFault = Callable[[RunningFront, random.Random], None]
FRONT_FAULTS: Final[tuple[FrontFault, ...]] = (
    stop_front_pooler,
    kill_front_pooler,
    drop_front_sessions,
    kill_front_session,
)
