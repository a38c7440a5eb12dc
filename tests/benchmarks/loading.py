"""Fills a ledger with entries, by calls of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import psycopg

__all__ = ("OWNERS", "REALISTIC_OWNER", "load", "owner_number", "table_bytes")

OWNERS: Final = 10_000
"""Default number of owners."""

_BATCH: Final = 10_000

# Names of a usual length, for counting bytes.
REALISTIC_OWNER: Final = "'user-' || lpad({number}::text, 6, '0')"

_LOAD: Final = """
    SELECT count(*) FILTER (WHERE code IS NOT NULL)
    FROM ledger.record_entries(app => 'app1', entries => (
        SELECT jsonb_agg(jsonb_build_object(
            'owner_id', {owner},
            'operation', 'CREDIT_ADD', 'nonce', gen_random_uuid(), 'amount', 1000000000
        ))
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS numbers (number)
    ))
"""
_PLAIN_OWNER: Final = "(%(first_owner)s::bigint + number %% %(owners)s)::text"


def owner_number(index: int) -> int:
    """Return the number that is an owner's name. pgbench generates numbers, not texts."""
    return 10_000_000_000 + index


def load(
    url: str,
    *,
    entries: int,
    first_owner: int,
    owners: int,
    realistic: bool = False,
    report: Callable[[str], None] = lambda _line: None,
) -> None:
    """Record credits of 1 000 000 000 in batches, then vacuum and analyze.

    Args:
        url: The database, for its owner.
        entries: Number of entries.
        first_owner: Number of the first owner; the numbers of owners are consecutive.
        owners: Number of owners.
        realistic: Name the owners user-000000 and so on, and ignore `first_owner`.
        report: Takes a line of progress from time to time.

    Raises:
        RuntimeError: An entry was refused.
    """
    owner = REALISTIC_OWNER.format(number="(number %% %(owners)s)") if realistic else _PLAIN_OWNER
    query = _LOAD.format(owner=owner).encode()
    with psycopg.connect(url, autocommit=True) as conn:
        for first in range(0, entries, _BATCH):
            last = min(first + _BATCH, entries) - 1
            arguments = {
                "first": first, "last": last, "first_owner": first_owner, "owners": owners
            }  # fmt: skip
            if conn.execute(query, arguments).fetchone() != (0,):
                raise RuntimeError("An entry was refused while loading.")
            if (last + 1) % 250_000 == 0:
                report(f"loaded {last + 1:,} of {entries:,} entries")
        # As autovacuum would do in time.
        conn.execute("VACUUM (ANALYZE)")


def table_bytes(url: str) -> tuple[int, int]:
    """Count the entries, and the bytes of their table with its indexes."""
    with psycopg.connect(url) as conn:
        found = conn.execute(
            "SELECT count(*), pg_total_relation_size('ledger.entries') FROM ledger.entries"
        ).fetchone()
    assert found is not None
    return found[0], found[1]
