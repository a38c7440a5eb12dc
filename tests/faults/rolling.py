"""A rolling release: the services of two apps are replaced one by one under load."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import psycopg

from ledger_py.migrate import Project
from ledger_py.settings import PROJECT_ROOT
from tests.faults.callers import OWNERS, Caller, HttpCaller, SqlCaller
from tests.faults.checking import check
from tests.faults.figures import Figures
from tests.faults.journal import Journal
from tests.faults.load import fill_accounts, load, progress
from tests.faults.processes import PATIENCE
from tests.faults.world import World, world
from tests.fixtures.processes import environment

__all__ = ("roll",)

_GAINED: Final = {"app1"}
"""Apps that have more operations than in the releases."""
_APPS: Final = ("app1", "app2")
_HTTP_CALLERS: Final = 3
"""Per app, besides one for the account to be locked."""
_SQL_CALLERS: Final = 2
_LOCKED: Final = "locked-owner"
"""Has callers of its own."""

_SETTINGS: Final = {
    "LEDGER_POOL_SIZE": "4",
    "LEDGER_MIGRATE_ON_START": "false",
    # The account is locked for as long as the others need to go on.
    "LEDGER_LOCK_TIMEOUT": "60",
    "LEDGER_STATEMENT_TIMEOUT": "90",
}


def roll(
    *,
    release: Path | None = None,
    pooled: bool = False,
    rounds: int = 1,
    seconds: float = 0.0,
    seed: int,
    report: Callable[[str], None],
) -> Figures:
    """Migrate under load, replace each service by one of today, and compare.

    A service is replaced as a deployment does it: the new one is started, requests go to it once it
    is ready, and the old one gets SIGTERM. A service of a release has answered before. In the end,
    an account is locked until callers for all others have gone on.

    Args:
        release: The folder of the release to begin with; None is today's.
        pooled: True if services and callers reach the server through PgBouncer.
        rounds: Number of times to replace every service.
        seconds: Minimal duration of the load.
        seed: Determines the requests.
        report: Takes a line for each step.

    Returns:
        The figures.

    Raises:
        Stuck: A service does not start, or callers get no answers.
    """
    project = None if release is None else Project(release)
    with world(release=project, pooled=pooled) as found:
        return asyncio.run(
            _roll(found, release or PROJECT_ROOT, rounds, seconds, random.Random(seed), report)
        )


async def _roll(
    found: World,
    root: Path,
    rounds: int,
    seconds: float,
    random_: random.Random,
    report: Callable[[str], None],
) -> Figures:
    journal = Journal()
    await fill_accounts(journal, found.url, [*OWNERS, _LOCKED])
    serving = {app: found.serve(app, root=root, settings=_SETTINGS) for app in _APPS}
    for service in serving.values():
        await asyncio.to_thread(service.wait)
    addresses = {app: [service.address] for app, service in serving.items()}
    prepare = 1 if found.pooler is None else None

    def seed() -> random.Random:
        return random.Random(random_.random())

    others: list[Caller] = [
        *(
            HttpCaller(journal, seed(), addresses[app])
            for app in _APPS
            for _ in range(_HTTP_CALLERS)
        ),
        *(SqlCaller(journal, seed(), found.url, prepare) for _ in range(_SQL_CALLERS)),
    ]
    locked = [HttpCaller(journal, seed(), addresses[app], [_LOCKED]) for app in _APPS]
    callers = [*others, *locked]
    begun = time.monotonic()
    done: Counter[str] = Counter()

    def note(step: str) -> None:
        report(f"{time.monotonic() - begun:6.1f} s  {step}")
        done[step] += 1

    async with load(journal, callers):
        note("migrate")
        await asyncio.to_thread(_migrate, found.server.url)
        for turn in range(rounds):
            for app in _APPS:
                await progress(journal)
                note(f"replace {app}")
                old, serving[app] = serving[app], found.serve(app, settings=_SETTINGS)
                # The old one must be ready too, or it would be taken out before its time. One from
                # before its app has gained an operation answers, but says that its enum differs.
                if root == PROJECT_ROOT or app not in _GAINED:
                    await asyncio.to_thread(old.wait)
                await asyncio.to_thread(serving[app].wait)
                addresses[app][:] = [serving[app].address]
                if root != PROJECT_ROOT and turn == 0:
                    await _drain(old.address, callers)
                await asyncio.to_thread(old.stop)
            rest = begun + seconds - time.monotonic()
            await asyncio.sleep(max(0.0, rest / (rounds - turn)))
        note("lock an account")
        async with await psycopg.AsyncConnection.connect(found.server.url) as conn:
            query = b"SELECT 1 FROM ledger.accounts WHERE owner_id = %s FOR UPDATE"
            await conn.execute(query, [_LOCKED])
            for _ in range(3):
                await progress(journal)
    lasted = time.monotonic() - begun
    findings = await asyncio.to_thread(check, journal, found.server.url)
    words = f"{_HTTP_CALLERS + 1} HTTP callers of each of {len(_APPS)} apps, {_SQL_CALLERS} in SQL"
    longest = {
        "owner of the locked account": max(caller.longest for caller in locked),
        "others": max(caller.longest for caller in others),
    }
    return Figures(lasted, words, longest, journal, done, findings)


async def _drain(address: str, callers: Sequence[Caller]) -> None:
    """Wait until a service has answered. One of 0.1.0 resets connections that it has not read."""
    while any(isinstance(caller, HttpCaller) and caller.asking == address for caller in callers):
        await asyncio.sleep(0.01)


def _migrate(url: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "ledger_py", "migrate"],
        cwd=PROJECT_ROOT,
        env=environment(DATABASE_URL=url),
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
