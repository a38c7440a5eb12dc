"""The ledger of a cluster: each owner's partition is called directly."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import psycopg
from psycopg import AsyncConnection

from ledger_py.calls import SqlFunction
from ledger_py.client_async import AsyncLedger
from ledger_py.cluster import files
from ledger_py.cluster.claims_async import AsyncClaimingLedger, AsyncClaims
from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import Partition
from ledger_py.cluster.pools import async_pool
from ledger_py.cluster.splitting import (
    Part,
    items_at,
    join_cursors,
    placed,
    refusal_of,
    refusals_of,
    repositioned,
    split,
    split_cursor,
    unless_unknown,
)
from ledger_py.cluster.subjects import Answers, Sending
from ledger_py.cluster.waiting import call_each_async, pause_async
from ledger_py.errors import (
    InvalidRequest,
    LedgerError,
    OtherPartition,
    PartitionUnavailable,
    WrongPartition,
)
from ledger_py.sessions import answering_within, has_ended
from ledger_py.structs import FeedEntry, RecordedEntry, Refusal
from ledger_py.values import Entries, Int32, json_bytes

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

_POLL: Final = 0.05
"""Seconds between two looks into the file while a partition moves."""

_ENTRIES: Final = SqlFunction.of(AsyncLedger.record_entries).parameters["entries"]
_FEED: Final = SqlFunction.of(AsyncLedger.entries_after)
_MOST_ROWS: Final = 10_000
"""Of a page of the feed, whatever the number of partitions."""


class AsyncCluster:
    """The ledger for one app, on all partitions of a cluster.

    The file of the cluster says which partition keeps an owner. It is read at the beginning, and
    anew when a partition says that it does not keep an owner, or cannot be reached::

        async with AsyncCluster("cluster.toml", app="app1") as cluster:
            async with cluster.ledger_for("alice") as ledger:
                await ledger.record_entry(owner_id="alice", operation=..., nonce="order-7")

    A nonce is unique per app and partition. So give two owners no request of the same nonce.

    Args:
        path: The file of the cluster.
        app: The app whose operations and nonces are used.
        pool_size: The most connections to each partition.
        timeout: Seconds to wait for a connection, and for a partition that moves.
        answers_within: Seconds that batches and the feed wait for the answer of a partition. Blocks
            of `ledger_for` have no limit but those of their statements.

    Attributes:
        app: The app.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        app: str,
        pool_size: int = 10,
        timeout: float = 5.0,
        answers_within: float = 30.0,
    ) -> None:
        self.app = app
        self._path = Path(path)
        self._size = pool_size
        self._timeout = timeout
        self._answers_within = answers_within
        self._file = files.read(self._path)
        # Beside those of the caller's transactions there are some for reservations, so that no
        # transaction waits for a connection that another one holds.
        self._pools: dict[tuple[Partition, bool], AsyncConnectionPool[Any]] = {}
        self._claims = AsyncClaims(
            app, file=lambda: self._file, read_anew=self._read_anew, ask=self._ask
        )

    async def __aenter__(self) -> AsyncCluster:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect from all partitions."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.close()

    @property
    def partitions(self) -> list[str]:
        """The names of the partitions."""
        return [partition.name for partition in self._file.partitions]

    def partition_of(self, owner_id: str) -> str:
        """Return the name of the partition that keeps an owner.

        Args:
            owner_id: The owner.
        """
        return self._partition_of(owner_id).name

    def ledger_for(self, owner_id: str) -> AbstractAsyncContextManager[AsyncLedger]:
        """Take a connection to the partition of an owner, for a transaction.

        The transaction commits at the end of the block, or is rolled back if the block raises.
        Tables of the caller beside the ledger (``ledger.conn``) are those of that partition.

        Args:
            owner_id: The owner whom all calls of the block are about; of a transfer, the sender.

        Returns:
            A context manager with the ledger. Entering it raises PartitionUnavailable. If the block
            raises WrongPartition or loses its connection, the file was read anew: repeat the block
            with the same nonces.
        """
        return self._block_on(lambda: self._partition_of(owner_id))

    def ledger_of_hold(self, hold_nonce: str) -> AbstractAsyncContextManager[AsyncLedger]:
        """Take a connection to the partition that has a hold, whose owner is not known.

        All partitions are asked; with the owner, `ledger_for` asks one.

        Args:
            hold_nonce: The nonce of the hold.

        Returns:
            A context manager as of `ledger_for`. Entering it raises InvalidRequest if several
            partitions have such a hold, and PartitionUnavailable if none that answers has it.
        """
        return self._ledger_that_has("hold", hold_nonce, field="hold_nonce")

    def ledger_of_entry(self, nonce: str) -> AbstractAsyncContextManager[AsyncLedger]:
        """Take a connection to the partition that has an entry, whose owner is not known.

        Args:
            nonce: The nonce of the entry, such as the ``original_nonce`` of a reversal.

        Returns:
            As `ledger_of_hold`.
        """
        return self._ledger_that_has("entry", nonce, field="original_nonce")

    def ledger_of_allowance(self, allowance_nonce: str) -> AbstractAsyncContextManager[AsyncLedger]:
        """Take a connection to the partition that has an allowance, whose owner is not known.

        Args:
            allowance_nonce: The nonce of the allowance.

        Returns:
            As `ledger_of_hold`.
        """
        return self._ledger_that_has("allowance", allowance_nonce, field="allowance_nonce")

    async def record_entries(
        self, entries: Entries, *, atomic: bool = False
    ) -> list[RecordedEntry | Refusal]:
        """Record a batch of entries, each on the partition of its owner, side by side.

        The part of each partition is a transaction of its own. Items of a partition that is away
        are refused with ``partition_unavailable``, and others are recorded. Repeat such a batch as
        a whole: what was recorded is answered again.

        Args:
            entries: At most 10 000 items: requests, mappings of their fields, or a JSON array as
                bytes.
            atomic: Record all or none, which owners of one partition only can have.

        Returns:
            The result of each item, in the order of the items.

        Raises:
            OtherPartition: The batch is atomic, and has owners of several partitions.
            PartitionUnavailable: The batch is atomic, and its partition is away.
            LedgerError: As by ``record_entries`` of the ledger.
        """
        document = json_bytes(_ENTRIES.adapt("entries", entries))
        return await self._claims.record_batch(
            document, self._record_anywhere, _ANSWERS, atomic=atomic
        )

    async def entries_after(
        self, cursor: str | None = None, *, max_rows: Int32 = 1000
    ) -> list[FeedEntry]:
        """Read the change feed of all partitions.

        Entries of a partition come in its order, after those of another. A page may be smaller than
        max_rows although more is there; only an empty one says that nothing is new. While a
        partition is away, the others are read, and its own entries come when it is back.

        Args:
            cursor: The ``cursor`` of the last entry that was read. None starts at the beginning.
            max_rows: The most entries to return: from the number of partitions to 10 000.

        Returns:
            The entries, each with the cursor of the whole feed after it.

        Raises:
            InvalidRequest: The cursor or the number is invalid.
            PartitionUnavailable: Nothing is new on the partitions that answer, and one is away.
        """
        _FEED.adapt({"cursor": cursor, "max_rows": max_rows})
        cursors = split_cursor(cursor)
        partitions = self._file.partitions
        known = {partition.name for partition in partitions}
        if not cursors.keys() <= known:
            raise InvalidRequest.of_field("cursor", "must be one of the feed of this cluster")
        if max_rows is None or not len(partitions) <= max_rows <= _MOST_ROWS:
            reason = f"must be from {len(partitions)}, the number of partitions, to {_MOST_ROWS}"
            raise InvalidRequest.of_field("max_rows", reason)
        share = max_rows // len(partitions)

        async def read(partition: Partition) -> list[FeedEntry] | PartitionUnavailable:
            try:
                async with self._limited(partition.name) as ledger:
                    return await ledger.entries_after(cursors.get(partition.name), max_rows=share)
            except PartitionUnavailable as error:
                return error
            except psycopg.OperationalError:
                return PartitionUnavailable.named(partition.name)

        page: list[FeedEntry] = []
        away: PartitionUnavailable | None = None
        pages = await call_each_async(read, partitions)
        for partition, found in zip(partitions, pages, strict=True):
            if isinstance(found, PartitionUnavailable):
                away = found
                continue
            for entry in found:
                cursors[partition.name] = entry.cursor
                page.append(msgspec.structs.replace(entry, cursor=join_cursors(cursors)))
        if away is not None and not page:
            raise away
        return page

    # Partitions

    @asynccontextmanager
    async def _block_on(self, find: Callable[[], Partition]) -> AsyncIterator[AsyncLedger]:
        """Take a connection for a transaction of the caller."""
        ledger: AsyncClaimingLedger | None = None
        try:
            async with self._connection_to(find) as conn:
                ledger = AsyncClaimingLedger(conn, app=self.app, claims=self._claims)
                yield ledger
        finally:
            # If the connection is lost, nobody knows whether the transaction has ended.
            if ledger is not None and not ledger.conn.closed:
                await ledger.settle()

    async def _ask(self, name: str, ask: Callable[[AsyncLedger], Awaitable[Any]]) -> Any:
        """Call a partition about reservations.

        Raises:
            PartitionUnavailable: It is away.
            LedgerError: It refuses.
        """
        deadline = time.monotonic() + self._timeout
        lost_before = False
        while True:
            try:
                async with self._limited(name, beside=True) as ledger:
                    return await ask(ledger)
            except WrongPartition as error:
                if not error.detail.get("moved"):
                    raise
                if time.monotonic() > deadline:
                    raise PartitionUnavailable.named(name) from error
                await pause_async(_POLL)
            except psycopg.OperationalError as error:
                if lost_before:
                    raise PartitionUnavailable.named(name) from error
                lost_before = True

    def _partition_of(self, owner_id: str) -> Partition:
        return self._file.partitions[self._file.number_of(owner_id)]

    def _named(self, name: str) -> Partition:
        return self._file.partition(name)

    @asynccontextmanager
    async def _connection_to(
        self, find: Callable[[], Partition], *, beside: bool = False
    ) -> AsyncIterator[AsyncConnection[Any]]:
        partition: Partition = find()
        pool = await self._pool_of(partition, beside=beside)
        try:
            conn = await self._taken_from(pool)
        except psycopg.OperationalError as error:
            # It may have moved: then there is one more attempt.
            await self._read_anew()
            if find() == partition:
                raise PartitionUnavailable.named(partition.name) from error
            partition = find()
            pool = await self._pool_of(partition, beside=beside)
            try:
                conn = await self._taken_from(pool)
            except psycopg.OperationalError as again:
                raise PartitionUnavailable.named(partition.name) from again
        try:
            async with conn:
                yield conn
        except WrongPartition:
            await self._read_anew()
            raise
        except psycopg.OperationalError:
            if conn.closed:
                await self._read_anew()
                if (partition, beside) in self._pools:
                    await pool.check()  # others are probably lost as well
            raise
        finally:
            await pool.putconn(conn)

    @asynccontextmanager
    async def _limited(self, name: str, *, beside: bool = False) -> AsyncIterator[AsyncLedger]:
        """Take a connection for one call.

        A partition that does not answer is given up, with its connection.
        """
        async with self._connection_to(lambda: self._named(name), beside=beside) as conn:
            with answering_within(conn, self._answers_within):
                yield AsyncLedger(conn, app=self.app)

    async def _taken_from(self, pool: AsyncConnectionPool[Any]) -> AsyncConnection[Any]:
        """Take a connection; give back those whose session ended while they were idle."""
        conn: AsyncConnection[Any] = await pool.getconn()
        for _ in range(self._size):
            if not has_ended(conn):
                return conn
            await conn.close()
            await pool.putconn(conn)
            conn = await pool.getconn()
        return conn

    async def _pool_of(self, partition: Partition, *, beside: bool) -> AsyncConnectionPool[Any]:
        pool = self._pools.get((partition, beside))
        if pool is None:
            made = async_pool(partition, app=self.app, size=self._size, timeout=self._timeout)
            pool = self._pools.setdefault((partition, beside), made)
        if pool.closed:
            await pool.open()
        return pool

    async def _read_anew(self) -> None:
        """Read the file, and disconnect from partitions that have moved."""
        with suppress(ClusterError):  # the last one that could be read stays in force
            self._file = files.read(self._path)
        for partition, beside in [*self._pools]:
            if partition not in self._file.partitions:
                pool = self._pools.pop((partition, beside))
                await pool.close(timeout=1)

    @asynccontextmanager
    async def _ledger_that_has(
        self, kind: Literal["hold", "entry", "allowance"], nonce: str, *, field: str
    ) -> AsyncIterator[AsyncLedger]:
        async def ask(name: str) -> tuple[bool, PartitionUnavailable | None]:
            try:
                async with self._limited(name) as ledger:
                    matches = await ledger.find(text=nonce, max_rows=1000)
            except InvalidRequest:
                return False, None  # no nonce, which the call itself refuses by its name
            except PartitionUnavailable as error:
                return False, error
            except psycopg.OperationalError:
                return False, PartitionUnavailable.named(name)
            mine = {"app": self.app, "nonce": nonce}
            return (
                any(one.kind == kind and mine.items() <= one.found.items() for one in matches),
                None,
            )

        names = self.partitions
        answers = await call_each_async(ask, names)
        having = [name for name, (has, _) in zip(names, answers, strict=True) if has]
        if len(having) > 1:
            where = " and ".join(having)
            raise InvalidRequest.of_field(field, f"is of several owners, on {where}: say which")
        if not having:
            for _, away in answers:
                if away is not None:
                    raise away
        name = having[0] if having else names[0]
        async with self._block_on(lambda: self._named(name)) as ledger:
            yield ledger

    # Batches

    async def _record_anywhere(
        self, document: bytes, sending: Sending, atomic: bool
    ) -> list[RecordedEntry | Refusal]:
        """Record a batch on the partitions of its owners."""
        file = self._file
        try:
            results = await self._record_parts(document, sending, atomic=atomic)
        except WrongPartition:
            # The batch is atomic, and the file was read anew.
            if self._file == file:
                raise
            return await self._record_parts(document, sending, atomic=atomic)
        wrong = [at for at, result in enumerate(results) if _is_misplaced(result)]
        if wrong:
            # Buckets were given to another partition since the file was read.
            await self._read_anew()
            again = await self._record_parts(items_at(document, wrong), sending, atomic=False)
            for at, result in zip(wrong, again, strict=True):
                results[at] = repositioned(result, at + 1)
        return results

    async def _record_parts(
        self, document: bytes, sending: Sending, *, atomic: bool
    ) -> list[RecordedEntry | Refusal]:
        parts = split(document, self._file)
        if atomic and len(parts) > 1:
            raise OtherPartition.over([part.partition for part in parts])

        async def record(part: Part) -> list[tuple[int, RecordedEntry | Refusal]]:
            return await self._record_part(part, sending, atomic=atomic)

        answered = [one for answers in await call_each_async(record, parts) for one in answers]
        return [result for _, result in sorted(answered, key=lambda one: one[0])]

    async def _record_part(
        self, part: Part, sending: Sending, *, atomic: bool
    ) -> list[tuple[int, RecordedEntry | Refusal]]:
        """Record a part; what a partition does not keep any more, on the one that does."""
        deadline = time.monotonic() + self._timeout
        name = part.partition
        lost_before = False
        while True:
            try:
                async with self._limited(name) as ledger:
                    results = await ledger.record_entries(part.document, atomic=atomic)
                if lost_before:
                    away = PartitionUnavailable.named(name)
                    results = [unless_unknown(result, away) for result in results]
                return placed(part, results)
            except WrongPartition as error:
                if not error.detail.get("moved"):
                    raise
                # It moves: the file will name another server in a moment.
                if time.monotonic() > deadline:
                    return self._away(part, _away_because(name, error), atomic=atomic)
                await pause_async(_POLL)
            except PartitionUnavailable as error:
                return self._away(part, error, atomic=atomic)
            except LedgerError as error:
                # The lost attempt may be recorded yet.
                if lost_before and not error.is_of_request:
                    raise _away_because(name, error) from error
                raise
            except psycopg.OperationalError as error:
                if lost_before:
                    return self._away(part, _away_because(name, error), atomic=atomic)
                # The connection was an old one, or the server was started anew.
                lost_before = sending.unsure = True

    def _away(
        self, part: Part, error: PartitionUnavailable, *, atomic: bool
    ) -> list[tuple[int, RecordedEntry | Refusal]]:
        if atomic or not part.positions:
            raise error
        return [*zip(part.positions, refusals_of(part, error), strict=True)]


def _away_because(partition: str, cause: Exception) -> PartitionUnavailable:
    error = PartitionUnavailable.named(partition)
    error.__cause__ = cause
    return error


def _error_of(result: RecordedEntry | Refusal) -> LedgerError | None:
    return result.error if isinstance(result, Refusal) else None


def _is_replay(result: RecordedEntry | Refusal) -> bool:
    return isinstance(result, RecordedEntry) and result.replayed


_ANSWERS: Final[Answers[RecordedEntry | Refusal]] = Answers(
    _error_of, _is_replay, refusal_of, repositioned
)


def _is_misplaced(result: RecordedEntry | Refusal) -> bool:
    return isinstance(result, Refusal) and result.code == WrongPartition.code
