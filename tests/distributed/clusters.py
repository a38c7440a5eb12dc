"""A cluster as tests see it: its file, and a connection to each partition as its owner."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger_py.cluster import files
from ledger_py.cluster.buckets import bucket_of
from ledger_py.cluster.files import ClusterFile, Partition
from tests.sql.calls import Connection

__all__ = ("BUCKETS", "Partitions", "away", "close_for_move", "described", "owner_on", "paused")

BUCKETS: Final = 16

_NUMBERS: Final = itertools.count(1)


def described(*urls: str) -> ClusterFile:
    """Describe a cluster of partitions p0, p1 …, which share the buckets evenly."""
    share = BUCKETS // len(urls)
    return ClusterFile(
        buckets=BUCKETS,
        partitions=tuple(
            Partition(
                name=f"p{number}", url=url, kept=(range(number * share, (number + 1) * share),)
            )
            for number, url in enumerate(urls)
        ),
    )


def owner_on(number: int, of: int = 2) -> str:
    """Make up an owner of a partition of a cluster from `described`."""
    return next(
        owner
        for owner in (f"owner {n}" for n in _NUMBERS)
        if bucket_of(owner, BUCKETS) * of // BUCKETS == number
    )


class Partitions:
    """A cluster.

    Args:
        path: Its file.

    Attributes:
        path: The same.
        conns: A connection to each partition as its owner, in autocommit mode.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.conns: list[Connection] = []
        self._stack = ExitStack()

    def __enter__(self) -> Partitions:
        for partition in self.file.partitions:
            conn = psycopg.connect(partition.url, autocommit=True)
            self.conns.append(self._stack.enter_context(conn))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def file(self) -> ClusterFile:
        """What the file says now."""
        return files.read(self.path)

    @property
    def urls(self) -> list[str]:
        """The addresses of the partitions."""
        return [partition.url for partition in self.file.partitions]


@contextmanager
def away(url: str) -> Iterator[None]:
    """Let a database take no connections, and end those that there are, for a block."""
    name = sql.Identifier(str(conninfo_to_dict(url)["dbname"]))
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(make_conninfo(url, dbname="postgres"), autocommit=True) as admin:
        admin.execute(allow.format(name, sql.SQL("false")))
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [conninfo_to_dict(url)["dbname"]],
        )
        try:
            yield
        finally:
            admin.execute(allow.format(name, sql.SQL("true")))


def close_for_move(conn: Connection) -> None:
    """Close a partition for changes, as a move does in its pause."""
    conn.execute(
        "CREATE TRIGGER aa_moved BEFORE INSERT OR UPDATE ON ledger.accounts"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_moved()"
    )


@contextmanager
def paused(url: str, *, only_backends: bool = False) -> Iterator[None]:
    """Stop the processes of a server for a block, or only those that serve a connection.

    Args:
        url: A database of a server that the test has started.
        only_backends: Stop those that are connected to the database now, but for this one.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        found = conn.execute(
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database() AND backend_type = 'client backend'"
        )
        pids = [pid for (pid,) in found]
        if not only_backends:
            parent = psutil.Process(conn.info.backend_pid).parent()
            assert parent is not None
            pids = [parent.pid, *(child.pid for child in parent.children(recursive=True))]
    for pid in pids:
        _signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
