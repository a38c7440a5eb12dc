"""The cases: contenders, their floors and the goals."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from tests.benchmarks.batches import copies, record_entries
from tests.benchmarks.hostile import HOSTILE, hostile_client, ordinary_client
from tests.benchmarks.http_load import http_callers
from tests.benchmarks.life import KINDS, LIFE, Life, prepare_owners
from tests.benchmarks.life_calls import LIFE_CALLS, life_calls
from tests.benchmarks.loading import OWNERS, load, owner_number, table_bytes
from tests.benchmarks.measuring import Case, Contender, Effort, Report, Row, Run, Sample
from tests.benchmarks.partitions import CALLS, DOORS, REQUESTS, direct_calls, requests
from tests.benchmarks.peers import prepare_pgledger
from tests.benchmarks.services import MeasuredService, service
from tests.benchmarks.single_calls import (
    BALANCE,
    ENTRIES_OF,
    FLOOR,
    NEWEST_ENTRY,
    PGLEDGER,
    REALISTIC_RECORD,
    RECORD,
    pgbench,
    run_pgbench,
    script,
)
from tests.benchmarks.versions import module_command
from tests.benchmarks.workbench import Database, Workbench

__all__ = ("all_cases",)

Contenders: TypeAlias = Iterator[Mapping[str, Contender]]

Work: TypeAlias = Callable[[Database, float], Run]
"""Work of a contender in a database, for a number of seconds."""

_HOT: Final = (owner_number(0), owner_number(0))
_DEEP, _SHALLOW = owner_number(20_000), owner_number(20_001)
_SHALLOW_DEPTH: Final = 100
_BARE: Final = "tests.benchmarks.bare_service:app"

# In turns. Services keep their connections. A new connection first maps the memory that it touches,
# page by page, which takes longer in a large database.
_SETTLING: Final = 1.5

_PARTS: Final = 8
"""Of a turn, where differences of a few per cent count."""


def all_cases(effort: Effort, pgledger: Path | None = None) -> list[Case]:
    """List the cases, short ones first.

    Args:
        effort: The effort; each of its sizes makes a case.
        pgledger: A copy of pgledger's repository, to measure beside single calls.
    """
    return [
        _single("single-8", 8, 0.70, beside=_peer(pgledger, 2.5)),
        _single("single-1", 1, 0.80, beside=_peer(pgledger, 1.5)),
        _single("hot", 32, 1.2, owners=_HOT, beside=_peer(pgledger, 2.3)),
        _batch(100, 0.45),
        _batch(1_000, 0.65),
        _batch(10_000, 0.75),
        _batch(1_000, 0.75, owners=1),
        _life_batches(100),
        _life_batches(1_000),
        _life_batches(10_000),
        _life_calls(),
        _http(),
        _partitions(),
        _http_partitions(),
        _hostile(),
        _one_owner(effort.depth),
        _verification(effort.depth),
        _entry_size(),
        _memory(effort.requests),
        *(_growth(size) for size in effort.sizes),
    ]


def _rate(
    label: str,
    contender: str,
    floor: str,
    reach: float,
    *,
    bound: Literal["at least", "at most"] = "at least",
) -> Row:
    """Make a row that compares rates; "at most" compares the times per call instead."""

    def figure(samples: Mapping[str, Sample]) -> float:
        ratio = samples[contender].rate / samples[floor].rate
        return ratio if bound == "at least" else 1 / ratio

    return Row(
        label=label, contender=contender, floor=floor, figure=figure, reach=reach, bound=bound
    )


class _Peer(msgspec.Struct, frozen=True):
    """pgledger beside a case: the copy of its repository, and the ratio to reach."""

    folder: Path
    reach: float


def _peer(pgledger: Path | None, reach: float) -> _Peer | None:
    return None if pgledger is None else _Peer(pgledger, reach)


def _single(
    name: str,
    clients: int,
    reach: float,
    owners: tuple[int, int] | None = None,
    beside: _Peer | None = None,
) -> Case:
    choice = owners or (owner_number(0), owner_number(OWNERS - 1))

    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, _report: Report) -> Contenders:
        with bench.database() as database:
            contenders = {
                "record_entry": pgbench(database.app_url, RECORD, clients=clients, owners=choice),
                "floor": pgbench(database.app_url, FLOOR, clients=clients, owners=choice),
            }
            if beside:
                prepare_pgledger(database.url, beside.folder)
                contenders["pgledger"] = pgbench(
                    database.url, PGLEDGER, clients=clients, owners=choice
                )
            yield contenders

    where = "10 000 owners" if owners is None else "one owner"
    callers = "1 client" if clients == 1 else f"{clients} clients"
    label = f"record_entry, {callers}, {where}"
    rows = [_rate(label, "record_entry", "floor", reach)]
    if beside:
        rows.append(_rate(f"{label}, beside pgledger", "record_entry", "pgledger", beside.reach))
    return Case(name=name, prepare=prepare, rows=tuple(rows))


def _batch(items: int, reach: float, owners: int = OWNERS) -> Case:
    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, _report: Report) -> Contenders:
        with bench.database() as database, _connect(database) as conn:
            yield {
                "record_entries": record_entries(conn, items=items, owners=owners),
                "COPY": copies(conn, items=items, owners=owners),
                "COPY and UPDATE": copies(conn, items=items, owners=owners, update=True),
            }

    where = "one owner" if owners == 1 else "10 000 owners"
    label = f"record_entries, {_digits(items)} items, {where}"
    name = f"batch-{items}" + ("-hot" if owners == 1 else "")
    rows = (
        _rate(label, "record_entries", "COPY", reach),
        _rate(label, "record_entries", "COPY and UPDATE", reach),
    )
    return Case(name=name, prepare=prepare, rows=rows)


def _life_batches(items: int) -> Case:
    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, _report: Report) -> Contenders:
        with bench.database() as database, _connect(database) as conn:
            prepare_owners(database.url)
            life = Life(conn, items=items)
            contenders = {
                name: life.contender(shares)
                for name, (shares, _) in {"plain": ({"plain": 1.0}, 1.0), **KINDS}.items()
            }
            yield {
                **contenders,
                "a whole batch again": life.again(),
                "COPY": copies(conn, items=items),
                "COPY and UPDATE": copies(conn, items=items, update=True),
            }

    reaches = {**{name: reach for name, (_, reach) in KINDS.items()}, "a whole batch again": 1.0}
    rows = (
        *(
            _rate(f"batches of {_digits(items)}: {name}", name, "plain", reach)
            for name, reach in reaches.items()
        ),
        _rate(f"batches of {_digits(items)}: plain", "plain", "COPY", 0.45),
        _rate(f"batches of {_digits(items)}: life", "life", "COPY and UPDATE", 0.3),
    )
    return Case(name=f"life-{items}", prepare=prepare, rows=rows)


def _life_calls() -> Case:
    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, _report: Report) -> Contenders:
        with bench.database() as database:
            prepare_owners(database.url)
            with life_calls(bench, database) as contenders:
                yield contenders

    def row(name: str, reach: float) -> Row:
        def figure(samples: Mapping[str, Sample]) -> float:
            least = _known(samples["nothing"].cpu)
            return (_known(samples[name].cpu) - least) / (_known(samples["plain"].cpu) - least)

        return Row(
            label=f"{name}: processor time of its session, beside that of a plain call",
            contender=name,
            floor="plain",
            figure=figure,
            reach=reach,
            bound="at most",
        )

    rows = tuple(row(name, reach) for name, (_, reach) in LIFE_CALLS.items())
    return Case(name="life-calls", prepare=prepare, rows=rows, parts=_PARTS)


@contextmanager
def _served(bench: Workbench) -> Iterator[tuple[Database, MeasuredService]]:
    """Provide a database and the service of app1 on it."""
    with bench.database() as database:
        settings = {"DATABASE_URL": database.app_url}
        with service("apps.app1.main:app", settings=settings, version=bench.version) as ledger:
            yield database, ledger


def _http() -> Case:
    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, _report: Report) -> Contenders:
        with _served(bench) as (database, ledger), service(_BARE) as bare:
            prepare_owners(database.url)
            yield {
                "POST": http_callers(ledger.port, connections=32),
                "POST, life": http_callers(ledger.port, connections=32, mix="life"),
                "POST, bare": http_callers(bare.port, connections=32),
                "POST, one owner": http_callers(ledger.port, connections=32, owners=1),
                "POST, 1 connection": http_callers(ledger.port, connections=1),
                "record_entry, 1 client": pgbench(database.app_url, RECORD, clients=1),
            }

    return Case(
        name="http",
        prepare=prepare,
        rows=(
            _rate("POST /ledger, 32 connections, 10 000 owners", "POST", "POST, bare", 0.85),
            _rate("POST /ledger, 32 connections, life", "POST, life", "POST", 0.55),
            _rate("POST /ledger, one owner", "POST, one owner", "POST", 0.9),
            Row(
                label="POST /ledger, p99 to p50",
                contender="POST",
                floor=None,
                figure=lambda samples: _known(samples["POST"].p99) / _known(samples["POST"].p50),
                reach=4,
                bound="at most",
            ),
            Row(
                label="one call at a time, HTTP over SQL",
                contender="POST, 1 connection",
                floor="record_entry, 1 client",
                figure=lambda samples: (
                    _known(samples["POST, 1 connection"].p50)
                    - _known(samples["record_entry, 1 client"].p50)
                ),
                reach=0.5,
                bound="at most",
                unit="ms",
            ),
        ),
    )


def _partitions() -> Case:
    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, _report: Report) -> Contenders:
        with direct_calls(bench) as contenders:
            yield contenders

    reaches = {"partition": 1.05, "front": 3.5}
    rows = [_beside_plain(name, door, reaches[door]) for door in DOORS[1:] for name in CALLS]
    return Case(name="partitions", prepare=prepare, rows=tuple(rows), parts=_PARTS)


def _http_partitions() -> Case:
    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, _report: Report) -> Contenders:
        with requests(bench) as contenders:
            yield contenders

    reaches = {"partition": 1.5, "front": 3.5}
    rows = [_beside_plain(name, door, reaches[door]) for door in DOORS[1:] for name in REQUESTS]
    return Case(name="http-partitions", prepare=prepare, rows=tuple(rows))


def _beside_plain(name: str, door: str, reach: float) -> Row:
    """Make a row that compares processor times of a call with those on a plain ledger."""
    contender, floor = f"{name}, {door}", f"{name}, {DOORS[0]}"
    return Row(
        label=f"{contender}: processor time, beside a plain ledger",
        contender=contender,
        floor=floor,
        figure=lambda samples: _known(samples[contender].cpu) / _known(samples[floor].cpu),
        reach=reach,
        bound="at most",
    )


def _hostile() -> Case:
    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, _report: Report) -> Contenders:
        with _served(bench) as (database, ledger):

            def alone(seconds: float) -> Run:
                ordinary_client(ledger.port, 0)  # waits for the end of what went before
                return ordinary_client(ledger.port, seconds)

            def beside(name: str, seconds: float) -> Run:
                with hostile_client(name, ledger.port, database.url, database.app_url):
                    return ordinary_client(ledger.port, seconds)

            yield {"alone": alone} | {name: partial(beside, name) for name in HOSTILE}

    def row(name: str, part: Literal["p50", "p99"]) -> Row:
        return Row(
            label=f"an ordinary client beside {name}, {part} to that alone",
            contender=name,
            floor="alone",
            figure=lambda samples: (
                _known(getattr(samples[name], part)) / _known(getattr(samples["alone"], part))
            ),
            reach=3 if part == "p50" else 10,
            bound="at most",
        )

    rows = tuple(row(name, part) for name in HOSTILE for part in ("p50", "p99"))
    return Case(name="hostile", prepare=prepare, rows=rows)


def _one_owner(depth: int) -> Case:
    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, report: Report) -> Contenders:
        with bench.database() as database:
            for owner, entries in ((_SHALLOW, _SHALLOW_DEPTH), (_DEEP, depth)):
                load(database.url, entries=entries, first_owner=owner, owners=1, report=report)
            yield {
                f"{name}, {entries}": pgbench(
                    database.app_url, statement, clients=1, owners=(owner, owner)
                )
                for name, statement in (("balance", BALANCE), ("entries_of", ENTRIES_OF))
                for owner, entries in ((_SHALLOW, _SHALLOW_DEPTH), (_DEEP, depth))
            }

    return Case(
        name="one-owner",
        prepare=prepare,
        rows=tuple(
            _rate(
                f"{name}, time at {_digits(depth)} entries of one owner to {_SHALLOW_DEPTH}",
                f"{name}, {depth}",
                f"{name}, {_SHALLOW_DEPTH}",
                1.2,
                bound="at most",
            )
            for name in ("balance", "entries_of")
        ),
    )


def _verification(entries: int) -> Case:
    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, report: Report) -> Contenders:
        def verify(connections: int, _seconds: float) -> Run:
            command, environment = module_command(
                bench.version,
                *("ledger_py", "verify", "--connections", str(connections)),
                settings={"DATABASE_URL": database.url},
            )
            begin = time.perf_counter()
            subprocess.run(
                command, cwd=bench.version.root, env=environment, check=True, capture_output=True
            )
            return Run(entries=entries, seconds=time.perf_counter() - begin)

        with bench.database() as database:
            more, first = entries - OWNERS, owner_number(0)
            load(database.url, entries=more, first_owner=first, owners=OWNERS, report=report)
            yield {
                "verify, 1 connection": partial(verify, 1),
                "verify, 2 connections": partial(verify, 2),
            }

    label = f"verify of {_digits(entries)} entries, 2 connections to 1"
    row = _rate(label, "verify, 2 connections", "verify, 1 connection", 1.9)
    return Case(name="verify", prepare=prepare, rows=(row,))


def _entry_size() -> Case:
    @contextmanager
    def prepare(bench: Workbench, effort: Effort, _report: Report) -> Contenders:
        with bench.database() as single, bench.database() as batch:
            yield {
                "single calls": lambda _: _grow(single, effort.loaded, _load_by_single_calls),
                "batches": lambda _: _grow(batch, effort.loaded, _load_by_batches),
            }

    def row(contender: str) -> Row:
        return Row(
            label=f"bytes per entry, indexes included, {contender}",
            contender=contender,
            floor=None,
            figure=lambda samples: _known(samples[contender].bytes_per_entry),
            reach=400,
            bound="at most",
            unit="bytes",
        )

    rows = (row("single calls"), row("batches"))
    return Case(name="bytes", prepare=prepare, rows=rows, once=True)


def _grow(database: Database, entries: int, load_entries: Callable[[Database, int], Run]) -> Run:
    count_before, bytes_before = table_bytes(database.url)
    run = load_entries(database, entries)
    count_after, bytes_after = table_bytes(database.url)
    added = (bytes_after - bytes_before) / (count_after - count_before)
    return msgspec.structs.replace(run, bytes_per_entry=added)


def _load_by_single_calls(database: Database, entries: int) -> Run:
    clients = 8
    # Only the size matters here, so commits need not wait for the disk.
    url = make_conninfo(database.app_url, options="-c synchronous_commit=off")
    options = [f"--transactions={max(1, entries // clients)}"]
    return run_pgbench(url, script(REALISTIC_RECORD), clients=clients, options=options)


def _load_by_batches(database: Database, entries: int) -> Run:
    begin = time.perf_counter()
    load(database.url, entries=entries, first_owner=0, owners=OWNERS, realistic=True)
    return Run(entries=entries, seconds=time.perf_counter() - begin)


def _memory(requests: int) -> Case:
    @contextmanager
    def prepare(bench: Workbench, effort: Effort, report: Report) -> Contenders:
        with _served(bench) as (_database, ledger):
            callers = http_callers(ledger.port, connections=32)

            def serve(_seconds: float) -> Run:
                # Caches and pools have their final size after the first thousands of requests.
                first = callers(effort.seconds)
                before, run = ledger.memory(), first
                while run.entries < requests:
                    more = callers(min(10.0, 10 * effort.seconds))
                    run = Run(
                        entries=run.entries + more.entries, seconds=run.seconds + more.seconds
                    )
                    report(f"{run.entries:,} requests, {ledger.memory():.1f} MiB")
                return msgspec.structs.replace(run, growth=ledger.memory() - before)

            yield {"POST": serve}

    label = f"memory that the service gains in {_digits(requests)} requests"
    row = Row(
        label=label,
        contender="POST",
        floor=None,
        figure=lambda samples: _known(samples["POST"].growth),
        reach=4,
        bound="at most",
        unit="MiB",
    )
    return Case(name="memory", prepare=prepare, rows=(row,), once=True)


def _growth(size: int) -> Case:
    @contextmanager
    def prepare(bench: Workbench, _effort: Effort, report: Report) -> Contenders:
        def in_new_database(work: Work, lively: bool, seconds: float) -> Run:
            # A new one for each turn, because recording would make a small database large. It is
            # dropped at the end of the case: dropping forces a checkpoint, after which pages are
            # logged whole, at the expense of the large database, which has more of them.
            database = databases.enter_context(bench.database())
            if lively:
                prepare_owners(database.url)
            before = bench.usage()
            run = work(database, seconds)
            return msgspec.structs.replace(run, usage=bench.usage().since(before))

        with ExitStack() as databases:
            small = databases.enter_context(bench.database())
            large = databases.enter_context(bench.database())
            more, first = size - OWNERS, owner_number(0)
            load(large.url, entries=more, first_owner=first, owners=OWNERS, report=report)
            prepare_owners(large.url)
            contenders: dict[str, Contender] = {}
            for name, work in _RECORDERS.items():
                contenders[f"{name}, {OWNERS}"] = partial(in_new_database, work, name in _LIVELY)
                contenders[f"{name}, {size}"] = partial(work, large)
            for name, work in _READERS.items():
                contenders[f"{name}, {OWNERS}"] = partial(work, small)
                contenders[f"{name}, {size}"] = partial(work, large)
            yield contenders

    rows = tuple(
        _rate(
            f"{name}, {_digits(size)} entries to {_digits(OWNERS)}",
            f"{name}, {size}",
            f"{name}, {OWNERS}",
            0.85,
        )
        for name in (*_RECORDERS, *_READERS)
    )
    return Case(name=f"growth-{size}", prepare=prepare, rows=rows)


def _calls(statement: str) -> Work:
    def work(database: Database, seconds: float) -> Run:
        callers = pgbench(database.app_url, statement, clients=8, settling=_SETTLING)
        return callers(seconds)

    return work


def _batches(items: int) -> Work:
    def work(database: Database, seconds: float) -> Run:
        with _connect(database) as conn:
            contender = record_entries(conn, items=items)
            before = contender(seconds * _SETTLING)
            return msgspec.structs.replace(contender(seconds), uncounted=before.entries)

    return work


def _life(items: int) -> Work:
    def work(database: Database, seconds: float) -> Run:
        with _connect(database) as conn:
            contender = Life(conn, items=items).contender(LIFE)
            before = contender(seconds * _SETTLING)
            return msgspec.structs.replace(contender(seconds), uncounted=before.entries)

    return work


_LIVELY: Final[dict[str, Work]] = {
    "life in batches of 100": _life(100),
    "life in batches of 1 000": _life(1_000),
}
"""Recorders that need the owners of `life.prepare_owners`."""

_RECORDERS: Final[dict[str, Work]] = {
    "record_entry": _calls(RECORD),
    "record_entries of 100": _batches(100),
    "record_entries of 1 000": _batches(1_000),
    "record_entries of 10 000": _batches(10_000),
    **_LIVELY,
}

_READERS: Final[dict[str, Work]] = {
    "balance": _calls(BALANCE),
    "entries_of the newest": _calls(NEWEST_ENTRY),
}


def _connect(database: Database) -> psycopg.Connection[Any]:
    return psycopg.connect(database.app_url, autocommit=True)


def _known(value: float | None) -> float:
    assert value is not None
    return value


def _digits(number: int) -> str:
    return f"{number:,}".replace(",", " ")
