"""Reading for the routes: on a standby where there is one, else on the primary."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar

import psycopg

from ledger_py.client_async import AsyncLedger
from ledger_py.errors import LedgerError
from ledger_py.http.connections import GRACE
from ledger_py.http.database import Database
from ledger_py.http.freshness import History
from ledger_py.settings import Settings

__all__ = ("Reads",)

AnswerT = TypeVar("AnswerT")

_LOOK_EVERY: Final = 0.5
"""Seconds between two looks at both servers; an answer cannot be known to be younger."""

_LOOK_WITHIN: Final = 1.0
"""Seconds that a look waits for a connection, and then for the answer."""

_LOST_AFTER: Final = 5.0
"""Seconds without an answer after which the primary counts as away. Then the standby answers,
however old that is: no other does."""

_CONNECTED_WITHIN: Final = 1.0
"""Seconds that a read waits for a connection to the standby, before it takes the primary."""

_PLACE: Final = """
    SELECT system_identifier, pg_database.oid,
        CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END,
        CASE WHEN NOT pg_is_in_recovery() THEN (pg_current_wal_flush_lsn() - '0/0')::bigint END
    FROM pg_control_system(), pg_database
    WHERE datname = current_database()
"""
_REPLAYED: Final = b"""
    SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint WHERE pg_is_in_recovery()
"""


class _Place(NamedTuple):
    """A database and its position in the log: which cluster, which database of it, how far."""

    cluster: int
    database: int
    replayed: int | None
    written: int | None

    @property
    def home(self) -> tuple[int, int]:
        return self.cluster, self.database


class _TooOld(Exception):
    """The answer of the standby would be too old."""


class Reads:
    """Reads on the standby that READ_DATABASE_URL names, or on the primary.

    The primary answers if the standby is away or too far behind, if the standby cannot answer or
    refuses (it may lack what the primary has), or if the caller wants nothing old.

    Args:
        app: The app of the service.
        primary: The pool of the primary.

    Attributes:
        fault: Why the primary answers instead of the standby, if it does.
    """

    def __init__(self, app: str, primary: Database) -> None:
        self._app = app
        self._primary = primary
        self._standby: Database | None = None
        self._settings = Settings()
        self._history = History(0.0)
        self._home: tuple[int, int] | None = None
        self._opened_at = self._primary_seen_at = 0.0
        self._watch: asyncio.Task[None] | None = None
        self.fault: str | None = None

    @property
    def has_standby(self) -> bool:
        """True if a standby is set."""
        return self._standby is not None

    async def open(self, settings: Settings, *, size: int, report: Callable[[str], None]) -> None:
        """Connect to the standby if one is set; it may be away.

        Args:
            settings: The address of the standby, and the limits on time.
            size: The most connections.
            report: Takes a line when the standby goes out of use, or comes into use again.
        """
        if settings.read_database_url is None:
            return
        self._settings = settings
        self._history = History(settings.read_max_age + 1)
        self._opened_at = self._primary_seen_at = asyncio.get_running_loop().time()
        self._standby = Database(self._app)
        await self._standby.open(settings.read_database_url, settings, size=size, wait=False)
        await self._look(self._standby, report)
        self._watch = asyncio.create_task(self._keep_looking(self._standby, report))

    async def close(self) -> None:
        """Disconnect from the standby."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        if self._standby is not None:
            await self._standby.close()

    async def call(
        self,
        ask: Callable[[AsyncLedger], Awaitable[AnswerT]],
        *,
        oldest: int | None,
        owner_id: str | None = None,  # noqa: ARG002 (only a cluster needs it)
    ) -> tuple[AnswerT, int | None]:
        """Read.

        Args:
            ask: Calls the ledger; it is called again if the standby does not answer.
            oldest: Seconds by which the caller lets the answer be old, if it says so.
            owner_id: The owner whom it is about, if there is one.

        Returns:
            The answer, and its age in seconds if it comes from the standby: everything that was
            acknowledged earlier than that is in it.

        Raises:
            LedgerError: The ledger refuses.
            psycopg.OperationalError: No database answers in time.
        """
        if self._standby is None or self.fault is not None or oldest == 0:
            return await self._primary.call(ask), None
        loop = asyncio.get_running_loop()
        settings = self._settings
        within = settings.pool_timeout + settings.statement_timeout + GRACE
        deadline = loop.time() + within
        most = self._oldest() if oldest is None else min(oldest, self._oldest())

        async def ask_with_age(ledger: AsyncLedger) -> tuple[AnswerT, int]:
            # Asked before the answer, which may then be younger than this says, but not older.
            age = await self._age_at(ledger)
            if age > most:
                raise _TooOld
            return await ask(ledger), age

        try:
            return await self._standby.call(
                ask_with_age,
                timeout=min(_CONNECTED_WITHIN, settings.pool_timeout / 2),
                # The rest is for the primary.
                answers_within=settings.statement_timeout + GRACE / 2,
            )
        except psycopg.errors.QueryCanceled:
            raise  # the primary would take as long
        except (_TooOld, psycopg.Error, LedgerError):
            left = deadline - loop.time()
            patience = min(left / 2, settings.pool_timeout)
            answer = await self._primary.call(ask, timeout=patience, answers_within=left - patience)
            return answer, None

    async def _age_at(self, ledger: AsyncLedger) -> int:
        cursor = await ledger.conn.execute(_REPLAYED)
        row = await cursor.fetchone()
        if row is None:
            raise _TooOld  # it is a standby no more: its history may be another one
        reached = self._history.reached(row[0])
        if reached is None:
            raise _TooOld
        return math.ceil(asyncio.get_running_loop().time() - reached)

    # Looking at both servers

    async def _keep_looking(self, standby: Database, report: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            await self._look(standby, report)

    async def _look(self, standby: Database, report: Callable[[str], None]) -> None:
        asked_at = asyncio.get_running_loop().time()
        primary, replica = await asyncio.gather(_place_of(self._primary), _place_of(standby))
        if primary is not None and primary.written is not None:
            self._history.note(asked_at, primary.written)
            self._home = primary.home
            self._primary_seen_at = asked_at
        fault = self._fault_of(replica)
        if fault != self.fault:
            self.fault = fault
            instead = f"{fault}: the primary answers its reads" if fault else "answers reads again"
            report(f"The standby {instead}")

    def _fault_of(self, replica: _Place | None) -> str | None:
        if replica is None:
            return "is away"
        if replica.replayed is None:
            return "is no standby"
        if replica.home != self._home:
            return "is not one of this database"
        reached = self._history.reached(replica.replayed)
        if reached is None:
            reached = self._opened_at  # before that, nothing is known
        if asyncio.get_running_loop().time() - reached > self._oldest():
            return f"is more than {self._settings.read_max_age:g} s behind"
        return None

    def _oldest(self) -> float:
        lost = asyncio.get_running_loop().time() - self._primary_seen_at > _LOST_AFTER
        return math.inf if lost else self._settings.read_max_age


async def _place_of(database: Database) -> _Place | None:
    async def ask(ledger: AsyncLedger) -> _Place:
        cursor = await ledger.conn.execute(_PLACE)
        (row,) = await cursor.fetchall()
        return _Place(*row)

    try:
        return await database.call(ask, timeout=_LOOK_WITHIN, answers_within=_LOOK_WITHIN)
    except psycopg.Error:
        return None
