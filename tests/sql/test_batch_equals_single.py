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
from tests.sql.model.catalogue import define_weekly_bonus
from tests.sql.model.database import database_state

# Fewer examples, because each is many calls.
_SOME = settings(max_examples=settings().max_examples // 2)
_RUNS = itertools.count(1)
_BEGINNING = "2026-10-24T20:00:00Z"

_ENTRY = [
    *("seq", "owner_id", "asset", "app", "operation", "amount", "balance", "nonce", "metadata"),
    *("expires_at", "hold_nonce", "reverses_seq", "recorded_at", "replayed"),
]
_REFUSAL = ["code", "message", "detail", "hint"]

# The state of an owner before the batch. Most are plain, as the fast path requires.
_KINDS = ["new", "poor", "frozen", "lots", "held"]
_POPULATIONS = st.sampled_from([1, 3, 10, 10, 30]).flatmap(
    lambda size: st.one_of(
        st.just(["new"] * size),
        st.lists(st.sampled_from(_KINDS), max_size=1 + size // 8).map(
            lambda odd: (odd + ["rich"] * size)[:size]
        ),
        st.lists(st.sampled_from(["rich", "rich", *_KINDS]), min_size=size, max_size=size),
    )
)
_PLAIN = st.sampled_from(
    [
        *[("CREDIT_ADD", amount) for amount in (None, 1, 8)],
        *[("CREDIT_SPEND", amount) for amount in (None, -1, -3)],
        ("CONTENT_ACCESS", None),
    ]
)
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
    {"owner_id": ""},
    {"owner_id": "x" * 256},
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
    {"expires_at": "tomorrow"},
    {"expires_at": "2026-02-31T00:00:00Z"},
    {"unknown": 1},
]
_USED = [0, 1, 5, "before", "hold"]
_ITEMS = [
    _items(_PLAIN, odd=[{}], used=[None]),
    _items(_PLAIN, odd=[{}], used=[None] * 20 + _USED),
    _items(_PLAIN, odd=[{}] * 200 + _ODDITIES, used=[None] * 100 + _USED),
    _items(_ANY, odd=[{}] * 20 + _ODDITIES + _ILL_TYPED, used=[None] * 40 + _USED),
]
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
        """Set up each owner by its kind. The first has an entry and a hold of known nonces."""
        for number, kind in enumerate(kinds):
            owner_id, nonce = self.owner_ids[number], f"{self.prefix}before-{number}"
            if kind == "new":
                continue
            life = timedelta(hours=3) if kind == "lots" else None
            self.add(owner_id, nonce, amount=2 if kind == "poor" else 20, life=life)
            if kind == "frozen":
                call(self.conn, "freeze_account", owner_id=owner_id, actor="olga", reason="test")
            if kind == "held":
                self.hold(owner_id, f"{self.prefix}hold-{number}")
        self.add(f"{self.prefix}first", f"{self.prefix}before")
        self.hold(f"{self.prefix}first", f"{self.prefix}hold")

    def add(
        self, owner_id: str, nonce: str, amount: int = 20, life: timedelta | None = None
    ) -> None:
        call(
            self.conn,
            "record_entry",
            app="app1",
            owner_id=owner_id,
            operation="CREDIT_ADD",
            nonce=nonce,
            amount=amount,
            expires_at=life and self.clock.now + life,
        )

    def hold(self, owner_id: str, nonce: str) -> None:
        call(
            self.conn,
            "place_hold",
            app="app1",
            owner_id=owner_id,
            operation="CREDIT_SPEND",
            nonce=nonce,
            amount=5,
        )

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
        return self.without_prefix(database_state(self.conn, self.owner_ids))

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
    define_weekly_bonus(conn)
    return Clock(conn, _BEGINNING)


def never_take_the_fast_path(conn: Connection) -> None:
    """Let the set-based path fail as if another transaction always interfered."""
    definition = scalar(
        conn,
        "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'record_plain_items'",
    )
    late = "BEGIN\n RAISE serialization_failure;\n"
    conn.execute(definition.replace("BEGIN\n", late, 1).encode())


@pytest.mark.parametrize("path", ["the best", "one by one"])
def test_batch_answers_and_records_like_single_calls(
    conn: Connection, clock: Clock, path: str
) -> None:
    if path == "one by one":
        never_take_the_fast_path(conn)

    @_SOME
    @given(kinds=_POPULATIONS, items=_BATCHES)
    @example(kinds=["lots"] + ["rich"] * 9, items=_RACING_FOR_A_NONCE)
    def check(kinds: list[str], items: list[Row]) -> None:
        run = next(_RUNS)
        batch, single = (Side(conn, clock, name, run) for name in ("b", "s"))
        for side in (batch, single):
            side.prepare(kinds)
        answers = batch.record_batch(batch.requests(len(kinds), items))
        assert answers == [single.record_one(it) for it in single.requests(len(kinds), items)]
        assert batch.state() == single.state()

    check()


def test_atomic_batch_records_all_or_nothing(conn: Connection, clock: Clock) -> None:
    @_SOME
    @given(kinds=_POPULATIONS, items=_BATCHES)
    def check(kinds: list[str], items: list[Row]) -> None:
        run = next(_RUNS)
        batch, single = (Side(conn, clock, name, run) for name in ("b", "s"))
        for side in (batch, single):
            side.prepare(kinds)
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
