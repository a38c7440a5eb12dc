"""The ledger as the pages use it: each page in one transaction with limits on time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from psycopg import AsyncClientCursor, AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from ledger_py.client_async import AsyncLedger
from ledger_py.http.database import Database
from ledger_py.settings import Settings

__all__ = ("MAX_ROWS", "Books", "Reading", "Row")

Row: TypeAlias = dict[str, Any]

PageT = TypeVar("PageT")

MAX_ROWS: Final = 200
"""The most rows of a list on a page."""

_CONNECTIONS: Final = 4

_SETTINGS: Final = """\
SET LOCAL statement_timeout = {timeout};
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO';
SET LOCAL IntervalStyle = 'postgres'"""

_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n" + _SETTINGS

_WRITE: Final = f"""\
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL lock_timeout = 2000;
{_SETTINGS}"""


class Reading:
    """One transaction: read-only and of one moment of the ledger, unless `Books.write` began it.

    Attributes:
        statements: What was sent to the server, as it can be pasted into psql.
    """

    def __init__(self, conn: AsyncConnection[Any], begin: str) -> None:
        self._conn = conn
        self.statements: list[str] = [begin]

    async def rows(self, query: str, **values: Any) -> list[Row]:
        """Run a query.

        Args:
            query: SQL with named placeholders: ``%(owner_id)s``.
            values: The values of the placeholders.

        Returns:
            The rows by the names of their columns.
        """
        cursor = AsyncClientCursor(self._conn, row_factory=dict_row)
        # The values are put in on this side, so that the text is what the server gets and what the
        # reader sees.
        text = cursor.mogrify(query.strip().encode(), values)
        self.statements.append(text)
        await cursor.execute(text.encode())
        return await cursor.fetchall()

    async def row(self, query: str, **values: Any) -> Row:
        """Run a query that has one row."""
        (row,) = await self.rows(query, **values)
        return row


class Books:
    """The database of the console.

    Args:
        settings: The limits on time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = msgspec.structs.replace(
            settings, statement_timeout=settings.console_timeout
        )
        milliseconds = round(settings.console_timeout * 1000)
        self._read = _READ.format(timeout=milliseconds)
        self._write = _WRITE.format(timeout=milliseconds)
        self._database = Database("console")

    @property
    def seconds(self) -> float:
        """The seconds that a statement may take."""
        return self._settings.statement_timeout

    async def open(self, url: str) -> None:
        """Open the pool; the server may be away."""
        await self._database.open(url, self._settings, size=_CONNECTIONS, wait=False)

    async def close(self) -> None:
        """Close the pool."""
        await self._database.close()

    async def read(self, page: Callable[[Reading], Awaitable[PageT]]) -> PageT:
        """Read what a page shows.

        Args:
            page: Runs the queries of the page.

        Returns:
            What `page` returns.

        Raises:
            psycopg.Error: The database is away, refuses, or takes too long.
        """
        return await self._run(self._read, page, end="ROLLBACK")

    async def write(self, act: Callable[[Reading], Awaitable[PageT]], *, dry: bool) -> PageT:
        """Do what an operator asks for, or find out what it would do.

        A lost connection makes `act` run again, so it must change nothing the second time.

        Args:
            act: Runs the queries.
            dry: True to roll back what `act` did.

        Returns:
            What `act` returns.

        Raises:
            psycopg.Error: The database is away, refuses, takes too long, or another transaction
                locks the account for two seconds.
        """
        return await self._run(self._write, act, end="ROLLBACK" if dry else "COMMIT")

    async def _run(
        self, begin: str, page: Callable[[Reading], Awaitable[PageT]], *, end: str
    ) -> PageT:
        async def ask(ledger: AsyncLedger) -> PageT:
            conn = ledger.conn
            await conn.execute(begin.encode())
            try:
                answer = await page(Reading(conn, begin))
                await conn.execute(end.encode())
            finally:
                # A connection that was lost has rolled back too.
                if not conn.closed and conn.info.transaction_status != TransactionStatus.IDLE:
                    await conn.execute(b"ROLLBACK")
            return answer

        return await self._database.call(ask)
