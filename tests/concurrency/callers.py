"""Concurrent callers: real connections, in threads that start together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Barrier
from typing import Any, TypeAlias, TypeVar

import psycopg

from tests.sql.calls import Connection, Row

CONNECTIONS = 50
"""The most connections at once. PostgreSQL accepts 100 by default."""

Call: TypeAlias = Callable[[Connection], Row]
Answer: TypeAlias = Row | str
"""The row of a call, or the SQLSTATE with which it was refused."""

_Caller = TypeVar("_Caller")
_Result = TypeVar("_Result")


def share_out(
    callers: Sequence[_Caller], calls: Sequence[Callable[[_Caller], _Result]]
) -> list[_Result]:
    """Make calls from threads that start together, one thread for each caller.

    Args:
        callers: The callers.
        calls: The calls. Each caller makes its share of them in sequence.

    Returns:
        The results, in the order of the calls.
    """
    count = len(callers)
    together = Barrier(count)

    def make_share(first: int, caller: _Caller) -> list[_Result]:
        together.wait()
        return [call(caller) for call in calls[first::count]]

    with ThreadPoolExecutor(count) as threads:
        shares = list(threads.map(make_share, range(count), callers))
    return [shares[i % count][i // count] for i in range(len(calls))]


def all_at_once(url: str, calls: Sequence[Call]) -> list[Answer]:
    """Make calls from as many connections as there are calls, up to `CONNECTIONS`.

    Args:
        url: The database.
        calls: The calls, each in a transaction of its own. With more calls than connections, each
            connection makes its share of them in sequence.

    Returns:
        The answers, in the order of the calls.
    """

    def answered(call: Call, conn: Connection) -> Answer:
        try:
            return call(conn)
        except psycopg.Error as error:
            return error.sqlstate or str(error)

    with connections(url, min(CONNECTIONS, len(calls))) as conns:
        return share_out(conns, [partial(answered, call) for call in calls])


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
