"""Connections of `ledger cluster` to the partitions, as the owner of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import TupleRow

from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import ClusterFile, Partition
from ledger_py.migrate import MigrationError
from ledger_py.migrate.database import open_connection

__all__ = (
    "Connection",
    "Report",
    "connected",
    "connected_to_all",
    "failure_at",
    "prefixed",
    "scalar",
)

Connection: TypeAlias = psycopg.Connection[TupleRow]
Report: TypeAlias = Callable[[str], None]


def failure_at(partition: Partition, error: Exception) -> ClusterError:
    """Make the error of one partition, which names it."""
    said = str(error)
    if isinstance(error, psycopg.Error):
        parts = (error.diag.message_primary, error.diag.message_detail)
        said = " ".join(part for part in parts if part) or said.strip() or type(error).__name__
    return ClusterError(f"{partition.name}: {said}")


def prefixed(report: Report, partition: Partition) -> Report:
    """Return a report whose lines begin with the name of a partition."""
    return lambda line: report(f"{partition.name}: {line}")


@contextmanager
def connected(partition: Partition) -> Iterator[Connection]:
    """Connect to a partition in autocommit mode.

    Raises:
        ClusterError: It cannot be reached, or the block failed with an error of the database.
    """
    try:
        with open_connection(partition.url) as conn:
            yield conn
    except (MigrationError, psycopg.Error) as error:
        raise failure_at(partition, error) from error


@contextmanager
def connected_to_all(cluster: ClusterFile) -> Iterator[list[tuple[Partition, Connection]]]:
    """Connect to all partitions, or to none.

    Raises:
        ClusterError: One of them cannot be reached.
    """
    with ExitStack() as stack:
        yield [
            (partition, stack.enter_context(_open(partition))) for partition in cluster.partitions
        ]


@contextmanager
def _open(partition: Partition) -> Iterator[Connection]:
    try:
        conn = open_connection(partition.url)
    except MigrationError as error:
        raise failure_at(partition, error) from error
    with conn:
        yield conn


def scalar(conn: Connection, query: str, parameters: Sequence[Any] = ()) -> Any:
    """Run a query and return the first column of its first row, or None without a row."""
    row = conn.execute(query.encode(), parameters or None).fetchone()
    return row[0] if row else None
