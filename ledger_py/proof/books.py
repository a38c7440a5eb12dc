"""Verification of the books by the database."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from queue import Empty, Queue
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.rows import class_row

from ledger_py.proof.connection import Connection, Report
from ledger_py.sessions import hang_up
from ledger_py.wording import counted, escaped, quoted


@dataclass(frozen=True)
class Discrepancy:
    """One row of `ledger.verify`."""

    problem: str
    found_in: str
    """The table, without its schema."""
    owner_id: str | None
    asset: str | None
    seq: int | None
    detail: dict[str, Any]

    def __str__(self) -> str:
        place = self.found_in
        if self.owner_id is not None:
            # Quoted, because an owner is any text and could forge other output on a terminal.
            place += f" {quoted(self.owner_id)} {self.asset}"
        if self.seq is not None:
            place += f" #{self.seq}"
        values = ", ".join(
            f"{name} {escaped(json.dumps(value, ensure_ascii=False))}"
            for name, value in self.detail.items()
        )
        return f"{place}: {self.problem}" + (f" ({values})" if values else "")


_Range: TypeAlias = tuple[Any, ...]
_Told: TypeAlias = "list[Discrepancy] | int | Exception"

_RANGES: Final = "SELECT after_owner, until_owner, accounts FROM ledger.verify_ranges()"
_RANGE: Final = "SELECT * FROM ledger.verify_range(after_owner => %s, until_owner => %s)"

_PIECE: Final = 1_000
"""Discrepancies that a thread reads before it passes them on, so that memory is bounded."""

_CANCELLED_WITHIN: Final = 5.0
"""Seconds in which a server has to answer a request to cancel."""


def discrepancies_of(conn: Connection, owner_id: str) -> Generator[Discrepancy, None, None]:
    """Have the database recompute the books of one owner.

    Args:
        conn: A connection.
        owner_id: The owner.

    Yields:
        The discrepancies, read row by row.

    Raises:
        psycopg.Error: The database failed.
    """
    with conn.cursor(row_factory=class_row(Discrepancy)) as cursor:
        yield from cursor.stream("SELECT * FROM ledger.verify(owner_id => %s)", [owner_id])


def discrepancies(
    conns: Sequence[Connection], *, report: Report
) -> Generator[Discrepancy, None, None]:
    """Have the database recompute the whole books, with the catalogue, triggers and indexes.

    Whoever may stop early has to close it: the connections are at work until then.

    Args:
        conns: Connections that see the same moment, as of `connections_beside`; each works.
        report: Takes a line about the progress now and then.

    Yields:
        The discrepancies. The connections' come as they find them, each in the order of its ranges.

    Raises:
        psycopg.Error: The database failed. What the other connections did is cancelled.
    """
    ranges = conns[0].execute(_RANGES).fetchall()
    verified = 0
    with _sharing(conns, ranges) as told:
        for _ in ranges:
            while not isinstance(one := told.get(), int):
                if isinstance(one, Exception):
                    raise one
                yield from one
            verified += one
            if verified:
                report(f"verified {counted(verified, 'account')}")


@contextmanager
def _sharing(conns: Sequence[Connection], ranges: Iterable[_Range]) -> Iterator[Queue[_Told]]:
    """Verify ranges, in a thread for each connection.

    Yields:
        What they tell: for each range its discrepancies in pieces, then the number of its accounts.
    """
    waiting = deque(ranges)
    told: Queue[_Told] = Queue(maxsize=len(conns))

    def verify(conn: Connection) -> None:
        try:
            while waiting:
                after_owner, until_owner, accounts = waiting.popleft()
                for rows in _verify_range(conn, after_owner, until_owner):
                    told.put(rows)
                told.put(accounts)
        except IndexError:
            pass  # Another thread was faster.
        except Exception as error:
            told.put(error)

    threads = {conn: threading.Thread(target=verify, args=(conn,), daemon=True) for conn in conns}
    for thread in threads.values():
        thread.start()
    try:
        yield told
    except BaseException:
        waiting.clear()
        _cancel(threads, told)
        raise
    for thread in threads.values():
        thread.join()


def _verify_range(
    conn: Connection, after_owner: str | None, until_owner: str | None
) -> Iterator[list[Discrepancy]]:
    with conn.cursor(row_factory=class_row(Discrepancy)) as cursor:
        found = cursor.stream(_RANGE, [after_owner, until_owner])
        while rows := list(islice(found, _PIECE)):
            yield rows


def _cancel(threads: Mapping[Connection, threading.Thread], told: Queue[_Told]) -> None:
    """Cancel the queries of threads until all have ended; give up those that do not."""
    until = time.monotonic() + _CANCELLED_WITHIN
    while running := [conn for conn, thread in threads.items() if thread.is_alive()]:
        for conn in running:
            if time.monotonic() > until:
                with suppress(psycopg.Error):
                    hang_up(conn.pgconn.socket)
                continue
            # Again and again, since a query may begin just after it.
            with suppress(psycopg.Error):
                conn.cancel_safe(timeout=_CANCELLED_WITHIN)
        # A thread may wait until somebody takes what it tells.
        with suppress(Empty):
            told.get(timeout=0.1)


def has_account(conn: Connection, owner_id: str) -> bool:
    """Tell whether an owner has an account.

    Args:
        conn: A connection.
        owner_id: The owner.

    Raises:
        psycopg.Error: The database failed.
    """
    found = conn.execute("SELECT 1 FROM ledger.accounts WHERE owner_id = %s LIMIT 1", [owner_id])
    return found.fetchone() is not None


def size(conn: Connection, owner_id: str | None = None) -> str:
    """Say in words how large the books are.

    Args:
        conn: A connection.
        owner_id: The owner; None for all.

    Returns:
        The numbers of accounts and entries.

    Raises:
        psycopg.Error: The database failed.
    """
    accounts, entries = conn.execute(
        "SELECT count(*), coalesce(sum(last_seq), 0) FROM ledger.accounts "
        "WHERE owner_id = %(owner_id)s OR %(owner_id)s::text IS NULL",
        {"owner_id": owner_id},
    ).fetchall()[0]
    return sized(accounts, entries)


def sized(accounts: int, entries: int) -> str:
    """Say in words how many accounts and entries were examined."""
    return f"{counted(accounts, 'account')}, {counted(entries, 'entry', 'entries')}"
