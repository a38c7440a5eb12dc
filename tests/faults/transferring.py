"""Callers that transfer credits between the accounts of the others; `verify` compares the sides."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from tests.faults.callers import SqlCaller
from tests.faults.journal import FIELDS

__all__ = ("TransferringCaller",)

_TRANSFER: Final = f"""
SELECT {", ".join(FIELDS)} FROM ledger.transfer_credits(
    app => 'app1', from_owner_id => %(sender)s, to_owner_id => %(receiver)s,
    operation => 'CREDIT_GIFT', nonce => %(nonce)s, amount => %(amount)s
)
"""


class TransferringCaller(SqlCaller):
    """Transfers credits, each in a transaction of its own."""

    async def call(self) -> None:
        """Make one transfer."""
        request = self.journal.new("transfer")
        sender, receiver = self.random.sample(list(self.owners), 2)
        given = {
            "sender": sender,
            "receiver": receiver,
            "nonce": request.nonce,
            "amount": self.random.randint(1, 20),
        }
        sent: dict[str, Any] = {}

        async def ask(conn: psycopg.AsyncConnection[dict[str, Any]]) -> None:
            # The first is the entry of the sender.
            sent.update(await (await conn.execute(_TRANSFER, given)).fetchone() or {})

        async def attempt() -> None:
            await self._in_transaction(ask)
            self.journal.acknowledge(request, sent)

        await self.insist([request], attempt)
