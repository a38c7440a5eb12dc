"""A curve in characters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ledger_py.structs import BalanceStep

_BLOCKS: Final = (" ▁▂▃▄▅▆▇█", "░")
_PLAIN: Final = ("    #####", ":")
"""The parts of a cell that are filled, in eighths; and a cell that was filled for a while."""

_WIDTH: Final = 60
_HEIGHT: Final = 5


def curve(steps: Sequence[BalanceStep], until: datetime, *, blocks: bool) -> list[str]:
    """Draw the balance over time.

    Each column is full up to the least balance within its time, and light up to the most.

    Args:
        steps: The steps, oldest first; at least one.
        until: The end of the last step.
        blocks: Whether block characters can be shown.

    Returns:
        The lines: the curve with its scale, and below it the times of its ends.
    """
    columns = _columns(steps, until)
    low = min(0, *(least for least, _ in columns))
    high = max(0, *(most for _, most in columns))
    filled, light = _BLOCKS if blocks else _PLAIN
    zero = -low * _HEIGHT // max(1, high - low)
    labels = {zero: "0"} | {_HEIGHT - 1: str(high), 0: str(low)}
    margin = max(len(label) for label in labels.values())

    def height(balance: int) -> int:
        # In eighths, rounded up; integers, because floats hold only some balances exactly.
        return -(-(balance - low) * _HEIGHT * 8 // max(1, high - low))

    def cell(row: int, least: int, most: int) -> str:
        part = min(8, height(least) - row * 8)
        if part > 0:
            return filled[part]
        return light if height(most) > row * 8 else filled[0]

    lines = [
        f"{labels.get(row, ''):>{margin}} | {''.join(cell(row, *it) for it in columns)}".rstrip()
        for row in reversed(range(_HEIGHT))
    ]
    begin, end = (f"{at:%Y-%m-%d %H:%M:%S}Z" for at in (steps[0].at, until))
    return [*lines, f"{'':{margin}}   {begin:<{_WIDTH - len(end)}}{end}"]


def _columns(steps: Sequence[BalanceStep], until: datetime) -> list[tuple[int, int]]:
    """Return the least and the most balance within each column's time."""
    begin = steps[0].at
    width = (until - begin) / _WIDTH
    columns = []
    number, balance = 1, steps[0].balance
    for column in range(1, _WIDTH + 1):
        least = most = balance
        end = until if column == _WIDTH else begin + column * width
        while number < len(steps) and steps[number].at <= end:
            balance = steps[number].balance
            least, most = min(least, balance), max(most, balance)
            number += 1
        columns.append((least, most))
    return columns
