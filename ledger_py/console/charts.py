"""Bars for a chart that is drawn on this side, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

__all__ = ("HEIGHT", "WIDTH", "Bar", "Bars", "bars")

WIDTH: Final = 600
HEIGHT: Final = 160
_GAP: Final = 3


class Bar(msgspec.Struct, frozen=True):
    """One rectangle of the chart, in its units."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Bars(msgspec.Struct, frozen=True):
    """A chart of bars; `axis` is the height of zero."""

    rectangles: list[Bar]
    axis: float
    width: int = WIDTH
    height: int = HEIGHT


def bars(periods: Sequence[Mapping[str, int]]) -> Bars:
    """Draw what came in above the axis, and what went out below it, one kind upon the other.

    Args:
        periods: For each period the amounts by kind, positive or negative.
    """
    above = max((sum(it for it in one.values() if it > 0) for one in periods), default=0)
    below = max((-sum(it for it in one.values() if it < 0) for one in periods), default=0)
    scale = HEIGHT / max(1, above + below)
    axis = above * scale
    step = WIDTH / max(1, len(periods))
    rectangles = []
    for number, amounts in enumerate(periods):
        x, wide = round(number * step, 1), round(step - _GAP, 1)
        top = bottom = axis
        for kind, amount in amounts.items():
            height = abs(amount) * scale
            if amount > 0:
                top -= height
            y = top if amount > 0 else bottom
            if amount < 0:
                bottom += height
            if amount:
                rectangles.append(Bar(kind, x, round(y, 1), wide, round(max(height, 1.0), 1)))
    return Bars(rectangles, round(axis, 1))
