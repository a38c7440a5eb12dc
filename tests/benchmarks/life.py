"""Requests of ordinary life: owners with lots and holds, claims, new owners, retries, refusals."""

from __future__ import annotations

import itertools
import json
import random
import secrets
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import psycopg

from tests.benchmarks.batches import repeat
from tests.benchmarks.loading import OWNERS, owner_number
from tests.benchmarks.measuring import Run

__all__ = ("AGAIN", "GROUP_SIZE", "KINDS", "LATER", "LIFE", "Life", "prepare_owners")

Item: TypeAlias = dict[str, Any]

AGAIN: Final = "again"
"""Name of the nonces under which each owner of `prepare_owners` has an entry, before the number."""

GROUP_SIZE: Final = 2_000
"""Number of owners of each group of `prepare_owners`."""

LATER: Final = "2099-01-01T00:00:00Z"
"""When the credits that expire do so."""

_RECORD: Final = "SELECT * FROM ledger.record_entries(app => 'app1', entries => %s)"
_CODE, _REPLAYED = 16, 15

# The groups: their lots, and whether they have a hold. "growing" get more lots in each turn; "hot"
# is a single owner.
_GROUPS: Final = {
    "lot-": (1, False, GROUP_SIZE),
    "growing-": (1, False, GROUP_SIZE),
    "lots-": (5, False, GROUP_SIZE),
    "held-": (2, True, GROUP_SIZE),
    "hot-": (3, False, 1),
    "poor-": (0, False, GROUP_SIZE),
    "budget-": (0, False, GROUP_SIZE),
    "allowance-": (0, False, GROUP_SIZE),
}
_POOR: Final = "poor-"
_WITH_BUDGET: Final = "budget-"
_WITH_ALLOWANCE: Final = "allowance-"

_PREPARE: Final = """
    SELECT ledger.record_entries(app => 'app1', entries => (
        SELECT jsonb_agg(jsonb_build_object(
            'owner_id', %(group)s::text || number, 'operation', 'CREDIT_ADD',
            'nonce', gen_random_uuid(), 'amount', %(amount)s::bigint
        ) || CASE
            WHEN lot > 0 THEN jsonb_build_object('expires_at', %(expires_at)s::text) ELSE '{}'
        END)
        FROM generate_series(0, %(owners)s - 1) AS owners (number)
        CROSS JOIN generate_series(%(first)s::integer, %(lots)s) AS lots (lot)
    ))
"""
_HOLD: Final = """
    SELECT count(ledger.place_hold(
        app => 'app1', owner_id => %(group)s::text || number, operation => 'CREDIT_SPEND',
        nonce => 'hold-' || number, amount => 5, expires_in => '366 days'
    ))
    FROM generate_series(0, %(owners)s - 1) AS owners (number)
"""
_BUDGET: Final = """
    SELECT count(ledger.set_budget(
        owner_id => %(group)s::text || number, budget => 'limit', most => 1000000000,
        period => 'month', actor => 'benchmark', reason => 'benchmark'
    ))
    FROM generate_series(0, %(owners)s - 1) AS owners (number)
"""
_ALLOWANCE: Final = """
    SELECT count(ledger.grant_allowance(
        app => 'app1', owner_id => %(group)s::text || number, operation => 'CREDIT_ADD',
        nonce => 'plan-' || number, amount => 1000000, period => 'year'
    ))
    FROM generate_series(0, %(owners)s - 1) AS owners (number)
"""
_SPEND: Final = """
    SELECT count(ledger.record_entry(
        app => 'app1', owner_id => %(group)s::text || number, operation => 'CREDIT_SPEND',
        nonce => gen_random_uuid()::text, amount => -1
    ))
    FROM generate_series(0, %(owners)s - 1) AS owners (number)
"""
_AGAIN: Final = """
    SELECT ledger.record_entries(app => 'app1', entries => (
        SELECT jsonb_agg(jsonb_build_object(
            'owner_id', (%(first)s::bigint + number)::text, 'operation', 'CREDIT_SPEND',
            'nonce', %(again)s::text || (%(first)s::bigint + number), 'amount', -1
        ))
        FROM generate_series(0, %(owners)s - 1) AS owners (number)
    ))
"""


def prepare_owners(url: str) -> None:
    """Record what the owners of each group have, then vacuum and analyze.

    Args:
        url: The database, for its owner. It has the owners of `loading.load`.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        for group, (lots, held, owners) in _GROUPS.items():
            arguments = {
                "group": group,
                "owners": owners,
                "first": min(lots, 1),
                "lots": lots,
                "amount": 1 if group == _POOR else 1_000_000_000,
                "expires_at": LATER,
            }
            conn.execute(_PREPARE, arguments)
            if held:
                conn.execute(_HOLD, arguments)
            if group == _WITH_BUDGET:
                conn.execute(_BUDGET, arguments)
                # The first spend of a period begins its count.
                conn.execute(_SPEND, arguments)
            if group == _WITH_ALLOWANCE:
                conn.execute(_ALLOWANCE, arguments)
        first = {"first": owner_number(0), "again": AGAIN, "owners": GROUP_SIZE}
        conn.execute(_AGAIN, first)
        conn.execute("VACUUM (ANALYZE)")


class Life:
    """Makes contenders that record batches of one kind or of a mix.

    Args:
        conn: A connection in autocommit, which keeps its prepared statement and plans.
        items: The number of entries per call.
    """

    def __init__(self, conn: psycopg.Connection[Any], *, items: int) -> None:
        self._conn, self._items = conn, items
        self._new = (f"new-{secrets.token_hex(4)}-{number}" for number in itertools.count())
        self._sent: deque[Item] = deque(maxlen=10_000)
        self._makers: dict[str, Callable[[], Item]] = {
            "plain": lambda: _spend(str(owner_number(random.randrange(OWNERS)))),
            "spends, 1 lot": lambda: _spend(_one_of("lot-")),
            "spends, with a budget": lambda: _spend(_one_of("budget-")),
            "spends, 5 lots": lambda: _spend(_one_of("lots-")),
            "spends, 2 lots and a hold": lambda: _spend(_one_of("held-")),
            "one owner with lots": lambda: _spend("hot-0"),
            "credits that expire": lambda: _credit(_one_of("growing-"), expires_at=LATER),
            "SIGNUP_CREDIT, new owners": lambda: _item(next(self._new), "SIGNUP_CREDIT"),
            "DAILY_REWARD, new owners": lambda: _item(next(self._new), "DAILY_REWARD"),
            "new owners": lambda: _credit(next(self._new)),
            "retries": lambda: random.choice(self._sent),
            "refusals": lambda: _spend(_one_of("poor-"), amount=-2),
        }

    def contender(self, shares: dict[str, float]) -> Callable[[float], Run]:
        """Make a contender.

        Args:
            shares: The share of each kind of item (`KINDS`), 1 in all.

        Returns:
            The contender. It raises RuntimeError if other items are refused or replayed than those
            that are meant to be.
        """
        kinds, weights = list(shares), list(shares.values())

        def draw() -> tuple[list[str], list[Item]]:
            drawn = random.choices(kinds, weights, k=self._items)
            items = [self._makers[kind]() for kind in drawn]
            self._sent.extend(
                item for kind, item in zip(drawn, items, strict=True) if kind == "plain"
            )
            return drawn, items

        def record(entries: str) -> None:
            self._conn.execute(_RECORD, [entries], prepare=True, binary=True)

        self._seed()
        drawn, items = draw()
        results = self._conn.execute(_RECORD, [json.dumps(items)]).fetchall()
        refused = sum(row[_CODE] is not None for row in results)
        replayed = sum(row[_REPLAYED] is True for row in results)
        if (refused, replayed) != (drawn.count("refusals"), drawn.count("retries")):
            raise RuntimeError(f"{refused} items were refused, and {replayed} replayed.")
        return lambda seconds: repeat(lambda: json.dumps(draw()[1]), record, self._items, seconds)

    def again(self) -> Callable[[float], Run]:
        """Make a contender that sends the same batch of plain items again and again."""
        items = [self._makers["plain"]() for _ in range(self._items)]
        entries = json.dumps(items)

        def record(_: None) -> None:
            self._conn.execute(_RECORD, [entries], prepare=True, binary=True)

        record(None)
        return lambda seconds: repeat(lambda: None, record, self._items, seconds)

    def _seed(self) -> None:
        if not self._sent:
            items = [self._makers["plain"]() for _ in range(1_000)]
            self._conn.execute(_RECORD, [json.dumps(items)])
            self._sent.extend(items)


def _one_of(group: str) -> str:
    return f"{group}{random.randrange(GROUP_SIZE)}"


def _item(owner_id: str, operation: str, **fields: Any) -> Item:
    nonce = str(random.randrange(10**18, 9 * 10**18))
    return {"owner_id": owner_id, "operation": operation, "nonce": nonce} | fields


def _spend(owner_id: str, amount: int = -1) -> Item:
    return _item(owner_id, "CREDIT_SPEND", amount=amount)


def _credit(owner_id: str, **fields: Any) -> Item:
    return _item(owner_id, "CREDIT_ADD", amount=5, **fields)


LIFE: Final = {
    "spends, 2 lots and a hold": 0.50,
    "plain": 0.15,
    "credits that expire": 0.10,
    "SIGNUP_CREDIT, new owners": 0.10,
    "retries": 0.05,
    "refusals": 0.05,
    "new owners": 0.05,
}
"""The mix of ordinary life: the share of each kind of item."""


def _beside_plain(kind: str) -> dict[str, float]:
    return {"plain": 0.95, kind: 0.05}


KINDS: Final[dict[str, tuple[dict[str, float], float]]] = {
    **{
        kind: ({kind: 1.0}, reach)
        for kind, reach in {
            "spends, 1 lot": 0.50,
            "spends, with a budget": 0.50,
            "spends, 5 lots": 0.50,
            "spends, 2 lots and a hold": 0.50,
            "one owner with lots": 0.60,
            "credits that expire": 0.50,
            "SIGNUP_CREDIT, new owners": 0.45,
            "DAILY_REWARD, new owners": 0.45,
            "new owners": 0.60,
        }.items()
    },
    "5 % new owners": (_beside_plain("new owners"), 0.70),
    "5 % retries": (_beside_plain("retries"), 0.70),
    "5 % refusals": (_beside_plain("refusals"), 0.70),
    "life": (LIFE, 0.45),
}
"""The kinds of batches: the shares of their items, and the ratio to plain batches to reach."""
