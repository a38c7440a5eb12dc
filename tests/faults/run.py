"""One run: faults under load, and the comparison afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import httpx

from tests.faults.callers import OWNERS, Caller, HttpCaller, SqlCaller
from tests.faults.checking import check
from tests.faults.faults import Fault, Targets, possible
from tests.faults.figures import Figures
from tests.faults.journal import Journal
from tests.faults.limited import OWNERS_OF_LIMITED, LimitedCaller, misused
from tests.faults.load import fill_accounts, load, progress
from tests.faults.metered import MeteredCaller, limit_spenders
from tests.faults.planned import grant_allowances, wrong_allowances
from tests.faults.transferring import TransferringCaller
from tests.faults.world import World, world

__all__ = ("run",)

_SERVICES: Final = 2
_HTTP_CALLERS: Final = 10
_SQL_CALLERS: Final = 4
_METERED_CALLERS: Final = 3
_TRANSFERRING_CALLERS: Final = 2
_LIMITED_CALLERS: Final = 3


def run(
    *,
    rounds: int,
    seconds: float = 0.0,
    seed: int,
    report: Callable[[str], None],
    pooled: bool = False,
    faults: Sequence[Fault] | None = None,
) -> Figures:
    """Cause faults under load, and compare.

    Args:
        rounds: Minimal number of times to cause each fault.
        seconds: Minimal duration of the load.
        seed: Determines the order of the faults and the requests.
        report: Takes a line for each fault.
        pooled: True if services and callers reach the server through PgBouncer.
        faults: The faults; None stands for all that there are.

    Returns:
        The figures.

    Raises:
        Stuck: The system did not recover.
    """
    with world(pooled=pooled, unreliable=True) as found:
        for _ in range(_SERVICES):
            found.serve("app1")
        for service in found.services:
            service.wait()
        if faults is None:
            faults = possible(found)
            if not (found.disk and found.clock):
                report("left out: a full disk needs root, a clock that steps needs libfaketime")
        targets = Targets(found, random.Random(seed))
        return asyncio.run(_run(found, targets, faults, rounds, seconds, report))


async def _run(
    found: World,
    targets: Targets,
    faults: Sequence[Fault],
    rounds: int,
    seconds: float,
    report: Callable[[str], None],
) -> Figures:
    journal = Journal()
    await fill_accounts(journal, found.url)
    limit_spenders(found.server.url)
    grant_allowances(found.server.url)
    addresses = [service.address for service in targets.services]
    prepare = 5 if found.pooler is None else None
    callers: list[Caller] = [
        *(HttpCaller(journal, _random(targets), addresses) for _ in range(_HTTP_CALLERS)),
        *(SqlCaller(journal, _random(targets), found.url, prepare) for _ in range(_SQL_CALLERS)),
        *(
            MeteredCaller(journal, _random(targets), found.url, prepare)
            for _ in range(_METERED_CALLERS)
        ),
        *(
            TransferringCaller(journal, _random(targets), found.url, prepare)
            for _ in range(_TRANSFERRING_CALLERS)
        ),
        *(
            LimitedCaller(journal, _random(targets), found.url, prepare, OWNERS_OF_LIMITED)
            for _ in range(_LIMITED_CALLERS)
        ),
    ]
    begun = time.monotonic()
    caused: Counter[str] = Counter()
    async with load(journal, callers):
        while caused.total() < rounds * len(faults) or time.monotonic() < begun + seconds:
            for fault in targets.random.sample(faults, len(faults)):
                await progress(journal)
                report(f"{time.monotonic() - begun:6.1f} s  {fault.__name__}")
                await asyncio.to_thread(fault, targets)
                caused[fault.__name__] += 1
    lasted = time.monotonic() - begun
    for service in targets.services:
        await asyncio.to_thread(service.wait)
        await _answers(service.address)
    wrong = await asyncio.to_thread(wrong_allowances, found.server.url)
    findings = await asyncio.to_thread(check, journal, found.server.url)
    findings.other += wrong
    findings.other += await asyncio.to_thread(misused, found.server.url)
    words = (
        f"{_HTTP_CALLERS} HTTP, {_SQL_CALLERS} SQL, {_METERED_CALLERS} metered,"
        f" {_LIMITED_CALLERS} limited and {_TRANSFERRING_CALLERS} transferring callers"
    )
    longest = {"all": max(caller.longest for caller in callers)}
    return Figures(lasted, words, longest, journal, caused, findings)


def _random(targets: Targets) -> random.Random:
    return random.Random(targets.random.random())


async def _answers(address: str) -> None:
    """Check that a service answers that was not restarted since its last fault."""
    async with httpx.AsyncClient(timeout=30) as client:
        response = await client.get(f"{address}/ledger/{OWNERS[0]}")
    assert response.status_code == 200, response.text
