"""Drives the database and the model side by side, and compares after every step."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import currently_in_test_context
from hypothesis import note as note_in_test
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection
from tests.sql.model.account import TOLERANCE, Account
from tests.sql.model.books import Row
from tests.sql.model.catalogue import APPS, CLASSED, PRICES, RULES, Price, define_price
from tests.sql.model.database import (
    call_database,
    database_state,
    discrepancies,
    model_state,
)
from tests.sql.model.ledger import Ledger
from tests.sql.model.refusal import Refused

# A week with the end of a month, and with a day of 25 hours in Berlin.
BEGINNING = datetime(2026, 10, 24, 20, tzinfo=UTC)

T = TypeVar("T")

# Credits of earlier examples must not expire in this one.
_FORGET = """
    WITH ended AS (UPDATE ledger.allowances SET next_at = 'infinity' WHERE next_at < 'infinity')
    UPDATE ledger.accounts SET next_due_at = 'infinity' WHERE next_due_at < 'infinity'
"""
_EXAMPLES = itertools.count(1)
_HOUR = timedelta(hours=1)
_INSTANT = timedelta(microseconds=1)
_TEN_YEARS = timedelta(days=3653)

# One of them is used more often.
OWNERS = st.sampled_from(["ann"] * 8 + ["bob", "bob", "cyn"])
APP = st.sampled_from(APPS)
# 0: the newest, 1: the one before, and so on
NEWEST = st.integers(0, 4)
# Mostly a new nonce, sometimes a used one.
NONCE = st.sampled_from([None] * 20 + [0, 1, 2])
LIFE = st.sampled_from([_HOUR, 2 * _HOUR, 24 * _HOUR, 60 * _HOUR])
# Mostly longer than the life of the credits that they reserve.
LIFE_OF_HOLD = st.sampled_from([_HOUR, 2 * _HOUR, 24 * _HOUR, 60 * _HOUR, 60 * _HOUR, 100 * _HOUR])
METADATA = st.sampled_from([None, None, {"why": "x"}])
SPENDER = st.sampled_from([None, None, "k1", "k2"])
SUBJECT = st.sampled_from([None, None, "device", "phone"])
# None: the default.
SIZE = st.sampled_from([None, *range(1, 13)])
# None: the rest.
QUANTITY = st.sampled_from([*range(16), 54, 55])
PART = st.sampled_from([None, None, -1, *range(9)])
CREDIT = st.sampled_from(
    [
        ("app1", "CREDIT_ADD"),
        ("app1", "CREDIT_ADD"),
        ("app2", "CREDIT_ADD"),
        ("app2", "PLAN_ALLOWANCE"),
        ("app1", "WEEKLY_BONUS"),
        ("app2", "WEEKLY_BONUS"),
        ("app1", "DAILY_REWARD"),
        ("app2", "SIGNUP_CREDIT"),
        *zip(itertools.cycle(APPS), CLASSED, strict=False),
    ]
)
DEBIT = st.sampled_from(
    [
        ("app1", "CREDIT_SPEND"),
        ("app2", "CREDIT_SPEND"),
        ("app1", "CONTENT_CREATION"),
        ("app2", "TOKENS_USED"),
        ("app1", "METERED"),
        ("app2", "METERED"),
    ]
)
OPERATION = st.sampled_from(["CREDIT_ADD", "CREDIT_SPEND"] * 3 + [*RULES, "REVERSAL", "UNKNOWN"])
ITEM = st.fixed_dictionaries(
    {
        "owner": OWNERS,
        "operation": OPERATION,
        "size": SIZE,
        "used": NONCE,
        "wrong_sign": st.sampled_from([False] * 9 + [True]),
        "life": st.none() | st.none() | LIFE,
        "subject": SUBJECT,
        "metadata": METADATA,
        "spender": SPENDER,
        "receiver": st.sampled_from([None] * 8 + ["ann", "bob", "cyn"]),
    }
)


class LedgerMachine(RuleBasedStateMachine):
    """Random sequences of every function, by two apps, on the accounts of three owners."""

    def __init__(self, conn: Connection, clock: Clock) -> None:
        super().__init__()
        self.conn, self.clock = conn, clock
        # Examples share a database, but no owners and nonces.
        self.prefix = f"{next(_EXAMPLES)}-"
        self.owner_ids = [self.prefix + name for name in ("ann", "bob", "cyn")]
        conn.execute(_FORGET)
        define_price(conn, PRICES[0])
        clock.set(BEGINNING)
        self.model = Ledger(BEGINNING)
        self.latest = BEGINNING
        self.nonces: list[str] = []
        self.holds: list[tuple[str, str]] = []
        self.entries: list[tuple[str, str]] = []
        self.allowances: list[tuple[str, str]] = []
        self.calls: list[tuple[str, Row]] = []

    # Rules

    @initialize(lasting=SIZE, expiring=SIZE, life=LIFE, held=SIZE, spent=SIZE)
    def begin(self, life: timedelta, **sizes: int | None) -> None:
        """Start with some entries and holds. Refusals are compared as well."""
        ann = {"app": "app1", "owner": "ann"}
        self.record(**ann, operation="CREDIT_ADD", size=sizes["lasting"])
        self.record(**ann, operation="CREDIT_ADD", size=sizes["expiring"], life=life)
        self.hold(("app1", "CREDIT_SPEND"), "ann", sizes["held"] or 5, 60 * _HOUR, None, None)
        self.record(**ann, operation="CREDIT_SPEND", size=sizes["spent"])

    @rule(
        credit=CREDIT,
        owner=OWNERS,
        size=SIZE,
        life=st.none() | LIFE,
        subject=SUBJECT,
        used=NONCE,
    )
    def earn(self, credit: tuple[str, str], **item: Any) -> None:
        app, operation = credit
        self.record(app, operation=operation, **item)

    @rule(debit=DEBIT, owner=OWNERS, size=SIZE, spender=SPENDER, used=NONCE)
    def spend(self, debit: tuple[str, str], **item: Any) -> None:
        app, operation = debit
        self.record(app, operation=operation, **item)

    @rule(
        app=APP,
        owner=OWNERS,
        receiver=OWNERS,
        operation=st.sampled_from(["SEND"] * 9 + ["CREDIT_SPEND"]),
        size=SIZE,
        metadata=METADATA,
        spender=SPENDER,
        used=NONCE,
    )
    def transfer(self, app: str, **item: Any) -> None:
        request = self.request(**item | {"operation": "SEND"})
        request |= {"from_owner_id": request.pop("owner_id"), "operation": item["operation"]}
        self.call("transfer_credits", app=app, **request)

    @rule(app=APP, items=st.lists(ITEM, min_size=1, max_size=12), atomic=st.booleans())
    def record_anything(self, app: str, items: list[Row], atomic: bool) -> None:
        if len(items) == 1:
            self.record(app, **items[0])
        else:
            requests = [self.request(**item) for item in items]
            self.call("record_entries", app=app, entries=requests, atomic=atomic)

    @rule(
        debit=DEBIT | DEBIT | DEBIT | DEBIT | st.tuples(APP, OPERATION),
        owner=OWNERS,
        amount=st.integers(0, 9),
        life=LIFE_OF_HOLD,
        metadata=METADATA,
        used=NONCE,
        spender=SPENDER,
    )
    def hold(
        self,
        debit: tuple[str, str],
        owner: str,
        amount: int,
        life: timedelta,
        metadata: Row | None,
        used: int | None,
        spender: str | None = None,
    ) -> None:
        app, operation = debit
        self.call(
            "place_hold",
            app=app,
            owner_id=self.prefix + owner,
            operation=operation,
            nonce=self.nonce(used),
            amount=5 if operation == "CONTENT_CREATION" else amount,
            expires_in=life,
            metadata=metadata,
            spender=spender,
        )

    @rule(app=APP, owner=OWNERS, quantity=QUANTITY, used=NONCE)
    def use(self, app: str, owner: str, quantity: int, used: int | None) -> None:
        self.call(
            "record_entry",
            app=app,
            owner_id=self.prefix + owner,
            operation="METERED",
            nonce=self.nonce(used),
            quantity=quantity,
        )

    @rule(app=APP, owner=OWNERS, quantity=QUANTITY, life=LIFE_OF_HOLD, used=NONCE)
    def hold_by_quantity(
        self, app: str, owner: str, quantity: int, life: timedelta, used: int | None
    ) -> None:
        self.call(
            "place_hold",
            app=app,
            owner_id=self.prefix + owner,
            operation="METERED",
            nonce=self.nonce(used),
            amount=None,
            quantity=quantity,
            expires_in=life,
        )

    @rule(price=st.sampled_from(PRICES))
    def change_price(self, price: Price) -> None:
        note(f"-- METERED costs {price}")
        define_price(self.conn, price)
        self.model.price = price

    @precondition(lambda self: self.holds)
    @rule(newest=NEWEST, by=st.integers(0, 9), used=NONCE)
    def grow(self, newest: int, by: int, used: int | None) -> None:
        app, nonce = self.pick_hold(newest)
        self.call("grow_hold", app=app, hold_nonce=nonce, nonce=self.nonce(used), by=by)

    @precondition(lambda self: self.holds)
    @rule(
        newest=NEWEST,
        amount=st.integers(1, 25),
        by_quantity=st.booleans(),
        final=st.booleans(),
        beyond=st.sampled_from(["refuse", "available", "debt", "debt"]),
        used=NONCE,
    )
    def capture_in_full(
        self,
        newest: int,
        amount: int,
        by_quantity: bool,
        used: int | None,
        **arguments: Any,
    ) -> None:
        app, nonce = self.pick_hold(newest)
        self.call(
            "capture_hold",
            app=app,
            hold_nonce=nonce,
            nonce=self.nonce(used),
            amount=None if by_quantity else amount,
            quantity=amount if by_quantity else None,
            **arguments,
        )

    @precondition(lambda self: self.holds)
    @rule(
        newest=NEWEST,
        amount=PART,
        final=st.booleans(),
        metadata=METADATA,
        used=NONCE,
    )
    def capture(
        self, newest: int, amount: int | None, final: bool, metadata: Row | None, used: int | None
    ) -> None:
        app, nonce = self.pick_hold(newest)
        self.call(
            "capture_hold",
            app=app,
            hold_nonce=nonce,
            nonce=self.nonce(used),
            amount=amount,
            final=final,
            metadata=metadata,
        )

    @precondition(lambda self: self.holds)
    @rule(newest=NEWEST)
    def release(self, newest: int) -> None:
        app, nonce = self.pick_hold(newest)
        self.call("release_hold", app=app, hold_nonce=nonce)

    @precondition(lambda self: self.holds)
    @rule(newest=NEWEST, life=LIFE_OF_HOLD)
    def extend(self, newest: int, life: timedelta) -> None:
        app, nonce = self.pick_hold(newest)
        self.call("extend_hold", app=app, hold_nonce=nonce, expires_in=life)

    @precondition(lambda self: self.entries)
    @rule(
        newest=NEWEST,
        amount=PART,
        free_claim=st.booleans(),
        metadata=METADATA,
        by_hand=st.booleans(),
        used=NONCE,
    )
    def reverse(
        self,
        newest: int,
        amount: int | None,
        free_claim: bool,
        metadata: Row | None,
        by_hand: bool,
        used: int | None,
    ) -> None:
        app, nonce = self.pick(self.entries, newest)
        said: Row = {"actor": "olga", "reason": "test"} if by_hand else {"metadata": metadata}
        self.call(
            "reverse_by_hand" if by_hand else "reverse_entry",
            app=app,
            nonce=self.nonce(used),
            original_nonce=nonce,
            amount=amount,
            free_claim=free_claim,
            **said,
        )

    @rule(
        owner=OWNERS,
        action=st.sampled_from(["adjust"] * 8 + ["floor"] * 8 + ["freeze"]),
        amount=st.integers(-12, 12).filter(bool),
        used=NONCE,
    )
    def operate(self, owner: str, action: str, amount: int, used: int | None) -> None:
        arguments = {"owner_id": self.prefix + owner, "actor": "olga", "reason": "test"}
        account = self.model.accounts.get(self.prefix + owner)
        if account and account.frozen_at:
            self.call("unfreeze_account", **arguments)
        elif action == "freeze":
            self.call("freeze_account", **arguments)
        elif action == "floor":
            self.call("set_min_balance", min_balance=min(amount, 0), **arguments)
        else:
            self.call("adjust_balance", amount=amount, nonce=self.nonce(used), **arguments)

    @rule(
        owner=OWNERS,
        receiver=OWNERS,
        reason=st.sampled_from(["merged", "signed up"]),
        used=NONCE,
        # An account that is closed says nothing more.
        sure=st.sampled_from([False] * 7 + [True]),
    )
    def move(self, owner: str, receiver: str, reason: str, used: int | None, sure: bool) -> None:
        if sure:
            self.call(
                "move_account",
                from_owner_id=self.prefix + owner,
                to_owner_id=self.prefix + receiver,
                nonce=self.nonce(used),
                actor="olga",
                reason=reason,
            )

    @rule(
        owner=OWNERS,
        # A budget of all spenders together and those of single ones do not share a name.
        named=st.sampled_from([("all", None), ("all", None), ("each", "*"), ("each", "k1")]),
        most=st.integers(0, 25),
        period=st.sampled_from(["day", "day", "month", "ever"]),
        app=st.sampled_from([None, None, "app1"]),
        operation=st.sampled_from([None, None, "CREDIT_SPEND"]),
    )
    def set_budget(self, owner: str, named: tuple[str, str | None], **rule: Any) -> None:
        budget, spender = named
        by = {"actor": "olga", "reason": "test"}
        who = {"owner_id": self.prefix + owner, "budget": budget, "spender": spender}
        self.call("set_budget", **who, **rule, **by)

    @rule(
        owner=OWNERS,
        named=st.sampled_from([("all", None), ("each", "*"), ("each", "k1")]),
    )
    def drop_budget(self, owner: str, named: tuple[str, str | None]) -> None:
        budget, spender = named
        who = {"owner_id": self.prefix + owner, "budget": budget, "spender": spender}
        self.call("drop_budget", **who, actor="olga", reason="test")

    @rule(
        credit=st.sampled_from(
            [("app1", "CREDIT_ADD"), ("app2", "CREDIT_ADD"), ("app1", "DAILY_REWARD")]
            + [("app1", "PRIZE"), ("app1", "LATE"), ("app1", "PROMO"), ("app1", "FIRST")]
            + [("app1", "CREDIT_ADD")] * 8
        ),
        owner=OWNERS,
        amount=SIZE,
        period=st.sampled_from(["day"] * 4 + ["week", "month", "quarter", "year", None]),
        start=st.sampled_from([None, None, -80 * _HOUR, -_HOUR, _HOUR, 30 * _HOUR]),
        end=st.sampled_from([None, None, None, 26 * _HOUR, 100 * _HOUR]),
        carry=st.sampled_from([(0, 1), (0, 1), (3, 1), (12, 1), (5, 2), (12, 3)]),
        occurrences=st.sampled_from([None, None, None, 1, 2, 4]),
        time_zone=st.sampled_from(["UTC", "Europe/Berlin"]),
        metadata=METADATA,
        used=NONCE,
    )
    def grant_allowance(
        self,
        credit: tuple[str, str],
        owner: str,
        period: str | None,
        start: timedelta | None,
        end: timedelta | None,
        carry: tuple[int, int],
        occurrences: int | None,
        used: int | None,
        **arguments: Any,
    ) -> None:
        app, operation = credit
        most, periods = carry if period else (0, 1)
        self.call(
            "grant_allowance",
            app=app,
            owner_id=self.prefix + owner,
            operation=operation,
            nonce=self.nonce(used),
            period=period,
            starts_at=None if start is None else self.clock.now + start,
            ends_at=None if end is None else self.clock.now + end,
            carry_over_most=most,
            carry_over_for=periods,
            occurrences=occurrences if period else None,
            **arguments,
        )

    @precondition(lambda self: self.allowances)
    @rule(newest=NEWEST, amount=st.integers(0, 14), at_once=st.booleans(), used=NONCE)
    def change_allowance(self, newest: int, amount: int, at_once: bool, used: int | None) -> None:
        app, nonce = self.pick(self.allowances, newest)
        self.call(
            "change_allowance",
            app=app,
            allowance_nonce=nonce,
            nonce=self.nonce(used),
            amount=amount,
            from_next_period=not at_once,
        )

    @precondition(lambda self: self.allowances)
    @rule(
        newest=NEWEST,
        later=st.sampled_from([None, None, timedelta(0), _HOUR, 50 * _HOUR]),
        forfeit=st.booleans(),
    )
    def end_allowance(self, newest: int, later: timedelta | None, forfeit: bool) -> None:
        app, nonce = self.pick(self.allowances, newest)
        self.call(
            "end_allowance",
            app=app,
            allowance_nonce=nonce,
            at=None if later is None else self.clock.now + later,
            forfeit=forfeit,
        )

    @precondition(lambda self: (due := self.next_due()) is not None and due <= self.clock.now)
    @rule()
    def expire(self) -> None:
        self.call("expire_credits")

    @precondition(lambda self: self.calls)
    @rule(newest=NEWEST)
    def repeat(self, newest: int) -> None:
        function, arguments = self.pick(self.calls, newest)
        self.call(function, **arguments)

    @precondition(lambda self: self.calls)
    @rule(newest=NEWEST, amount=SIZE, metadata=METADATA, owner=OWNERS)
    def repeat_with_a_change(
        self, newest: int, amount: int | None, metadata: Row | None, owner: str
    ) -> None:
        function, arguments = self.pick(self.calls, newest)
        change = {"amount": amount, "metadata": metadata, "owner_id": self.prefix + owner}
        changed = {name: change.get(name, value) for name, value in arguments.items()}
        if changed.get("quantity") is not None:
            changed["amount"] = None
        if function != "adjust_balance":
            self.call(function, **changed)

    @rule(step=st.sampled_from([_INSTANT, _HOUR, 5 * _HOUR, 20 * _HOUR, 24 * 31 * _HOUR]))
    def pass_time(self, step: timedelta) -> None:
        self.move_clock(self.clock.now + step)

    @precondition(lambda self: self.next_due() is not None)
    @rule(beside=st.sampled_from([-_INSTANT, timedelta(0), _INSTANT]))
    def pass_time_until_something_is_due(self, beside: timedelta) -> None:
        due = self.next_due()
        assert due is not None
        self.move_clock(max(self.clock.now, due + beside))

    @rule(step=st.sampled_from([-_INSTANT, -TOLERANCE, -_HOUR, -25 * _HOUR]))
    def set_clock_back(self, step: timedelta) -> None:
        self.move_clock(self.clock.now + step)

    @rule(credit=CREDIT, owner=OWNERS, held=st.booleans())
    def record_while_the_clock_is_far_ahead(
        self, credit: tuple[str, str], owner: str, held: bool
    ) -> None:
        right = self.clock.now
        self.move_clock(right + _TEN_YEARS)
        if held:
            self.hold(("app1", "CREDIT_SPEND"), owner, 1, _HOUR, None, None)
        self.earn(credit, owner=owner)
        self.move_clock(right)

    # Helpers

    def record(self, app: str, receiver: str | None = None, **item: Any) -> None:
        if receiver is not None:
            request = self.request(receiver=receiver, **item)
            request["from_owner_id"] = request.pop("owner_id")
            self.call("transfer_credits", app=app, **request)
            return
        self.call("record_entry", app=app, **self.request(**item))

    def request(
        self,
        owner: str,
        operation: str,
        size: int | None = None,
        wrong_sign: bool = False,
        used: int | None = None,
        life: timedelta | None = None,
        subject: str | None = None,
        metadata: Row | None = None,
        spender: str | None = None,
        receiver: str | None = None,
    ) -> Row:
        """Make the fields of an entry, with the names and times of this example."""
        if receiver is not None:
            return {
                "owner_id": self.prefix + owner,
                "to_owner_id": self.prefix + receiver,
                "operation": "SEND" if operation in RULES else operation,
                "nonce": self.nonce(used),
                "amount": size if size is None or not wrong_sign else -size,
                "metadata": metadata,
                "spender": spender,
            }
        return {
            "owner_id": self.prefix + owner,
            "operation": operation,
            "nonce": self.nonce(used),
            "amount": self.amount(operation, size, wrong_sign),
            "metadata": metadata,
            "expires_at": None if life is None else self.clock.now + life,
            "claim_subject": None if subject is None else self.prefix + subject,
            "spender": spender,
        }

    @staticmethod
    def amount(operation: str, size: int | None, wrong_sign: bool) -> int | None:
        """Choose an amount within the rule if there are several, or one of the wrong sign."""
        rule = RULES.get(operation)
        if size is None or rule is None or rule.low == rule.high:
            return None
        return size if (rule.high > 0) != wrong_sign else -size

    def nonce(self, used: int | None) -> str:
        """Choose a new nonce, or one of the last."""
        if used is None or not self.nonces:
            self.nonces.append(f"{self.prefix}n{len(self.nonces) + 1}")
            return self.nonces[-1]
        return self.pick(self.nonces, used)

    def pick_hold(self, newest: int) -> tuple[str, str]:
        """Choose one of the last holds, mostly an open one if there is any."""
        accounts = self.model.accounts.values()
        holds = [(it.app, it.nonce) for account in accounts for it in account.holds if it.remaining]
        return self.pick(holds if holds and newest else self.holds, newest)

    def pick(self, among: list[T], newest: int) -> T:
        """Choose one of the last."""
        return among[-1 - newest % len(among)]

    def next_due(self) -> datetime | None:
        dues = [account.next_due() for account in self.model.accounts.values()]
        return min((due for due in dues if due is not None), default=None)

    def move_clock(self, to: datetime) -> None:
        note(f"-- it is {to}")
        self.clock.set(to)
        self.model.now = to
        self.latest = max(self.latest, to)
        for owner_id in self.owner_ids:
            self.compare_reads(owner_id)

    def call(self, function: str, **arguments: Any) -> None:
        """Call the function in the database and in the model, and compare results and states."""
        note(f"{function}(**{arguments})")
        before = dict(self.model.accounts)
        expected = self.ask_model(function, arguments)
        actual = self.ask_database(function, arguments)
        note(f"    -- {actual!r}")
        assert_same(expected, actual)
        state = model_state(self.model)
        for table, found in database_state(self.conn, self.owner_ids).items():
            assert found == state[table], table
        for owner_id, account in self.model.accounts.items():
            if account is not before.get(owner_id):
                self.compare_reads(owner_id)
                self.verify(owner_id, account)
                assert account.lasting_free >= account.min_balance - 107
        self.remember(function, arguments, expected)

    def verify(self, owner_id: str, account: Account) -> None:
        """Check that verify finds nothing but what lies in the future."""
        found = discrepancies(self.conn, owner_id)
        assert {row["problem"] for row in found} <= {"of the future"}, found
        until = self.clock.now + TOLERANCE
        assert {row["seq"] for row in found if row["found_in"] == "entries"} == {
            entry.seq for entry in account.entries if entry.recorded_at > until
        }

    def remember(self, function: str, arguments: Row, answer: Any) -> None:
        """Keep names and requests for later steps."""
        self.calls.append((function, arguments))
        if function.endswith("_allowance"):
            if function == "grant_allowance" and isinstance(answer, dict):
                self.allowances.append((answer["app"], answer["nonce"]))
            return
        for row in answer if isinstance(answer, list) else [answer]:
            if isinstance(row, dict) and row.get("app") in APPS:
                known = self.holds if function in ("place_hold", "grow_hold") else self.entries
                # A reversal cannot be reversed, so it is tried only sometimes.
                if row["operation"] != "REVERSAL" or row["seq"] % 5 == 0:
                    known.append((row["app"], row["nonce"]))

    def compare_reads(self, owner_id: str) -> None:
        """Compare the reads of an account."""
        for function, arguments in (
            ("balance", {}),
            ("holds_of", {}),
            ("balance", {"for_app": "app1", "for_operation": "CREDIT_SPEND"}),
            ("balance", {"for_app": "app2"}),
            ("balance", {"for_operation": "CONTENT_CREATION"}),
            ("lots_of", {}),
            ("balance_parts", {}),
            ("forecast", {"max_rows": 60}),
            ("allowances_of", {}),
            ("budgets_of", {}),
            ("balance_at", {"at": self.clock.now - _HOUR}),
            ("balance_at", {"at": self.clock.now}),
        ):
            asked = {"owner_id": owner_id, **arguments}
            expected = self.ask_model(function, asked)
            actual = self.ask_database(function, asked)
            if function == "forecast" and self.model.accounts.get(owner_id, Account("")).allowances:
                expected, actual = by_moment(expected), by_moment(actual)
            assert_same(expected, actual)
        self.compare_timelines(owner_id)

    def compare_timelines(self, owner_id: str) -> None:
        """Compare the steps of the balance; the database has steps of what is held as well."""
        steps = self.ask_database("timeline", {"owner_id": owner_id})
        found = [(step["at"], step["balance"]) for step in steps]
        expected = self.ask_model("timeline", {"owner_id": owner_id})
        missing = [it for it in expected if (it["at"], it["balance"]) not in found]
        assert missing == [], (missing, found)
        if steps:
            now = self.ask_model("balance", {"owner_id": owner_id})
            last = steps[-1]
            assert (last["balance"], last["held"]) == (now["balance"], now["held"])

    def ask_model(self, function: str, arguments: Row) -> Any:
        try:
            with self.model.all_or_nothing():
                return getattr(self.model, function)(**arguments)
        except Refused as refused:
            return refused

    def ask_database(self, function: str, arguments: Row) -> Any:
        try:
            return call_database(self.conn, function, arguments)
        except Refused as refused:
            return refused

    def teardown(self) -> None:
        """Check that after five years nothing is reserved or can expire."""
        for app, nonce in self.allowances:
            self.call("end_allowance", app=app, allowance_nonce=nonce, at=None, forfeit=False)
        self.move_clock(self.latest + timedelta(days=1827))
        self.call("expire_credits")
        assert self.next_due() is None


def note(line: str) -> None:
    """Note a step; outside of a test of Hypothesis there is nobody to read it."""
    if currently_in_test_context():
        note_in_test(line)


def by_moment(forecast: list[Row]) -> list[Row]:
    """Sum up what happens at one moment, without the last, which may be there in part.

    In which order the parts of an expiry are told says nothing.
    """
    names = ("at", "kind", "amount", "balance", "held")
    moments: dict[Any, Row] = {}
    for row in forecast:
        moment = moments.setdefault(row["at"], {"at": row["at"]})
        moment[row["kind"]] = moment.get(row["kind"], 0) + row["amount"]
        moment |= {name: row[name] for name in names[3:]}
    complete = list(moments.values())
    return complete if len(forecast) < 60 else complete[:-1]


def assert_same(expected: Any, actual: Any) -> None:
    """Compare the results or refusals of the model and the database."""
    if isinstance(expected, list):
        assert len(actual) == len(expected), (expected, actual)
        for one, other in zip(expected, actual, strict=True):
            assert_same(one, other)
    elif isinstance(expected, Refused):
        assert isinstance(actual, Refused), (expected, actual)
        assert actual.sqlstate == expected.sqlstate, (expected, actual)
        assert expected.detail.items() <= actual.detail.items(), (expected, actual)
    elif isinstance(expected, dict):
        assert isinstance(actual, dict), (expected, actual)
        found = {name: actual.get(name) for name in expected}
        assert found == expected, (expected, found)
    else:
        assert actual == expected
