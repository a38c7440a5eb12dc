"""Making the partitions of a cluster, adding one, and bringing all up to date."""

from __future__ import annotations

import psycopg

from ledger_py import migrate as migrations
from ledger_py.cluster.buckets import Ranges, remove, write_ranges
from ledger_py.cluster.catalogue import differences, read_catalogue
from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import KEPT, ClusterFile, Partition, kept_fault
from ledger_py.cluster.members import (
    Connection,
    Report,
    connected,
    connected_to_all,
    failure_at,
    prefixed,
    scalar,
)
from ledger_py.migrate import MigrationError

__all__ = ("add", "identity", "init", "keeps_as_said", "migrate_all")

_IDENTITY = """
    SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || oid
    FROM pg_database WHERE datname = current_database()
"""
_KEEP = "SELECT ledger_core.keep_buckets(%s, %s, %s::int4multirange)"


def identity(conn: Connection) -> str:
    """Return what tells a database from all others."""
    return str(scalar(conn, _IDENTITY))


def keeps_as_said(conn: Connection, cluster: ClusterFile, partition: Partition) -> str | None:
    """Compare what a partition keeps with the file.

    Returns:
        What is different; None if nothing is.
    """
    return kept_fault(conn.execute(KEPT, [partition.multirange]).fetchone(), cluster, partition)


def init(cluster: ClusterFile, *, report: Report) -> None:
    """Create the partitions, and check those that exist already.

    Args:
        cluster: The cluster.
        report: Takes a line for each change.

    Raises:
        ClusterError: A partition is away, is one of another cluster, holds owners of other buckets,
            or has another catalogue.
    """
    _check_different(cluster)
    migrate_all(cluster, report=report)
    with connected_to_all(cluster) as members:
        for partition, conn in members:
            if scalar(conn, "SELECT TRUE FROM ledger.kept_buckets()"):
                wrong = keeps_as_said(conn, cluster, partition)
                if wrong is not None:
                    raise ClusterError(f"{partition.name} {wrong}")
                continue
            _keep(conn, cluster, partition)
            report(f"{partition.name}: keeps buckets {write_ranges(partition.kept)}")
        found = differences([(partition, read_catalogue(conn)) for partition, conn in members])
    if found:
        raise ClusterError("The catalogues differ:\n" + "\n".join(found))


def migrate_all(cluster: ClusterFile, *, report: Report) -> None:
    """Bring one partition after the other up to date; services go on meanwhile.

    Args:
        cluster: The cluster.
        report: Takes a line for each change.

    Raises:
        ClusterError: One failed; those before it are up to date, and it can be run again.
    """
    for partition in cluster.partitions:
        try:
            migrations.migrate(partition.url, report=prefixed(report, partition))
        except MigrationError as error:
            raise failure_at(partition, error) from error


def add(cluster: ClusterFile, name: str, url: str, kept: Ranges, *, report: Report) -> ClusterFile:
    """Add a partition that takes buckets from others.

    Nobody in these buckets may have an account, and no claim subject a claim.

    Args:
        cluster: The cluster as it is.
        name: The name of the new partition.
        url: The address of its database, which may be empty.
        kept: Its buckets.
        report: Takes a line for each change.

    Returns:
        The cluster with it, for the file.

    Raises:
        ClusterError: A partition is away, an owner of these buckets has an account or a claim
            subject a claim, or the catalogue of the new one is not that of the others.
    """
    if any(partition.name == name for partition in cluster.partitions):
        raise ClusterError(f"There is a partition {name} already")
    added = Partition(name=name, url=url, kept=kept)
    givers = [_without(partition, kept) for partition in cluster.partitions]
    for giver in givers:
        if not giver.kept:
            raise ClusterError(f"{giver.name} would keep no bucket")
    after = ClusterFile(buckets=cluster.buckets, partitions=(*givers, added))
    _check_different(after)
    migrate_all(ClusterFile(buckets=1, partitions=(_alone(added),)), report=report)
    with connected_to_all(after) as members:
        found = differences([(partition, read_catalogue(conn)) for partition, conn in members])
        if found:
            raise ClusterError(
                f"Nothing was added. Make the catalogue of {name} that of the others first (`ledger"
                " psql`):\n" + "\n".join(found)
            )
        _hand_over(cluster, after, members, report)
    return after


def _hand_over(
    before: ClusterFile,
    after: ClusterFile,
    members: list[tuple[Partition, Connection]],
    report: Report,
) -> None:
    """Narrow those that give buckets first, so that no owner is ever kept by two."""
    narrowed: list[tuple[Connection, Partition]] = []
    old = {partition.name: partition for partition in before.partitions}
    try:
        for partition, conn in members:
            if partition.name in old and partition.kept == old[partition.name].kept:
                continue
            _keep(conn, after, partition)
            if partition.name in old:
                narrowed.append((conn, old[partition.name]))
            report(f"{partition.name}: keeps buckets {write_ranges(partition.kept)}")
    except ClusterError:
        for conn, partition in narrowed:
            _keep(conn, before, partition)
            report(f"{partition.name}: keeps buckets {write_ranges(partition.kept)} again")
        raise


def _keep(conn: Connection, cluster: ClusterFile, partition: Partition) -> None:
    try:
        with conn.transaction():
            conn.execute("SELECT set_config('lock_timeout', '2s', TRUE)")
            conn.execute(_KEEP, [partition.name, cluster.buckets, partition.multirange])
    except psycopg.Error as error:
        if error.sqlstate == "LG001":
            # The buckets must include those of claim subjects as well.
            detail = error.diag.message_detail or ""
            who = "claim subjects" if "claim" in detail else "owners"
            what = "claims" if "claim" in detail else "accounts"
            raise ClusterError(
                f"{partition.name}: {who} of buckets other than {write_ranges(partition.kept)}"
                f" have {what} there"
            ) from error
        raise failure_at(partition, error) from error


def _without(partition: Partition, taken: Ranges) -> Partition:
    kept = remove(partition.kept, taken)
    return Partition(name=partition.name, url=partition.url, kept=kept)


def _alone(partition: Partition) -> Partition:
    return Partition(name=partition.name, url=partition.url, kept=(range(1),))


def _check_different(cluster: ClusterFile) -> None:
    """Check that no two partitions are one database, which would take all owners of both."""
    seen: dict[str, str] = {}
    for partition in cluster.partitions:
        with connected(partition) as conn:
            found = identity(conn)
        if found in seen:
            raise ClusterError(f"{seen[found]} and {partition.name} are the same database")
        seen[found] = partition.name
