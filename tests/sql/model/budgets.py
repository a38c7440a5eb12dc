"""The model of budgets: everything is counted anew from the entries and holds, every time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.sql.model.account import Account
from tests.sql.model.refusal import Refused, json_time

_EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The most that may be spent and held in a period of UTC. `spender` `*`: each by itself."""

    budget: str
    most: int
    period: str
    app: str | None
    operation: str | None
    spender: str | None

    def bounds(self, at: datetime) -> tuple[datetime, datetime]:
        """Return the period that a time lies in, without its end."""
        if self.period == "ever":
            return _EVER
        start = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if self.period == "day":
            return start, start + timedelta(days=1)
        start = start.replace(day=1)
        return start, (start + timedelta(days=31)).replace(day=1)

    def counts(self, app: str, operation: str) -> bool:
        return self.app in (None, app) and self.operation in (None, operation)


def used(account: Account, rule: Budget, spender: str | None, at: datetime) -> tuple[int, int]:
    """Return what is spent and held of a budget in a period, by one spender or (None) by all."""
    since, until = rule.bounds(at)
    counted = range(_seq_before(account, since) + 1, _seq_before(account, until) + 1)
    placed = {
        (hold.app, hold.nonce): hold
        for hold in account.holds
        if since <= hold.placed_at < until and rule.counts(hold.app, hold.operation)
    }
    parts = [
        (hold.spender, hold.captured, hold.remaining if hold.status == "open" else 0)
        for hold in placed.values()
    ]
    for entry in account.entries:
        original = account.entries[entry.reverses_seq - 1] if entry.reverses_seq else entry
        if original.amount >= 0 or original.app == "ledger":
            continue
        if original.hold_nonce is not None:
            counts = entry is not original and (original.app, original.hold_nonce) in placed
        else:
            counts = original.seq in counted and rule.counts(original.app, original.operation)
        if counts:
            parts.append((original.spender, -entry.amount, 0))
    mine = [part for part in parts if spender is None or part[0] == spender]
    return sum(part[1] for part in mine), sum(part[2] for part in mine)


def check(
    account: Account,
    app: str,
    operation: str,
    spender: str | None,
    at: datetime,
    *,
    spent: int = 0,
    held: int = 0,
) -> None:
    """Refuse what takes a budget beyond its most. It is in the account already."""
    for rule in sorted(account.budgets.values(), key=lambda rule: rule.budget):
        if not rule.counts(app, operation) or not _applies(account, rule, spender):
            continue
        all_spent, all_held = used(account, rule, spender if rule.spender else None, at)
        if all_spent + all_held > rule.most:
            until = rule.bounds(at)[1]
            raise Refused(
                "LG307",
                owner_id=account.owner_id,
                budget=rule.budget,
                spender=spender if rule.spender else None,
                most=rule.most,
                spent=all_spent - spent,
                held=all_held - held,
                required=spent + held,
                resets_at=None if rule.period == "ever" else json_time(until),
            )


def _applies(account: Account, rule: Budget, spender: str | None) -> bool:
    if rule.spender is None:
        return True
    if rule.spender == "*":
        return spender is not None and (rule.budget, spender) not in account.budgets
    return rule.spender == spender


def _seq_before(account: Account, at: datetime) -> int:
    """Return the last entry before a time; one of the future counts from the next one on."""
    return max((entry.seq for entry in account.entries if entry.recorded_at < at), default=0)
