"""Callers that grant and spend credits of limited use, some of which come by an allowance."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from tests.faults.callers import SqlCaller

__all__ = ("OWNERS_OF_LIMITED", "LimitedCaller", "misused")

OWNERS_OF_LIMITED: Final = ["limited-0", "limited-1"]

_MISUSED: Final = """
SELECT entries.nonce, entries.operation, lots.usable_for
FROM ledger.lot_movements AS moved
INNER JOIN ledger.entries
    ON moved.owner_id = entries.owner_id AND moved.asset = entries.asset AND moved.seq = entries.seq
INNER JOIN ledger.lots
    ON moved.owner_id = lots.owner_id AND moved.asset = lots.asset AND moved.lot_seq = lots.seq
WHERE entries.app <> 'ledger' AND entries.amount < 0 AND entries.reverses_seq IS NULL
    AND entries.operation <> ALL (lots.usable_for)
"""
_UNEQUAL: Final = """
SELECT owners.owner_id, now.balance, parts.amount
FROM unnest(%s::text[]) AS owners (owner_id)
CROSS JOIN LATERAL ledger.balance(owner_id => owners.owner_id) AS now
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount), 0) AS amount
    FROM ledger.balance_parts(owner_id => owners.owner_id)
) AS parts
WHERE now.balance <> parts.amount
"""
_LEFT_OVER: Final = """
SELECT spends.owner_id, spends.nonce
FROM ledger.entries AS spends
WHERE spends.operation = 'CONTENT_CREATION' AND spends.owner_id = ANY (%s)
    AND NOT EXISTS (
        SELECT 1 FROM ledger.lot_movements AS moved
        WHERE moved.owner_id = spends.owner_id AND moved.asset = spends.asset
            AND moved.seq = spends.seq
    )
    AND EXISTS (
        SELECT 1 FROM ledger.lots
        WHERE lots.owner_id = spends.owner_id AND lots.asset = spends.asset
            AND lots.seq < spends.seq AND lots.remaining > lots.held
            AND lots.expires_at > spends.recorded_at
    )
"""


class LimitedCaller(SqlCaller):
    """Grants prizes that are for publishing only, publishes, and spends on other things."""

    def change(self, nonce: str) -> dict[str, Any]:
        """Generate a credit or a debit."""
        operation, amount = self.random.choice(
            [
                ("CONTEST_PRIZE", self.random.randint(1, 30)),
                ("CONTENT_CREATION", -5),
                ("CONTENT_CREATION", -5),
                ("CREDIT_SPEND", -self.random.randint(1, 20)),
                ("CREDIT_ADD", self.random.randint(1, 15)),
            ]
        )
        return {
            "owner_id": self.random.choice(self.owners),
            "operation": operation,
            "nonce": nonce,
            "amount": amount,
        }


def misused(url: str) -> list[str]:
    """Return what was spent on something else, or left although it goes first, or does not add up.

    Args:
        url: The database, for its owner.
    """
    with psycopg.connect(url) as conn:
        return [
            *(f"spent on something else: {row}" for row in conn.execute(_MISUSED)),
            *(f"not spent first: {row}" for row in conn.execute(_LEFT_OVER, [OWNERS_OF_LIMITED])),
            *(
                f"parts are not the balance: {row}"
                for row in conn.execute(_UNEQUAL, [OWNERS_OF_LIMITED])
            ),
        ]
