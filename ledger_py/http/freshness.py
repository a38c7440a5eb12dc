"""The age of an answer from a standby, and the age that a caller accepts (RFC 9111)."""

from __future__ import annotations

import bisect
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from litestar.types import Scope

__all__ = ("History", "oldest_accepted")

_MAX_AGE: Final = re.compile(rb'max-age\s*=\s*"?(\d{1,9})"?')


def oldest_accepted(scope: Scope) -> int | None:
    """Read how old an answer may be from the header Cache-Control of a request.

    Args:
        scope: The ASGI scope of the request.

    Returns:
        Seconds; 0 for ``no-cache``; None if the caller sets no limit.
    """
    limits = []
    for name, value in scope["headers"]:
        if name == b"cache-control":
            for directive in value.lower().split(b","):
                if directive.strip() == b"no-cache":
                    limits.append(0)
                elif found := _MAX_AGE.fullmatch(directive.strip()):
                    limits.append(int(found[1]))
    return min(limits, default=None)


class History:
    """The positions that the primary's log had reached, and when.

    Args:
        reach: Seconds for which positions are kept.
    """

    def __init__(self, reach: float) -> None:
        self._reach = reach
        self._positions: list[int] = []
        self._times: list[float] = []

    def note(self, time: float, position: int) -> None:
        """Add a position.

        Args:
            time: Seconds on a clock that never runs backwards, not after `position` was asked for.
            position: The position that had been reached.
        """
        # After a failover to a standby that lacks something, the log goes on from an earlier one.
        keep = bisect.bisect_left(self._positions, position)
        old = bisect.bisect_left(self._times, time - self._reach, hi=keep)
        self._positions[:] = [*self._positions[old:keep], position]
        self._times[:] = [*self._times[old:keep], time]

    def reached(self, position: int) -> float | None:
        """Find the last time at which the primary was not beyond a position.

        Args:
            position: The position that a standby has replayed.

        Returns:
            The time: everything that was committed before it has been replayed. None if it is
            before the first time that is kept.
        """
        found = bisect.bisect_right(self._positions, position)
        return self._times[found - 1] if found else None
