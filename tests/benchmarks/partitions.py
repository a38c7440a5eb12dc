"""Contenders on a plain ledger and on one that is shared out over two partitions.

Only their ratio counts: what they use of the processor for a call, in the same run.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeAlias

import httpx
import msgspec
import psycopg

from ledger_py import Cluster, Ledger
from ledger_py.cluster import files
from ledger_py.cluster.files import ClusterFile, Partition
from tests.benchmarks.http_load import http_callers
from tests.benchmarks.loading import OWNERS, owner_number
from tests.benchmarks.measuring import Contender, Run
from tests.benchmarks.services import MeasuredService, service
from tests.benchmarks.workbench import Database, Workbench

__all__ = ("CALLS", "DOORS", "REQUESTS", "direct_calls", "requests")

_BUCKETS: Final = 256
_SHARE: Final = _BUCKETS // 2
_KNOWN: Final = 200
_ITEMS: Final = 100
_NUMBERS: Final = itertools.count(1)

_APP: Final = "apps.app1.main:app"

DOORS: Final = ("plain", "partition")
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


@contextmanager
def direct_calls(bench: Workbench) -> Iterator[dict[str, Contender]]:
    """Provide a contender for each of `CALLS` through each of `DOORS`.

    Yields:
        The contenders, by the names of both. Their processor time is that of the server's process
        for the connection.
    """
    with ExitStack() as stack:
        databases, cluster = stack.enter_context(_ledgers(bench))
        addresses = {"plain": databases[0].app_url, "partition": cluster.partitions[0].url}

        def kept() -> str:
            while cluster.number_of(owner := f"owner {next(_NUMBERS)}"):
                pass
            return owner

        known = [kept() for _ in range(_KNOWN)]
        contenders = {}
        for door in DOORS:
            conn = stack.enter_context(psycopg.connect(addresses[door], autocommit=True))
            ledger = Ledger(conn, app="app1")
            ledger.record_entries([_request(owner) for owner in known])
            for name, (call, for_new) in CALLS.items():
                owners = iter(kept, "") if for_new else itertools.cycle(known)
                contenders[f"{name}, {door}"] = _calling(bench, ledger, call, owners)
        yield contenders


def _calling(bench: Workbench, ledger: Ledger, call: Call, owners: Iterator[str]) -> Contender:
    process = Path(f"/proc/{ledger.conn.info.backend_pid}/schedstat")

    def run(seconds: float) -> Run:
        before, used = bench.usage(), _nanoseconds(process)
        begin = time.perf_counter()
        entries = 0
        while entries == 0 or time.perf_counter() < begin + seconds:
            entries += call(ledger, owners.__next__)
        lasted = time.perf_counter() - begin
        cpu = (_nanoseconds(process) - used) / 1e9
        usage = msgspec.structs.replace(bench.usage().since(before), cpu=cpu)
        return Run(entries=entries, seconds=lasted, usage=usage)

    return run


def _nanoseconds(schedstat: Path) -> int:
    return int(schedstat.read_text().split()[0])


@contextmanager
def requests(bench: Workbench) -> Iterator[dict[str, Contender]]:
    """Provide a contender for each of `REQUESTS` to a service of each of `DOORS`.

    Yields:
        The contenders, by the names of both. Their processor time is that of the service and of
        all processes of the server.
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
        contenders = {}
        for door in DOORS:
            served = stack.enter_context(
                service(_APP, settings=settings[door], version=bench.version)
            )
            works = (http_callers(served.port, connections=32), _posting_batches(served.port))
            for name, work in zip(REQUESTS, works, strict=True):
                contenders[f"{name}, {door}"] = _with_service(bench, served, work)
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


def _with_service(bench: Workbench, served: MeasuredService, work: Contender) -> Contender:
    """Count what the service uses of the processor as well."""

    def run(seconds: float) -> Run:
        before, used = bench.usage(), served.processor()
        done = work(seconds)
        usage = bench.usage().since(before)
        cpu = None if usage.cpu is None else usage.cpu + served.processor() - used
        return msgspec.structs.replace(done, usage=msgspec.structs.replace(usage, cpu=cpu))

    return run
