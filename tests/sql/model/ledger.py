"""The model of the whole ledger: a method per SQL function, with its name and parameters."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from tests.sql.model.account import PLAIN, PLAIN_PRIORITY, Account
from tests.sql.model.books import Row, entry_row, hold_row
from tests.sql.model.budgets import Budget, used
from tests.sql.model.refusal import Refused, invalid, nonce_conflict
from tests.sql.model.reversing import Reversing


class Ledger(Reversing):
    """Adds operators' actions and reads."""

    def adjust_balance(
        self, owner_id: str, amount: int, nonce: str, actor: str, reason: str
    ) -> Row:
        """Adjust a balance, even if frozen."""
        metadata = {"actor": actor, "reason": reason}
        with self.locked(owner_id) as account:
            known = self.own_entry(owner_id, "ledger", nonce)
            if known is not None:
                if (known.amount, known.metadata) != (amount, metadata):
                    raise nonce_conflict("ledger", nonce)
                return entry_row(owner_id, known, replayed=True)
            self.not_moved(account)
            account.require(-amount)
            entry = account.append(
                app="ledger",
                operation="ADJUSTMENT",
                amount=amount,
                nonce=nonce,
                recorded_at=self.now,
                metadata=metadata,
            )
            if amount < 0:
                account.move(entry.seq, account.spent(-amount))
        return entry_row(owner_id, entry, replayed=False)

    def set_min_balance(self, owner_id: str, min_balance: int, actor: str, reason: str) -> None:  # noqa: ARG002
        """Set the floor, if credits can expire without falling below it."""
        with self.locked(owner_id) as account:
            if account.min_balance != min_balance:
                self.not_moved(account)
            if account.lasting_free < min_balance and min_balance > account.min_balance:
                raise Refused(
                    "LG301",
                    owner_id=owner_id,
                    asset="CREDIT",
                    available=account.available,
                    min_balance=min_balance,
                )
            account.min_balance = min_balance

    def move_account(
        self, from_owner_id: str, to_owner_id: str, nonce: str, actor: str, reason: str
    ) -> list[Row]:
        """Move an account to another owner, who has claimed what the old one had, and close it."""
        metadata = {"actor": actor, "reason": reason}
        if from_owner_id == to_owner_id:
            raise invalid("to_owner_id")
        if from_owner_id not in self.accounts:
            raise invalid("from_owner_id")
        with self.locked_pair(from_owner_id, to_owner_id) as (old, new):
            known = self.own_entry(from_owner_id, "ledger", nonce)
            if known is not None:
                if (known.operation, known.metadata, known.peer_owner_id) != (
                    "ACCOUNT_MOVE",
                    metadata,
                    to_owner_id,
                ):
                    raise nonce_conflict("ledger", nonce)
                return self.sides(from_owner_id, known)
            self.not_moved(old)
            self.not_moved(new)
            if (
                any(hold.status == "open" for hold in old.holds)
                or any(it["status"] != "ended" for it in self.allowances_of(from_owner_id))
                or old.balance < sum(lot.remaining for lot in old.lots.values())
            ):
                raise invalid("from_owner_id")
            sent = old.append(
                app="ledger",
                operation="ACCOUNT_MOVE",
                amount=-old.balance,
                nonce=nonce,
                recorded_at=self.now,
                amount_defaulted=True,
                metadata=metadata,
                peer_owner_id=to_owner_id,
                peer_seq=new.next_seq,
            )
            taken = {lot.seq: lot.remaining for lot in old.lots.values() if lot.remaining}
            old.move(sent.seq, taken)
            received = self.receive(old, new, sent, taken)
            self._share_claims(from_owner_id, to_owner_id)
            old.frozen_at, old.moved_to = old.frozen_at or self.now, to_owner_id
            for it in old.allowances.values():
                it.next_at = None
        return [
            entry_row(from_owner_id, sent, replayed=False),
            *(entry_row(to_owner_id, it, replayed=False) for it in received),
        ]

    def _share_claims(self, owner_id: str, to_owner_id: str) -> None:
        claims = [it for it in self.claims if (it.kind, it.subject) == ("owner", owner_id)]
        for claim in sorted(claims, key=lambda it: (it.operation, it.app, str(it.start), it.slot)):
            other = replace(claim, subject=to_owner_id)
            same = replace(other, slot=0, owner_id="", seq=0)
            taken = {
                it.slot for it in self.claims if replace(it, slot=0, owner_id="", seq=0) == same
            }
            slot = next(it for it in count(1) if it not in taken)
            self.claims |= {replace(other, slot=slot)}

    def freeze_account(self, owner_id: str, actor: str, reason: str) -> None:  # noqa: ARG002
        """Freeze the account for apps."""
        with self.locked(owner_id) as account:
            account.frozen_at = account.frozen_at or self.now
            for it in account.allowances.values():
                it.next_at = None

    def unfreeze_account(self, owner_id: str, actor: str, reason: str) -> None:  # noqa: ARG002
        """Unfreeze the account."""
        with self.locked(owner_id) as account:
            if account.frozen_at is None:
                return
            self.not_moved(account)
            account.frozen_at = None
            for it in account.allowances.values():
                following = max(it.next_occurrence, it.occurrence_at(self.now))
                if it.comes(following):
                    begins = it.boundary(following)
                    assert begins is not None
                    it.next_occurrence, it.next_at = following, max(begins, self.now)
            account.settle(self.now)

    def set_budget(self, owner_id: str, actor: str, reason: str, **rule: Any) -> Row:  # noqa: ARG002
        """Set a budget, or change it."""
        budget = Budget(**rule)
        key = (budget.budget, budget.spender)
        with self.locked(owner_id) as account:
            account.budgets[key] = budget
        found = self.budgets_of(owner_id)
        return next(row for row in found if (row["budget"], row["spender"]) == key)

    def drop_budget(
        self,
        owner_id: str,
        budget: str,
        spender: str | None,
        **_by: str,
    ) -> None:
        """Drop a budget."""
        if (budget, spender) not in self.accounts.get(owner_id, Account(owner_id)).budgets:
            raise Refused("LG107", owner_id=owner_id, budget=budget, spender=spender)
        with self.locked(owner_id) as account:
            del account.budgets[budget, spender]

    def budgets_of(self, owner_id: str) -> list[Row]:
        """Return the budgets; of each spender, a row for each who has used some of it as well."""
        account = self.settled(owner_id)
        spenders = {entry.spender for entry in account.entries if entry.spender is not None}
        spenders |= {hold.spender for hold in account.holds if hold.spender is not None}
        found: list[tuple[Budget, str | None, tuple[int, int]]] = []
        for rule in account.budgets.values():
            if rule.spender != "*":
                found.append((rule, rule.spender, used(account, rule, rule.spender, self.now)))
                continue
            found.append((rule, "*", (0, 0)))
            for spender in spenders:
                its = used(account, rule, spender, self.now)
                if any(its) and (rule.budget, spender) not in account.budgets:
                    found.append((rule, spender, its))
        found.sort(key=lambda it: (it[0].budget, it[1] is not None, it[1] != "*", it[1] or ""))
        return [
            {"budget": rule.budget, "spender": spender, "spent": its[0], "held": its[1]}
            for rule, spender, its in found
        ]

    def expire_credits(self) -> int:
        """Settle all accounts with something due, and return their number."""
        due = [owner_id for owner_id, account in self.accounts.items() if self._is_due(account)]
        for owner_id in due:
            with self.locked(owner_id):
                pass
        return len(due)

    def balance(
        self, owner_id: str, for_app: str | None = None, for_operation: str | None = None
    ) -> Row:
        """Return the balance as of now. `entry_count` counts only recorded entries."""
        posted = self.accounts.get(owner_id, Account(owner_id))
        account = self.settled(owner_id)
        ends = [lot.expires_at for lot in account.free_lots() if lot.expires_at is not None]
        coming = [it.next_at for it in account.allowances.values() if it.next_at is not None]
        next_at = min(coming, default=None)
        soonest = min(ends, default=None)
        expiring = [
            account.free(lot)
            for lot in account.free_lots()
            if soonest is not None and lot.expires_at == soonest
        ]
        return {
            "balance": account.balance,
            "held": account.held,
            "available": account.available_to(for_app, for_operation),
            "entry_count": len(posted.entries),
            "next_expiry_at": soonest,
            "next_expiry_amount": sum(expiring) or None,
            "next_allowance_at": next_at,
            "next_allowance_amount": sum(
                it.amount for it in account.allowances.values() if it.next_at == next_at
            )
            if next_at
            else None,
        }

    def balance_at(self, owner_id: str, at: datetime) -> int:
        """Return the balance at a time that is not in the future."""
        posted = self.accounts.get(owner_id, Account(owner_id))
        due = self.settled(owner_id).entries[len(posted.entries) :]
        counted = posted.entries[: posted.last_seq_at(at, self.now)]
        return sum(
            entry.amount for entry in [*counted, *(it for it in due if it.recorded_at <= at)]
        )

    def holds_of(self, owner_id: str) -> list[Row]:
        """Return the holds as of now, newest first."""
        holds = sorted(self.settled(owner_id).holds, key=lambda hold: hold.placed_at, reverse=True)
        return [hold_row(owner_id, hold, replayed=False) for hold in holds]

    def forecast(self, owner_id: str, max_rows: int) -> list[Row]:
        """Return what happens by the clock alone, by letting it happen."""
        account = self.settled(owner_id)
        found: list[Row] = []
        while len(found) < max_rows and (due := account.next_due()) is not None:
            ends = [it for it in account.holds if it.status == "open" and it.expires_at <= due]
            for hold in sorted(ends, key=lambda it: (it.app, it.nonce)):
                freed = hold.remaining
                hold.end("expired", due)
                about: Row = {"seq": None, "app": hold.app, "nonce": hold.nonce}
                found.append(_event(due, "hold_end", freed, account.balance, account.held, about))
            balance = account.balance
            for lot in sorted(account.free_lots(), key=lambda it: it.seq):
                if lot.expires_at is not None and lot.expires_at <= due:
                    gone = account.free(lot)
                    balance -= gone
                    granted = account.entries[lot.seq - 1]
                    about = {"seq": lot.seq, "app": granted.app, "nonce": granted.nonce}
                    found.append(_event(due, "expiry", -gone, balance, account.held, about))
            posted = len(account.entries)
            account.pass_moment(due, seen_until=self.now)
            for entry in account.entries[posted:]:
                if entry.operation != "EXPIRY":
                    kind = "carry_over" if entry.operation == "CARRY_OVER" else "allowance"
                    found.append(
                        _event(due, kind, entry.amount, entry.balance, account.held, {"seq": None})
                    )
        return found[:max_rows]

    def lots_of(self, owner_id: str) -> list[Row]:
        """Return the lots with something left, as they are spent."""
        account = self.settled(owner_id)
        left = [lot for lot in account.lots.values() if lot.remaining]
        return [
            {
                "seq": lot.seq,
                "app": account.entries[lot.seq - 1].app,
                "amount": lot.amount,
                "remaining": lot.remaining,
                "held": account.held_of(lot),
                "expires_at": lot.expires_at,
                **vars(lot.use),
                "priority": lot.use.priority or PLAIN_PRIORITY,
            }
            for lot in sorted(left, key=lambda lot: lot.place)
        ]

    def balance_parts(self, owner_id: str) -> list[Row]:
        """Return what the balance consists of, as it is spent."""
        account = self.settled(owner_id)
        rest = {lot.seq: lot.remaining for lot in account.lots.values() if lot.remaining}
        parts: list[Row] = []
        for seq, amount in account.in_order(rest, account.lasting):
            lot = None if seq is None else account.lots[seq]
            held = account.lasting - account.lasting_free if lot is None else account.held_of(lot)
            use = PLAIN if lot is None else lot.use
            part = {
                **vars(use),
                "priority": use.priority or PLAIN_PRIORITY,
                "expires_at": lot and lot.expires_at,
            }
            if amount or held:
                same = [it for it in parts if part.items() <= it.items()] if lot else []
                if same:
                    same[0]["amount"] += amount
                    same[0]["held"] += held
                else:
                    parts.append({**part, "amount": amount, "held": held})
        return parts

    def timeline(self, owner_id: str) -> list[Row]:
        """Return the balance after each entry; expiries that are not posted yet are entries too.

        An entry that was recorded while the clock was ahead counts from the next one on.
        """
        steps: list[Row] = []
        at = self.now
        for entry in reversed(self.settled(owner_id).entries):
            at = min(at, entry.recorded_at)
            steps.insert(0, {"at": at, "balance": entry.balance})
        return steps

    def _is_due(self, account: Account) -> bool:
        due = account.next_due()
        return due is not None and due <= self.now


def _event(at: datetime, kind: str, amount: int, balance: int, held: int, about: Row) -> Row:
    return {"at": at, "kind": kind, "amount": amount, "balance": balance, "held": held, **about}
