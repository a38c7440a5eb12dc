"""The state that all parts of the model share: accounts, claims, nonces, the clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeAlias

from tests.sql.model.account import Account, Entry, Hold
from tests.sql.model.catalogue import PRICES, Rule, rule_of
from tests.sql.model.refusal import nonce_conflict

Row: TypeAlias = dict[str, Any]

_INSIDE = (
    *("amount_defaulted", "expiry_defaulted", "claim_subject", "hold_final", "frees_claim"),
    *("use", "peer_owner_id", "peer_seq"),
)


@dataclass(frozen=True)
class Claim:
    """One slot of a claim limit."""

    operation: str
    kind: str
    subject: str
    app: str
    start: datetime | None
    slot: int
    owner_id: str
    seq: int


class Books:
    """The state of the model. Accounts in `accounts` are replaced, never changed."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.accounts: dict[str, Account] = {}
        self.claims: frozenset[Claim] = frozenset()
        self.price = PRICES[0]

    def rule_of(self, app: str, operation: str) -> Rule:
        """Return the rule of an operation for an app at the price of now, or refuse."""
        return rule_of(app, operation, self.price)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Undo everything if the block raises."""
        accounts, claims = dict(self.accounts), self.claims
        try:
            yield
        except BaseException:
            self.accounts, self.claims = accounts, claims
            raise

    def settled(self, owner_id: str) -> Account:
        """Return a copy of an account as of now."""
        return self._settled(owner_id, self.now)

    def _settled(self, owner_id: str, now: datetime) -> Account:
        account = self.accounts.get(owner_id, Account(owner_id)).copy()
        late = account.entries and account.entries[-1].recorded_at > account.time(now)
        if late and account.frozen_at is None:
            account.rewind(now)
        account.settle(now)
        return account

    @contextmanager
    def locked(self, owner_id: str) -> Iterator[Account]:
        """Provide an account as of now to change. Changes are discarded if the block raises.

        Meanwhile, `now` is the time of the account.
        """
        clock = self.now
        self.now = self.accounts.get(owner_id, Account(owner_id)).time(clock)
        try:
            account = self._settled(owner_id, self.now)
            yield account
        finally:
            self.now = clock
        if owner_id in self.accounts or account != Account(owner_id):
            self.accounts[owner_id] = account

    @contextmanager
    def locked_pair(self, owner_id: str, peer_owner_id: str) -> Iterator[tuple[Account, Account]]:
        """Provide two accounts, as `locked` does one, both as of the same time."""
        clock = self.now
        with self.locked(owner_id) as own:
            time = self.now
            self.now = clock
            with self.locked(peer_owner_id) as peer:
                self.now = max(time, self.now)
                own.settle(self.now)
                peer.settle(self.now)
                yield own, peer

    def entry_under(self, app: str, nonce: str) -> tuple[str, Entry] | None:
        """Find an entry, with its owner."""
        for account in self.accounts.values():
            for entry in account.entries:
                if (entry.app, entry.nonce) == (app, nonce):
                    return account.owner_id, entry
        return None

    def hold_under(self, app: str, nonce: str) -> tuple[str, Hold] | None:
        """Find a hold, with its owner."""
        for account in self.accounts.values():
            for hold in account.holds:
                if (hold.app, hold.nonce) == (app, nonce):
                    return account.owner_id, hold
        return None

    def grown_under(self, app: str, nonce: str) -> Hold | None:
        """Find the hold that has grown under a nonce."""
        return next(
            (
                hold
                for account in self.accounts.values()
                for hold in account.holds
                if hold.app == app and nonce in hold.growths
            ),
            None,
        )

    def own_entry(self, owner_id: str, app: str, nonce: str) -> Entry | None:
        """Find an owner's entry; refuse a nonce of a hold or of another owner's entry."""
        found = self.entry_under(app, nonce)
        if found is not None and found[0] == owner_id:
            return found[1]
        if found is not None or self.is_taken(app, nonce):
            raise nonce_conflict(app, nonce)
        return None

    def is_taken(self, app: str, nonce: str) -> bool:
        """Tell whether something other than an entry has a nonce."""
        return bool(
            self.hold_under(app, nonce)
            or self.grown_under(app, nonce)
            or any(
                nonce in (it.nonce, *it.changes)
                for account in self.accounts.values()
                for it in account.allowances.values()
                if it.app == app
            )
        )

    def allowance_under(self, app: str, nonce: str) -> str | None:
        """Find the owner of an allowance."""
        for account in self.accounts.values():
            if (app, nonce) in account.allowances:
                return account.owner_id
        return None


def entry_row(owner_id: str, entry: Entry, replayed: bool) -> Row:
    """Return an entry as callers see it."""
    shown = {name: value for name, value in asdict(entry).items() if name not in _INSIDE}
    return {"owner_id": owner_id, "asset": "CREDIT", **shown, "replayed": replayed}


def hold_row(owner_id: str, hold: Hold, replayed: bool) -> Row:
    """Return a hold as callers see it."""
    shown = asdict(hold)
    del shown["lots"], shown["expires_in"], shown["growths"], shown["price"]
    return {
        "owner_id": owner_id,
        "asset": "CREDIT",
        **shown,
        "remaining": hold.remaining,
        "replayed": replayed,
    }
