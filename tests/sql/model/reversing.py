"""The model of reverse_entry."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from tests.sql.model.account import Account, Entry, Parts, Sources, kind_of
from tests.sql.model.books import Row, entry_row
from tests.sql.model.holding import Holding
from tests.sql.model.refusal import Refused, invalid, nonce_conflict


class Reversing(Holding):
    """Reversals."""

    def reverse_entry(
        self,
        app: str,
        nonce: str,
        original_nonce: str,
        amount: int | None = None,
        metadata: dict[str, Any] | None = None,
        free_claim: bool = False,
        *,
        by_hand: bool = False,
    ) -> Row:
        """Reverse an entry, wholly or partly. By hand, even if frozen."""
        found = self.entry_under(app, original_nonce)
        if found is None:
            raise Refused("LG104", app=app, original_nonce=original_nonce)
        owner_id, original = found
        other_id = original.peer_owner_id
        with ExitStack() as locks:
            if other_id is None:
                account = other = locks.enter_context(self.locked(owner_id))
            else:
                account, other = locks.enter_context(self.locked_pair(owner_id, other_id))
            known = self.own_entry(owner_id, app, nonce)
            if known is not None:
                if not (
                    known.reverses_seq == original.seq
                    and (abs(known.amount) == amount or (amount is None and known.amount_defaulted))
                    and known.metadata == metadata
                    and known.frees_claim == free_claim
                ):
                    raise nonce_conflict(app, nonce)
                return entry_row(owner_id, known, replayed=True)
            if not by_hand:
                self.not_frozen(account)
                self.not_frozen(other)
            self.not_moved(account)
            self.not_moved(other)
            if original.reverses_seq is not None or (other_id is not None and original.amount > 0):
                raise invalid("original_nonce")
            parts = self._parts(other, owner_id, original) if other_id is not None else []
            expired = (
                max(0, self._left_of(account, original) - sum(size for _, size in parts))
                if other_id is not None
                else account.expired_of(original.seq)
            )
            real_amount, left = self._reversible(account, original, amount, expired)
            if free_claim and left:
                raise invalid("free_claim")
            if original.amount > 0:
                account.require(real_amount)
            elif other_id is not None:
                other.require(real_amount)

            lasting, lasting_free = account.lasting, account.lasting_free
            entry = account.append(
                app=app,
                operation="REVERSAL",
                amount=-real_amount if original.amount > 0 else real_amount,
                nonce=nonce,
                recorded_at=self.now,
                amount_defaulted=amount is None,
                metadata=metadata,
                reverses_seq=original.seq,
                spender=original.spender,
                frees_claim=free_claim,
                peer_owner_id=other_id,
                peer_seq=None if other_id is None else other.next_seq,
            )
            if original.amount > 0:
                self._take_back(account, entry, original, lasting_free)
            else:
                shares = self._shares(parts, real_amount)
                back = (
                    self._last_spent(account, entry, original, left)
                    if other_id is None
                    else self._of_kinds(account, original, shares)
                )
                debt = max(0, -lasting, account.min_balance - lasting_free)
                self._give_back(account, entry, back, debt)
                account.expire(self.now)
            shares = self._shares(parts, real_amount)
            for number, (part, share) in enumerate(shares, start=1):
                part_lasting_free = other.lasting_free
                taken = other.append(
                    app=app,
                    operation="REVERSAL",
                    amount=-share,
                    nonce=f"ledger:transfer:{nonce}:{number}",
                    recorded_at=self.now,
                    metadata=metadata,
                    reverses_seq=part.seq,
                    frees_claim=False,
                    peer_owner_id=owner_id,
                    peer_seq=entry.seq,
                )
                self._take_back(other, taken, part, part_lasting_free)
        if free_claim:
            self._free_claims(owner_id, original.seq)
        return entry_row(owner_id, entry, replayed=False)

    def reverse_by_hand(
        self,
        app: str,
        nonce: str,
        original_nonce: str,
        actor: str,
        reason: str,
        amount: int | None = None,
        free_claim: bool = False,
    ) -> Row:
        """Reverse an entry of an app by hand, even if frozen."""
        by = {"actor": actor, "reason": reason}
        return self.reverse_entry(app, nonce, original_nonce, amount, by, free_claim, by_hand=True)

    @staticmethod
    def _left_of(account: Account, original: Entry) -> int:
        """Return what no reversal has taken back of an entry."""
        reversals = [it for it in account.entries if it.reverses_seq == original.seq]
        return abs(original.amount) - sum(abs(it.amount) for it in reversals)

    def _parts(self, receiver: Account, sender_id: str, original: Entry) -> list[tuple[Entry, int]]:
        """Return what a transfer brought, with what neither was taken back nor has expired."""
        return [
            (it, max(0, self._left_of(receiver, it) - receiver.expired_of(it.seq)))
            for it in receiver.entries
            if (it.peer_owner_id, it.peer_seq) == (sender_id, original.seq)
            and it.reverses_seq is None
        ]

    def _reversible(
        self, account: Account, original: Entry, asked: int | None, expired: int
    ) -> tuple[int, int]:
        """Return the amount to reverse, and what no reversal will have taken back afterwards."""
        size = abs(original.amount)
        reversed_before = size - self._left_of(account, original)
        # Expired credits cannot be taken back.
        reversible = max(0, size - reversed_before - expired)
        amount = reversible if asked is None else asked
        if asked is not None and asked < 1:
            raise Refused("LG002", amount=asked, min_amount=1, max_amount=reversible)
        if amount > reversible or reversible == 0:
            raise Refused(
                "LG305",
                original_nonce=original.nonce,
                original_amount=original.amount,
                amount=amount,
                reversed=reversed_before,
                expired=expired,
                reversible=reversible,
            )
        return amount, size - reversed_before - amount

    @staticmethod
    def _take_back(account: Account, entry: Entry, original: Entry, lasting_free: int) -> None:
        """Take from credits of the same kind first, then in the order of a spend."""
        amount = -entry.amount
        lot = account.lots.get(original.seq)
        if lot is None:
            amount -= min(amount, max(0, lasting_free))
        else:
            own = min(amount, account.free(lot))
            if own:
                account.move(entry.seq, {lot.seq: own})
            amount -= own
        account.move(entry.seq, account.spent(amount))

    @staticmethod
    def _shares(parts: list[tuple[Entry, int]], amount: int) -> list[tuple[Entry, int]]:
        """Share out what is taken back of the parts of a transfer: the last received first."""
        shares = []
        for part, size in reversed(parts):
            if share := min(amount, size):
                shares.append((part, share))
                amount -= share
        return shares

    @staticmethod
    def _of_kinds(account: Account, original: Entry, shares: list[tuple[Entry, int]]) -> Sources:
        """Return where what is taken back came from: lots of the same kind, last taken first."""
        taken = account.taken_by(original)
        back: Parts = {}
        beside = 0
        for part, share in shares:
            left = share
            for seq in sorted(taken, reverse=True):
                lot = account.lots[seq]
                if kind_of(lot.expires_at, lot.use) == kind_of(part.expires_at, part.use):
                    size = min(left, taken[seq])
                    back[seq] = back.get(seq, 0) + size
                    left -= size
            beside += left
        return account.in_order(back, beside)

    @staticmethod
    def _last_spent(account: Account, entry: Entry, original: Entry, left: int) -> Sources:
        """Return where what is taken back of a debit came from: what was spent last."""
        taken = account.taken_by(original)
        beside = max(0, entry.amount + left - sum(taken.values()))
        rest = entry.amount
        back: Sources = []
        for seq, size in reversed(account.in_order(taken, beside)):
            back.insert(0, (seq, min(rest, size)))
            rest -= min(rest, size)
        return back

    @staticmethod
    def _give_back(account: Account, entry: Entry, back: Sources, debt: int) -> None:
        """Refund credit by credit, to where it came from.

        What fills an overdraft or a debt goes to credits in no lot: of those that came from there,
        and then of those of lots of any use that were spent first.
        """
        debt -= sum(size for seq, size in back if seq is None)
        for seq, size in back:
            for _ in range(size):
                if debt > 0 and seq is not None and not account.lots[seq].use.limits:
                    debt -= 1
                elif seq is not None:
                    account.move(entry.seq, {seq: -1})
        account.merge_moves(entry.seq)

    def _free_claims(self, owner_id: str, seq: int) -> None:
        """Free the slots of an entry; a claim of a moved account that is beyond takes them."""
        freed = [it for it in self.claims if (it.owner_id, it.seq) == (owner_id, seq)]
        self.claims -= frozenset(freed)
        for it in freed:
            moved = [
                other
                for other in self.claims
                if replace(other, slot=it.slot, owner_id=it.owner_id, seq=it.seq) == it
                and other.slot > it.slot
                and other.kind == "owner"
                and other.owner_id != other.subject
            ]
            if moved:
                last = max(moved, key=lambda claim: claim.slot)
                self.claims = self.claims - {last} | {replace(last, slot=it.slot)}
