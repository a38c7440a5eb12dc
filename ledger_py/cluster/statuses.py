"""The state of every partition of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import psycopg

from ledger_py import migrate as migrations
from ledger_py.client import Ledger
from ledger_py.cluster.catalogue import Catalogue, differences, read_catalogue
from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import ClusterFile, Partition
from ledger_py.cluster.members import Connection, connected, scalar
from ledger_py.cluster.setup import keeps_as_said
from ledger_py.cluster.waiting import call_each
from ledger_py.migrate import FileState, MigrationError
from ledger_py.wording import feed_wait

__all__ = ("PartitionState", "differences_of", "states_of")

_SIZES: Final = """
    SELECT count(*), coalesce(sum(last_seq), 0)::bigint, pg_database_size(current_database())
    FROM ledger.accounts
"""


class PartitionState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one partition."""

    partition: Partition
    faults: tuple[str, ...]
    """What is wrong with it; only that it is away, if it is."""
    server_version: str = ""
    accounts: int = 0
    entries: int = 0
    size: int = 0
    """Bytes of the database."""
    movable: bool = False
    """True if the server keeps what `ledger cluster move` needs (wal_level)."""
    feed: str | None = None
    """What the change feed waits for, if anything."""
    catalogue: Catalogue | None = None


def states_of(cluster: ClusterFile) -> list[PartitionState]:
    """Find out the state of every partition, side by side: those that are away take a while."""
    return call_each(lambda partition: _state_of(cluster, partition), cluster.partitions)


def _state_of(cluster: ClusterFile, partition: Partition) -> PartitionState:
    try:
        files = migrations.status(partition.url)
        faults = [
            f"{file.path} is {file.state.value}"
            for file in files
            if file.state in (FileState.PENDING, FileState.EDITED)
        ]
        with connected(partition) as conn:
            try:
                return _present(conn, cluster, partition, faults)
            except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
                return PartitionState(partition=partition, faults=tuple(faults))
    except (ClusterError, MigrationError) as error:
        said = str(error).removeprefix(f"{partition.name}: ")
        return PartitionState(partition=partition, faults=(said,))


def _present(
    conn: Connection, cluster: ClusterFile, partition: Partition, faults: list[str]
) -> PartitionState:
    wrong = keeps_as_said(conn, cluster, partition)
    accounts, entries, size = conn.execute(_SIZES).fetchall()[0]
    return PartitionState(
        partition=partition,
        faults=(*faults, *([wrong] if wrong else [])),
        server_version=conn.info.parameter_status("server_version") or "",
        accounts=accounts,
        entries=entries,
        size=size,
        movable=scalar(conn, "SELECT current_setting('wal_level') = 'logical'"),
        feed=feed_wait(Ledger(conn, app="ledger").feed_lag()),
        catalogue=read_catalogue(conn),
    )


def differences_of(states: Sequence[PartitionState]) -> list[str]:
    """Compare the catalogues of the partitions that answered."""
    return differences(
        [(one.partition, one.catalogue) for one in states if one.catalogue is not None]
    )
