"""Callers, over HTTP and in SQL transactions, that retry until they get an answer."""

from __future__ import annotations

import asyncio
import json
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx
import psycopg
from psycopg.rows import dict_row

from ledger_py.errors import ERRORS_BY_SQLSTATE
from tests.faults.journal import FIELDS, Journal, Request

__all__ = (
    "ANSWERED_WITHIN",
    "OWNERS",
    "SCHEMA",
    "Caller",
    "HttpCaller",
    "Refused",
    "SqlCaller",
    "Unanswered",
)

OWNERS: Final = [f"owner-{number}" for number in range(6)]
"""Few, so that callers contend for the same accounts."""

SCHEMA: Final = """
CREATE SCHEMA shop
CREATE TABLE orders (
    nonce text PRIMARY KEY,
    owner_id text NOT NULL,
    amount bigint NOT NULL,
    seq bigint,
    balance bigint
)
"""
"""A table of the callers. An order and the entry with its nonce are written in one transaction."""

# Refusals that valid requests may get.
_EXPECTED: Final = {
    *("insufficient_balance", "hold_closed", "hold_not_found", "entry_not_found"),
    *("reversal_exceeds_original", "budget_exceeded"),
}
ANSWERED_WITHIN: Final = 8.0
"""Seconds after which a caller gives an attempt up."""


_COLUMNS: Final = ", ".join(FIELDS)
"""Named: a prepared SELECT * ends where a release adds columns."""


class Unanswered(Exception):
    """The outcome is unknown."""


class Refused(Exception):
    """The request was refused; the argument is the code."""


class Caller(ABC):
    """A caller that makes requests in sequence.

    Args:
        journal: Takes the requests and their answers.
        random_: Chooses the requests.
        owners: The owners that it chooses from.

    Attributes:
        stopping: Whether it is to make no more requests.
        answers: The number of attempts that were answered.
        longest: Seconds of its longest attempt.
    """

    def __init__(
        self, journal: Journal, random_: random.Random, owners: Sequence[str] = OWNERS
    ) -> None:
        self.journal = journal
        self.random = random_
        self.owners = owners
        self.stopping = False
        self.answers = 0
        self.longest = 0.0

    async def run(self) -> None:
        """Make requests until `stopping` is set, and finish the last one."""
        while not self.stopping:
            await self.call()

    @abstractmethod
    async def call(self) -> None:
        """Make one request, or a few that belong together."""

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Note how long the attempt in the block takes."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.longest = max(self.longest, time.monotonic() - begun)

    async def insist(self, requests: list[Request], attempt: Callable[[], Awaitable[None]]) -> None:
        """Retry until there is an answer. Sometimes give up early, or repeat after an answer."""
        while True:
            for request in requests:
                request.attempts += 1
            try:
                await attempt()
            except Unanswered as cause:
                self.journal.causes[str(cause)] += 1
                for request in requests:
                    request.unanswered += 1
                if self.stopping or self.random.random() < 0.1:
                    return
                await asyncio.sleep(0.05)
            except Refused as refusal:
                self.answers += 1
                for request in requests:
                    self.refuse(request, str(refusal))
                return
            else:
                self.answers += 1
                if self.stopping or self.random.random() > 0.1:
                    return

    def refuse(self, request: Request, code: str) -> None:
        """Note a refusal."""
        request.refusal = code
        if code not in _EXPECTED or request.acknowledged:
            self.journal.wrong.append(f"{request} was refused")

    def change(self, nonce: str) -> dict[str, Any]:
        """Generate a credit or a debit."""
        spend = self.random.random() < 0.6
        return {
            "owner_id": self.random.choice(self.owners),
            "operation": "CREDIT_SPEND" if spend else "CREDIT_ADD",
            "nonce": nonce,
            "amount": -self.random.randint(1, 30) if spend else self.random.randint(1, 40),
        }


class HttpCaller(Caller):
    """Calls the services over HTTP, each time one at random.

    Args:
        journal: Takes the requests and their answers.
        random_: Chooses the requests.
        addresses: The services. Others may take their place during the run.
        owners: The owners that it chooses from.
        names_owners: Name the owner also where the nonce of a hold or an entry would do.

    Attributes:
        asking: The address of the service that has yet to answer, if any.
    """

    def __init__(
        self,
        journal: Journal,
        random_: random.Random,
        addresses: list[str],
        owners: Sequence[str] = OWNERS,
        *,
        names_owners: bool = False,
    ) -> None:
        super().__init__(journal, random_, owners)
        self._names_owners = names_owners
        self._addresses = addresses
        self.asking: str | None = None
        self._recorded: list[tuple[Request, dict[str, Any]]] = []
        self._held: list[tuple[str, dict[str, Any]]] = []
        self._client = httpx.AsyncClient(timeout=ANSWERED_WITHIN)

    async def run(self) -> None:
        """Make requests until `stopping` is set, and finish the last one."""
        async with self._client:
            await super().run()

    async def call(self) -> None:
        """Make one request, or a few that belong together."""
        ways: list[Callable[[], Awaitable[object]]] = [
            *(self._record, self._record, self._record_and_reverse, self._repeat),
            *(self._batch, self._hold, self._capture_earlier),
        ]
        await self.random.choice(ways)()

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.asking = self.random.choice(self._addresses)
        try:
            with self.timing():
                response = await self._client.post(self.asking + path, json=body)
        except httpx.TransportError as error:
            raise Unanswered(f"HTTP {type(error).__name__}") from error
        finally:
            self.asking = None
        answer: dict[str, Any] = response.json()
        if response.status_code == 503:
            raise Unanswered(f"HTTP 503 {answer['code']}")
        if response.status_code >= 500:
            self.journal.wrong.append(f"{path} {body}: {response.status_code} {answer}")
            raise Unanswered(f"HTTP {response.status_code}")
        if response.status_code >= 400:
            raise Refused(answer["code"])
        return answer

    async def _record(self) -> tuple[Request, dict[str, Any]]:
        request = self.journal.new("http")
        body = self.change(request.nonce)

        async def attempt() -> None:
            self.journal.acknowledge(request, await self._post("/ledger", body))

        await self.insist([request], attempt)
        self._recorded.append((request, body))
        return request, body

    async def _repeat(self) -> None:
        """Repeat an earlier request, which may have been answered by another service."""
        if not self._recorded:
            return
        request, body = self.random.choice(self._recorded)

        async def attempt() -> None:
            self.journal.acknowledge(request, await self._post("/ledger", body))

        await self.insist([request], attempt)

    async def _batch(self) -> None:
        requests = [self.journal.new("http-batch") for _ in range(self.random.randint(1, 8))]
        body = {"entries": [self.change(request.nonce) for request in requests]}

        async def attempt() -> None:
            results = (await self._post("/ledger/batch", body))["results"]
            away = set()
            for request, result in zip(requests, results, strict=True):
                if "entry_id" in result:
                    self.journal.acknowledge(request, result)
                elif result["status"] == 503:
                    away.add(result["code"])
                else:
                    self.refuse(request, result["code"])
            if away:
                raise Unanswered(f"HTTP items {', '.join(sorted(away))}")

        await self.insist(requests, attempt)

    async def _hold(self) -> None:
        hold = self.journal.new("hold")
        amount = self.random.randint(1, 20)
        body = {
            "owner_id": self.random.choice(self.owners),
            "operation": "CREDIT_SPEND",
            "nonce": hold.nonce,
            "amount": amount,
        }
        about = self._about(body)

        async def place() -> None:
            hold.hold = (await self._post("/ledger/holds", body))["amount"]

        async def release() -> None:
            await self._post(f"/ledger/holds/{hold.nonce}/release", about)
            self.journal.released.add(hold.nonce)

        await self.insist([hold], place)
        next_ = self.random.choice(["capture", "capture", "release", "leave open"])
        if not hold.acknowledged:
            return
        if next_ == "capture":
            await self._capture(hold.nonce, about)
        elif next_ == "release":
            await self.insist([], release)
        else:
            self._held.append((hold.nonce, about))

    async def _capture_earlier(self) -> None:
        """Capture a hold that was left open, maybe through another service."""
        if self._held:
            await self._capture(*self._held.pop(self.random.randrange(len(self._held))))

    def _about(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"owner_id": body["owner_id"]} if self._names_owners else {}

    async def _capture(self, hold_nonce: str, about: dict[str, Any]) -> None:
        request = self.journal.new("capture")

        async def attempt() -> None:
            path = f"/ledger/holds/{hold_nonce}/capture"
            answer = await self._post(path, {"nonce": request.nonce, "amount": 1} | about)
            self.journal.acknowledge(request, answer)

        await self.insist([request], attempt)

    async def _record_and_reverse(self) -> None:
        original, recorded = await self._record()
        if original.entry is None:
            return
        request = self.journal.new("reversal")

        async def attempt() -> None:
            body = {"original_nonce": original.nonce, "nonce": request.nonce, "amount": 1}
            body |= self._about(recorded)
            self.journal.acknowledge(request, await self._post("/ledger/reversals", body))

        await self.insist([request], attempt)


class SqlCaller(Caller):
    """Writes orders to a table of its own, and their entries in the same transaction.

    Args:
        journal: Takes the requests and their answers.
        random_: Chooses the requests.
        url: The database.
        prepare: The number of uses after which a statement is prepared; None for never.
        owners: The owners that it chooses from.
    """

    def __init__(
        self,
        journal: Journal,
        random_: random.Random,
        url: str,
        prepare: int | None = None,
        owners: Sequence[str] = OWNERS,
    ) -> None:
        super().__init__(journal, random_, owners)
        self._url = url
        self._prepare = prepare
        self._conn: psycopg.AsyncConnection[dict[str, Any]] | None = None

    async def run(self) -> None:
        """Make requests until `stopping` is set, and finish the last one."""
        try:
            await super().run()
        finally:
            await self._disconnect()

    async def fill(self) -> None:
        """Record a credit for each owner, before there are faults."""
        for owner in self.owners:
            request = self.journal.new("order")
            change = {
                "owner_id": owner,
                "operation": "CREDIT_ADD",
                "nonce": request.nonce,
                "amount": 500,
            }
            await self._pay(request, change)
        await self._disconnect()

    async def call(self) -> None:
        """Make one request, or a few that belong together."""
        await self.random.choice([self._order, self._order, self._batch])()

    async def _in_transaction(
        self, ask: Callable[[psycopg.AsyncConnection[dict[str, Any]]], Awaitable[None]]
    ) -> None:
        try:
            conn = await self._connected()
            with self.timing():
                async with asyncio.timeout(ANSWERED_WITHIN), conn.transaction():
                    # Not as options of the connection, which poolers refuse.
                    await conn.execute("SET LOCAL lock_timeout = '2s'", prepare=False)
                    await conn.execute("SET LOCAL statement_timeout = '5s'", prepare=False)
                    await ask(conn)
        except psycopg.Error as error:
            sqlstate = error.sqlstate or ""
            if sqlstate.startswith("LG"):
                raise Refused(ERRORS_BY_SQLSTATE[sqlstate].code) from error
            # psycopg may call a connection that ends during BEGIN or COMMIT an internal error.
            lost = self._conn is not None and self._conn.broken
            if not isinstance(error, psycopg.OperationalError) and not lost:
                self.journal.wrong.append(f"SQL: {error}")
            await self._disconnect()
            raise Unanswered(f"SQL {sqlstate or type(error).__name__}") from error
        except TimeoutError as error:
            await self._disconnect()
            raise Unanswered("SQL timeout") from error

    async def _connected(self) -> psycopg.AsyncConnection[dict[str, Any]]:
        if self._conn is None or self._conn.closed:
            self._conn = await psycopg.AsyncConnection.connect(
                self._url,
                autocommit=True,
                row_factory=dict_row,
                connect_timeout=5,
                prepare_threshold=self._prepare,
            )
        return self._conn

    async def _disconnect(self) -> None:
        if self._conn is not None:
            await self._conn.close()
            self._conn = None

    async def _order(self) -> None:
        request = self.journal.new("order")
        await self._pay(request, self.change(request.nonce))

    async def _pay(self, request: Request, change: dict[str, Any]) -> None:
        paid: dict[str, Any] = {}

        async def ask(conn: psycopg.AsyncConnection[dict[str, Any]]) -> None:
            await conn.execute(
                "INSERT INTO shop.orders (nonce, owner_id, amount)"
                " VALUES (%(nonce)s, %(owner_id)s, %(amount)s) ON CONFLICT DO NOTHING",
                change,
            )
            cursor = await conn.execute(
                f"SELECT {_COLUMNS}"
                " FROM ledger.record_entry(app => 'app1', owner_id => %(owner_id)s,"
                " operation => %(operation)s, nonce => %(nonce)s, amount => %(amount)s)",
                change,
            )
            paid.update(await cursor.fetchone() or {})
            await conn.execute(
                "UPDATE shop.orders SET seq = %(seq)s, balance = %(balance)s"
                " WHERE nonce = %(nonce)s",
                paid,
            )

        async def attempt() -> None:
            await self._in_transaction(ask)
            self.journal.acknowledge(request, paid)

        await self.insist([request], attempt)

    async def _batch(self) -> None:
        requests = [self.journal.new("sql-batch") for _ in range(self.random.randint(1, 8))]
        entries = json.dumps([self.change(request.nonce) for request in requests])
        results: list[dict[str, Any]] = []

        async def ask(conn: psycopg.AsyncConnection[dict[str, Any]]) -> None:
            cursor = await conn.execute(
                f"SELECT {_COLUMNS}, code FROM ledger.record_entries(app => 'app1', entries => %s)",
                [entries],
            )
            results[:] = await cursor.fetchall()

        async def attempt() -> None:
            await self._in_transaction(ask)
            for request, result in zip(requests, results, strict=True):
                if result["code"] is None:
                    self.journal.acknowledge(request, result)
                else:
                    self.refuse(request, result["code"])

        await self.insist(requests, attempt)
