"""A contender that makes calls on one connection, and counts what they use of the processor.

What the server does beside, such as vacuuming after others, is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from tests.benchmarks.measuring import Contender, Run
from tests.benchmarks.workbench import Workbench

__all__ = ("calling", "schedstat")


def schedstat(process: int) -> Path:
    """Return the kernel's file that says how long a process has had a processor."""
    return Path(f"/proc/{process}/schedstat")


def calling(
    bench: Workbench, call: Callable[[], int], processes: Callable[[], Iterable[Path]]
) -> Contender:
    """Make a contender.

    Args:
        bench: The workbench.
        call: Makes a call, and returns the number of entries or calls.
        processes: The processes that work for it, as `schedstat` names them.

    Returns:
        The contender.
    """

    def nanoseconds() -> int:
        return sum(int(process.read_text().split()[0]) for process in processes())

    def run(seconds: float) -> Run:
        before, used = bench.usage(), nanoseconds()
        begin = time.perf_counter()
        entries = 0
        while entries == 0 or time.perf_counter() < begin + seconds:
            entries += call()
        lasted = time.perf_counter() - begin
        cpu = (nanoseconds() - used) / 1e9
        usage = msgspec.structs.replace(bench.usage().since(before), cpu=cpu)
        return Run(entries=entries, seconds=lasted, usage=usage)

    return run
