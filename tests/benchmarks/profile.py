"""Measures the time of recording by function of the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
from psycopg import sql

from tests.benchmarks.batches import record_entries
from tests.benchmarks.measuring import Contender, Effort, Report
from tests.benchmarks.single_calls import RECORD, pgbench
from tests.benchmarks.workbench import Database, Workbench

__all__ = ("profile",)

# The planner inlines SQL functions; their time counts for the function that calls them.
_FUNCTIONS: Final = """
    SELECT schemaname || '.' || funcname, calls::double precision, self_time * 1000
    FROM pg_stat_user_functions
    ORDER BY self_time DESC
"""
_CALLERS_LEFT: Final = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND pid <> pg_backend_pid()
"""
_LEAST_SHARE: Final = 0.002


def profile(bench: Workbench, effort: Effort, report: Report) -> str:
    """Measure with PostgreSQL's statistics of functions.

    Args:
        bench: A workbench whose role may set `track_functions`.
        effort: The extent.
        report: Takes a line of progress for each step.

    Returns:
        A Markdown table for single calls and one for batches, with wall-clock times of one caller.
    """
    tables = []
    for name, work in _WORK.items():
        report(f"profile: {name}")
        with bench.database() as database:
            _track(database)
            entries = work(database, effort.seconds * effort.rounds)
            tables.append(_table(name, entries, _functions(database)))
    return "\n\n".join(tables)


def _single_calls(database: Database, seconds: float) -> int:
    return pgbench(database.app_url, RECORD, clients=1)(seconds).entries


def _batches(items: int) -> Callable[[Database, float], int]:
    def work(database: Database, seconds: float) -> int:
        with psycopg.connect(database.app_url, autocommit=True) as conn:
            contender: Contender = record_entries(conn, items=items)
            # `record_entries` records one batch first, to check that nothing is refused.
            return contender(seconds).entries + items

    return work


_WORK: Final[dict[str, Callable[[Database, float], int]]] = {
    "record_entry": _single_calls,
    "record_entries of 1 000": _batches(1_000),
}


def _track(database: Database) -> None:
    with psycopg.connect(database.url, autocommit=True) as conn:
        name = sql.Identifier(conn.info.dbname)
        conn.execute(sql.SQL("ALTER DATABASE {} SET track_functions = 'pl'").format(name))


def _functions(database: Database) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.url, autocommit=True) as conn:
        # Callers report their statistics when they disconnect, so wait until they have.
        while conn.execute(_CALLERS_LEFT).fetchone() != (0,):
            time.sleep(0.01)
        return conn.execute(_FUNCTIONS).fetchall()


def _table(name: str, entries: int, functions: list[tuple[Any, ...]]) -> str:
    total = sum(own for _, _, own in functions)
    lines = [
        f"| {name}: function | calls per entry | own µs per entry | share |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{function}` | {calls / entries:.3g} | {own / entries:.2f} | {own / total:.0%} |"
        for function, calls, own in functions
        if own / total >= _LEAST_SHARE
    ]
    return "\n".join(lines)
