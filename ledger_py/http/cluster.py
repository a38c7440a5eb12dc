"""A service on a cluster: a pool and a line of waiting requests for each partition.

`ClusterDatabase`, `ClusterRecorder` and `ClusterReads` stand in for those of a single database, and
send each call to the partition of its owner. When a partition does not keep the owner, or cannot be
reached, the file of the cluster is read anew: it may have moved.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
import psycopg

from ledger_py.client_async import AsyncLedger
from ledger_py.cluster import files
from ledger_py.cluster.claims_async import PATIENCE, AsyncClaims
from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import ClusterFile, Partition
from ledger_py.cluster.splitting import Part, items_at, join_cursors, split, split_cursor
from ledger_py.cluster.subjects import (
    Answers,
    Claim,
    Said,
    Sending,
    is_limited,
    refusal_instead,
    said_of,
)
from ledger_py.errors import (
    ClaimLimitReached,
    ClaimNotReserved,
    InvalidRequest,
    LedgerError,
    OtherPartition,
    PartitionUnavailable,
    WrongPartition,
    refusal_of_code,
)
from ledger_py.http.callers import Caller
from ledger_py.http.connections import ServiceLedger
from ledger_py.http.database import Database
from ledger_py.http.problems import Problem, problem_of
from ledger_py.http.recorder import CONNECTIONS, Recorder
from ledger_py.http.schemas import RecordRequest
from ledger_py.settings import Settings
from ledger_py.structs import FeedEntry, FeedLag, RecordedEntry

__all__ = ("ClusterDatabase", "ClusterReads", "ClusterRecorder", "Member", "Members")

AnswerT = TypeVar("AnswerT")

_POLL: Final = 0.05
"""Seconds between two looks into the file while a partition moves."""

_MISPLACED: Final = b'"code":"wrong_partition"'
"""Part of the problem of an item that its partition does not keep, or of somebody's metadata."""

_UNAVAILABLE: Final = ("database_unavailable", "database_busy")

_FEED_PATIENCE: Final = 1.0
"""Seconds that a reading of the feed waits for a connection to a partition."""

_FEED_ANSWERS_WITHIN: Final = 5.0

_FEED_PAUSE: Final = 5.0
"""Seconds for which the feed is read without a partition that was away, so that others go on."""

_FOUND_AS: Final = {
    "allowance_nonce": "allowance",
    "hold_nonce": "hold",
    "original_nonce": "entry",
}
"""What `ledger.find` calls that which a field names."""


class _Result(msgspec.Struct):
    """What tells an entry from a problem, and problems from each other."""

    code: Any = None
    limited: Any = None
    replayed: Any = None


_decode_result: Final = msgspec.json.Decoder(_Result).decode


def _error_of(result: msgspec.Raw) -> LedgerError | None:
    found = _decode_result(result)
    if found.code is None:
        return None
    return refusal_of_code(found.code, "", detail={"limited": found.limited}, hint=None)


_ANSWERS: Final = Answers[msgspec.Raw](
    error_of=_error_of,
    is_replay=lambda result: _decode_result(result).replayed is True,
    refusal=lambda error, _: msgspec.Raw(problem_of(error).encode()),
    repositioned=lambda result, _: result,
)


class Member:
    """A partition as the service uses it.

    Args:
        app: The app of the service.
        partition: The partition.

    Attributes:
        partition: The same.
        database: Its pool.
        recorder: Its line of requests.
    """

    def __init__(self, app: str, partition: Partition) -> None:
        self.partition = partition
        self.database = Database(app, partition.name)
        self.recorder = Recorder(app, self.database)

    async def open(self, settings: Settings) -> None:
        """Connect, as far as the partition answers; later calls connect by themselves."""
        size = settings.pool_size - CONNECTIONS
        await self.database.open(self.partition.url, settings, size=size, wait=False)
        self.recorder.prepare(self.partition.url, settings)

    async def close(self) -> None:
        """Drain the line, and disconnect."""
        await self.recorder.close()
        await self.database.close()


class Members:
    """The partitions of the cluster.

    Args:
        app: The app of the service.
        settings: They name the file, and limit the time of calls.
        report: Takes a line when a partition has moved.

    Raises:
        ClusterError: The file cannot be read.
    """

    def __init__(self, app: str, settings: Settings, report: Callable[[str], None]) -> None:
        assert settings.cluster is not None
        self._app = app
        self._settings = settings
        self._path = settings.cluster
        self._report = report
        self._stamp = files.stamp(self._path)
        self._file = files.read(self._path)
        self._members: dict[str, Member] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._reading = asyncio.Lock()

    @property
    def app(self) -> str:
        """The app of the service."""
        return self._app

    @property
    def file(self) -> ClusterFile:
        """The file as it was read last."""
        return self._file

    @property
    def all(self) -> Sequence[Member]:
        """All partitions, in the order of the file."""
        return [self._members[partition.name] for partition in self._file.partitions]

    def of(self, owner_id: str) -> Member:
        """Return the partition that keeps an owner."""
        return self._members[self._file.partitions[self._file.number_of(owner_id)].name]

    def named(self, name: str) -> Member:
        """Return a partition by its name."""
        return self._members[name]

    async def open(self) -> None:
        """Connect to all."""
        for partition in self._file.partitions:
            self._members[partition.name] = member = Member(self._app, partition)
            await member.open(self._settings)

    async def close(self) -> None:
        """Disconnect from all."""
        await asyncio.gather(*(member.close() for member in self._members.values()))
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def call(self, find: Callable[[], Member], call: Callable[[Member], Any]) -> Any:
        """Call a partition; if it has moved meanwhile, where the file says that it is.

        Args:
            find: Says which partition it is.
            call: Calls it, and can be called again.

        Returns:
            The answer.

        Raises:
            WrongPartition: The partition does not keep the owner, and the file knows no other.
            PartitionUnavailable: The partition is away, or did not move in time.
            Problem: The partition is busy; the problem names it.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.pool_timeout
        while True:
            member = find()
            try:
                return await call(member)
            except WrongPartition as error:
                await self.read_anew()
                if find() is not member:
                    continue
                if not error.detail.get("moved"):
                    raise
                if loop.time() > deadline:
                    raise PartitionUnavailable.named(member.partition.name) from error
                await asyncio.sleep(_POLL)
            except (psycopg.OperationalError, Problem) as error:
                problem = problem_of(error)
                if problem.type.code not in _UNAVAILABLE:
                    raise
                if problem.type.code == "database_unavailable":
                    await self.read_anew()
                    if find() is not member:
                        continue
                    raise PartitionUnavailable.named(member.partition.name) from error
                values = {**problem.values, "partition": member.partition.name}
                raise Problem(problem.type.code, problem.detail, values=values) from error

    async def read_anew(self) -> None:
        """Follow the file, if it has changed: `file` is another object then."""
        async with self._reading:
            # Many requests wait at once while a partition moves; one of them reads.
            stamp = files.stamp(self._path)
            if stamp is None or stamp == self._stamp:
                return
            with suppress(ClusterError):  # the last one that could be read stays in force
                await self._follow(files.read(self._path))
                self._stamp = stamp

    async def _follow(self, file: ClusterFile) -> None:
        if file == self._file or file.buckets != self._file.buckets:
            return
        for partition in file.partitions:
            present = self._members.get(partition.name)
            if present is not None and present.partition.url == partition.url:
                continue
            member = Member(self._app, partition)
            await member.open(self._settings)
            self._members[partition.name] = member
            self._report(f"The partition {partition.name} is at {partition.place} now")
            if present is not None:
                self._leave(present)
        self._file = file

    def _leave(self, member: Member) -> None:
        """Let the requests that wait for a partition be answered, and disconnect then."""
        task = asyncio.create_task(member.close())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


class ClusterDatabase:
    """The pools of all partitions, as `Database` is one.

    Args:
        members: The partitions.
    """

    def __init__(self, members: Members) -> None:
        self._members = members
        self._claims = _claims_on(members)
        # When the feed of a partition that was away is read again, by its name.
        self._feed_pauses: dict[str, float] = {}

    @property
    def members(self) -> Members:
        """The partitions."""
        return self._members

    async def write(
        self,
        ask: Callable[[ServiceLedger], Awaitable[AnswerT]],
        *,
        about: tuple[str, Any] | None,
        caller: Caller | None = None,
    ) -> AnswerT:
        """Call the ledger, as by `Database.write`, on the partition that the call is about.

        Raises:
            InvalidRequest: It is about a nonce that several partitions have.
            PartitionUnavailable: The partition is away, or none that answers has the nonce.
            LedgerError: As by `Database.write`, and so are the other errors.
        """
        assert about is not None
        field, value = about
        if field == "owner_id":
            return await self._write(lambda: self._members.of(value), ask, about, caller)
        name = await self._place_of(field, value)
        return await self._write(lambda: self._members.named(name), ask, about, caller)

    async def _write(
        self,
        find: Callable[[], Member],
        ask: Callable[[ServiceLedger], Awaitable[AnswerT]],
        about: Hashable,
        caller: Caller | None,
    ) -> AnswerT:
        freed: list[tuple[str, str]] = []

        async def noting(ledger: ServiceLedger) -> AnswerT:
            ledger.freed = freed
            return await ask(ledger)

        answer: AnswerT = await self._members.call(
            find, lambda member: member.database.write(noting, about=about, caller=caller)
        )
        if caller is None or not caller.dries:
            await self._claims.free(freed)
        return answer

    async def read(
        self, name: str, ask: Callable[[ServiceLedger], Awaitable[AnswerT]], **limits: float
    ) -> AnswerT:
        """Call the ledger on a partition, as by `Database.call`."""
        answer: AnswerT = await self._members.call(
            lambda: self._members.named(name),
            lambda member: member.database.call(ask, **limits),
        )
        return answer

    async def read_of(
        self, owner_id: str, ask: Callable[[ServiceLedger], Awaitable[AnswerT]]
    ) -> AnswerT:
        """Call the ledger on the partition of an owner, as by `Database.call`."""
        answer: AnswerT = await self._members.call(
            lambda: self._members.of(owner_id), lambda member: member.database.call(ask)
        )
        return answer

    async def read_any(self, ask: Callable[[ServiceLedger], Awaitable[AnswerT]]) -> AnswerT:
        """Call the ledger on the first partition that answers, for what is alike on all."""
        away: PartitionUnavailable | None = None
        for member in self._members.all:
            try:
                return await self.read(member.partition.name, ask)
            except PartitionUnavailable as error:
                away = error
        assert away is not None
        raise away

    async def _place_of(self, field: str, nonce: str) -> str:
        """Find the partition that has an allowance, a hold or an entry, by its nonce."""
        kind = _FOUND_AS[field]

        async def ask(ledger: AsyncLedger) -> bool:
            mine = {"app": ledger.app, "nonce": nonce}
            try:
                matches = await ledger.find(text=nonce, max_rows=1000)
            except InvalidRequest:
                return False  # no nonce, which the call itself refuses by its name
            return any(one.kind == kind and mine.items() <= one.found.items() for one in matches)

        names = [member.partition.name for member in self._members.all]
        answers = await asyncio.gather(
            *(self.read(name, ask) for name in names), return_exceptions=True
        )
        having = [name for name, has in zip(names, answers, strict=True) if has is True]
        if len(having) > 1:
            reason = f"is of several owners, on {' and '.join(having)}; use the owner's partition"
            raise InvalidRequest.of_field(field, reason)
        if having:
            return having[0]
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return names[0]  # it refuses the nonce

    async def feed_after(self, cursor: str | None, rows: int) -> list[FeedEntry]:
        """Read the change feed of all partitions that answer, as `Database.feed_after`.

        Raises:
            InvalidRequest: The cursor is none of this feed.
            PartitionUnavailable: None of them answers.
            psycopg.OperationalError: None of them answers in time.
        """
        cursors = split_cursor(cursor)
        names = [member.partition.name for member in self._members.all]
        if not cursors.keys() <= set(names):
            raise InvalidRequest.of_field("cursor", "must be one of the feed of this cluster")
        page: list[FeedEntry] = []
        away: dict[str, BaseException] = {}
        asked = names
        # More than one round, if some have little: a page that is not full says that nothing is
        # left.
        while asked and len(page) < rows:
            share = max(1, (rows - len(page)) // len(asked))
            found = await asyncio.gather(
                *(self._feed_of(name, cursors.get(name), share) for name in asked),
                return_exceptions=True,
            )
            more = []
            for name, entries in zip(asked, found, strict=True):
                if isinstance(entries, PartitionUnavailable | psycopg.OperationalError):
                    away[name] = entries
                    continue
                if isinstance(entries, BaseException):
                    raise entries
                if len(entries) == share:
                    more.append(name)
                for entry in entries[: rows - len(page)]:
                    cursors[name] = entry.cursor
                    page.append(msgspec.structs.replace(entry, cursor=join_cursors(cursors)))
            asked = more
        if not page and len(away) == len(names):
            raise away[names[0]]
        return page

    async def _feed_of(self, name: str, cursor: str | None, rows: int) -> list[FeedEntry]:
        loop = asyncio.get_running_loop()
        if loop.time() < self._feed_pauses.get(name, 0.0):
            raise PartitionUnavailable.named(name)
        try:
            return await self._read_of_feed(
                name, lambda ledger: ledger.entries_after(cursor, max_rows=rows)
            )
        except PartitionUnavailable:
            self._feed_pauses[name] = loop.time() + _FEED_PAUSE
            raise

    async def _read_of_feed(
        self, name: str, ask: Callable[[ServiceLedger], Awaitable[AnswerT]]
    ) -> AnswerT:
        return await self.read(
            name, ask, timeout=_FEED_PATIENCE, answers_within=_FEED_ANSWERS_WITHIN
        )

    async def feed_lag(self) -> FeedLag:
        """Return the lag of the partition whose feed is furthest behind.

        Raises:
            PartitionUnavailable: One of them is away.
        """
        names = [member.partition.name for member in self._members.all]
        lags = await asyncio.gather(
            *(self._read_of_feed(name, lambda ledger: ledger.feed_lag()) for name in names)
        )
        return max(lags, key=lambda lag: lag.seconds_behind)


class ClusterReads:
    """Reads on the partitions, as `Reads` on one database. There is no standby.

    Args:
        database: The pools.
    """

    fault: str | None = None
    has_standby = False

    def __init__(self, database: ClusterDatabase) -> None:
        self._database = database

    async def call(
        self,
        ask: Callable[[AsyncLedger], Awaitable[AnswerT]],
        *,
        oldest: int | None,  # noqa: ARG002 (everything is of now)
        owner_id: str | None = None,
    ) -> tuple[AnswerT, int | None]:
        """Read on the partition of an owner; without one, on any."""
        if owner_id is None:
            return await self._database.read_any(ask), None
        return await self._database.read_of(owner_id, ask), None


class ClusterRecorder:
    """Records entries on the partitions of their owners, as `Recorder` on one database.

    Args:
        members: The partitions.
    """

    def __init__(self, members: Members) -> None:
        self._members = members

    async def record(
        self, request: RecordRequest[str], nonce: str, caller: Caller
    ) -> RecordedEntry:
        """Record one entry, as `Recorder.record`.

        Raises:
            PartitionUnavailable: The partition of the owner, or of its claim subject, is away.
        """
        if request.claim_subject is None:
            return await self._record(request, nonce, caller)
        claim = Claim(
            owner_id=request.owner_id,
            operation=request.operation,
            nonce=nonce,
            claim_subject=request.claim_subject,
        )
        claims = _claims_on(self._members, caller)
        until = time.monotonic() + PATIENCE
        while True:
            try:
                if claims.elsewhere({0: claim}):
                    return await self._record_reserved(claims, claim, request, caller)
                return await self._record(request, nonce, caller)
            except ClaimNotReserved:
                if not await claims.follow():
                    raise
            except ClaimLimitReached as error:
                if not is_limited(error) or time.monotonic() > until:
                    raise
                if not await claims.unblock([claim]):
                    raise

    async def _record(
        self, request: RecordRequest[str], nonce: str, caller: Caller
    ) -> RecordedEntry:
        answer: RecordedEntry = await self._members.call(
            lambda: self._members.of(request.owner_id),
            lambda member: member.recorder.record(request, nonce, caller),
        )
        return answer

    async def _record_reserved(
        self,
        claims: AsyncClaims,
        claim: Claim,
        request: RecordRequest[str],
        caller: Caller,
        *,
        again: bool = True,
    ) -> RecordedEntry:
        """Record a request whose claim subject another partition keeps. It is not gathered."""
        reserved = (await claims.reserve({0: claim}))[0]
        fields = msgspec.structs.asdict(request) | {"nonce": claim.nonce}
        if isinstance(reserved, datetime):
            fields["claim_deadline"] = reserved
        sends = 0

        async def ask(ledger: ServiceLedger) -> RecordedEntry:
            nonlocal sends
            sends += 1
            return await ledger.record_entry(**fields)

        said: Said | None
        try:
            answer: RecordedEntry = await self._members.call(
                lambda: self._members.of(claim.owner_id),
                lambda member: member.database.write(
                    ask, about=("owner_id", claim.owner_id), caller=caller
                ),
            )
        except Exception as error:
            sending = Sending()
            sending.unsure = sends > 1
            said = said_of(error, sending) if isinstance(error, LedgerError) else None
            if not sends:
                said = "refused"
            known: dict[int, Said] = {} if said is None else {0: said}
            if await claims.finish({0: claim}, {0: reserved}, known) and again:
                return await self._record_reserved(claims, claim, request, caller, again=False)
            if not isinstance(error, LedgerError):
                raise
            refusal = refusal_instead(error, reserved)
            if refusal is error:
                raise
            raise refusal from error
        said = "unknown" if answer.replayed else "recorded"
        await claims.finish({0: claim}, {0: reserved}, {0: said})
        return answer

    async def record_batch(
        self, requests: bytes, *, atomic: bool, owner_id: str | None, caller: Caller
    ) -> list[msgspec.Raw]:
        """Record a batch of entries, as `Recorder.record_batch`, side by side on the partitions.

        The items of a partition that is away are answered with `partition_unavailable`.

        Raises:
            OtherPartition: The batch is atomic, and has owners of several partitions.
            PartitionUnavailable: The batch is atomic, and its partition is away.
        """

        async def record(document: bytes, sending: Sending, atomic: bool) -> list[msgspec.Raw]:
            return await self._record_anywhere(
                document, sending, atomic=atomic, owner_id=owner_id, caller=caller
            )

        claims = _claims_on(self._members, caller)
        return await claims.record_batch(requests, record, _ANSWERS, atomic=atomic)

    async def _record_anywhere(
        self,
        requests: bytes,
        sending: Sending,
        *,
        atomic: bool,
        owner_id: str | None,
        caller: Caller,
    ) -> list[msgspec.Raw]:
        file = self._members.file
        try:
            results = await self._record_parts(
                requests, sending, atomic=atomic, owner_id=owner_id, caller=caller
            )
        except WrongPartition:
            # The batch is atomic, and buckets may have been given to another partition meanwhile.
            await self._members.read_anew()
            if self._members.file is file:
                raise
            return await self._record_parts(
                requests, sending, atomic=atomic, owner_id=owner_id, caller=caller
            )
        wrong = [at for at, result in enumerate(results) if _is_misplaced(result)]
        if wrong:
            await self._members.read_anew()
        if wrong and self._members.file is not file:
            left = items_at(requests, wrong)
            again = await self._record_parts(
                left, sending, atomic=False, owner_id=None, caller=caller
            )
            for at, result in zip(wrong, again, strict=True):
                results[at] = result
        return results

    async def _record_parts(
        self,
        requests: bytes,
        sending: Sending,
        *,
        atomic: bool,
        owner_id: str | None,
        caller: Caller,
    ) -> list[msgspec.Raw]:
        parts = split(requests, self._members.file)
        if atomic and len(parts) > 1:
            raise OtherPartition.over([part.partition for part in parts])

        async def record(part: Part) -> list[msgspec.Raw]:
            sends = 0

            def note() -> None:
                nonlocal sends
                sends += 1
                sending.unsure = sending.unsure or sends > 1

            try:
                results: list[msgspec.Raw] = await self._members.call(
                    lambda: self._members.named(part.partition),
                    lambda member: member.recorder.record_batch(
                        part.document,
                        atomic=atomic,
                        owner_id=owner_id,
                        caller=caller,
                        on_send=note,
                        unknown=lambda _: problem_of(PartitionUnavailable.named(part.partition)),
                    ),
                )
            except PartitionUnavailable as error:
                if atomic:
                    raise
                return [msgspec.Raw(problem_of(error).encode())] * len(part.positions)
            return results

        answers = await asyncio.gather(*(record(part) for part in parts), return_exceptions=True)
        placed: dict[int, msgspec.Raw] = {}
        for part, results in zip(parts, answers, strict=True):
            if isinstance(results, BaseException):
                raise results
            placed |= zip(part.positions, results, strict=True)
        return [result for _, result in sorted(placed.items())]


def _claims_on(members: Members, caller: Caller | None = None) -> AsyncClaims:
    """Make what reserves claim subjects; for a dry run, it keeps no reservation."""

    async def call(
        name: str, ask: Callable[[AsyncLedger], Awaitable[Any]], caller: Caller | None = None
    ) -> Any:
        try:
            return await members.call(
                lambda: members.named(name),
                lambda member: member.database.write(ask, about=None, caller=caller),
            )
        except (psycopg.Error, Problem) as error:
            raise PartitionUnavailable.named(name) from error

    return AsyncClaims(
        members.app,
        file=lambda: members.file,
        read_anew=members.read_anew,
        ask=call,
        try_out=partial(call, caller=caller) if caller is not None and caller.dries else None,
    )


def _is_misplaced(result: msgspec.Raw) -> bool:
    return _MISPLACED in bytes(result) and _decode_result(result).code == WrongPartition.code
