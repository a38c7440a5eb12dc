"""The structure of a benchmark, and its run: contenders take turns, round after round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import reduce
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from tests.benchmarks.workbench import Usage

if TYPE_CHECKING:
    from tests.benchmarks.workbench import Workbench

__all__ = ("Case", "Contender", "Effort", "Outcome", "Report", "Row", "Run", "Sample", "measure")

Contender: TypeAlias = Callable[[float], "Run"]
"""Works for about the given number of seconds."""

Report: TypeAlias = Callable[[str], None]


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """The extent of a run.

    Attributes:
        rounds: Number of turns of each contender.
        seconds: Length of a turn.
        warm_up: Length of the warm-up of each contender, in turns.
        sizes: Numbers of entries of the large databases.
        depth: Number of entries of the owner with many.
        loaded: Number of entries for the bytes per entry.
        requests: Number of requests for the memory of a service.
    """

    rounds: int = 5
    seconds: float = 2.0
    warm_up: float = 0.5
    sizes: tuple[int, ...] = (1_000_000,)
    depth: int = 1_000_000
    loaded: int = 100_000
    requests: int = 200_000


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The work of a contender in a turn.

    Attributes:
        entries: Number of entries recorded; for reads, number of calls.
        seconds: Duration.
        latencies: Milliseconds of each call, if measured.
        uncounted: Number of entries recorded before, while connections settled.
        bytes_per_entry: Size of the table of entries with its indexes, if measured.
        growth: Growth of the service's memory in MiB, if measured.
        usage: Resources that the server used; None for all that it used during the turn.
    """

    entries: int
    seconds: float
    latencies: Sequence[float] = ()
    uncounted: int = 0
    bytes_per_entry: float | None = None
    growth: float | None = None
    usage: Usage | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run.

    Attributes:
        rate: Entries, or calls, per second.
        p50: Milliseconds per call, median.
        p99: The same, 99th percentile.
        cpu: Microseconds of the server per entry.
        wal: Bytes of the server's log per entry.
        reads: Blocks per entry that were not in shared buffers.
        bytes_per_entry: As in Run.
        growth: As in Run.
    """

    rate: float
    p50: float | None = None
    p99: float | None = None
    cpu: float | None = None
    wal: float | None = None
    reads: float | None = None
    bytes_per_entry: float | None = None
    growth: float | None = None


Round: TypeAlias = Mapping[str, Sample]
"""The samples of a version's contenders, by name."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table.

    Attributes:
        label: Description.
        contender: Name of the contender.
        floor: Name of the contender to compare with; None if there is no comparison.
        figure: Computes the figure from the samples of a round.
        reach: Goal for the figure.
        bound: Direction of the goal.
        unit: Unit of the figure.
    """

    label: str
    contender: str
    floor: str | None
    figure: Callable[[Round], float]
    reach: float
    bound: Literal["at least", "at most"]
    unit: Literal["x", "ms", "bytes", "MiB"] = "x"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """Contenders that are measured together.

    Attributes:
        name: Name for `--only`.
        prepare: Sets the case up and provides the contenders by name.
        rows: Rows of the table.
        once: Run a single round, because the outcome does not vary.
        parts: Number of parts of a turn. Contenders take turns part by part, so that what disturbs
            the machine for a while disturbs all of them.
    """

    name: str
    prepare: Callable[[Workbench, Effort, Report], AbstractContextManager[Mapping[str, Contender]]]
    rows: tuple[Row, ...]
    once: bool = False
    parts: int = 1


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a row: medians of the samples, and the figure of each round."""

    case: str
    label: str
    contender: str
    measured: Sample
    floor: str | None
    floor_measured: Sample | None
    figures: list[float]
    reach: float
    bound: str
    unit: str

    @property
    def figure(self) -> float:
        """The median of the figures."""
        return statistics.median(self.figures)

    @property
    def reached(self) -> bool:
        """True if the figure meets the goal."""
        if self.bound == "at least":
            return self.figure >= self.reach
        return self.figure <= self.reach

    def show(self, value: float) -> str:
        """Format a figure or a goal with its unit."""
        if self.unit == "x":
            return f"{value:.2f}"
        return f"{value:.0f} bytes" if self.unit == "bytes" else f"{value:.2f} {self.unit}"


def measure(
    case: Case, benches: Sequence[Workbench], effort: Effort, report: Report
) -> list[Outcome]:
    """Run a case.

    Args:
        case: The case.
        benches: A workbench for each version to measure, all on one server.
        effort: The extent.
        report: Takes a line of progress for each step.

    Returns:
        An outcome for each row and version, ordered by row.
    """
    report(f"{case.name}: preparing")
    rounds: list[list[Round]] = []
    with ExitStack() as prepared:
        contenders = {
            (version, name): contender
            for version, bench in enumerate(benches)
            for name, contender in prepared.enter_context(
                case.prepare(bench, effort, report)
            ).items()
        }
        if effort.warm_up > 0 and not case.once:
            for contender in contenders.values():
                contender(effort.seconds * effort.warm_up)
        names = list(contenders)
        for number in range(1 if case.once else effort.rounds):
            runs: dict[tuple[int, str], list[Run]] = {name: [] for name in names}
            for part in range(case.parts):
                # Rotate the order, so that no contender always runs after the same one.
                turn = (number + part) % len(names)
                for name in names[turn:] + names[:turn]:
                    runs[name].append(
                        _counted(contenders[name], benches[0], effort.seconds / case.parts)
                    )
            samples = {name: _sample(_joined(runs[name])) for name in names}
            rates = ", ".join(
                f"{benches[version].version.label(name)} {samples[version, name].rate:,.0f}/s"
                for version, name in names
            )
            report(f"{case.name}: round {number + 1}: {rates}")
            rounds.append(
                [
                    {name: sample for (of, name), sample in samples.items() if of == version}
                    for version in range(len(benches))
                ]
            )
    return [
        _outcome(
            case, row, bench.version.label(row.label), [samples[version] for samples in rounds]
        )
        for row in case.rows
        for version, bench in enumerate(benches)
    ]


def _percentile(sorted_values: Sequence[float], share: float) -> float:
    """Find the value below which a share (0 to 1) of the values lies."""
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def _counted(contender: Contender, bench: Workbench, seconds: float) -> Run:
    """Let a contender work, and count what the server used if it does not do so itself."""
    before = bench.usage()
    run = contender(seconds)
    return msgspec.structs.replace(run, usage=run.usage or bench.usage().since(before))


def _joined(parts: Sequence[Run]) -> Run:
    first, *others = parts
    if not others:
        return first
    usages = [part.usage for part in parts if part.usage is not None]
    return Run(
        entries=sum(part.entries for part in parts),
        seconds=sum(part.seconds for part in parts),
        latencies=[latency for part in parts for latency in part.latencies],
        uncounted=sum(part.uncounted for part in parts),
        usage=reduce(Usage.plus, usages),
    )


def _sample(run: Run) -> Sample:
    usage = run.usage
    assert usage is not None
    latencies = sorted(run.latencies)
    recorded = run.entries + run.uncounted
    return Sample(
        rate=run.entries / run.seconds,
        p50=_percentile(latencies, 0.50) if latencies else None,
        p99=_percentile(latencies, 0.99) if latencies else None,
        cpu=None if usage.cpu is None else usage.cpu / recorded * 1e6,
        wal=usage.wal / recorded,
        reads=usage.reads / recorded,
        bytes_per_entry=run.bytes_per_entry,
        growth=run.growth,
    )


def _outcome(case: Case, row: Row, label: str, rounds: Sequence[Round]) -> Outcome:
    return Outcome(
        case=case.name,
        label=label,
        contender=row.contender,
        measured=_median([samples[row.contender] for samples in rounds]),
        floor=row.floor,
        floor_measured=_median([samples[row.floor] for samples in rounds]) if row.floor else None,
        figures=[row.figure(samples) for samples in rounds],
        reach=row.reach,
        bound=row.bound,
        unit=row.unit,
    )


def _median(samples: Sequence[Sample]) -> Sample:
    columns: dict[str, float | None] = {}
    for field in Sample.__struct_fields__:
        values = [value for sample in samples if (value := getattr(sample, field)) is not None]
        columns[field] = statistics.median(values) if values else None
    return msgspec.convert(columns, Sample)
