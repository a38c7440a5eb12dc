"""Steps: transactions that give way to callers, and are tried again.

A statement that waits for a lock makes everybody wait who comes after it. A step waits shorter than
`deadlock_timeout`, so that no caller is chosen as the victim of a deadlock, and then rolls back.
All settings last for a transaction: a pooler hands a session to others afterwards.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

import psycopg
from psycopg import errors

from ledger_py.migrate.database import Connection, Report
from ledger_py.migrate.errors import MigrationError

DoneT = TypeVar("DoneT")

GIVES_WAY: Final = (errors.LockNotAvailable, errors.DeadlockDetected)
"""The errors after which a step is tried again."""

PATIENCE: Final = 60.0
"""Seconds for which a step is tried, unless the caller says otherwise."""

_LOCK_WITHIN: Final = 500
"""Milliseconds that a transaction waits for locks; half of deadlock_timeout if that is shorter."""

_PAUSE: Final = (0.5, 1.0)
_WATCH_EVERY: Final = 0.1

_SETTINGS: Final = """
    SELECT set_config(settings.name, wanted.value, TRUE)
    FROM pg_catalog.pg_settings AS settings
    INNER JOIN (
        VALUES ('statement_timeout', '0'), ('transaction_timeout', '0'),
            ('idle_in_transaction_session_timeout', '0'), ('DateStyle', 'ISO'),
            ('IntervalStyle', 'postgres'), ('standard_conforming_strings', 'on')
    ) AS wanted (name, value) ON settings.name = wanted.name
    UNION ALL
    SELECT set_config('search_path', %s, TRUE)
    UNION ALL
    SELECT set_config('lock_timeout', least(%s, settings.setting::integer / 2)::text, TRUE)
    FROM pg_catalog.pg_settings AS settings WHERE settings.name = 'deadlock_timeout'
"""

_LOCKING: Final = re.compile(
    r"\b(ALTER\s+TABLE|CREATE\s+(OR\s+REPLACE\s+)?(VIEW|TRIGGER)|CREATE\s+(UNIQUE\s+)?INDEX"
    r"|DROP\s+(TABLE|VIEW|TRIGGER|INDEX)|LOCK|TRUNCATE)\b",
    re.IGNORECASE,
)

_ALTERED: Final = re.compile(r"\bALTER\s+TABLE\s+(ledger\.\w+)", re.IGNORECASE)

_GATE: Final = "LOCK TABLE ledger.operations IN ACCESS EXCLUSIVE MODE"
"""Stops new calls before they hold anything: most read the rules of operations first."""

_BLOCKERS: Final = """
    SELECT
        coalesce(waiting.relation::regclass::text, waiting.locktype) AS what,
        blocker.pid,
        concat_ws(', ',
            nullif(activity.application_name, ''),
            'role ' || activity.usename,
            activity.state,
            'in a transaction since ' || activity.xact_start::timestamptz(0)
        ) AS who
    FROM pg_catalog.pg_locks AS waiting
    CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker (pid)
    LEFT JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = blocker.pid
    WHERE waiting.pid = %s AND NOT waiting.granted
"""


def begin(conn: psycopg.Connection[Any], search_path: str) -> None:
    """Begin a transaction with the settings of a step, whatever role and database set."""
    conn.execute("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE")
    conn.execute(_SETTINGS, [search_path, _LOCK_WITHIN])


@contextmanager
def transaction(conn: Connection, search_path: str = "pg_catalog, pg_temp") -> Iterator[None]:
    """Run the block in a transaction with the settings of a step."""
    begin(conn, search_path)
    try:
        yield
    except BaseException:
        if not conn.closed:
            conn.execute("ROLLBACK")
        raise
    conn.execute("COMMIT")


def gate(text: str) -> str | None:
    """Return the statement that a migration needs before its own, or None.

    Calls lock tables in different orders. A migration that waits for its second table while calls
    that hold it wait for the first would never get both under load.

    Args:
        text: The SQL of the migration.

    Returns:
        A statement that waits for the calls under way and stops new ones; None if the migration
        changes at most one table.
    """
    return _GATE if len(set(_ALTERED.findall(text))) > 1 else None


class LockBudget:
    """Shares the time to wait for locks among the statements of a transaction.

    A caller that waits for the first lock waits until the transaction ends, and for all others.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def limit_for(self, text: str) -> str | None:
        """Return the statement that limits the waits of SQL text, or None."""
        if not _LOCKING.search(text):
            return None
        now = time.monotonic()
        if self._since is None:
            self._since = now
            return None
        left = _LOCK_WITHIN - (now - self._since) * 1000
        return f"SET LOCAL lock_timeout = {max(50, round(left))}"


class Steps:
    """Runs steps and tells who blocks them.

    Args:
        watcher: A connection that nobody uses while a step runs.
        report: Takes a line for each process that blocks a step.
        patience: Seconds for which a step is tried.
    """

    def __init__(self, watcher: Connection, report: Report, patience: float) -> None:
        self._watcher = watcher
        self._report = report
        self._patience = patience

    def run(self, attempt: Callable[[Callable[[psycopg.Connection[Any]], None]], DoneT]) -> DoneT:
        """Run a step until it gets its locks.

        Args:
            attempt: The step: one transaction that leaves nothing behind if it fails. It calls its
                argument with its connection once the transaction has begun.

        Returns:
            The result of the step.

        Raises:
            MigrationError: The step was blocked for too long; the message names the process.
        """
        deadline = time.monotonic() + self._patience
        told: set[str] = set()
        while True:
            with _Watch(self._watcher) as watch:
                try:
                    return attempt(watch.begin)
                except GIVES_WAY as error:
                    why = str(error).strip().splitlines()[0]
            if time.monotonic() > deadline:
                blocked = "; ".join(watch.found.values()) or why
                raise MigrationError(
                    f"Blocked for {self._patience:.3g} s: {blocked}. Have that transaction end, "
                    "then run `ledger migrate` again: it goes on where it stopped"
                )
            for key, line in watch.found.items():
                if key not in told:
                    told.add(key)
                    self._report(f"Waiting: {line}")
            time.sleep(random.uniform(*_PAUSE))


class _Watch:
    """Looks, while a step runs, at the processes for which it waits."""

    def __init__(self, conn: Connection) -> None:
        self.found: dict[str, str] = {}
        self._conn = conn
        self._pid = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _Watch:
        return self

    def begin(self, conn: psycopg.Connection[Any]) -> None:
        row = conn.execute("SELECT pg_backend_pid()").fetchone()
        self._pid = row[0] if row else 0
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        # If the connection is lost, the runner finds out.
        with suppress(psycopg.Error):
            while not self._done.wait(_WATCH_EVERY):
                # In one transaction, as the watcher's, the server shows the same activity again.
                self._conn.execute("SELECT pg_stat_clear_snapshot()")
                for what, pid, who in self._conn.execute(_BLOCKERS, [self._pid]).fetchall():
                    self.found[f"{what} {pid}"] = (
                        f"{what} is locked by process {pid}" + f" ({who})" * bool(who)
                    )
