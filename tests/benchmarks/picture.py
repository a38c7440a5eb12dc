"""Draws the picture of the page on speed from the results of a run.

`python -m tests.benchmarks.picture build/benchmarks/results.json docs/pictures/speed.svg`
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

__all__ = ("picture",)

Kind: TypeAlias = Literal["floor", "plain", "life", "peer"]


class Bar(msgspec.Struct, frozen=True):
    """A bar: its text, and the case and contender whose rate it shows."""

    kind: Kind
    text: str
    case: str
    contender: str


class Panel(msgspec.Struct, frozen=True):
    """Bars of one scale."""

    heading: str
    bars: tuple[Bar, ...]


def _calls(heading: str, case: str) -> Panel:
    return Panel(
        heading,
        (
            Bar("floor", "one UPDATE and one INSERT", case, "floor"),
            Bar("plain", "record_entry", case, "record_entry"),
            Bar("peer", "pgledger, a transfer", case, "pgledger"),
        ),
    )


PANELS: Final = (
    _calls("One caller, entries a second", "single-1"),
    _calls("8 callers, entries a second", "single-8"),
    _calls("32 callers on one account, entries a second", "hot"),
    Panel(
        "Batches of 1 000, entries a second",
        (
            Bar("floor", "COPY", "life-1000", "COPY"),
            Bar("floor", "COPY, and one UPDATE of the accounts", "life-1000", "COPY and UPDATE"),
            Bar("plain", "record_entries, plain spends", "life-1000", "plain"),
            Bar("life", "record_entries, ordinary life", "life-1000", "life"),
        ),
    ),
    Panel(
        "POST /ledger, 32 connections, requests a second",
        (
            Bar("floor", "a bare route, without a database", "http", "POST, bare"),
            Bar("plain", "plain spends", "http", "POST"),
            Bar("life", "ordinary life", "http", "POST, life"),
        ),
    ),
)

_LEGEND: Final[dict[Kind, str]] = {
    "floor": "floor: the least work that could do it",
    "plain": "plain",
    "life": "ordinary life",
    "peer": "another ledger",
}

_WIDTH, _TEXTS, _LINE, _VALUES = 880, 300, 26, 90
_BARS: Final = _WIDTH - _TEXTS - _VALUES

_STYLE: Final = """
    text { fill: #1f2328 }
    .head { font-weight: 600 }
    .small { font-size: 12px; fill: #57606a }
    .back { fill: #ffffff; stroke: #d0d7de }
    .floor { fill: #afb8c1 }
    .plain { fill: #218bff }
    .life { fill: #2da44e }
    .peer { fill: #e16f24 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .small { fill: #9198a1 }
      .back { fill: #0d1117; stroke: #3d444d }
      .floor { fill: #656c76 }
      .plain { fill: #388bfd }
      .life { fill: #3fb950 }
      .peer { fill: #db6d28 }
    }
"""


def picture(document: Mapping[str, Any]) -> str:
    """Draw the rates of a run side by side.

    Args:
        document: What `results.json` holds.

    Returns:
        An SVG document. Bars of what was not measured are left out.
    """
    rates = _rates(document["outcomes"])
    parts: list[str] = []
    described: list[str] = []
    y = _legend(parts, 30)
    for panel in PANELS:
        known = [bar for bar in panel.bars if (bar.case, bar.contender) in rates]
        if not known:
            continue
        y += 34
        parts.append(f'<text class="head" x="20" y="{y}">{escape(panel.heading)}</text>')
        y += 10
        most = max(rates[bar.case, bar.contender] for bar in known)
        said = []
        for bar in known:
            rate = rates[bar.case, bar.contender]
            parts += _bar(bar, rate, rate / most, y)
            said.append(f"{bar.text} {_digits(rate)}")
            y += _LINE
        described.append(f"{panel.heading}: {', '.join(said)}.")
    y += 8
    for line in ("Each group of bars has its own scale.", _machine(document)):
        y += 18
        parts.append(f'<text class="small" x="20" y="{y}">{escape(line)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 18}" role="img"'
        ' aria-labelledby="title description" font-family="-apple-system, \'Segoe UI\','
        ' \'DejaVu Sans\', Helvetica, Arial, sans-serif" font-size="14">\n'
        '<title id="title">Speed beside its floors</title>\n'
        f'<desc id="description">{escape(" ".join(described))}</desc>\n'
        f"<style>{_STYLE}</style>\n"
        f'<rect class="back" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{y + 17}" rx="6"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _rates(outcomes: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    rates: dict[tuple[str, str], float] = {}
    for outcome in outcomes:
        case = outcome["case"]
        for name, sample in (
            (outcome["contender"], outcome["measured"]),
            (outcome["floor"], outcome["floor_measured"]),
        ):
            # The first one of a contender is of this version, if several were measured.
            if name is not None:
                rates.setdefault((case, name), sample["rate"])
    return rates


def _legend(parts: list[str], y: int) -> int:
    x = 20
    for kind, text in _LEGEND.items():
        parts.append(f'<rect class="{kind}" x="{x}" y="{y - 11}" width="12" height="12"/>')
        parts.append(f'<text class="small" x="{x + 18}" y="{y}">{escape(text)}</text>')
        x += 50 + 6 * len(text)
    return y


def _bar(bar: Bar, rate: float, share: float, y: int) -> tuple[str, str, str]:
    middle, length = y + _LINE // 2 + 5, _BARS * share
    return (
        f'<text x="{_TEXTS - 10}" y="{middle}" text-anchor="end">{escape(bar.text)}</text>',
        f'<rect class="{bar.kind}" x="{_TEXTS}" y="{y + 4}" width="{length:.1f}"'
        f' height="{_LINE - 8}" rx="2"/>',
        f'<text x="{_TEXTS + length + 8:.1f}" y="{middle}">{_digits(rate)}</text>',
    )


def _digits(rate: float) -> str:
    """Write a rate with three digits that count."""
    step = 10 ** max(0, len(str(round(rate))) - 3)
    return f"{round(rate / step) * step:,}".replace(",", " ")


def _machine(document: Mapping[str, Any]) -> str:
    settings = document["settings"]
    return (
        f"{settings['cores']} processors, shared by server and callers; PostgreSQL"
        f" {settings['server_version'].split()[0]}, fsync {settings['fsync']};"
        f" medians of {settings['effort']}; load average before"
        f" {settings['load average before']}"
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(picture(msgspec.json.decode(Path(sys.argv[1]).read_bytes())))
