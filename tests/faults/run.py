"""One run: faults under load, and the comparison afterwards."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import psycopg
from psycopg.conninfo import make_conninfo

from ledger_py.migrate import migrate
from tests.faults.callers import OWNERS, SCHEMA, Caller, HttpCaller, SqlCaller
from tests.faults.checking import Findings, check
from tests.faults.faults import FAULTS, Targets
from tests.faults.journal import Journal
from tests.faults.processes import PATIENCE, PostgreSQL, Service, Stuck

__all__ = ("Figures", "run")

_USER: Final = "shop"
_SERVICES: Final = 2
_HTTP_CALLERS: Final = 10
_SQL_CALLERS: Final = 4
_BETWEEN_FAULTS: Final = 30
"""Acknowledgements per kind of caller to wait for after a fault, as proof of recovery."""


@dataclass
class Figures:
    """The outcome of a run.

    Attributes:
        seconds: Duration of the load.
        journal: The requests and their answers.
        faults: Number of times each fault was caused.
        findings: The differences between journal and books.
    """

    seconds: float
    journal: Journal
    faults: Counter[str]
    findings: Findings

    def lines(self) -> Iterator[str]:
        """Format the figures as lines of text."""
        requests = list(self.journal.requests.values())
        attempts = sum(request.attempts for request in requests)
        acknowledged = [request for request in requests if request.acknowledged]
        callers = f"{_HTTP_CALLERS} HTTP and {_SQL_CALLERS} SQL callers"
        yield f"load for {self.seconds:.0f} s by {callers}"
        yield f"{len(requests)} requests, in {attempts} attempts"
        yield f"  acknowledged {len(acknowledged)}: " + _counts(
            request.way for request in acknowledged
        )
        yield f"  refused {sum(request.refusal is not None for request in requests)}"
        open_ = sum(not request.acknowledged and request.refusal is None for request in requests)
        yield f"  never answered {open_}"
        yield f"attempts without an answer {sum(self.journal.causes.values())}"
        for cause, count in self.journal.causes.most_common():
            yield f"  {count:6} {cause}"
        yield f"faults {self.faults.total()}: " + ", ".join(
            f"{name} {count}" for name, count in sorted(self.faults.items())
        )
        yield f"lost {len(self.findings.lost)}"
        yield f"doubled {len(self.findings.doubled)}"
        yield f"other findings {len(self.findings.other)}"
        yield from self.findings.all()[:20]


def _counts(names: Iterator[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(Counter(names).items()))


def run(*, rounds: int, seconds: float = 0.0, seed: int, report: Callable[[str], None]) -> Figures:
    """Cause faults under load, and compare.

    Args:
        rounds: Minimal number of times to cause each fault.
        seconds: Minimal duration of the load.
        seed: Determines the order of the faults and the requests.
        report: Takes a line for each fault.

    Returns:
        The figures.

    Raises:
        Stuck: The system did not recover.
    """
    with _world(seed) as (targets, url, shop_url):
        return asyncio.run(_run(targets, url, shop_url, rounds, seconds, report))


@contextmanager
def _world(seed: int) -> Iterator[tuple[Targets, str, str]]:
    with tempfile.TemporaryDirectory(prefix="ledger-faults-") as folder, ExitStack() as stack:
        data, logs = Path(folder, "data"), Path(folder, "logs")
        Path(folder).chmod(0o711)
        logs.mkdir()
        server = PostgreSQL(data)
        stack.callback(server.stop)
        migrate(server.url)
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(f"CREATE ROLE {_USER} LOGIN".encode())
            conn.execute("SELECT ledger.bind_role(role => %s, app => 'app1')", [_USER])
            conn.execute(SCHEMA.encode())
            conn.execute(f"GRANT ALL ON SCHEMA shop TO {_USER}".encode())
            conn.execute(f"GRANT ALL ON shop.orders TO {_USER}".encode())
        shop_url = make_conninfo(server.url, user=_USER)
        services = []
        for number in range(_SERVICES):
            service = Service(shop_url, logs / f"service-{number}.log")
            stack.callback(service.stop)
            services.append(service)
        for service in services:
            service.wait()
        targets = Targets(server, services, _USER, random.Random(seed))
        yield targets, server.url, shop_url


async def _run(
    targets: Targets,
    url: str,
    shop_url: str,
    rounds: int,
    seconds: float,
    report: Callable[[str], None],
) -> Figures:
    journal = Journal()
    await _fill_accounts(journal, shop_url)
    addresses = [service.address for service in targets.services]
    sql_url = make_conninfo(shop_url, options="-c lock_timeout=2s -c statement_timeout=5s")
    callers: list[Caller] = [
        *(HttpCaller(journal, _random(targets), addresses) for _ in range(_HTTP_CALLERS)),
        *(SqlCaller(journal, _random(targets), sql_url) for _ in range(_SQL_CALLERS)),
    ]
    begun = time.monotonic()
    faults: Counter[str] = Counter()
    async with asyncio.TaskGroup() as group:
        for caller in callers:
            group.create_task(caller.run())
        try:
            while faults.total() < rounds * len(FAULTS) or time.monotonic() < begun + seconds:
                for fault in targets.random.sample(FAULTS, len(FAULTS)):
                    await _progress(journal)
                    report(f"{time.monotonic() - begun:6.1f} s  {fault.__name__}")
                    await asyncio.to_thread(fault, targets)
                    faults[fault.__name__] += 1
            await _progress(journal)
        finally:
            for caller in callers:
                caller.stopping = True
    lasted = time.monotonic() - begun
    for service in targets.services:
        await asyncio.to_thread(service.wait)
        await _answers(service.address)
    return Figures(lasted, journal, faults, await asyncio.to_thread(check, url, journal))


def _random(targets: Targets) -> random.Random:
    return random.Random(targets.random.random())


async def _fill_accounts(journal: Journal, shop_url: str) -> None:
    caller = SqlCaller(journal, random.Random(0), shop_url)
    await caller.fill(OWNERS)


async def _progress(journal: Journal) -> None:
    """Wait until callers over HTTP and over SQL are answered again."""

    def answered() -> dict[str, int]:
        return {
            "HTTP": journal.acknowledged("http", "http-batch", "hold", "capture", "reversal"),
            "SQL": journal.acknowledged("order", "sql-batch"),
        }

    before = answered()
    deadline = time.monotonic() + PATIENCE
    while waiting := [kind for kind, n in answered().items() if n < before[kind] + _BETWEEN_FAULTS]:
        if time.monotonic() > deadline:
            causes = dict(journal.causes)
            raise Stuck(f"callers over {' and '.join(waiting)} get no answers: {causes}")
        await asyncio.sleep(0.05)


async def _answers(address: str) -> None:
    """Check that a service answers that was not restarted since its last fault."""
    async with httpx.AsyncClient(timeout=30) as client:
        response = await client.get(f"{address}/ledger/{OWNERS[0]}")
    assert response.status_code == 200, response.text
