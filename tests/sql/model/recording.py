"""The model of record_entry and record_entries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tests.sql.model import budgets
from tests.sql.model.account import PLAIN, Account, Entry, Parts, Use, kind_of
from tests.sql.model.books import Books, Claim, Row, entry_row
from tests.sql.model.catalogue import RULES, rule_of
from tests.sql.model.refusal import Refused, invalid, json_time, nonce_conflict


class Recording(Books):
    """Single entries and batches."""

    def record_entry(
        self,
        app: str,
        owner_id: str,
        operation: str,
        nonce: str,
        amount: int | None = None,
        metadata: dict[str, Any] | None = None,
        expires_at: datetime | None = None,
        claim_subject: str | None = None,
        quantity: int | None = None,
        spender: str | None = None,
    ) -> Row:
        """Record an entry. The order is: replay, rule, freeze, claims, floor, budgets."""
        with self.locked(owner_id) as account:
            known = self.own_entry(owner_id, app, nonce)
            if known is not None:
                default = RULES[operation].default if operation in RULES else None
                if not (
                    known.operation == operation
                    and (
                        (
                            quantity is None
                            and known.amount == (default if amount is None else amount)
                        )
                        or (amount is None and known.amount_defaulted)
                    )
                    and (
                        known.expires_at == expires_at
                        or (expires_at is None and known.expiry_defaulted)
                    )
                    and (known.metadata, known.claim_subject) == (metadata, claim_subject)
                    and (known.quantity, known.spender) == (quantity, spender)
                    and known.hold_nonce is None
                    and known.reverses_seq is None
                    and known.peer_owner_id is None
                ):
                    raise nonce_conflict(app, nonce)
                return entry_row(owner_id, known, replayed=True)

            rule = self.rule_of(app, operation)
            real_amount = rule.amount(operation, amount, quantity)
            self.not_frozen(account)
            if expires_at is not None and (real_amount <= 0 or expires_at <= self.now):
                raise invalid("expires_at")
            until = rule.expiry(self.now) if rule.expiry and expires_at is None else expires_at
            claims = self._claims(app, account, operation, claim_subject)
            account.require(-real_amount, app, operation)

            entry = account.append(
                app=app,
                operation=operation,
                amount=real_amount,
                nonce=nonce,
                recorded_at=self.now,
                amount_defaulted=amount is None,
                expiry_defaulted=expires_at is None and until is not None,
                metadata=metadata,
                expires_at=until,
                claim_subject=claim_subject,
                quantity=quantity,
                spender=spender,
                use=rule.use if real_amount > 0 else PLAIN,
            )
            if real_amount < 0:
                budgets.check(account, app, operation, spender, self.now, spent=-real_amount)
            self._lots_of(account, entry)
        self.claims |= claims
        return entry_row(owner_id, entry, replayed=False)

    def record_entries(
        self, app: str, entries: Sequence[dict[str, Any]], atomic: bool = False
    ) -> list[Row | Refused]:
        """Record items in sequence."""
        results: list[Row | Refused] = []
        for position, item in enumerate(entries, start=1):
            try:
                row = self.record_item(app, **item)
                results.append({"position": position, **row})
            except Refused as refused:
                refused.detail["position"] = position
                if atomic:
                    raise
                results.append(refused)
        return results

    def record_item(self, app: str, **item: Any) -> Row:
        """Record an item of a batch, or transfer what it says; return the sender's entry."""
        if "to_owner_id" in item:
            item["from_owner_id"] = item.pop("owner_id")
            return self.transfer_credits(app, **item)[0]
        return self.record_entry(app, **item)

    def transfer_credits(
        self,
        app: str,
        from_owner_id: str,
        to_owner_id: str,
        operation: str,
        nonce: str,
        amount: int | None,
        metadata: dict[str, Any] | None = None,
        spender: str | None = None,
    ) -> list[Row]:
        """Transfer credits: an entry of the sender, and one for each kind at the receiver."""
        if from_owner_id == to_owner_id:
            raise invalid("to_owner_id")
        known = self.own_entry(from_owner_id, app, nonce)
        if known is not None:
            said = (operation, None if amount is None else -amount, metadata, spender, to_owner_id)
            kept = (known.operation, known.amount, known.metadata, known.spender)
            if (*kept, known.peer_owner_id) != said or known.reverses_seq is not None:
                raise nonce_conflict(app, nonce)
            return self.sides(from_owner_id, known)
        rule = rule_of(app, operation, self.price, transfers=True)
        if amount is None:
            raise invalid("amount")
        if not -rule.high <= amount <= -rule.low:
            bounds = {"min_amount": -rule.high, "max_amount": -rule.low}
            raise Refused("LG002", operation=operation, amount=amount, **bounds)
        with self.locked_pair(from_owner_id, to_owner_id) as (sender, receiver):
            self.not_frozen(receiver)
            self.not_frozen(sender)
            sender.require(amount, app, operation)
            sent = sender.append(
                app=app,
                operation=operation,
                amount=-amount,
                nonce=nonce,
                recorded_at=self.now,
                metadata=metadata,
                spender=spender,
                peer_owner_id=to_owner_id,
                peer_seq=receiver.next_seq,
            )
            budgets.check(sender, app, operation, spender, self.now, spent=amount)
            taken = sender.spent(amount, app, operation)
            sender.move(sent.seq, taken)
            found = self.receive(sender, receiver, sent, taken)
        return [
            entry_row(from_owner_id, sent, replayed=False),
            *(entry_row(to_owner_id, it, replayed=False) for it in found),
        ]

    def sides(self, owner_id: str, sent: Entry) -> list[Row]:
        """Return both sides of a transfer or move that was recorded before."""
        peer = self.accounts[sent.peer_owner_id or ""]
        return [
            entry_row(owner_id, sent, replayed=True),
            *(
                entry_row(peer.owner_id, it, replayed=True)
                for it in peer.entries
                if (it.peer_owner_id, it.peer_seq) == (owner_id, sent.seq)
            ),
        ]

    @staticmethod
    def receive(sender: Account, receiver: Account, sent: Entry, taken: Parts) -> list[Entry]:
        """Record what comes to the receiver: an entry for each kind of credits."""
        kinds: dict[Any, tuple[int, datetime | None, Use]] = {}
        # The entry of the sender is recorded already.
        beside = -sent.amount - sum(taken.values())
        for seq, size in sender.in_order(taken, beside):
            lot = None if seq is None else sender.lots[seq]
            expires_at, use = (lot.expires_at, lot.use) if lot else (None, PLAIN)
            kind = kind_of(expires_at, use)
            before = kinds[kind][0] if kind in kinds else 0
            kinds[kind] = (before + size, expires_at, use)
        found: list[Entry] = []
        for size, expires_at, use in kinds.values():
            if size == 0:
                continue
            entry = receiver.append(
                app=sent.app,
                operation=sent.operation,
                amount=size,
                nonce=f"ledger:transfer:{sent.nonce}:{len(found) + 1}",
                recorded_at=sent.recorded_at,
                metadata=sent.metadata,
                expires_at=expires_at,
                use=use,
                peer_owner_id=sender.owner_id,
                peer_seq=sent.seq,
            )
            if expires_at is not None or use != PLAIN:
                receiver.grant(entry)
            found.append(entry)
        return found

    @staticmethod
    def not_moved(account: Account) -> None:
        """Refuse if the account was moved to another owner."""
        if account.moved_to is not None:
            about = {"owner_id": account.owner_id, "moved_to": account.moved_to}
            raise Refused("LG308", asset="CREDIT", **about)

    def not_frozen(self, account: Account) -> None:
        """Refuse if an operator froze the account."""
        self.not_moved(account)
        if account.frozen_at is not None:
            raise Refused(
                "LG303",
                owner_id=account.owner_id,
                asset="CREDIT",
                frozen_at=json_time(account.frozen_at),
            )

    @staticmethod
    def _lots_of(account: Account, entry: Entry) -> None:
        if entry.expires_at is not None or entry.use != PLAIN:
            account.grant(entry)
        elif entry.amount < 0:
            account.move(entry.seq, account.spent(-entry.amount, entry.app, entry.operation))

    def _claims(
        self, app: str, account: Account, operation: str, claim_subject: str | None
    ) -> set[Claim]:
        limit = RULES[operation].limit
        claims: set[Claim] = set()
        if limit is None:
            return claims
        scope, start, seq = app if limit.by_app else "", limit.start(self.now), account.next_seq
        for kind, subject in (("owner", account.owner_id), ("claim_subject", claim_subject)):
            if subject is None:
                continue
            key = (operation, kind, subject, scope, start)
            taken = {
                claim.slot
                for claim in self.claims
                if (claim.operation, claim.kind, claim.subject, claim.app, claim.start) == key
            }
            free = [slot for slot in range(1, limit.claims + 1) if slot not in taken]
            if not free:
                raise Refused(
                    "LG302",
                    operation=operation,
                    limited=kind,
                    claim_limit=limit.claims,
                    claim_period=limit.period,
                    next_eligible_at=json_time(limit.end(self.now)),
                )
            claims.add(Claim(*key, free[0], account.owner_id, seq))
        return claims
