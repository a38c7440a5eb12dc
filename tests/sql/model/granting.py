"""The model of allowances' functions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.sql.model.account import Account
from tests.sql.model.allowances import Allowance
from tests.sql.model.books import Row
from tests.sql.model.catalogue import RULES
from tests.sql.model.recording import Recording
from tests.sql.model.refusal import Refused, invalid, nonce_conflict


class Granting(Recording):
    """Adds allowances."""

    def grant_allowance(
        self, app: str, owner_id: str, operation: str, nonce: str, **asked: Any
    ) -> Row:
        """Grant an allowance; the period that it is now comes at once."""
        asked = {"owner_id": owner_id, "operation": operation, **asked}
        start, end = asked["starts_at"], asked["ends_at"]
        if start is not None and end is not None and end <= start:
            raise invalid("ends_at")
        with self.locked(owner_id) as account:
            known = account.allowances.get((app, nonce))
            if known is not None and known.asked == asked:
                return self._shown(account, known, replayed=True)
            if self.entry_under(app, nonce) or self.is_taken(app, nonce):
                raise nonce_conflict(app, nonce)
            self.not_frozen(account)
            amount = self.rule_of(app, operation).amount(operation, asked["amount"], None)
            if amount < 1 or RULES[operation].limit is not None:
                raise invalid("operation")
            starts_at = asked["starts_at"] or self.now
            it = Allowance(
                app=app,
                nonce=nonce,
                operation=operation,
                asked=asked,
                **{
                    name: asked[name]
                    for name in (
                        "period",
                        "time_zone",
                        "carry_over_most",
                        "carry_over_for",
                        "occurrences",
                        "ends_at",
                        "metadata",
                    )
                },
                amount=amount,
                starts_at=starts_at,
                use=self.rule_of(app, operation).use,
                life=self.rule_of(app, operation).expiry,
            )
            it.next_occurrence = max(0, it.occurrence_at(self.now))
            it.next_at = max(starts_at, self.now)
            if it.ends_at is not None and it.ends_at <= starts_at:
                raise invalid("ends_at")
            if not it.comes(it.next_occurrence):
                raise invalid("occurrences" if it.ends_at is None else "ends_at")
            if sum(other.next_at is not None for other in account.allowances.values()) >= 20:
                raise invalid("owner_id")
            account.allowances[app, nonce] = it
            account.settle(self.now)
            return self._shown(account, it, replayed=False)

    def change_allowance(
        self, app: str, allowance_nonce: str, nonce: str, amount: int | None, from_next_period: bool
    ) -> Row:
        """Change the amount; what is more than before may come at once."""
        if amount is None:
            raise invalid("amount")
        owner_id = self._owner_of(app, allowance_nonce)
        asked = {"amount": amount, "from_next_period": from_next_period}
        with self.locked(owner_id) as account:
            it = account.allowances[app, allowance_nonce]
            if it.changes.get(nonce) == asked:
                return self._shown(account, it, replayed=True)
            if self.entry_under(app, nonce) or self.is_taken(app, nonce):
                raise nonce_conflict(app, nonce)
            self.not_frozen(account)
            if it.next_at is None:
                raise Refused("LG306", app=app, allowance_nonce=allowance_nonce)
            self.rule_of(app, it.operation).amount(it.operation, amount, None)
            period = it.lots.get(it.next_occurrence - 1)
            more = 0 if from_next_period or period is None else amount - it.amount
            if more < 0:
                raise invalid("from_next_period")
            it.amount = amount
            it.changes[nonce] = asked
            if more and period is not None:
                until = account.entries[period[0] - 1].expires_at
                assert until is not None
                entry = account.append(
                    app=app,
                    operation=it.operation,
                    amount=more,
                    nonce=nonce,
                    recorded_at=self.now,
                    metadata=it.metadata,
                    expires_at=until,
                    use=it.use,
                )
                account.grant(entry)
                period.append(entry.seq)
            return self._shown(account, it, replayed=False)

    def end_allowance(
        self, app: str, allowance_nonce: str, at: datetime | None, forfeit: bool
    ) -> Row:
        """End an allowance, and take what is left of it if asked to."""
        owner_id = self._owner_of(app, allowance_nonce)
        with self.locked(owner_id) as account:
            it = account.allowances[app, allowance_nonce]
            frozen = account.frozen_at is not None
            ends_at = max(at or self.now, self.now)
            seqs = [*it.carried, *(seq for lots in it.lots.values() for seq in lots)]
            parts = (
                {lot.seq: account.free(lot) for lot in account.free_lots() if lot.seq in seqs}
                if forfeit
                else {}
            )
            has_ended = it.has_ended(self.now, frozen=frozen)
            if has_ended and at is not None and it.ends_at is not None and it.ends_at < at:
                raise Refused("LG306", app=app, allowance_nonce=allowance_nonce)
            if (has_ended or it.ends_at == ends_at) and not parts:
                return self._shown(account, it, replayed=True)
            if forfeit and ends_at > self.now:
                raise invalid("forfeit")
            if not has_ended:
                it.ends_at = ends_at
            coming = max(it.next_occurrence, it.occurrence_at(self.now) + (0 if frozen else 1))
            if frozen or not it.comes(coming):
                it.next_at = None
            elif it.next_at is None:
                it.next_at = it.boundary(it.next_occurrence)
            if parts:
                entry = account.append(
                    app="ledger",
                    operation="FORFEITURE",
                    amount=-sum(parts.values()),
                    nonce="ledger:forfeiture",
                    recorded_at=self.now,
                )
                account.move(entry.seq, parts)
            return self._shown(account, it, replayed=False)

    def allowances_of(self, owner_id: str) -> list[Row]:
        """Return the allowances, the next to come first."""
        account = self.settled(owner_id)
        found = [self._shown(account, it, replayed=None) for it in account.allowances.values()]
        return sorted(
            found,
            key=lambda it: (it["next_at"] is None, it["next_at"] or 0, it["app"], it["nonce"]),
        )

    def _owner_of(self, app: str, nonce: str) -> str:
        owner_id = self.allowance_under(app, nonce)
        if owner_id is None:
            raise Refused("LG106", app=app, allowance_nonce=nonce)
        return owner_id

    def _shown(self, account: Account, it: Allowance, *, replayed: bool | None) -> Row:
        coming = max(it.next_occurrence, it.occurrence_at(self.now))
        goes_on = it.comes(coming)
        frozen = account.frozen_at is not None
        return {
            "owner_id": account.owner_id,
            "app": it.app,
            "nonce": it.nonce,
            "operation": it.operation,
            "amount": it.amount,
            "starts_at": it.starts_at,
            "ends_at": it.ends_at,
            "status": "ended" if not goes_on else "suspended" if frozen else "open",
            "next_at": it.boundary(coming) if goes_on and not frozen else None,
            "replayed": replayed,
        }
