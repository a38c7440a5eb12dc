"""Draws the figures as a bar chart with a mark at each goal."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.benchmarks.measuring import Outcome

__all__ = ("bars",)

_LABELS, _BARS, _VALUES, _LINE = 430, 380, 240, 26
_MOST = 2.0
"""Length at which bars are cut off, in multiples of the goal."""

_STYLE = (
    "text{font:13px sans-serif;fill:#222}.head{font-weight:bold}.yes{fill:#3a7d44}.no{fill:#c8553d}"
    ".reach{stroke:#222;stroke-width:2}.range{stroke:#222;stroke-width:1}"
)


def bars(outcomes: Sequence[Outcome]) -> str:
    """Draw the outcomes.

    Args:
        outcomes: The outcomes.

    Returns:
        An SVG document. Bars show figures relative to their goals, so that all marks are aligned.
    """
    parts: list[str] = []
    y = 10
    for bound, heading in (("at least", "longer is better"), ("at most", "shorter is better")):
        chosen = [outcome for outcome in outcomes if outcome.bound == bound]
        if chosen:
            y += 2 * _LINE
            parts.append(f'<text class="head" x="10" y="{y - 8}">{bound}: {heading}</text>')
        for outcome in chosen:
            parts.append(_bar(outcome, y))
            y += _LINE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABELS + _BARS + _VALUES}" '
        f'height="{y + 10}"><style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _bar(outcome: Outcome, y: int) -> str:
    middle = y + _LINE // 2
    low, figure, high, mark = (
        _LABELS + _BARS * min(value / outcome.reach, _MOST) / _MOST
        for value in (min(outcome.figures), outcome.figure, max(outcome.figures), outcome.reach)
    )
    verdict = "yes" if outcome.reached else "no"
    value = f"{outcome.show(outcome.figure)} ({outcome.bound} {outcome.show(outcome.reach)})"
    return (
        f'<text x="{_LABELS - 8}" y="{middle + 4}" text-anchor="end">{escape(outcome.label)}</text>'
        f'<rect class="{verdict}" x="{_LABELS}" y="{y + 5}" height="{_LINE - 10}" '
        f'width="{max(0.0, figure - _LABELS):.1f}"/>'
        f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
        f'<line class="reach" x1="{mark:.1f}" x2="{mark:.1f}" y1="{y}" y2="{y + _LINE}"/>'
        f'<text x="{_LABELS + _BARS + 8}" y="{middle + 4}">{escape(value)}</text>'
    )
