"""Concurrent callers: real connections, in threads that start together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Barrier
from typing import Any, TypeAlias

import psycopg

from tests.sql.calls import Connection, Row

CONNECTIONS = 50
"""The most connections at once. PostgreSQL accepts 100 by default."""

Call: TypeAlias = Callable[[Connection], Row]
Answer: TypeAlias = Row | str
"""The row of a call, or the SQLSTATE with which it was refused."""


def all_at_once(url: str, calls: Sequence[Call]) -> list[Answer]:
    """Make calls from as many connections as there are calls, up to `CONNECTIONS`.

    Args:
        url: The database.
        calls: The calls, each in a transaction of its own. With more calls than connections, each
            connection makes its share of them in sequence.

    Returns:
        The answers, in the order of the calls.
    """
    count = min(CONNECTIONS, len(calls))
    together = Barrier(count)
    answers: list[Answer] = [""] * len(calls)

    def make_share(first: int, conn: Connection) -> None:
        together.wait()
        for i in range(first, len(calls), count):
            try:
                answers[i] = calls[i](conn)
            except psycopg.Error as error:
                answers[i] = error.sqlstate or str(error)

    with connections(url, count) as conns, ThreadPoolExecutor(count) as threads:
        list(threads.map(make_share, range(count), conns))
    return answers


@contextmanager
def connections(url: str, count: int) -> Iterator[list[Connection]]:
    """Open connections in autocommit mode."""
    with ExitStack() as stack:
        yield [stack.enter_context(psycopg.connect(url, autocommit=True)) for _ in range(count)]


def outcomes(answers: Sequence[Answer]) -> Counter[str]:
    """Count the answers: "recorded", "replayed", and each SQLSTATE."""

    def outcome(answer: Answer) -> str:
        if isinstance(answer, str):
            return answer
        return "replayed" if answer["replayed"] else "recorded"

    return Counter(outcome(answer) for answer in answers)


def wait_until_blocked(observer: Connection, blocked: Connection) -> None:
    """Wait until a connection waits for a lock that another one holds."""
    pid = blocked.info.backend_pid
    query = "SELECT cardinality(pg_blocking_pids(%s)), pg_sleep(0.005)"
    for _ in range(6000):
        row: Any = observer.execute(query, [pid]).fetchone()
        if row[0] > 0:
            return
    raise AssertionError("the connection is not blocked")
