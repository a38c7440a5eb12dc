"""The connections of a service, with limits on time on the server's side and on this one."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import perf_counter
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from ledger_py import sessions
from ledger_py.calls import SqlFunction
from ledger_py.client_async import AsyncLedger
from ledger_py.http.deadlines import Deadlines
from ledger_py.sessions import NoAnswer, hang_up, options_of
from ledger_py.settings import Settings

__all__ = (
    "CONNECT_TIMEOUT",
    "GRACE",
    "LOCK_PATIENCE",
    "Connector",
    "ServiceConnection",
    "ServiceLedger",
    "limited",
    "milliseconds",
)

CONNECT_TIMEOUT: Final = 5
"""Seconds that one attempt to connect may take."""

GRACE: Final = 5.0
"""Seconds by which the server may be late with cancelling a statement."""

LOCK_PATIENCE: Final = 0.05
"""Seconds that a call waits for a locked account before it has to take one of the places for such
calls: longer than a transaction of another service takes."""

_FETCH_ROWS: Final = 8
_FETCH_FOR: Final = 0.005
"""Seconds of fetching rows that are already there, and of each pause after that."""

_LIMITS: Final = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_BEGIN: Final = b"BEGIN ISOLATION LEVEL READ COMMITTED"


class ServiceConnection(AsyncConnection[TupleRow]):
    """A connection of a service, in autocommit mode.

    Attributes:
        partition: The partition of a cluster that it is to, if any.
        pooled: There is a pooler between the service and the server: each transaction may run in
            another session.
        limits: The limits on time in milliseconds, by the name of the server's setting.
        set_limits: The query that sets the limits for a transaction.
        deadlines: The limits on this side.
    """

    partition: str | None = None
    pooled = False
    limits: Mapping[str, str]
    set_limits: bytes
    deadlines: Deadlines

    def __repr__(self) -> str:
        # psycopg_pool writes it into the log.
        where = "" if self.partition is None else f" to partition {self.partition}"
        return super().__repr__() + where


class Connector:
    """Opens connections to a database.

    Args:
        url: The address of the database. What it says itself has precedence over the settings.
        app: The app, whose name the connections carry in ``pg_stat_activity``.
        settings: The limits on time.
        lock_timeout: Seconds that a statement may wait for a lock, whatever the others say.
        partition: The partition of a cluster that the database is, if any.

    Attributes:
        conninfo: The address for libpq.
        limits: As for `ServiceConnection`.
    """

    def __init__(
        self,
        url: str,
        app: str,
        settings: Settings,
        *,
        lock_timeout: float | None = None,
        partition: str | None = None,
    ) -> None:
        self._partition = partition
        self.conninfo = sessions.conninfo(
            url,
            application_name=f"ledger-{app}",
            connect_timeout=CONNECT_TIMEOUT,
            # When the server has vanished, this is the end of the longest statement.
            tcp_user_timeout=math.ceil((settings.statement_timeout + GRACE) * 1000),
        )
        seconds = (
            settings.statement_timeout,
            settings.lock_timeout,
            settings.idle_in_transaction_timeout,
        )
        self.limits = dict(zip(_LIMITS, map(milliseconds, seconds), strict=True))
        self.limits |= {k: v for k, v in options_of(url).items() if k in self.limits}
        if lock_timeout is not None:
            self.limits["lock_timeout"] = milliseconds(lock_timeout)
        self._deadlines = Deadlines()
        self._prepares = settings.prepared_statements

    async def connect(self, *, prepare_threshold: int) -> ServiceConnection:
        """Open a connection.

        Args:
            prepare_threshold: As for psycopg, if statements can be prepared.

        Raises:
            psycopg.OperationalError: The database is not available.
        """
        conn = await ServiceConnection.connect(self.conninfo, autocommit=True)
        try:
            await self.configure(conn, prepare_threshold=prepare_threshold)
        except BaseException:
            await conn.close()
            raise
        return conn

    async def configure(self, conn: ServiceConnection, *, prepare_threshold: int = 5) -> None:
        """Make the settings of a new connection.

        Args:
            conn: The connection.
            prepare_threshold: As for psycopg, if statements can be prepared.

        Raises:
            psycopg.OperationalError: The database is not available.
        """
        conn.partition = self._partition
        conn.deadlines = self._deadlines
        conn.prepare_threshold = None
        conn.limits = self.limits
        conn.set_limits = sessions.set_for_transaction(conn.limits)
        session = {**self.limits, "default_transaction_isolation": "read committed"}
        query = sessions.set_for_session(session, conn.info.backend_pid)
        with limited(conn, CONNECT_TIMEOUT):
            cursor = await conn.execute(query)
        conn.pooled = cursor.rowcount == 0
        if self._prepares == "on" or (self._prepares == "auto" and not conn.pooled):
            conn.prepare_threshold = prepare_threshold


class ServiceLedger(AsyncLedger):
    """The ledger on a connection of a service.

    Behind a pooler, each call is a transaction that begins with its own settings. It is sent in one
    go, so that it takes one round trip as well; a refusal takes one more, for the rollback. A call
    of a dry run is such a transaction too, and is rolled back.

    Args:
        conn: The connection.
        app: The app whose operations and nonces are used.
        dries: Roll every call back.
        lost: The error with which the connection of an earlier attempt of the same call was lost.

    Attributes:
        lost: As above; the earlier attempt may be recorded or not.
        freed: Takes owner and nonce of each entry that is reversed with ``free_claim``.
    """

    conn: ServiceConnection
    freed: list[tuple[str, str]] | None = None
    _convert: Callable[[Any], Any] | None = None

    def converting(self, convert: Callable[[Any], Any]) -> Any:
        """Return the ledger with other results: each is converted soon after it is fetched."""
        # Of no type, since its methods return what they do not say.
        ledger = ServiceLedger(self.conn, app=self.app, dries=self._dries, lost=self.lost)
        ledger._convert = convert
        return ledger

    def __init__(
        self,
        conn: ServiceConnection,
        *,
        app: str,
        dries: bool = False,
        lost: psycopg.OperationalError | None = None,
    ) -> None:
        super().__init__(conn, app=app)
        self._dries = dries
        self.lost = lost

    async def set_lock_timeout(self, limit: str) -> None:
        """Set how long calls may wait for a lock from now on.

        Args:
            limit: Milliseconds, or what the server takes as a time.
        """
        conn = self.conn
        conn.limits = {**conn.limits, "lock_timeout": limit}
        # Dry runs begin transactions of their own on any connection.
        conn.set_limits = sessions.set_for_transaction(conn.limits)
        if not conn.pooled:
            await conn.execute("SELECT set_config('lock_timeout', %s, false)", [limit])

    async def _rows(self, function: SqlFunction, parameters: Mapping[str, object]) -> list[Any]:
        rows = await super()._rows(function, parameters)
        if self.freed is not None and parameters.get("free_claim"):
            self.freed.append((rows[0].owner_id, str(parameters["original_nonce"])))
        return rows

    async def _execute(self, cursor: Any, query: bytes, parameters: Any) -> None:
        conn = self.conn
        if not (conn.pooled or self._dries):
            await cursor.execute(query, parameters, binary=True)
            return
        # The first error may arrive before or after all is sent; what follows it is "aborted".
        first: psycopg.Error | None = None
        try:
            async with conn.pipeline():
                try:
                    await conn.execute(_BEGIN)
                    await conn.execute(conn.set_limits)
                    if self._dries:
                        await conn.execute(sessions.DRY_RUN)
                    await cursor.execute(query, parameters, binary=True)
                    if not self._dries:
                        await conn.execute(b"COMMIT")
                except psycopg.Error as error:
                    first = error
        except psycopg.Error as error:
            first = first or error
        finally:
            if conn.info.transaction_status == TransactionStatus.INERROR:
                # Rolls back. psycopg's rollback() would drop all prepared statements as well. A
                # connection that is lost just now has rolled back too.
                with suppress(psycopg.Error):
                    await conn.commit()
            elif conn.info.transaction_status == TransactionStatus.INTRANS:
                # Ends a dry run. As part of the pipeline, psycopg would drop the prepared
                # statements and go on to use them.
                await conn.rollback()
        if first is not None:
            raise first

    async def _fetch(self, cursor: AsyncCursor[Any]) -> list[Any]:
        # Rows may hold much metadata: other requests go on between them.
        rows: list[Any] = []
        pause_at = perf_counter() + _FETCH_FOR
        while part := await cursor.fetchmany(_FETCH_ROWS):
            rows += part if self._convert is None else map(self._convert, part)
            if len(part) < _FETCH_ROWS:
                break
            if perf_counter() > pause_at:
                await asyncio.sleep(_FETCH_FOR)
                pause_at = perf_counter() + _FETCH_FOR
        return rows


class limited:  # noqa: N801 (a context manager)
    """Limits how long a block may wait for the database.

    Args:
        conn: The connection that the block uses.
        seconds: The limit. Then the connection is closed.

    Raises:
        NoAnswer: The limit was exceeded.
    """

    __slots__ = ("_conn", "_exceeded", "_seconds")

    def __init__(self, conn: ServiceConnection, seconds: float) -> None:
        self._conn = conn
        self._seconds = seconds
        self._exceeded = False

    def __enter__(self) -> None:
        self._conn.deadlines.add(self, self._seconds)

    def give_up(self) -> None:
        """Close the connection; the block fails because of that."""
        # Cancelling the task instead would wait for the server to cancel the statement.
        self._exceeded = True
        if not self._conn.closed:
            hang_up(self._conn.pgconn.socket)

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        self._conn.deadlines.remove(self)
        if self._exceeded and isinstance(error, psycopg.Error):
            raise NoAnswer(self._seconds) from error


def milliseconds(seconds: float) -> str:
    """Write a limit on time as the server takes it."""
    return str(math.ceil(seconds * 1000))
