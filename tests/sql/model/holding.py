"""The model of place_hold, capture_hold, release_hold, extend_hold and grow_hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from tests.sql.model import budgets
from tests.sql.model.account import TOLERANCE, Account, Hold, first
from tests.sql.model.books import Row, entry_row, hold_row
from tests.sql.model.catalogue import RULES
from tests.sql.model.granting import Granting
from tests.sql.model.refusal import Refused, invalid, json_time, nonce_conflict

ALLOWING: dict[bool | None, set[str]] = {
    None: {"refuse", "available", "debt"},
    False: {"available", "debt"},
    True: {"debt"},
}
"""Which ways of a capture allow what was recorded, by `overdrawn`."""


class Holding(Granting):
    """Holds."""

    def place_hold(
        self,
        app: str,
        owner_id: str,
        operation: str,
        nonce: str,
        amount: int | None,
        expires_in: timedelta = timedelta(minutes=15),
        metadata: dict[str, Any] | None = None,
        quantity: int | None = None,
        spender: str | None = None,
    ) -> Row:
        """Reserve credits."""
        rule = self.rule_of(app, operation)
        if expires_in <= timedelta(0):
            raise invalid("expires_in")
        if rule.low >= 0 or rule.limit is not None:
            raise invalid("operation")
        if amount is None and quantity is None:
            raise invalid("amount")
        real_amount = -rule.priced(quantity) if quantity is not None else amount or 0
        found = self.hold_under(app, nonce)
        low, high = max(1, -rule.high), -rule.low
        if found is None and not low <= real_amount <= high:
            raise Refused(
                "LG002",
                operation=operation,
                amount=real_amount,
                min_amount=low,
                max_amount=high,
            )
        if self.entry_under(app, nonce) or (found is None and self.is_taken(app, nonce)):
            raise nonce_conflict(app, nonce)
        if found is not None and found[0] != owner_id:
            raise nonce_conflict(app, nonce)
        with self.locked(owner_id) as account:
            known = self._hold(account, app, nonce)
            if known is not None:
                asked = (operation, expires_in, metadata, quantity, spender)
                first = (known.operation, known.expires_in, known.metadata, known.quantity)
                if (*first, known.spender) != asked:
                    raise nonce_conflict(app, nonce)
                if quantity is None and known.amount - sum(known.growths.values()) != amount:
                    raise nonce_conflict(app, nonce)
                return hold_row(owner_id, known, replayed=True)
            self.not_frozen(account)
            account.require(real_amount, app, operation)
            # No two holds of an account have the same time, even if the clock stands still.
            placed_at, times = self.now, {it.placed_at for it in account.holds}
            while placed_at in times:
                near = (at for at in times if placed_at <= at <= placed_at + TOLERANCE)
                placed_at = max(near) + timedelta(microseconds=1)
            hold = Hold(
                app=app,
                nonce=nonce,
                operation=operation,
                amount=real_amount,
                expires_in=expires_in,
                placed_at=placed_at,
                expires_at=self.now + expires_in,
                metadata=metadata,
                quantity=quantity,
                price=None if quantity is None else rule.price,
                spender=spender,
                lots=account.spent(real_amount, app, operation, recorded=False),
            )
            account.holds.append(hold)
            self._count(account, hold, held=real_amount)
        return hold_row(owner_id, hold, replayed=False)

    def capture_hold(
        self,
        app: str,
        hold_nonce: str,
        nonce: str,
        amount: int | None = None,
        final: bool = True,
        metadata: dict[str, Any] | None = None,
        beyond: str = "refuse",
        quantity: int | None = None,
    ) -> Row:
        """Spend held credits, in the order of spending, and then what is free."""
        with self._holding(app, hold_nonce) as (account, hold):
            owner_id = account.owner_id
            known = self.own_entry(owner_id, app, nonce)
            if known is not None:
                if not (
                    (known.hold_nonce, known.hold_final) == (hold_nonce, final)
                    and (-known.amount == amount or (amount is None and known.amount_defaulted))
                    and known.metadata == metadata
                    and known.quantity == quantity
                    and beyond in ALLOWING[known.overdrawn]
                ):
                    raise nonce_conflict(app, nonce)
                return entry_row(owner_id, known, replayed=True)
            self._open(hold)
            self.not_frozen(account)
            rule = self.rule_of(app, hold.operation)
            real_amount = hold.remaining if amount is None else amount
            if quantity is not None:
                # A hold that was placed by quantity was promised its price.
                real_amount = -(hold.price.of(quantity) if hold.price else rule.priced(quantity))
            most, remaining, overdrawn = hold.remaining, hold.remaining, None
            if beyond != "refuse" and real_amount > remaining:
                most = max(remaining, -rule.low - hold.captured)
            if not 1 <= real_amount <= most:
                raise Refused("LG002", amount=real_amount, min_amount=1, max_amount=most)
            if real_amount > remaining:
                rest, debt = real_amount - remaining, rule.max_debt if beyond == "debt" else 0
                account.require(rest, app, hold.operation, debt)
                overdrawn = account.available_to(app, hold.operation) - rest < account.min_balance
                more = account.spent(rest, app, hold.operation, recorded=False)
                for lot_seq, part in more.items():
                    hold.lots[lot_seq] = hold.lots.get(lot_seq, 0) + part

            entry = account.append(
                app=app,
                operation=hold.operation,
                amount=-real_amount,
                nonce=nonce,
                recorded_at=self.now,
                amount_defaulted=amount is None,
                metadata=metadata,
                hold_nonce=hold_nonce,
                hold_final=final,
                quantity=quantity,
                overdrawn=overdrawn,
                spender=hold.spender,
            )
            hold.captured += real_amount
            beyond_hold = max(0, real_amount - remaining)
            beside = max(real_amount, remaining) - sum(hold.lots.values())
            taken = first(real_amount, account.in_order(hold.lots, beside))
            for lot_seq, part in taken.items():
                hold.lots[lot_seq] -= part
            account.move(entry.seq, taken)
            if final or hold.remaining <= 0:
                hold.end("captured", self.now)
                if beyond_hold:
                    self._count(account, hold, spent=beyond_hold)
                account.expire(self.now)
        return entry_row(owner_id, entry, replayed=False)

    def release_hold(self, app: str, hold_nonce: str) -> Row:
        """Release the credits of a hold."""
        with self._holding(app, hold_nonce) as (account, hold):
            replayed = hold.status == "released"
            if not replayed:
                self._open(hold)
                hold.end("released", self.now)
                account.expire(self.now)
        return hold_row(account.owner_id, hold, replayed)

    def extend_hold(self, app: str, hold_nonce: str, expires_in: timedelta) -> Row:
        """Extend a hold; never shorten it."""
        with self._holding(app, hold_nonce) as (account, hold):
            self._open(hold)
            hold.expires_at = max(hold.expires_at, self.now + expires_in)
        return hold_row(account.owner_id, hold, replayed=False)

    def grow_hold(self, app: str, hold_nonce: str, nonce: str, by: int) -> Row:
        """Reserve more."""
        with self._holding(app, hold_nonce) as (account, hold):
            replayed = nonce in hold.growths
            if replayed and hold.growths[nonce] != by:
                raise nonce_conflict(app, nonce)
            if not replayed:
                if self.is_taken(app, nonce) or self.entry_under(app, nonce):
                    raise nonce_conflict(app, nonce)
                self._open(hold)
                self.not_frozen(account)
                if not 1 <= by <= -RULES[hold.operation].low - hold.amount:
                    raise Refused("LG002", by=by, min_by=1)
                account.require(by, app, hold.operation)
                more = account.spent(by, app, hold.operation, recorded=False)
                for lot_seq, part in more.items():
                    hold.lots[lot_seq] = hold.lots.get(lot_seq, 0) + part
                hold.amount += by
                hold.growths[nonce] = by
                self._count(account, hold, held=by)
        return hold_row(account.owner_id, hold, replayed)

    @staticmethod
    def _count(account: Account, hold: Hold, *, spent: int = 0, held: int = 0) -> None:
        """Count in the budgets of the period in which the hold was placed."""
        budgets.check(
            account,
            hold.app,
            hold.operation,
            hold.spender,
            hold.placed_at,
            spent=spent,
            held=held,
        )

    @contextmanager
    def _holding(self, app: str, nonce: str) -> Iterator[tuple[Account, Hold]]:
        found = self.hold_under(app, nonce)
        if found is None:
            raise Refused("LG105", app=app, hold_nonce=nonce)
        with self.locked(found[0]) as account:
            hold = self._hold(account, app, nonce)
            assert hold is not None
            yield account, hold

    @staticmethod
    def _hold(account: Account, app: str, nonce: str) -> Hold | None:
        return next((it for it in account.holds if (it.app, it.nonce) == (app, nonce)), None)

    @staticmethod
    def _open(hold: Hold) -> None:
        if hold.status != "open":
            raise Refused(
                "LG304",
                app=hold.app,
                hold_nonce=hold.nonce,
                status=hold.status,
                closed_at=json_time(hold.closed_at),
            )
