"""Bars for a chart that is drawn on this side, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
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


def bars(days: Sequence[tuple[int, int, int]]) -> Bars:
    """Draw what was issued above the axis; below it what was spent, and under that what expired.

    Args:
        days: For each day issued (0 or more), spent and expired (0 or less).
    """
    above = max((issued for issued, _, _ in days), default=0)
    below = max((-spent - expired for _, spent, expired in days), default=0)
    scale = HEIGHT / max(1, above + below)
    axis = above * scale
    step = WIDTH / max(1, len(days))
    rectangles = []
    for number, (issued, spent, expired) in enumerate(days):
        x, wide = round(number * step, 1), round(step - _GAP, 1)
        spent_height, expired_height = -spent * scale, -expired * scale
        for kind, y, height in (
            ("issued", axis - issued * scale, issued * scale),
            ("spent", axis, spent_height),
            ("expired", axis + spent_height, expired_height),
        ):
            if height > 0:
                rectangles.append(Bar(kind, x, round(y, 1), wide, round(max(height, 1.0), 1)))
    return Bars(rectangles, round(axis, 1))
