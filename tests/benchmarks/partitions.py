"""Contenders on a plain ledger, on one that is shared out over two partitions, and through a front.

Only their ratio counts: what they use of the processor for a call, in the same run.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, TypeAlias

import httpx
import msgspec
import psutil
import psycopg

from ledger_py import Cluster, Ledger
from ledger_py.cluster import files
from ledger_py.cluster.files import ClusterFile, Partition
from tests.benchmarks.http_load import http_callers
from tests.benchmarks.loading import OWNERS, owner_number
from tests.benchmarks.measuring import Contender, Run
from tests.benchmarks.services import MeasuredService, service
from tests.benchmarks.sessions import calling, schedstat
from tests.benchmarks.workbench import Database, Workbench
from tests.distributed.clusters import Partitions
from tests.distributed.fronts import HAS_FRONTS, front_server, running_front
from tests.distributed.test_moving import database_on

__all__ = ("CALLS", "DOORS", "REQUESTS", "direct_calls", "requests")

_BUCKETS: Final = 256
_SHARE: Final = _BUCKETS // 2
_KNOWN: Final = 200
_ITEMS: Final = 100
_NUMBERS: Final = itertools.count(1)

_APP: Final = "apps.app1.main:app"

DOORS: Final = ("plain", "partition", *(("front",) if HAS_FRONTS else ()))
"""Ways to a ledger; the first one is what the others are compared with."""

Call: TypeAlias = Callable[[Ledger, Callable[[], str]], int]
"""Makes a call for an owner that it is given, and returns the number of entries or calls."""


def _request(owner_id: str) -> dict[str, Any]:
    nonce = f"n{next(_NUMBERS)}"
    return {"owner_id": owner_id, "operation": "CREDIT_ADD", "amount": 1, "nonce": nonce}


def _record(ledger: Ledger, owner: Callable[[], str]) -> int:
    ledger.record_entry(**_request(owner()))
    return 1


def _read(ledger: Ledger, owner: Callable[[], str]) -> int:
    ledger.balance(owner_id=owner())
    return 1


def _batch(ledger: Ledger, owner: Callable[[], str]) -> int:
    ledger.record_entries([_request(owner()) for _ in range(_ITEMS)])
    return _ITEMS


CALLS: Final[dict[str, tuple[Call, bool]]] = {
    "record_entry": (_record, False),
    "record_entry, new owner": (_record, True),
    "balance": (_read, False),
    f"batch of {_ITEMS}, per entry": (_batch, False),
}
"""By name: the call, and whether each is for a new owner."""

REQUESTS: Final = ("POST", f"POST batch of {_ITEMS}, per entry")


@contextmanager
def _ledgers(bench: Workbench) -> Iterator[tuple[list[Database], ClusterFile]]:
    """Provide a plain ledger and two partitions, all without owners, and the file of the two."""
    with ExitStack() as stack:
        databases = [stack.enter_context(bench.ledger()) for _ in range(3)]
        cluster = ClusterFile(
            buckets=_BUCKETS,
            partitions=tuple(
                Partition(
                    name=f"p{number}",
                    url=part.app_url,
                    kept=(range(number * _SHARE, (number + 1) * _SHARE),),
                )
                for number, part in enumerate(databases[1:])
            ),
        )
        for part, partition in zip(databases[1:], cluster.partitions, strict=True):
            with psycopg.connect(part.url) as conn:
                conn.execute(
                    "SELECT ledger_core.keep_buckets(%s, %s, %s::int4multirange)",
                    [partition.name, _BUCKETS, partition.multirange],
                )
        yield databases, cluster


class _Door(NamedTuple):
    """A way to a ledger."""

    url: str
    processes: Callable[[int], Iterable[Path]]
    """What a connection uses of the processor, by its process, as files of the kernel."""
    beside: Callable[[], float] = float
    """Seconds of the processor that were used on other servers than that of the ledgers."""


@contextmanager
def _front(cluster: Sequence[Database], described: ClusterFile) -> Iterator[_Door]:
    """Make a front of the partitions, with a server and a pooler of its own."""
    with TemporaryDirectory(prefix="ledger-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        path = folder / "cluster.toml"
        for partition, database in zip(described.partitions, cluster, strict=True):
            owned = msgspec.structs.replace(partition, url=database.url)
            described = described.with_partition(owned)
        files.write(path, described)
        server = stack.enter_context(front_server(folder / "front"))
        front = stack.enter_context(running_front(Partitions(path), database_on(server), folder))

        def processes(session: int) -> Iterator[Path]:
            yield schedstat(session)
            yield schedstat(front.pooler.pid)
            for database in cluster:
                with psycopg.connect(database.url) as conn:
                    for (pid,) in conn.execute(_OF_FRONTS):
                        yield schedstat(pid)

        with psycopg.connect(server) as conn:
            own = psutil.Process(conn.info.backend_pid).parent()
        assert own is not None

        def beside() -> float:
            used = [own, *own.children(), psutil.Process(front.pooler.pid)]
            return sum(sum(one.cpu_times()[:2]) for one in used if one.is_running())

        yield _Door(front.url(), processes, beside)


_OF_FRONTS: Final = "SELECT pid FROM pg_stat_activity WHERE usename = 'ledger_front'"


def _alone(url: str) -> _Door:
    return _Door(url, lambda session: [schedstat(session)])


@contextmanager
def direct_calls(bench: Workbench) -> Iterator[dict[str, Contender]]:
    """Provide a contender for each of `CALLS` through each of `DOORS`.

    Yields:
        The contenders, by the names of both. Their processor time is that of the server's process
        for the connection; of a front, also of its pooler and of the partitions' processes for it.
    """
    with ExitStack() as stack:
        databases, cluster = stack.enter_context(_ledgers(bench))
        doors = {
            "plain": _alone(databases[0].app_url),
            "partition": _alone(cluster.partitions[0].url),
        }
        if HAS_FRONTS:
            doors["front"] = stack.enter_context(_front(databases[1:], cluster))

        def kept() -> str:
            while cluster.number_of(owner := f"owner {next(_NUMBERS)}"):
                pass
            return owner

        known = [kept() for _ in range(_KNOWN)]
        contenders = {}
        for door in DOORS:
            conn = stack.enter_context(psycopg.connect(doors[door].url, autocommit=True))
            ledger = Ledger(conn, app="app1")
            ledger.record_entries([_request(owner) for owner in known])
            for name, (call, for_new) in CALLS.items():
                owners = iter(kept, "") if for_new else itertools.cycle(known)
                contenders[f"{name}, {door}"] = calling(
                    bench,
                    partial(call, ledger, owners.__next__),
                    partial(doors[door].processes, conn.info.backend_pid),
                )
        yield contenders


@contextmanager
def requests(bench: Workbench) -> Iterator[dict[str, Contender]]:
    """Provide a contender for each of `REQUESTS` to a service of each of `DOORS`.

    Yields:
        The contenders, by the names of both. Their processor time is that of the service and of
        all processes of the server; of a front, also of its pooler and its sessions.
    """
    with TemporaryDirectory(prefix="ledger-bench-") as folder, ExitStack() as stack:
        databases, cluster = stack.enter_context(_ledgers(bench))
        path = Path(folder, "cluster.toml")
        files.write(path, cluster)
        _fund(path)
        with psycopg.connect(databases[0].app_url, autocommit=True) as conn:
            ledger = Ledger(conn, app="app1")
            for items in _funds():
                ledger.record_entries(items)
        for database in databases:
            with psycopg.connect(database.url, autocommit=True) as conn:
                conn.execute("VACUUM (ANALYZE)")
        settings = {
            "plain": {"DATABASE_URL": databases[0].app_url},
            "partition": {"LEDGER_CLUSTER": str(path)},
        }
        beside: dict[str, Callable[[], float]] = {}
        if HAS_FRONTS:
            front = stack.enter_context(_front(databases[1:], cluster))
            settings["front"] = {"DATABASE_URL": front.url}
            beside["front"] = front.beside
        contenders = {}
        for door in DOORS:
            served = stack.enter_context(
                service(_APP, settings=settings[door], version=bench.version)
            )
            works = (http_callers(served.port, connections=32), _posting_batches(served.port))
            for name, work in zip(REQUESTS, works, strict=True):
                contenders[f"{name}, {door}"] = _with_service(
                    bench, served, work, beside.get(door, lambda: 0.0)
                )
        yield contenders


def _funds() -> Iterator[Sequence[dict[str, Any]]]:
    owners = [str(owner_number(index)) for index in range(OWNERS)]
    for start in range(0, OWNERS, 1000):
        yield [_request(owner) | {"amount": 10**9} for owner in owners[start : start + 1000]]


def _fund(path: Path) -> None:
    with Cluster(path, app="app1") as cluster:
        for items in _funds():
            cluster.record_entries(items)


def _posting_batches(port: int) -> Contender:
    owners = itertools.cycle(str(owner_number(index)) for index in range(OWNERS))

    def run(seconds: float) -> Run:
        entries = 0
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            begin = time.perf_counter()
            while entries == 0 or time.perf_counter() < begin + seconds:
                items = [_request(next(owners)) for _ in range(_ITEMS)]
                answer = client.post("/ledger/batch", json={"entries": items})
                if answer.status_code != 200 or b'"code"' in answer.content:
                    raise RuntimeError(f"An entry was refused: {answer.text[:500]}")
                entries += _ITEMS
            return Run(entries=entries, seconds=time.perf_counter() - begin)

    return run


def _with_service(
    bench: Workbench, served: MeasuredService, work: Contender, beside: Callable[[], float]
) -> Contender:
    """Count what the service uses of the processor as well, and what stands beside it."""

    def run(seconds: float) -> Run:
        before, used = bench.usage(), served.processor() + beside()
        done = work(seconds)
        usage = bench.usage().since(before)
        cpu = None if usage.cpu is None else usage.cpu + served.processor() + beside() - used
        return msgspec.structs.replace(done, usage=msgspec.structs.replace(usage, cpu=cpu))

    return run
