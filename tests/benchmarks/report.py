"""Writes the outcomes of a run as a Markdown table, as JSON and as a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tests.benchmarks.measuring import Outcome, Sample
from tests.benchmarks.plot import bars

__all__ = ("table", "write")

_HEADINGS = (
    "case", "ratio or figure (lowest to highest round)", "goal", "",
    "measured /s", "p50 ms", "p99 ms", "CPU µs", "log bytes", "reads",
    "against",
    "its /s", "p50 ms", "p99 ms", "CPU µs", "log bytes", "reads",
)  # fmt: skip


def write(folder: Path, settings: Mapping[str, str], outcomes: Sequence[Outcome]) -> None:
    """Write the results as `results.md`, `results.json` and `results.svg`.

    Args:
        folder: The folder; created if missing.
        settings: Settings of the machine and the server.
        outcomes: The outcomes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = "\n".join(f"* {name}: {value}" for name, value in settings.items())
    text = f"# Benchmark\n\n{listed}\n\n{table(outcomes)}\n\n![Figures](results.svg)\n"
    (folder / "results.md").write_text(text)
    document = {"settings": settings, "outcomes": outcomes}
    (folder / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(document)))
    (folder / "results.svg").write_text(bars(outcomes))


def table(outcomes: Sequence[Outcome]) -> str:
    """Make a Markdown table with aligned columns."""
    lines = [_HEADINGS, *map(_cells, outcomes)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in (lines[0], rule, *lines[1:])
    )


def _cells(outcome: Outcome) -> tuple[str, ...]:
    low, high = (outcome.show(end(outcome.figures)) for end in (min, max))
    return (
        outcome.label,
        f"{outcome.show(outcome.figure)} ({low} to {high})",
        f"{outcome.bound} {outcome.show(outcome.reach)}",
        "yes" if outcome.reached else "no",
        *_sample_cells(outcome.measured),
        outcome.floor or "",
        *_sample_cells(outcome.floor_measured),
    )


def _sample_cells(sample: Sample | None) -> tuple[str, ...]:
    if sample is None:
        return ("",) * 6
    values = (
        (sample.p50, ".2f"),
        (sample.p99, ".2f"),
        (sample.cpu, ".0f"),
        (sample.wal, ".0f"),
        (sample.reads, ".2f"),
    )
    cells = ("" if value is None else format(value, form) for value, form in values)
    return (f"{sample.rate:,.0f}".replace(",", " "), *cells)
