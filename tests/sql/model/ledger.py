"""The model of the whole ledger: a method per SQL function, with its name and parameters."""

from __future__ import annotations

from datetime import datetime

from tests.sql.model.account import Account
from tests.sql.model.books import Row, entry_row, hold_row
from tests.sql.model.refusal import Refused, nonce_conflict
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
            account.require(-amount)
            self.unused("ledger", nonce)
            entry = account.append(
                app="ledger",
                operation="ADJUSTMENT",
                amount=amount,
                nonce=nonce,
                recorded_at=self.now,
                metadata=metadata,
            )
            if amount < 0:
                account.move(entry.seq, account.soonest(-amount))
        return entry_row(owner_id, entry, replayed=False)

    def set_min_balance(self, owner_id: str, min_balance: int, actor: str, reason: str) -> None:  # noqa: ARG002
        """Set the floor, if credits can expire without falling below it."""
        with self.locked(owner_id) as account:
            if account.lasting_free < min_balance:
                raise Refused(
                    "LG301",
                    owner_id=owner_id,
                    asset="CREDIT",
                    available=account.available,
                    min_balance=min_balance,
                )
            account.min_balance = min_balance

    def freeze_account(self, owner_id: str, actor: str, reason: str) -> None:  # noqa: ARG002
        """Freeze the account for apps."""
        with self.locked(owner_id) as account:
            account.frozen_at = account.frozen_at or self.now

    def unfreeze_account(self, owner_id: str, actor: str, reason: str) -> None:  # noqa: ARG002
        """Unfreeze the account."""
        with self.locked(owner_id) as account:
            account.frozen_at = None

    def expire_credits(self) -> int:
        """Settle all accounts with something due, and return their number."""
        due = [owner_id for owner_id, account in self.accounts.items() if self._is_due(account)]
        for owner_id in due:
            with self.locked(owner_id):
                pass
        return len(due)

    def balance(self, owner_id: str) -> Row:
        """Return the balance as of now. `entry_count` counts only recorded entries."""
        posted = self.accounts.get(owner_id, Account(owner_id))
        account = self.settled(owner_id)
        ends = [lot.expires_at for lot in account.free_lots()]
        soonest = min(ends, default=None)
        expiring = [account.free(lot) for lot in account.free_lots() if lot.expires_at == soonest]
        return {
            "balance": account.balance,
            "held": account.held,
            "available": account.available,
            "entry_count": len(posted.entries),
            "next_expiry_at": soonest,
            "next_expiry_amount": sum(expiring) or None,
        }

    def balance_at(self, owner_id: str, at: datetime) -> int:
        """Return the balance at a time that is not in the future."""
        entries = self.settled(owner_id).entries
        return sum(entry.amount for entry in entries if entry.recorded_at <= at)

    def holds_of(self, owner_id: str) -> list[Row]:
        """Return the holds as of now, newest first."""
        holds = self.settled(owner_id).holds
        return [hold_row(owner_id, hold, replayed=False) for hold in reversed(holds)]

    def _is_due(self, account: Account) -> bool:
        due = account.next_due()
        return due is not None and due <= self.now
