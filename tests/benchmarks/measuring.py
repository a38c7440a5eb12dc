"""What a benchmark is made of, and how one is run: contenders in turn, round after round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from tests.benchmarks.workbench import Usage

if TYPE_CHECKING:
    from tests.benchmarks.workbench import Workbench

__all__ = ("Case", "Contender", "Effort", "Outcome", "Report", "Row", "Run", "Sample", "measure")

Contender: TypeAlias = Callable[[float], "Run"]
"""Works for about so many seconds."""

Report: TypeAlias = Callable[[str], None]


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured.

    Attributes:
        rounds: How often each contender has its turn.
        seconds: How long a turn is.
        warm_up: How long each works before anything counts, in parts of a turn.
        sizes: Numbers of entries to compare with the smallest database.
        depth: Entries of the one owner with many.
        loaded: Entries to count bytes of.
        requests: Requests after which to look at a service's memory.
    """

    rounds: int = 5
    seconds: float = 2.0
    warm_up: float = 0.5
    sizes: tuple[int, ...] = (1_000_000,)
    depth: int = 1_000_000
    loaded: int = 100_000
    requests: int = 200_000


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a contender has done in its turn.

    Attributes:
        entries: How many it recorded; for reads, how many calls it made.
        seconds: In what time.
        latencies: Milliseconds that each call took; nothing if they say nothing.
        bytes_per_entry: Size of the table of entries and its indexes, where that was the question.
        growth: MiB by which the service grew, where that was the question.
        uncounted: How many it recorded before, while its connections settled.
        usage: What the server used for all of them; None if it did nothing else during the turn.
    """

    entries: int
    seconds: float
    latencies: Sequence[float] = ()
    uncounted: int = 0
    bytes_per_entry: float | None = None
    growth: float | None = None
    usage: Usage | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A run in figures.

    Attributes:
        rate: Entries, or calls, per second.
        p50: Milliseconds per call, median.
        p99: The same, 99th percentile.
        cpu: Microseconds of the server per entry.
        wal: Bytes of the server's log per entry.
        reads: Blocks per entry that were not in shared buffers.
        bytes_per_entry: Where that was the question.
        growth: Likewise.
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
"""The samples of a version's contenders, by their names."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the table.

    Attributes:
        label: What is measured.
        contender: Who.
        floor: Whom it is compared with; None if the figure stands by itself.
        figure: Computes the figure from the samples of a round.
        reach: What the figure should reach.
        bound: Whether it should be at least or at most that.
        unit: Of the figure.
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
        name: For `--only`.
        prepare: Sets everything up and gives the contenders by name.
        rows: What to make of the figures.
        once: The outcome does not vary, so one round will do.
    """

    name: str
    prepare: Callable[[Workbench, Effort, Report], AbstractContextManager[Mapping[str, Contender]]]
    rows: tuple[Row, ...]
    once: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a row: medians of the samples, and the figure of each round."""

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
        """Whether the figure is what it should be."""
        if self.bound == "at least":
            return self.figure >= self.reach
        return self.figure <= self.reach

    def show(self, value: float) -> str:
        """Write a figure, or the reach, with its unit."""
        if self.unit == "x":
            return f"{value:.2f}"
        return f"{value:.0f} bytes" if self.unit == "bytes" else f"{value:.2f} {self.unit}"


def measure(
    case: Case, benches: Sequence[Workbench], effort: Effort, report: Report
) -> list[Outcome]:
    """Run a case.

    Args:
        case: The case.
        benches: Where: one for each version to measure, all on one server.
        effort: How much.
        report: Takes a line for each thing that is done.

    Returns:
        An outcome for each of its rows, and there for each of the versions.
    """
    report(f"{case.name}: preparing")
    rounds: list[list[Round]] = []
    with ExitStack() as prepared:
        # By version and name.
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
            # Who begins changes from round to round: nobody always runs behind the same one.
            turn = number % len(names)
            samples = {
                name: _sample(contenders[name], benches[0], effort.seconds)
                for name in names[turn:] + names[:turn]
            }
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
        _outcome(row, bench.version.label(row.label), [samples[version] for samples in rounds])
        for row in case.rows
        for version, bench in enumerate(benches)
    ]


def _percentile(sorted_values: Sequence[float], share: float) -> float:
    """Find the value below which a share (0 to 1) of the values lies."""
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))]


def _sample(contender: Contender, bench: Workbench, seconds: float) -> Sample:
    before = bench.usage()
    run = contender(seconds)
    usage = run.usage or bench.usage().since(before)
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


def _outcome(row: Row, label: str, rounds: Sequence[Round]) -> Outcome:
    return Outcome(
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
