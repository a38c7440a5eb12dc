"""Processor time of a call on a plain ledger and on a partition of a cluster.

`python -m tests.distributed.measure` prints it, in about two minutes. Both are databases of one
embedded server. They take turns, and only their ratio counts. What is measured is the processor
time of the server's process for the connection.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

from ledger_py import Ledger
from ledger_py.cluster.buckets import bucket_of
from ledger_py.embedded import embedded_server
from ledger_py.migrate import migrate
from tests.deployment.standby import IN_MEMORY

__all__ = ("CASES", "Figures", "measure")

_BUCKETS: Final = 256
_OWNERS: Final = 200
_NUMBERS: Final = itertools.count(1)


class Figures(NamedTuple):
    """Microseconds of processor time of the server for a call, in the median of the rounds."""

    plain: float
    partition: float

    @property
    def ratio(self) -> float:
        """What the partition costs of a plain ledger."""
        return self.partition / self.plain


def _add(owner_id: str) -> dict[str, Any]:
    nonce = f"n{next(_NUMBERS)}"
    return {"owner_id": owner_id, "operation": "CREDIT_ADD", "amount": 1, "nonce": nonce}


def _known(ledger: Ledger, calls: int, known: list[str]) -> None:
    for number in range(calls):
        ledger.record_entry(**_add(known[number % len(known)]))


def _new(ledger: Ledger, calls: int, known: list[str]) -> None:
    for _ in range(calls):
        owner_id = f"new {next(_NUMBERS)}"
        ledger.record_entry(**_add(owner_id))
    assert known


def _balance(ledger: Ledger, calls: int, known: list[str]) -> None:
    for number in range(calls):
        ledger.balance(owner_id=known[number % len(known)])


def _batches(ledger: Ledger, calls: int, known: list[str]) -> None:
    for start in range(0, calls, 100):
        ledger.record_entries([_add(known[(start + number) % len(known)]) for number in range(100)])


CASES: Final[dict[str, Callable[[Ledger, int, list[str]], None]]] = {
    "record_entry, known owner": _known,
    "record_entry, new owner": _new,
    "balance": _balance,
    "batch of 100, per item": _batches,
}


def measure(rounds: int, calls: int) -> dict[str, Figures]:
    """Measure all cases.

    Args:
        rounds: Turns of each of the two.
        calls: Calls, or items of batches, in a turn.
    """
    with _databases() as (plain, partition):
        known = [f"owner {number}" for number in range(_OWNERS)]
        found = {}
        for name, case in CASES.items():
            for ledger in (plain, partition):
                case(ledger, calls, known)  # plans, caches
            turns: list[tuple[float, float]] = []
            for number in range(rounds):
                pair = (plain, partition) if number % 2 else (partition, plain)
                took = {ledger: _turn(ledger, case, calls, known) for ledger in pair}
                turns.append((took[plain], took[partition]))
            found[name] = Figures(*map(statistics.median, zip(*turns, strict=True)))
        return found


def _turn(
    ledger: Ledger, case: Callable[[Ledger, int, list[str]], None], calls: int, known: list[str]
) -> float:
    before = _processor(ledger)
    case(ledger, calls, known)
    return (_processor(ledger) - before) / calls


def _processor(ledger: Ledger) -> float:
    """Microseconds that the server's process has used so far."""
    nanoseconds = Path(f"/proc/{ledger.conn.info.backend_pid}/schedstat").read_text().split()[0]
    return int(nanoseconds) / 1000


@contextmanager
def _databases() -> Iterator[tuple[Ledger, Ledger]]:
    with (
        tempfile.TemporaryDirectory(prefix="ledger-test-") as folder,
        embedded_server(Path(folder), options=IN_MEMORY) as url,
    ):
        Path(folder).chmod(0o711)
        urls = []
        with psycopg.connect(url, autocommit=True) as admin:
            for name in ("plain", "part"):
                admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                base, _, query = url.partition("?")
                urls.append(f"{base.rpartition('/')[0]}/{name}?{query}")
        for address in urls:
            migrate(address)
        with (
            psycopg.connect(urls[0], autocommit=True) as plain,
            psycopg.connect(urls[1], autocommit=True) as part,
        ):
            part.execute(
                "SELECT ledger_core.keep_buckets('p0', %s, int4multirange(int4range(0, %s)))",
                [_BUCKETS, _BUCKETS],
            )
            yield Ledger(plain, app="app1"), Ledger(part, app="app1")


def _routing() -> float:
    """Microseconds of Python that the bucket of an owner costs."""
    owners = [f"owner {number}" for number in range(100_000)]
    before = time.process_time()
    for owner in owners:
        bucket_of(owner, _BUCKETS)
    return (time.process_time() - before) / len(owners) * 1e6


def main() -> None:
    """Print the figures."""
    for name, figures in measure(rounds=11, calls=1000).items():
        sys.stdout.write(
            f"{name:<28} plain {figures.plain:6.1f} µs, partition {figures.partition:6.1f} µs,"
            f" {figures.ratio:.3f}\n"
        )
    sys.stdout.write(f"{'bucket, in Python':<28} {_routing():.2f} µs\n")


if __name__ == "__main__":
    main()
