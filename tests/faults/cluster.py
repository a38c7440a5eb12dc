"""A run on a cluster: faults in one partition, while owners of the other go on."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, cast

import httpx
import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from ledger_py import AsyncCluster, AsyncLedger, Refusal
from ledger_py.cluster import files, moving, proof, setup
from ledger_py.cluster.files import ClusterFile
from ledger_py.errors import LedgerError, PartitionUnavailable, WrongPartition
from tests.deployment.proxy import proxy
from tests.distributed.clusters import described, owner_on
from tests.distributed.fronts import HAS_FRONTS, RunningFront, create_logins
from tests.faults.callers import ANSWERED_WITHIN, Caller, HttpCaller, Refused, Unanswered
from tests.faults.checking import check
from tests.faults.faults import PARTITION_FAULTS, SERVICE_FAULTS, Fault, Targets
from tests.faults.figures import Figures
from tests.faults.fronts import FRONT_FAULTS, FrontCaller, FrontFault, front_before
from tests.faults.journal import Journal, Request
from tests.faults.load import load
from tests.faults.processes import PATIENCE, PostgreSQL, Service, Stuck
from tests.faults.world import USER, World, bind_user, open_shop

__all__ = ("run_on_cluster",)

_SERVICES: Final = 2
_OWNERS: Final = 3
"""Per partition: few, so that callers contend for the same accounts."""
_HTTP_CALLERS: Final = 4
_DIRECT_CALLERS: Final = 2
_FRONT_CALLERS: Final = 2
"""Of each partition, and as many who have owners of both."""
_ANSWERS: Final = 20
"""Answers that callers of a group wait for between two faults."""
_NOTICED: Final = 1.0
"""Seconds of a fault from which on somebody must have been served beside it."""

_LOGICAL: Final = {"wal_level": "logical", "max_worker_processes": "16"}


class _Cluster:
    """Two partitions and a server that one of them can move to, each behind a network.

    Args:
        folder: The folder of logs and of the file.
        worlds: The servers.

    Attributes:
        partitions: The servers of the partitions.
        spare: The server that keeps none.
        file: The file of services and callers, with their login.
        services: The services that were started.
        front: The front before them, if it can be had here.
    """

    front: RunningFront | None = None

    def __init__(self, folder: Path, worlds: Sequence[World]) -> None:
        *self.partitions, self.spare = worlds
        self._folder = folder
        # That of the operator, who moves partitions.
        self._operators = folder / "operators.toml"
        self.file = folder / "cluster.toml"
        self.services: list[Service] = []
        for world in worlds:
            world.services = self.services
            with _as_owner(world) as conn:
                conn.execute(f"CREATE ROLE {USER} LOGIN".encode())
            create_logins(world.server.url)
        files.write(self._operators, described(*map(_address, self.partitions)))
        setup.init(self.described, report=lambda _line: None)
        for world in self.partitions:
            with _as_owner(world) as conn:
                bind_user(conn)
                open_shop(conn)
        self._tell_callers()

    @property
    def described(self) -> ClusterFile:
        """The cluster as its operator sees it."""
        return files.read(self._operators)

    @contextmanager
    def fronted(self) -> Iterator[None]:
        """Have a front for a block, if PL/Proxy and PgBouncer are installed."""
        if not HAS_FRONTS:
            yield
            return
        with front_before(self._operators, self._folder) as self.front:
            yield

    def serve(self) -> None:
        """Start a service."""
        log = self._folder / f"service-{len(self.services)}.log"
        self.services.append(Service(self.file, log))

    def move(self, number: int) -> None:
        """Move a partition to the spare server, with the table of its callers."""
        old, new = self.partitions[number], self.spare
        with _outside(new) as admin:
            # Only now: requests that still wait for the old partition must not find an empty one.
            admin.execute("DROP DATABASE IF EXISTS ledger")
            admin.execute("CREATE DATABASE ledger")
        with _as_owner(new) as conn:
            open_shop(conn)
        moving.move(self._operators, f"p{number}", _address(new), report=lambda _line: None)
        self._tell_callers()
        if self.front is not None:
            self.front.make()
            self.front.pooler.reload()
        self.partitions[number], self.spare = new, old
        with _outside(old) as admin:
            admin.execute("ALTER DATABASE ledger ALLOW_CONNECTIONS true")
            with _as_owner(old) as left, _as_owner(new) as conn, conn.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO shop.orders VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    left.execute("SELECT nonce, owner_id, amount, seq, balance FROM shop.orders"),
                )
            admin.execute("DROP DATABASE ledger WITH (FORCE)")

    def _tell_callers(self) -> None:
        cluster = self.described
        for partition in cluster.partitions:
            url = make_conninfo(partition.url, user=USER)
            cluster = cluster.with_partition(msgspec.structs.replace(partition, url=url))
        files.write(self.file, cluster)


def _address(world: World) -> str:
    """Return the address of a server through its network, for its superuser."""
    assert world.network is not None
    return world.network.url


def _as_owner(world: World) -> psycopg.Connection[Any]:
    return psycopg.connect(world.server.url, autocommit=True)


def _outside(world: World) -> psycopg.Connection[Any]:
    return psycopg.connect(make_conninfo(world.server.url, dbname="postgres"), autocommit=True)


@contextmanager
def _cluster() -> Iterator[_Cluster]:
    with tempfile.TemporaryDirectory(prefix="ledger-faults-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        logs = folder / "logs"
        logs.mkdir()
        worlds = []
        for number in range(3):
            server = PostgreSQL(folder / f"data-{number}", {}, _LOGICAL)
            stack.callback(server.stop)
            network = stack.enter_context(proxy(server.url))
            worlds.append(World(logs, server, pooled=False, network=network))
        found = _Cluster(logs, worlds)
        stack.enter_context(found.fronted())
        try:
            yield found
        finally:
            for service in found.services:
                service.stop()


class _DirectCaller(Caller):
    """Calls partitions in Python, with an order of its own in the same transaction.

    Args:
        journal: Takes the requests and their answers.
        random_: Chooses the requests.
        cluster: The client.
        owners: The owners that it chooses from.
    """

    def __init__(
        self,
        journal: Journal,
        random_: random.Random,
        cluster: AsyncCluster,
        owners: Sequence[str],
    ) -> None:
        super().__init__(journal, random_, owners)
        self._cluster = cluster

    async def call(self) -> None:
        """Make one request, or a few that belong together."""
        await self.random.choice([self._order, self._order, self._batch])()

    async def fill(self) -> None:
        """Record a credit for each owner, before there are faults."""
        for owner in self.owners:
            request = self.journal.new("order")
            credit = {"owner_id": owner, "operation": "CREDIT_ADD", "amount": 500}
            await self._pay(request, credit | {"nonce": request.nonce})

    async def _order(self) -> None:
        request = self.journal.new("order")
        await self._pay(request, self.change(request.nonce))

    async def _pay(self, request: Request, change: dict[str, Any]) -> None:
        async def attempt() -> None:
            async with (
                self._answered(),
                self._cluster.ledger_for(change["owner_id"]) as ledger,
            ):
                paid = await _pay(ledger, change)
            self.journal.acknowledge(request, paid)

        await self.insist([request], attempt)

    async def _batch(self) -> None:
        requests = [self.journal.new("sql-batch") for _ in range(self.random.randint(1, 8))]
        entries = [self.change(request.nonce) for request in requests]

        async def attempt() -> None:
            async with self._answered():
                results = await self._cluster.record_entries(entries)
            away = False
            for request, result in zip(requests, results, strict=True):
                if not isinstance(result, Refusal):
                    self.journal.acknowledge(request, msgspec.structs.asdict(result))
                elif result.code == PartitionUnavailable.code:
                    away = True
                else:
                    self.refuse(request, result.code)
            if away:
                raise Unanswered(f"Python item {PartitionUnavailable.code}")

        await self.insist(requests, attempt)

    @asynccontextmanager
    async def _answered(self) -> AsyncIterator[None]:
        """Raise Unanswered or Refused for what an attempt fails with."""
        try:
            with self.timing():
                async with asyncio.timeout(ANSWERED_WITHIN):
                    yield
        except PartitionUnavailable as error:
            raise Unanswered(f"Python {error.code}") from error
        except LedgerError as error:
            if isinstance(error, WrongPartition) and error.detail.get("moved"):
                raise Unanswered(f"Python {error.code}, moved") from error
            raise Refused(error.code) from error
        except psycopg.Error as error:
            if not isinstance(error, psycopg.OperationalError):
                self.journal.wrong.append(f"Python: {error!r}")
            raise Unanswered(f"Python {error.sqlstate or type(error).__name__}") from error
        except TimeoutError as error:
            raise Unanswered("Python timeout") from error


async def _pay(ledger: AsyncLedger, change: dict[str, Any]) -> dict[str, Any]:
    await ledger.conn.execute("SET LOCAL lock_timeout = '2s'")
    await ledger.conn.execute("SET LOCAL statement_timeout = '5s'")
    await ledger.conn.execute(
        "INSERT INTO shop.orders (nonce, owner_id, amount)"
        " VALUES (%(nonce)s, %(owner_id)s, %(amount)s) ON CONFLICT DO NOTHING",
        change,
    )
    paid = msgspec.structs.asdict(await ledger.record_entry(**change))
    await ledger.conn.execute(
        "UPDATE shop.orders SET seq = %(seq)s, balance = %(balance)s WHERE nonce = %(nonce)s", paid
    )
    return paid


def run_on_cluster(
    *,
    rounds: int,
    seconds: float = 0.0,
    seed: int,
    report: Callable[[str], None],
    faults: Sequence[Fault] = PARTITION_FAULTS + SERVICE_FAULTS,
    front_faults: Sequence[FrontFault] = FRONT_FAULTS,
) -> Figures:
    """Cause faults in partitions and services under load, move a partition, and compare.

    Args:
        rounds: Minimal number of times to cause each fault, and to move a partition.
        seconds: Minimal duration of the load.
        seed: Determines the order of the faults and the requests.
        report: Takes a line for each fault.
        faults: The faults.
        front_faults: Those of the front, if there is one.

    Returns:
        The figures. Among the findings is each fault of a partition during which nobody of the
        other one was answered.

    Raises:
        Stuck: The system did not recover.
    """
    with _cluster() as found:
        for _ in range(_SERVICES):
            found.serve()
        for service in found.services:
            service.wait()
        random_ = random.Random(seed)
        causes: list[_Cause] = [None, *faults, *(front_faults if found.front else ())]
        return asyncio.run(_Run(found, random_, report).run(causes, rounds, seconds))


_Cause = Fault | FrontFault | None
"""None is a move of a partition."""


class _Run:
    def __init__(
        self, found: _Cluster, random_: random.Random, report: Callable[[str], None]
    ) -> None:
        self._found = found
        self._random = random_
        self._report = report
        self._journal = Journal()
        self._owners = [[owner_on(number) for _ in range(_OWNERS)] for number in range(2)]
        self._caused: Counter[str] = Counter()
        self._beside: Counter[str] = Counter()
        self._unserved: list[str] = []
        self._begun = time.monotonic()

    async def run(self, causes: Sequence[_Cause], rounds: int, seconds: float) -> Figures:
        async with AsyncCluster(
            self._found.file, app="app1", pool_size=8, timeout=2.0, answers_within=5.0
        ) as cluster:
            for owners in self._owners:
                await _DirectCaller(self._journal, self._new_random(), cluster, owners).fill()
            both = self._callers(cluster, [*self._owners[0], *self._owners[1]], named=False)
            groups = [self._callers(cluster, owners, named=True) for owners in self._owners]
            callers = [*groups[0], *groups[1], *both]
            self._begun = time.monotonic()
            async with load(self._journal, callers):
                done = 0
                while done < rounds or time.monotonic() < self._begun + seconds:
                    for fault in self._random.sample(causes, len(causes)):
                        await self._progress(*groups, both)
                        await self._cause(fault, groups)
                    done += 1
                await self._progress(*groups, both)
            lasted = time.monotonic() - self._begun
        for service in self._found.services:
            await asyncio.to_thread(service.wait)
            await self._answers(service.address)
        return await asyncio.to_thread(self._figures, lasted, callers)

    def _callers(
        self, cluster: AsyncCluster, owners: Sequence[str], *, named: bool
    ) -> list[Caller]:
        addresses = [service.address for service in self._found.services]
        journal, new_random = self._journal, self._new_random
        return [
            *(
                HttpCaller(journal, new_random(), addresses, owners, names_owners=named)
                for _ in range(_HTTP_CALLERS)
            ),
            *(
                _DirectCaller(journal, new_random(), cluster, owners)
                for _ in range(_DIRECT_CALLERS)
            ),
            *(
                FrontCaller(journal, new_random(), self._found.front.url(), owners)
                for _ in range(_FRONT_CALLERS)
                if self._found.front is not None
            ),
        ]

    def _new_random(self) -> random.Random:
        return random.Random(self._random.random())

    async def _cause(self, fault: _Cause, groups: Sequence[Sequence[Caller]]) -> None:
        """Cause a fault, or move a partition, and count who is served beside it."""
        number = self._random.randrange(len(groups))
        name = "move" if fault is None else fault.__name__
        of_one = fault is None or fault in PARTITION_FAULTS
        where = f" p{number}" if of_one else ""
        self._report(f"{time.monotonic() - self._begun:6.1f} s  {name}{where}")
        others = groups[1 - number]
        before = sum(caller.answers for caller in others)
        since = time.monotonic()
        await asyncio.to_thread(self._do, fault, number)
        self._caused[name] += 1
        if not of_one:
            return
        answers = sum(caller.answers for caller in others) - before
        self._beside[name] += answers
        lasted = time.monotonic() - since
        self._report(f"          {answers} answers beside it in {lasted:.1f} s")
        if not answers and lasted > _NOTICED:
            self._unserved.append(f"nobody was served beside {name}{where}, for {lasted:.1f} s")

    def _do(self, fault: _Cause, number: int) -> None:
        if fault is None:
            self._found.move(number)
        elif fault in FRONT_FAULTS:
            assert self._found.front is not None
            fault(self._found.front, self._random)
        else:
            targets = Targets(self._found.partitions[number], self._random)
            cast(Fault, fault)(targets)

    async def _progress(self, *groups: Sequence[Caller]) -> None:
        """Wait until the callers of each group are answered again."""
        deadline = time.monotonic() + PATIENCE
        for group in groups:
            enough = sum(caller.answers for caller in group) + _ANSWERS
            while sum(caller.answers for caller in group) < enough:
                if time.monotonic() > deadline:
                    raise Stuck(f"callers get no answers: {dict(self._journal.causes)}")
                await asyncio.sleep(0.05)

    async def _answers(self, address: str) -> None:
        """Check that a service answers for each partition."""
        async with httpx.AsyncClient(timeout=30) as client:
            for owner, *_ in self._owners:
                response = await client.get(f"{address}/ledger/{owner}")
                assert response.status_code == 200, response.text

    def _figures(self, lasted: float, callers: Sequence[Caller]) -> Figures:
        cluster = self._found.described
        findings = check(self._journal, *(world.server.url for world in self._found.partitions))
        findings.other += self._unserved
        findings.other += proof.problems(cluster, report=lambda _line: None)
        return Figures(
            lasted,
            f"{_HTTP_CALLERS} HTTP, {_DIRECT_CALLERS} Python and"
            f" {_FRONT_CALLERS if self._found.front else 'no'} front callers of each partition,"
            " and as many of both",
            {"all": max(caller.longest for caller in callers)},
            self._journal,
            self._caused,
            findings,
            self._beside,
        )
