"""A batch has the answers and effects of calls of record_entry in sequence."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, rows, scalar
from tests.sql.model.catalogue import CLASSED, define_operations
from tests.sql.model.database import database_state

# Fewer examples, because each is many calls.
_SOME = settings(max_examples=settings().max_examples // 3)
_RUNS = itertools.count(1)
# Between what owners have before the batch and the batch.
_PAUSE = timedelta(hours=1)
_BEGINNING = "2026-10-24T20:00:00Z"

_ENTRY = [
    *("seq", "owner_id", "asset", "app", "operation", "amount", "balance", "nonce", "metadata"),
    *("expires_at", "hold_nonce", "reverses_seq", "recorded_at", "replayed"),
    *("spender", "quantity", "overdrawn"),
]
_REFUSAL = ["code", "message", "detail", "hint"]

# The state of an owner before the batch. Most are plain, as the fast path requires.
_KINDS = [
    *("new", "poor", "frozen", "lots", "held", "many lots", "held lots", "due", "hold due"),
    *(
        "overdraft",
        "in debt",
        "owes a lot",
        "claimed",
        "frozen and due",
        "of the future",
        "budgets",
        "classed",
    ),
]
_POPULATIONS = st.sampled_from([1, 3, 10, 10, 30]).flatmap(
    lambda size: st.one_of(
        st.just(["new"] * size),
        st.lists(st.sampled_from(_KINDS), max_size=1 + size // 8).map(
            lambda odd: (odd + ["rich"] * size)[:size]
        ),
        st.lists(st.sampled_from(["rich", "rich", *_KINDS]), min_size=size, max_size=size),
    )
)
# Of these, some items may go to single calls.
_LEFT_TO_SINGLE_CALLS = ["due", "hold due", "frozen and due", "of the future", "classed"]
_PLAIN = st.sampled_from(
    [
        *[("CREDIT_ADD", amount) for amount in (None, 1, 8)],
        *[("CREDIT_SPEND", amount) for amount in (None, -1, -3)],
        ("CONTENT_ACCESS", None),
    ]
)
# Of owners with lots and claims, what most batches of ordinary life are made of.
_LIFE = st.sampled_from(
    [
        *[("CREDIT_SPEND", amount) for amount in (None, -1, -2, -3, -7, -12, -25)],
        *[("CREDIT_ADD", amount) for amount in (None, 1, 3)],
        *[("WEEKLY_BONUS", amount) for amount in (None, 1, 20)],
        *[(name, None) for name in ("DAILY_REWARD", "SIGNUP_CREDIT", "CONTENT_CREATION")],
    ]
)
_CLASSED = st.one_of(_LIFE, st.tuples(st.sampled_from(CLASSED), st.sampled_from([None, 0, 1, 20])))
_ANY = st.one_of(
    _PLAIN,
    st.tuples(
        st.sampled_from(["CREDIT_ADD", "CREDIT_SPEND", "CONTENT_CREATION", "WEEKLY_BONUS"]),
        st.sampled_from([None, 1, -1, 5, -5, 12, -12, -30, 2**53]),
    ),
    st.tuples(
        st.sampled_from(["CONTENT_CREATION", "DAILY_REWARD", "SIGNUP_CREDIT", "TOKENS_USED"]),
        st.none(),
    ),
)
_EXPIRES_AT = ["2026-10-25T01:00:00+02:00", "2026-10-25T00:00:00.5Z", "2020-01-01T00:00:00Z"]


def _items(
    what: st.SearchStrategy[Any], odd: list[Any], used: list[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "owner": st.integers(0, 29),
            "what": what,
            # The index of an item, or of an earlier entry or hold, whose nonce is used again.
            "used": st.sampled_from(used),
            "odd": st.sampled_from(odd),
        },
        optional={"metadata": st.sampled_from([None, {}, {"why": "x"}])},
    )


_ODDITIES: list[Any] = [
    {"expires_at": _EXPIRES_AT[0]},
    {"expires_at": _EXPIRES_AT[1]},
    {"expires_at": _EXPIRES_AT[2]},
    {"claim_subject": "device"},
    {"claim_subject": ""},
    {"spender": "key-7"},
    {"spender": ""},
    {"spender": "*"},
    {"quantity": 1840},
    {"owner_id": ""},
    {"owner_id": "x" * 256},
    {"owner_id": "."},
    {"owner_id": None},
    {"nonce": ""},
    {"nonce": None},
    {"operation": None},
    {"operation": "UNKNOWN"},
    {"operation": "REVERSAL"},
    {"metadata": {"long": "x" * 20000}},
]
# Items that no call of record_entry can express.
_ILL_TYPED: list[Any] = [
    {"owner_id": 7},
    {"nonce": ["n"]},
    {"operation": True},
    {"amount": "7"},
    {"amount": 2.5},
    {"metadata": [1]},
    {"expires_at": 7},
    {"spender": 7},
    {"quantity": "7"},
    {"expires_at": "tomorrow"},
    {"expires_at": "2026-02-31T00:00:00Z"},
    {"unknown": 1},
]
_USED = [0, 1, 5, "before", "hold"]
_SPENDING: list[Any] = [{"spender": spender} for spender in ("key-7", "key-8")]
_EXPIRING: list[Any] = [
    {"expires_at": at}
    for at in ("2026-10-24T23:30:00Z", "2026-10-25T01:00:00+02:00", "2026-10-26T00:00:00.5Z")
]
_CLAIMING: list[Any] = [{"claim_subject": subject} for subject in ("device", "card")]
_ITEMS = [
    _items(_PLAIN, odd=[{}], used=[None]),
    _items(_PLAIN, odd=[{}], used=[None] * 20 + _USED),
    _items(_PLAIN, odd=[{}] * 200 + _ODDITIES, used=[None] * 100 + _USED),
    _items(_ANY, odd=[{}] * 20 + _ODDITIES + _ILL_TYPED, used=[None] * 40 + _USED),
    _items(_LIFE, odd=[{}] * 12 + _EXPIRING + _CLAIMING + _SPENDING, used=[None] * 15),
    _items(_LIFE, odd=[{}] * 12 + _EXPIRING + _CLAIMING, used=[None] * 15 + _USED),
    _items(_CLASSED, odd=[{}] * 12 + _EXPIRING + _CLAIMING, used=[None] * 15 + _USED),
]
# The lives of an owner's lots in hours, by kind.
_LIVES: dict[str, list[float | None]] = {
    "lots": [3],
    "many lots": [30, 3, 3, None, 26],
    "held lots": [3, 2],
    "due": [0.5, 3],
    "hold due": [3],
    "frozen and due": [0.5, 3],
    "owes a lot": [3],
}
# The first owner goes the slow way, the others the fast one; the last item has the first's nonce.
_RACING_FOR_A_NONCE: list[Row] = [
    {"owner": owner, "what": ("CREDIT_ADD", None), "used": 0 if owner == 9 else None, "odd": {}}
    for owner in range(10)
]
_BATCHES = st.tuples(st.sampled_from([3, 12, 40, 40]), st.sampled_from(_ITEMS)).flatmap(
    lambda drawn: st.lists(drawn[1], min_size=drawn[0] * 2 // 3, max_size=drawn[0])
)


class Side:
    """One of two sets of owners with the same entries, recorded by batch or by single calls."""

    def __init__(self, conn: Connection, clock: Clock, name: str, run: int) -> None:
        self.conn, self.clock, self.prefix = conn, clock, f"{name}{run}-"
        self.owner_ids = [self.prefix + str(number) for number in range(30)] + ["", "x" * 256]

    def prepare(self, kinds: list[str]) -> None:
        """Set up each owner by its kind. The first has an entry and a hold of known nonces.

        What is due is so after `_PAUSE`.
        """
        for number, kind in enumerate(kinds):
            owner_id, nonce = self.owner_ids[number], f"{self.prefix}before-{number}"
            hold_nonce = f"{self.prefix}hold-{number}"
            if kind == "new":
                continue
            lives = _LIVES.get(kind, [None])
            for lot, life in enumerate(lives):
                amount = 2 if kind == "poor" else 20 // len(lives)
                self.add(
                    owner_id, f"{nonce}-{lot}", amount, timedelta(hours=life) if life else None
                )
            if kind == "of the future":
                # The clock was ahead, and is set back before the batch.
                self.clock.advance(timedelta(hours=2))
                self.add(owner_id, f"{nonce}-ahead", life=timedelta(hours=1))
                self.clock.advance(timedelta(hours=-2))
            if kind in ("held", "held lots"):
                self.hold(owner_id, hold_nonce)
            if kind in ("hold due", "frozen and due"):
                self.hold(owner_id, hold_nonce, expires_in="30 minutes")
            if kind in ("overdraft", "in debt", "owes a lot"):
                self.operate("set_min_balance", owner_id, min_balance=-15)
            if kind == "in debt":
                self.record(owner_id, f"{nonce}-spent", "CREDIT_SPEND", -30)
            if kind == "owes a lot":
                # Credits that do not expire are owed to a lot that a hold reserves.
                self.hold(owner_id, hold_nonce, amount=20)
                self.record(owner_id, f"{nonce}-spent", "CREDIT_SPEND", -10)
            if kind == "claimed":
                self.record(owner_id, f"{nonce}-day", "DAILY_REWARD", None)
                # The first takes one of the two slots of a subject.
                subject = f"{self.prefix}device" if kinds.index(kind) == number else None
                self.record(owner_id, f"{nonce}-week", "WEEKLY_BONUS", None, claim_subject=subject)
            if kind == "budgets":
                self.hold(owner_id, hold_nonce, amount=2)
                ever = {"period": "ever", "owner_id": owner_id}
                one = {"operation": "CONTENT_CREATION"}
                self.operate("set_budget", owner_id, budget="all", most=9, period="day")
                self.operate("set_budget", budget="each", most=4, spender="*", **ever)
                self.operate("set_budget", budget="one", most=12, **one, **ever)
            if kind == "classed":
                for operation in CLASSED:
                    self.record(owner_id, f"{nonce}-{operation}", operation, 2)
            if kind in ("frozen", "frozen and due"):
                self.operate("freeze_account", owner_id)
        self.add(f"{self.prefix}first", f"{self.prefix}before")
        self.hold(f"{self.prefix}first", f"{self.prefix}hold")

    def add(
        self, owner_id: str, nonce: str, amount: int = 20, life: timedelta | None = None
    ) -> None:
        expires_at = life and self.clock.now + life
        self.record(owner_id, nonce, "CREDIT_ADD", amount, expires_at=expires_at)

    def record(
        self, owner_id: str, nonce: str, operation: str, amount: int | None, **fields: Any
    ) -> None:
        request = {"owner_id": owner_id, "operation": operation, "nonce": nonce, "amount": amount}
        call(self.conn, "record_entry", app="app1", **request, **fields)

    def hold(self, owner_id: str, nonce: str, amount: int = 5, expires_in: str = "1 day") -> None:
        request = {"owner_id": owner_id, "operation": "CREDIT_SPEND", "nonce": nonce}
        limits = {"amount": amount, "expires_in": expires_in}
        call(self.conn, "place_hold", app="app1", **request, **limits)

    def operate(self, function: str, owner_id: str, **arguments: Any) -> None:
        call(self.conn, function, owner_id=owner_id, actor="olga", reason="test", **arguments)

    def requests(self, owners: int, items: list[Row]) -> list[Row]:
        """Make the items of the batch for the owners of this side."""
        requests: list[Row] = []
        for position, item in enumerate(items):
            operation, amount = item["what"]
            used = position if item["used"] is None else item["used"]
            request = {
                "owner_id": self.owner_ids[item["owner"] % owners],
                "operation": operation,
                "nonce": f"{self.prefix}{used}",
            }
            request |= {"amount": amount} if amount is not None else {}
            request |= {"metadata": item["metadata"]} if "metadata" in item else {}
            requests.append(request | self.with_prefix(item["odd"]))
        return requests

    def with_prefix(self, odd: Row) -> Row:
        subject = odd.get("claim_subject")
        return odd | {"claim_subject": self.prefix + subject} if subject else odd

    def without_prefix(self, found: Any) -> Any:
        """Remove the fields that differ between the sides."""
        return json.loads(json.dumps(found, default=str).replace(self.prefix, ""))

    def answer(self, row: Row) -> Any:
        kept = {name: it for name, it in row.items() if name not in ("entry_id", "position")}
        return self.without_prefix(kept)

    def state(self) -> Any:
        owner_ids = [owner_id for owner_id in self.owner_ids if 0 < len(owner_id) < 256]
        used = [rows(self.conn, "budgets_of", owner_id=owner_id) for owner_id in owner_ids]
        return self.without_prefix((database_state(self.conn, self.owner_ids), used))

    def record_batch(self, requests: list[Row], atomic: bool = False) -> list[Any]:
        """Record all in one call."""
        found = rows(
            self.conn, "record_entries", app="app1", entries=Jsonb(requests), atomic=atomic
        )
        assert [row["position"] for row in found] == list(range(1, len(requests) + 1))
        return [self.answer(row) for row in found]

    def record_one(self, request: Row) -> Any:
        """Record an item by a single call, or by a batch of one if no call can express it."""
        if any(ill.items() <= request.items() for ill in _ILL_TYPED):
            return self.record_batch([request])[0]
        fields = dict.fromkeys(("owner_id", "operation", "nonce")) | request
        try:
            found = call(self.conn, "record_entry", app="app1", **fields)
        except psycopg.Error as error:
            code = scalar(
                self.conn, "SELECT code FROM ledger.error_codes WHERE sqlstate = %s", error.sqlstate
            )
            return self.answer(
                dict.fromkeys(_ENTRY)
                | {
                    "code": code,
                    "message": error.diag.message_primary,
                    "detail": json.loads(error.diag.message_detail or ""),
                    "hint": error.diag.message_hint,
                }
            )
        return self.answer(found | dict.fromkeys(_REFUSAL))


@pytest.fixture
def clock(conn: Connection) -> Clock:
    define_operations(conn)
    return Clock(conn, _BEGINNING)


def prepare(clock: Clock, kinds: list[str], *sides: Side) -> None:
    """Set up the owners of each side, and let time pass."""
    clock.set(_BEGINNING)
    for side in sides:
        side.prepare(kinds)
    clock.advance(_PAUSE)


def let_fail(conn: Connection, *functions: str) -> None:
    """Let functions fail at their beginning, as if another transaction always interfered."""
    for function in functions:
        definition = scalar(
            conn, "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = %s", function
        )
        late = "\nBEGIN\n RAISE serialization_failure;\n"
        conn.execute(definition.replace("\nBEGIN\n", late, 1).encode())


_FAILING = {
    "the best": [],
    "in memory": ["record_plain_batch"],
    "one by one": ["record_plain_batch", "record_mixed_batch"],
}


@pytest.mark.parametrize("path", _FAILING)
def test_batch_answers_and_records_like_single_calls(
    conn: Connection, clock: Clock, path: str
) -> None:
    let_fail(conn, *_FAILING[path])

    @_SOME
    @given(kinds=_POPULATIONS, items=_BATCHES)
    @example(kinds=["lots"] + ["rich"] * 9, items=_RACING_FOR_A_NONCE)
    def check(kinds: list[str], items: list[Row]) -> None:
        run = next(_RUNS)
        batch, single = (Side(conn, clock, name, run) for name in ("b", "s"))
        prepare(clock, kinds, batch, single)
        answers = batch.record_batch(batch.requests(len(kinds), items))
        assert answers == [single.record_one(it) for it in single.requests(len(kinds), items)]
        assert batch.state() == single.state()

    check()
    clock.set("2100-01-01T00:00:00Z")  # after all that was recorded, the catalogue included
    assert rows(conn, "verify") == []


_FEW_OWNERS = st.lists(
    st.sampled_from([kind for kind in _KINDS if kind not in _LEFT_TO_SINGLE_CALLS]),
    min_size=1,
    max_size=3,
)
_ONE_AFTER_THE_OTHER = st.lists(
    _items(
        _LIFE, odd=[{}] * 4 + _EXPIRING * 2 + _CLAIMING + _SPENDING * 2, used=[None] * 30 + _USED
    ),
    min_size=10,
    max_size=30,
)
# Credits pay off a debt and more, and are spent beyond the rest. The next pay off the new debt.
_IN_DEBT_AGAIN: list[Row] = [
    {"owner": 0, "what": what, "used": None, "odd": odd}
    for what, odd in (
        (("CREDIT_ADD", 20), _EXPIRING[2]),
        (("CREDIT_SPEND", -12), {}),
        (("CREDIT_ADD", 5), _EXPIRING[2]),
    )
]
# The third of each operation finds the subject's slots taken, and later ones the owner's.
_CLAIMS_OF_A_SUBJECT: list[Row] = [
    {"owner": owner, "what": (operation, None), "used": None, "odd": odd}
    for operation in ("WEEKLY_BONUS", "SIGNUP_CREDIT")
    for odd in (*_CLAIMING, {})
    for owner in (2, 0, 1, 3)
]


def test_batch_of_ordinary_life_needs_no_single_call(conn: Connection, clock: Clock) -> None:
    """Each owner has many items, so that each meets what the ones before have left."""
    let_fail(conn, "record_plain_batch", "record_one_item")

    @settings(max_examples=settings().max_examples // 2)
    @given(kinds=_FEW_OWNERS, items=_ONE_AFTER_THE_OTHER)
    @example(kinds=["owes a lot"], items=_IN_DEBT_AGAIN)
    @example(kinds=["new"] * 4, items=_CLAIMS_OF_A_SUBJECT)
    def check(kinds: list[str], items: list[Row]) -> None:
        run = next(_RUNS)
        batch, single = (Side(conn, clock, name, run) for name in ("b", "s"))
        prepare(clock, kinds, batch, single)
        for _ in ("first", "again"):
            answers = batch.record_batch(batch.requests(len(kinds), items))
            assert answers == [single.record_one(it) for it in single.requests(len(kinds), items)]
            assert batch.state() == single.state()

    check()
    clock.set("2100-01-01T00:00:00Z")
    assert rows(conn, "verify") == []


def test_atomic_batch_records_all_or_nothing(conn: Connection, clock: Clock) -> None:
    @_SOME
    @given(kinds=_POPULATIONS, items=_BATCHES)
    def check(kinds: list[str], items: list[Row]) -> None:
        run = next(_RUNS)
        batch, single = (Side(conn, clock, name, run) for name in ("b", "s"))
        prepare(clock, kinds, batch, single)
        before = batch.state()
        expected = [single.record_one(it) for it in single.requests(len(kinds), items)]
        refused = [position for position, it in enumerate(expected, start=1) if it["code"]]
        requests = batch.requests(len(kinds), items)
        if refused:
            with pytest.raises(psycopg.Error) as raised:
                batch.record_batch(requests, atomic=True)
            first = expected[refused[0] - 1]
            detail = json.loads(raised.value.diag.message_detail or "")
            assert batch.without_prefix(detail) == first["detail"] | {"position": refused[0]}
            assert raised.value.diag.message_primary == first["message"]
            assert batch.state() == before
        else:
            assert batch.record_batch(requests, atomic=True) == expected
            assert batch.state() == single.state()

    check()
