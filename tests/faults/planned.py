"""Allowances of the callers' owners, whose boundaries fall into the run."""

from __future__ import annotations

from typing import Final

import psycopg

from tests.faults.callers import OWNERS
from tests.faults.limited import OWNERS_OF_LIMITED

__all__ = ("grant_allowances", "wrong_allowances")

_GRANT: Final = """
SELECT ledger.grant_allowance(
    app => 'app1', owner_id => %s, operation => %s, nonce => %s, amount => 100,
    period => 'day', starts_at => clock_timestamp() - interval '1 day' + %s * interval '1 second',
    carry_over_most => 20
)
"""
_SETTLE: Final = "SELECT ledger.expire_credits(100000)"
_WRONG: Final = """
SELECT allowances.owner_id, allowances.nonce, count(made.seq)
FROM ledger.allowances
LEFT JOIN ledger.allowance_entries AS made
    ON allowances.owner_id = made.owner_id AND allowances.app = made.app
    AND allowances.nonce = made.allowance_nonce AND made.kind = 'granted'
WHERE allowances.app = 'app1'
GROUP BY allowances.owner_id, allowances.nonce, allowances.starts_at
HAVING count(made.seq) <> CASE
    WHEN clock_timestamp() >= allowances.starts_at + interval '1 day' THEN 2
    ELSE 1
END
"""


def grant_allowances(url: str) -> None:
    """Grant each owner credits that come again after some seconds, some of limited use.

    Args:
        url: The database, for its owner.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        for number, owner_id in enumerate([*OWNERS, *OWNERS_OF_LIMITED]):
            operation = "CONTEST_PRIZE" if owner_id in OWNERS_OF_LIMITED else "CREDIT_ADD"
            plan = f"plan of {owner_id}"
            conn.execute(_GRANT, [owner_id, operation, plan, 2 + 3 * number])


def wrong_allowances(url: str) -> list[str]:
    """Settle what is due, and return the allowances that came too often, or too seldom."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_SETTLE)
        return [f"an allowance has come otherwise: {row}" for row in conn.execute(_WRONG)]
