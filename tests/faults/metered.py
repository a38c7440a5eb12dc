"""Callers of work that is paid by usage: budgets, holds that grow, captures that leave debts."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from tests.faults.callers import SqlCaller
from tests.faults.journal import FIELDS, Request

__all__ = ("BUDGET", "MeteredCaller", "limit_spenders")

BUDGET: Final = 2_000
"""The most of each spender."""

_OWNER: Final = "metered"
_PER_SPENDER: Final = 300
"""Requests of the run after which another spender follows, so that budgets end and begin."""

_DEFINE: Final = """
SELECT ledger.define_budget(
    budget => 'each', most => %s, period => 'ever', app => 'app2', spender => '*'
)
"""
_PLACE: Final = """
SELECT amount FROM ledger.place_hold(
    app => 'app2', owner_id => %(owner_id)s, operation => 'TOKENS_USED', nonce => %(nonce)s,
    amount => %(amount)s, spender => %(spender)s
)
"""
_GROW: Final = """
SELECT amount FROM ledger.grow_hold(
    app => 'app2', hold_nonce => %(hold_nonce)s, nonce => %(nonce)s, by => %(amount)s
)
"""
_CAPTURE: Final = f"""
SELECT {", ".join(FIELDS)} FROM ledger.capture_hold(
    app => 'app2', hold_nonce => %(hold_nonce)s, nonce => %(nonce)s, quantity => %(amount)s,
    beyond => 'debt'
)
"""
_ADD: Final = f"""
SELECT {", ".join(FIELDS)} FROM ledger.record_entry(
    app => 'app2', owner_id => %(owner_id)s, operation => 'CREDIT_ADD', nonce => %(nonce)s,
    amount => %(amount)s
)
"""


def limit_spenders(url: str) -> None:
    """Define the budget of each spender.

    Args:
        url: The database, for its owner.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_DEFINE.encode(), [BUDGET])


class MeteredCaller(SqlCaller):
    """Places a hold, lets it grow, and captures more or less than it reserves, on one account."""

    async def call(self) -> None:
        """Make one request, or a few that belong together."""
        if self.random.random() < 0.5:
            await self._ask(_ADD, self.journal.new("metered"), self.random.randint(1, 30))
            return
        hold = self.journal.new("metered-hold")
        spender = f"spender-{len(self.journal.requests) // _PER_SPENDER}"
        await self._ask(_PLACE, hold, self.random.randint(1, 20), spender=spender)
        if not hold.acknowledged:
            return
        about = {"hold_nonce": hold.nonce}
        for _ in range(self.random.randint(0, 2)):
            await self._ask(_GROW, self.journal.new("growth"), self.random.randint(1, 10), **about)
        amount = self.random.randint(1, 45)
        await self._ask(_CAPTURE, self.journal.new("metered"), amount, **about)

    async def _ask(self, query: str, request: Request, amount: int, **values: Any) -> None:
        """Ask until there is an answer, and note the hold, the growth or the entry."""
        values |= {"owner_id": _OWNER, "nonce": request.nonce, "amount": amount}
        answer: dict[str, Any] = {}

        async def ask(conn: psycopg.AsyncConnection[dict[str, Any]]) -> None:
            answer.update(await (await conn.execute(query.encode(), values)).fetchone() or {})

        async def attempt() -> None:
            await self._in_transaction(ask)
            if query == _PLACE:
                request.hold = amount
            elif query == _GROW:
                request.growth = amount
            else:
                self.journal.acknowledge(request, answer)

        await self.insist([request], attempt)
