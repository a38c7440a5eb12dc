"""Many entries per statement: `ledger.record_entries`, and COPY as its floor."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final

import psycopg

from tests.benchmarks.loading import OWNERS, owner_number
from tests.benchmarks.measuring import Run

__all__ = ("copies", "record_entries", "repeat")

_RECORD: Final = "SELECT * FROM ledger.record_entries(app => 'app1', entries => %s)"

_CODE: Final = 16
"""Index of the column `code` in a row of the results."""

_COPY: Final = """
    COPY floor.entries (
        owner_id, asset, seq, entry_id, app, operation, amount, balance_after, nonce,
        amount_defaulted, expiry_defaulted, recorded_at, xact_id, hash
    ) FROM STDIN
"""

_UPDATE: Final = """
    UPDATE floor.accounts
    SET balance = balance - changes.items, last_seq = last_seq + changes.items
    FROM (
        SELECT owner_id, count(*) AS items
        FROM unnest(%s::text[]) AS owners (owner_id)
        GROUP BY owner_id
    ) AS changes
    WHERE accounts.owner_id = changes.owner_id AND accounts.asset = 'CREDIT'
"""


def record_entries(
    conn: psycopg.Connection[Any], *, items: int, owners: int = OWNERS
) -> Callable[[float], Run]:
    """Make a contender that records batches of spends in sequence.

    Args:
        conn: A connection in autocommit, which keeps its prepared statement and plans.
        items: The number of entries per call.
        owners: Number of owners to choose from.

    Returns:
        The contender.
    """

    def document() -> str:
        return json.dumps(
            [
                {
                    "owner_id": _owner(owners),
                    "operation": "CREDIT_SPEND",
                    "nonce": _nonce(),
                    "amount": -1,
                }
                for _ in range(items)
            ]
        )

    def record(entries: str) -> None:
        conn.execute(_RECORD, [entries], prepare=True, binary=True)

    # Refusals would be cheap. All batches are alike, so it is enough to check one.
    results = conn.execute(_RECORD, [document()]).fetchall()
    if len(results) != items or any(result[_CODE] is not None for result in results):
        raise RuntimeError("An entry of the batch was refused.")
    return lambda seconds: repeat(document, record, items, seconds)


def copies(
    conn: psycopg.Connection[Any], *, items: int, owners: int = OWNERS, update: bool = False
) -> Callable[[float], Run]:
    """Make the floor of `record_entries`: COPY of as many rows into a table of the same shape.

    Args:
        conn: A connection in autocommit.
        items: The number of rows per statement.
        owners: Number of owners to choose from.
        update: Also update the owners' accounts, by one statement in the same transaction.

    Returns:
        The contender.
    """
    # Both floors fill one table.
    last_seq = 1_000_000_000 if update else 1_000_000

    def rows() -> tuple[bytes, list[str]]:
        nonlocal last_seq
        lines = []
        names = [_owner(owners) for _ in range(items)]
        for seq, name in enumerate(names, start=last_seq + 1):
            lines.append(
                f"{name}\tCREDIT\t{seq}\t{seq}\tapp1\tCREDIT_SPEND\t-1\t{10**9 - seq}\t"
                f"{_nonce()}\tf\tf\t2026-01-01 12:34:56.789+00\t{last_seq}\t"
                f"\\\\x{random.getrandbits(256):064x}\n"
            )
        last_seq += items
        return "".join(lines).encode(), names

    def copy(block: tuple[bytes, list[str]]) -> None:
        lines, names = block
        with conn.transaction() if update else nullcontext(), conn.cursor() as cursor:
            with cursor.copy(_COPY) as target:
                target.write(lines)
            if update:
                cursor.execute(_UPDATE, [names])

    return lambda seconds: repeat(rows, copy, items, seconds)


def repeat(
    prepare: Callable[[], Any], execute: Callable[[Any], None], items: int, seconds: float
) -> Run:
    """Execute one call after the other, and count the time of the calls alone.

    Args:
        prepare: Makes the argument of a call.
        execute: Makes the call.
        items: The number of entries per call.
        seconds: The time to spend in calls.

    Returns:
        The run.
    """
    durations: list[float] = []
    while not durations or sum(durations) < seconds:
        prepared = prepare()
        begin = time.perf_counter()
        execute(prepared)
        durations.append(time.perf_counter() - begin)
    return Run(
        entries=items * len(durations),
        seconds=sum(durations),
        latencies=[duration * 1000 for duration in durations],
    )


def _owner(owners: int) -> str:
    return str(owner_number(random.randrange(owners)))


def _nonce() -> str:
    return str(random.randrange(10**18, 9 * 10**18))
