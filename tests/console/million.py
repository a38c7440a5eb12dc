"""Times of the pages on a large ledger: `python -m tests.console.million URL`.

URL is that of an empty database, for a superuser. One owner gets a million entries, and a hundred
thousand owners get one each, by batches. The database is kept: a second run measures only.
"""

from __future__ import annotations

import re
import statistics
import sys
import time
from typing import Final

import httpx
import psycopg

from ledger_py.console import console_login
from ledger_py.migrate import migrate
from tests.console.conftest import make_console, visiting

__all__ = ("fill", "measure")

_BATCH: Final = 10_000
_ROUNDS: Final = 21

_OF_ONE: Final = """
    SELECT count(*) FROM ledger.record_entries(app => 'app1', entries => (
        SELECT jsonb_agg(jsonb_build_object(
            'owner_id', 'million',
            'operation', CASE WHEN mod(n, 3) = 0 THEN 'CREDIT_SPEND' ELSE 'CREDIT_ADD' END,
            'amount', CASE WHEN mod(n, 3) = 0 THEN -1 ELSE 1 END,
            'nonce', 'million-' || n,
            'metadata', jsonb_build_object('n', n)
        ) ORDER BY n) FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    ))
"""
_OF_MANY: Final = """
    SELECT count(*) FROM ledger.record_entries(app => 'app2', entries => (
        SELECT jsonb_agg(jsonb_build_object(
            'owner_id', 'owner-' || n, 'operation', 'CREDIT_ADD', 'nonce', 'many-' || n
        )) FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    ))
"""
_LIVELY: Final = """
    SELECT count(*) FROM generate_series(1, 300) AS n
    CROSS JOIN LATERAL ledger.record_entry(
        app => 'app1', owner_id => 'million', operation => 'CREDIT_ADD', nonce => 'lot-' || n,
        amount => 10, expires_at => now() + make_interval(days => n)
    )
    CROSS JOIN LATERAL ledger.place_hold(
        app => 'app1', owner_id => 'million', operation => 'CREDIT_SPEND', nonce => 'hold-' || n,
        amount => 2, expires_in => make_interval(days => n)
    )
"""


def fill(url: str, *, entries_of_one: int = 1_000_000, owners: int = 100_000) -> None:
    """Make the ledger; both numbers are multiples of 10 000."""
    with psycopg.connect(url, autocommit=True) as conn:
        for query, entries in ((_OF_ONE, entries_of_one), (_OF_MANY, owners)):
            for first in range(1, entries + 1, _BATCH):
                conn.execute(query.encode(), {"first": first, "last": first + _BATCH - 1})
        conn.execute(_LIVELY.encode())
        conn.execute("VACUUM ANALYZE")


def measure(client: httpx.Client, *, rounds: int = _ROUNDS) -> None:
    """Print the times of each page in milliseconds: the shortest, the median, and the longest."""
    count = re.search(r">([\d\u202f]+) entries<", client.get("/owner?owner_id=million").text)
    assert count is not None
    middle = int(count[1].replace("\u202f", "")) // 2
    for path in (
        "/",
        "/owner?owner_id=million",
        "/owner?owner_id=million&span=7d",
        "/owner?owner_id=million&span=1y",
        "/owner?owner_id=million&span=all",
        f"/owner?owner_id=million&before={middle}&rows=200",
        f"/entries?owner_id=million&before={middle}&rows=200",
        "/owner?owner_id=owner-77777",
        "/search?q=owner-1",
        "/search?q=many-99999",
        "/search?q=nothing-like-it",
        "/operations",
        "/verify?owner_id=owner-77777",
        "/books",
        "/verify?owner_id=million",
    ):
        times = []
        slow = path in ("/books", "/verify?owner_id=million")
        for _ in range(min(rounds, 3) if slow else rounds):
            began = time.perf_counter()
            answer = client.get(path)
            times.append((time.perf_counter() - began) * 1000)
        print(  # noqa: T201
            f"{path:<55} {answer.status_code} {min(times):7.1f} {statistics.median(times):7.1f}"
            f" {max(times):7.1f}"
            f" {len(answer.content):>8} bytes"
        )


if __name__ == "__main__":
    given = sys.argv[1]
    migrate(given)
    with psycopg.connect(given) as found:
        filled = found.execute("SELECT EXISTS (SELECT FROM ledger.entries)").fetchone()
    if filled != (True,):
        fill(given)
    with visiting(make_console(console_login(given, operator=False))) as visitor:
        measure(visitor)
