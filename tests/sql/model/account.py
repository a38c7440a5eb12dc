"""The account of an owner: entries, lots, holds and their expiry."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.sql.model.refusal import Refused

if TYPE_CHECKING:
    from tests.sql.model.allowances import Allowance
    from tests.sql.model.budgets import Budget
    from tests.sql.model.catalogue import Price

TOLERANCE = timedelta(seconds=10)

Parts = dict[int, int]
"""Amounts by lot; a lot is named by the entry that granted it."""
Sources = list[tuple[int | None, int]]
"""Lots, and None for credits in no lot, with amounts, in the order in which they are spent."""

PLAIN_PRIORITY = 100
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Use:
    """What credits are, and what they may be used for."""

    credit_class: str | None = None
    priority: int | None = None
    usable_for: list[str] | None = None
    usable_in: list[str] | None = None

    @property
    def limits(self) -> list[list[str]]:
        return [names for names in (self.usable_for, self.usable_in) if names is not None]

    @property
    def is_late(self) -> bool:
        """Tell whether credits in no lot are spent before."""
        return (self.priority or PLAIN_PRIORITY) > PLAIN_PRIORITY

    def allows(self, app: str | None, operation: str | None) -> bool:
        """Tell whether an operation of an app may use the credits; None: some may."""
        return (app is None or self.usable_in is None or app in self.usable_in) and (
            operation is None or self.usable_for is None or operation in self.usable_for
        )


PLAIN = Use()


def kind_of(expires_at: datetime | None, use: Use) -> tuple[Any, ...]:
    """Return what tells kinds of credits apart."""
    return (expires_at, *map(str, vars(use).values()))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One change of the account."""

    seq: int
    app: str
    operation: str
    amount: int
    balance: int
    nonce: str
    recorded_at: datetime
    amount_defaulted: bool = False
    expiry_defaulted: bool = False
    metadata: dict[str, Any] | None = None
    expires_at: datetime | None = None
    claim_subject: str | None = None
    hold_nonce: str | None = None
    hold_final: bool | None = None
    reverses_seq: int | None = None
    frees_claim: bool | None = None
    spender: str | None = None
    quantity: int | None = None
    overdrawn: bool | None = None
    peer_owner_id: str | None = None
    peer_seq: int | None = None
    use: Use = PLAIN


@dataclass
class Lot:
    """Credits that expire, or have a class, a priority or a limited use."""

    seq: int
    amount: int
    remaining: int
    expires_at: datetime | None
    use: Use

    @property
    def place(self) -> tuple[Any, ...]:
        """What decides when it is spent."""
        return (
            self.use.priority or PLAIN_PRIORITY,
            self.expires_at or FOREVER,
            -len(self.use.limits),
            sum(map(len, self.use.limits)),
            ["free", "paid", None].index(self.use.credit_class),
            self.seq,
        )


@dataclass(kw_only=True)
class Hold:
    """A hold; `lots` are what it reserves of lots."""

    app: str
    nonce: str
    operation: str
    amount: int
    expires_in: timedelta
    placed_at: datetime
    expires_at: datetime
    metadata: dict[str, Any] | None
    captured: int = 0
    status: str = "open"
    closed_at: datetime | None = None
    spender: str | None = None
    quantity: int | None = None
    price: Price | None = None
    """What was promised to a hold by quantity."""
    lots: Parts = field(default_factory=dict)
    growths: dict[str, int] = field(default_factory=dict)
    """By how much it has grown, by nonce."""

    @property
    def remaining(self) -> int:
        return self.amount - self.captured if self.status == "open" else 0

    def end(self, status: str, at: datetime) -> None:
        self.status, self.closed_at, self.lots = status, at, {}


@dataclass
class Account:
    """An account, as of the last change or of the last `settle`."""

    owner_id: str
    entries: list[Entry] = field(default_factory=list)
    lots: dict[int, Lot] = field(default_factory=dict)
    movements: list[tuple[int, int, int]] = field(default_factory=list)
    """Entry, lot, amount taken (negative: given back)."""
    holds: list[Hold] = field(default_factory=list)
    min_balance: int = 0
    frozen_at: datetime | None = None
    moved_to: str | None = None
    allowances: dict[tuple[str, str], Allowance] = field(default_factory=dict)
    """By app and nonce."""
    budgets: dict[tuple[str, str | None], Budget] = field(default_factory=dict)
    """By name and spender."""

    def copy(self) -> Account:
        """Copy the account. Entries are immutable and shared."""
        return replace(
            self,
            entries=list(self.entries),
            lots={seq: replace(lot) for seq, lot in self.lots.items()},
            movements=list(self.movements),
            allowances={
                key: replace(
                    it,
                    changes=dict(it.changes),
                    lots={number: list(seqs) for number, seqs in it.lots.items()},
                    carried=list(it.carried),
                )
                for key, it in self.allowances.items()
            },
            budgets=dict(self.budgets),
            holds=[
                replace(hold, lots=dict(hold.lots), growths=dict(hold.growths))
                for hold in self.holds
            ],
        )

    @property
    def in_order_from(self) -> int:
        """The last entry with an earlier time than the one before it; 1 if there is none."""
        pairs = pairwise(self.entries)
        return max((late.seq for it, late in pairs if late.recorded_at < it.recorded_at), default=1)

    def time(self, clock: datetime) -> datetime:
        """Return the time: that of the last entry if the clock is a little behind it."""
        last = self.entries[-1].recorded_at if self.entries else clock
        return max(clock, last) if last <= clock + TOLERANCE else clock

    def last_seq_at(self, at: datetime, clock: datetime) -> int:
        """Return the last entry recorded by a time; one of the future counts as recorded now."""
        if self.entries and self.entries[-1].recorded_at > clock and at >= clock - TOLERANCE:
            return len(self.entries)
        return max((entry.seq for entry in self.entries if entry.recorded_at <= at), default=0)

    @property
    def balance(self) -> int:
        return sum(entry.amount for entry in self.entries)

    @property
    def held(self) -> int:
        return sum(hold.remaining for hold in self.holds)

    @property
    def available(self) -> int:
        return self.balance - self.held

    @property
    def lasting(self) -> int:
        """Credits in no lot; negative for an overdraft."""
        return self.balance - sum(lot.remaining for lot in self.lots.values())

    @property
    def lasting_free(self) -> int:
        """Credits that no hold reserves."""
        reserved = sum(hold.remaining - sum(hold.lots.values()) for hold in self.holds)
        return self.lasting - reserved

    @property
    def debt(self) -> int:
        """What is missing to the floor without lots."""
        return max(0, self.min_balance - self.lasting_free)

    @property
    def next_seq(self) -> int:
        return len(self.entries) + 1

    def held_of(self, lot: Lot) -> int:
        return sum(hold.lots.get(lot.seq, 0) for hold in self.holds)

    def free(self, lot: Lot) -> int:
        return lot.remaining - self.held_of(lot)

    def free_lots(self) -> list[Lot]:
        """Return the lots with credits that no hold reserves, as they are spent."""
        free = [lot for lot in self.lots.values() if self.free(lot) > 0]
        return sorted(free, key=lambda lot: lot.place)

    def in_order(self, lots: Parts, beside: int) -> Sources:
        """Put amounts of lots, and one in no lot, into the order in which they are spent."""
        seqs = sorted(lots, key=lambda seq: self.lots[seq].place)
        early: Sources = [(seq, lots[seq]) for seq in seqs if not self.lots[seq].use.is_late]
        late: Sources = [(seq, lots[seq]) for seq in seqs if self.lots[seq].use.is_late]
        return [*early, (None, beside), *late]

    def spent(
        self,
        amount: int,
        app: str | None = None,
        operation: str | None = None,
        *,
        recorded: bool = True,
    ) -> Parts:
        """Return what a spend takes of lots. recorded: the balance is without amount already."""
        beside = self.lasting_free + (amount if recorded else 0)
        usable = [lot for lot in self.free_lots() if lot.use.allows(app, operation)]
        free = {lot.seq: self.free(lot) for lot in usable}
        return first(amount, self.in_order(free, max(0, beside)))

    def available_to(self, app: str | None, operation: str | None) -> int:
        """Return what a spend could use, without an overdraft."""
        others = [lot for lot in self.free_lots() if not lot.use.allows(app, operation)]
        return self.available - sum(map(self.free, others))

    def require(
        self, amount: int, app: str | None = None, operation: str | None = None, debt: int = 0
    ) -> None:
        """Refuse to spend below the floor, or so far below it."""
        available = self.available_to(app, operation)
        if amount > 0 and available - amount < self.min_balance - debt:
            others = self.available - available
            raise Refused(
                "LG301",
                owner_id=self.owner_id,
                asset="CREDIT",
                available=available,
                required=amount,
                min_balance=self.min_balance,
                **{"available_to_others": others} if others else {},
            )

    def append(self, **fields: Any) -> Entry:
        """Record an entry."""
        balance = self.balance + fields["amount"]
        entry = Entry(seq=self.next_seq, balance=balance, **fields)
        self.entries.append(entry)
        return entry

    def move(self, seq: int, parts: Parts) -> None:
        """Take amounts from lots for an entry; negative amounts are given back."""
        for lot_seq, amount in parts.items():
            self.lots[lot_seq].remaining -= amount
            self.movements.append((seq, lot_seq, amount))

    def merge_moves(self, seq: int) -> None:
        """Make one movement for each lot of those of the last entry."""
        amounts: defaultdict[int, int] = defaultdict(int)
        for its, lot_seq, amount in self.movements:
            if its == seq:
                amounts[lot_seq] += amount
        self.movements = [move for move in self.movements if move[0] != seq]
        self.movements += [(seq, lot_seq, amount) for lot_seq, amount in amounts.items()]

    def grant(self, entry: Entry) -> None:
        """Add a lot for an entry.

        Credits that fill an overdraft or a debt are spent at once; those of limited use fill none.
        """
        missing = self.min_balance - (self.lasting_free - entry.amount)
        debt = max(0, -(self.lasting - entry.amount), missing)
        self.lots[entry.seq] = Lot(
            entry.seq, entry.amount, entry.amount, entry.expires_at, entry.use
        )
        if debt and not entry.use.limits:
            self.move(entry.seq, {entry.seq: min(debt, entry.amount)})

    def taken_by(self, original: Entry) -> Parts:
        """Return what an entry took from lots, less what its reversals gave back."""
        taken: defaultdict[int, int] = defaultdict(int)
        for seq, lot_seq, amount in self.movements:
            entry = self.entries[seq - 1]
            if original.seq in (entry.seq, entry.reverses_seq):
                taken[lot_seq] += amount
        return {lot_seq: amount for lot_seq, amount in taken.items() if amount > 0}

    def expired_of(self, lot_seq: int) -> int:
        """Return the number of credits of a lot that have expired or were forfeited."""
        return sum(
            amount
            for seq, moved, amount in self.movements
            if moved == lot_seq and self.entries[seq - 1].operation in ("EXPIRY", "FORFEITURE")
        )

    def expire(self, at: datetime) -> None:
        """Record the expiry of free credits that is due."""
        parts = {
            lot.seq: self.free(lot)
            for lot in self.free_lots()
            if lot.expires_at is not None and lot.expires_at <= at
        }
        if parts:
            entry = self.append(
                app="ledger",
                operation="EXPIRY",
                amount=-sum(parts.values()),
                nonce="EXPIRY:",
                recorded_at=at,
            )
            self.move(entry.seq, parts)

    @property
    def missing(self) -> int:
        """What credits that come fill before they are free."""
        return max(0, -self.lasting, self.debt)

    def next_due(self) -> datetime | None:
        """Return the time at which the next hold or free lot ends, or the next allowance comes."""
        ends = [hold.expires_at for hold in self.holds if hold.status == "open"]
        ends += [lot.expires_at for lot in self.free_lots() if lot.expires_at is not None]
        ends += [it.next_at for it in self.allowances.values() if it.next_at is not None]
        return min(ends, default=None)

    @property
    def is_plain(self) -> bool:
        """Tell whether there is neither an open hold, nor a free lot, nor an allowance."""
        return (
            not self.free_lots()
            and all(hold.status != "open" for hold in self.holds)
            and all(it.next_at is None for it in self.allowances.values())
        )

    def settle(self, now: datetime) -> None:
        """Settle what is due, in order of time."""
        while (due := self.next_due()) is not None and due <= now:
            self.pass_moment(due, seen_until=now)

    def pass_moment(self, at: datetime, seen_until: datetime) -> None:
        """Let happen what is due at a moment.

        Holds end, then credits expire, then what is left is carried over, then allowances come.
        """
        for hold in self.holds:
            if hold.status == "open" and hold.expires_at <= at:
                hold.end("expired", at)
        coming = [it for _, it in sorted(self.allowances.items()) if it.next_at == at]
        left = {id(it): self.left_of(it, at) for it in coming}
        self.expire(at)
        for it in coming:
            if self.missing == 0 or it.use.limits:
                self._skip_unseen(it, seen_until)
        coming = [it for it in coming if it.next_at == at]
        for it in coming:
            self._carry_over(it, min(left[id(it)], it.carry_over_most), at)
        for it in coming:
            self.come(it, at)

    def left_of(self, allowance: Allowance, at: datetime) -> int:
        """Return what is left of the credits of the period before the next one."""
        return sum(
            self.free(self.lots[seq])
            for seq in allowance.lots.get(allowance.next_occurrence - 1, [])
            if seq in self.lots and self.lots[seq].expires_at == at
        )

    @staticmethod
    def _skip_unseen(it: Allowance, seen_until: datetime) -> None:
        over = it.boundary(it.next_occurrence + 1)
        if over is None or over > seen_until:
            return
        first = it.occurrence_at(seen_until) - (it.carry_over_for if it.carry_over_most else 0)
        if first > it.next_occurrence:
            posted = max(it.lots, default=-1) + 1
            it.go_on_with(it.ungranted(first))
            if it.next_at is None:
                it.next_occurrence = max(posted, 0)

    def _carry_over(self, it: Allowance, amount: int, at: datetime) -> None:
        until = it.boundary(it.next_occurrence + it.carry_over_for)
        if amount and until is not None:
            entry = self.append(
                app="ledger",
                operation="CARRY_OVER",
                amount=amount,
                nonce="ledger:carry_over",
                recorded_at=at,
                metadata=it.metadata,
                expires_at=until,
                use=it.use,
            )
            self.grant(entry)
            it.carried.append(entry.seq)

    def come(self, it: Allowance, at: datetime) -> None:
        """Record the credits of the next period."""
        number = it.next_occurrence
        until = it.expiry(number, at)
        entry = self.append(
            app=it.app,
            operation=it.operation,
            amount=it.amount,
            nonce=f"ledger:allowance:{it.nonce}:{number}",
            recorded_at=at,
            metadata=it.metadata,
            expires_at=until,
            use=it.use,
        )
        if until is not None or it.use != PLAIN:
            self.grant(entry)
        it.lots[number] = [entry.seq]
        it.go_on_with(it.ungranted(number + 1))
        if it.next_at is None:
            it.next_occurrence = max(it.lots) + 1

    def rewind(self, now: datetime) -> None:
        """Let allowances go on from now after the clock was ahead."""
        for it in self.allowances.values():
            following = it.ungranted(it.occurrence_at(now) + 1)
            over = it.next_at is None and it.comes(following)
            if following < it.next_occurrence or over:
                it.go_on_with(following)


def first(amount: int, sources: Sources) -> Parts:
    """Return what is taken of lots if an amount is taken from the first sources."""
    parts: Parts = {}
    for seq, size in sources:
        part = min(size, amount)
        amount -= part
        if seq is not None and part > 0:
            parts[seq] = part
    return parts
