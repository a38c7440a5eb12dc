"""Allowances of the model: when credits come, and what goes on of those before."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def at_wall_clock(local: datetime, zone: str) -> datetime:
    """Return when a clock shows a time: the later moment if it comes twice or is left out."""
    moments = [local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1)]
    return max(moments)


@dataclass(kw_only=True)
class Allowance:
    """A standing order."""

    app: str
    nonce: str
    operation: str
    amount: int
    period: str | None
    time_zone: str
    starts_at: datetime
    carry_over_most: int
    carry_over_for: int
    occurrences: int | None
    ends_at: datetime | None
    metadata: dict[str, Any] | None
    use: Any
    life: Callable[[datetime], datetime] | None
    """When credits that come only once expire."""
    asked: dict[str, Any]
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was asked, by nonce."""
    next_occurrence: int = 0
    next_at: datetime | None = None
    lots: dict[int, list[int]] = field(default_factory=dict)
    """The entries with credits of each period."""
    carried: list[int] = field(default_factory=list)

    def expiry(self, occurrence: int, at: datetime) -> datetime | None:
        """Return when the credits of a period, which come at this time, expire."""
        if self.period is not None:
            return self.boundary(occurrence + 1)
        # Python adds to a time of a zone by its calendar.
        local = at.astimezone(ZoneInfo(self.time_zone))
        return None if self.life is None else self.life(local).astimezone(UTC)

    def boundary(self, occurrence: int) -> datetime | None:
        """Return when a period begins."""
        if occurrence == 0:
            return self.starts_at
        if self.period is None:
            return None
        local = self.starts_at.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)
        if self.period in _DAYS:
            return at_wall_clock(
                local + timedelta(days=_DAYS[self.period] * occurrence), self.time_zone
            )
        months = local.year * 12 + local.month - 1 + _MONTHS[self.period] * occurrence
        year, month = months // 12, months % 12 + 1
        day = min(local.day, monthrange(year, month)[1])
        return at_wall_clock(local.replace(year=year, month=month, day=day), self.time_zone)

    def comes(self, occurrence: int) -> bool:
        """Tell whether credits come for a period."""
        most = self.occurrences or (1 if self.period is None else None)
        begins = self.boundary(occurrence)
        return (
            begins is not None
            and (most is None or occurrence < most)
            and (self.ends_at is None or begins < self.ends_at)
        )

    def occurrence_at(self, at: datetime) -> int:
        """Return the period to which a time belongs, by counting."""
        if at < self.starts_at:
            return -1
        if self.period is None:
            return 0
        days = {**_DAYS, "month": 31, "quarter": 93, "year": 366}[self.period]
        occurrence = max(0, (at - self.starts_at).days // days - 1)
        while (later := self.boundary(occurrence + 1)) is not None and later <= at:
            occurrence += 1
        return occurrence

    def ungranted(self, occurrence: int) -> int:
        """Return the first period from one on of which no credits have come."""
        while occurrence in self.lots:
            occurrence += 1
        return occurrence

    def go_on_with(self, occurrence: int) -> None:
        """Let that be the next period, if there is one."""
        self.next_occurrence = occurrence
        self.next_at = self.boundary(occurrence) if self.comes(occurrence) else None

    def has_ended(self, now: datetime, *, frozen: bool) -> bool:
        """Tell whether nothing can come any more, whatever its end is set to."""
        most = self.occurrences or (1 if self.period is None else None)
        coming = max(self.next_occurrence, self.occurrence_at(now) + (0 if frozen else 1))
        return (self.ends_at is not None and self.ends_at <= now) or (
            most is not None and coming >= most
        )
