"""Proving the books of a cluster: those of each partition, and what spans them."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from ledger_py.cluster.catalogue import differences, read_catalogue
from ledger_py.cluster.files import ClusterFile, Partition
from ledger_py.cluster.members import (
    Connection,
    Report,
    connected_to_all,
    failure_at,
    prefixed,
)
from ledger_py.cluster.setup import keeps_as_said
from ledger_py.proof import checkpoints
from ledger_py.proof.books import discrepancies
from ledger_py.proof.checkpoints import Checkpoint
from ledger_py.proof.connection import one_moment
from ledger_py.proof.notes import note_proof
from ledger_py.proof.sharing import connections_beside
from ledger_py.wording import quoted

__all__ = ("PartitionCheckpoint", "problems", "read_checkpoints", "take_checkpoints")

# In the order of their keys, which are compared byte by byte: as Python compares.
_NONCES: Final = """
    SELECT app, nonce FROM ledger.entries
    WHERE NOT (app = 'ledger' AND nonce LIKE 'EXPIRY:%') AND nonce NOT LIKE 'ledger:allowance:%'
    UNION ALL
    SELECT app, nonce FROM ledger.holds
    UNION ALL
    SELECT app, nonce FROM ledger.hold_growths
    UNION ALL
    SELECT app, nonce FROM ledger.allowances
    UNION ALL
    SELECT app, nonce FROM ledger.allowance_events WHERE event = 'changed' AND seq IS NULL
    ORDER BY app, nonce
"""
_SUBJECTS: Final = """
    SELECT claims.operation, claims.scope_app, claims.subject, claims.period_start::text,
        count(*), min(operations.claim_limit)
    FROM ledger.claims
    INNER JOIN ledger.operations ON claims.operation = operations.operation
    WHERE claims.subject_kind = 'claim_subject'
    GROUP BY claims.operation, claims.scope_app, claims.subject, claims.period_start
    ORDER BY
        claims.operation, claims.scope_app, claims.subject, claims.period_start::text COLLATE "C"
"""
# Entries that needed a reservation and still stand, and reservations: both have a nonce of the app.
_CLAIMS: Final = """
    SELECT found.* FROM (
        SELECT entries.app, entries.nonce, TRUE AS is_entry, TRUE AS is_final,
            entries.owner_id, entries.operation, entries.claim_subject
        FROM ledger.entries
        WHERE entries.claim_subject IS NOT NULL AND entries.claim_slot IS NOT NULL
            AND NOT ledger_core.keeps_owner(entries.claim_subject)
            AND NOT EXISTS (
                SELECT 1 FROM ledger.entries AS reversals
                WHERE reversals.owner_id = entries.owner_id AND reversals.asset = entries.asset
                    AND reversals.reverses_seq = entries.seq AND reversals.frees_claim
            )
        UNION ALL
        SELECT app, nonce, FALSE, kept_at IS NOT NULL, owner_id, operation, claim_subject
        FROM ledger.claim_reservations
    ) AS found
    {filter}
    ORDER BY app, nonce
"""
_OF_NONCES: Final = "WHERE (app, nonce) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"

_RECHECKS: Final = (0.0, 1.0)
"""Seconds before each look at what has seemed wrong: partitions are read one after the other, while
services go on."""


_Group: TypeAlias = tuple[tuple[Any, ...], list[tuple[Any, ...]]]
"""Keys, and the rows that have them; the last column is the name of the partition."""


class PartitionCheckpoint(Checkpoint, frozen=True, kw_only=True):
    """The checkpoint of one partition."""

    partition: str


def problems(
    cluster: ClusterFile,
    kept: Iterable[PartitionCheckpoint] = (),
    *,
    connections: int | None = None,
    report: Report,
) -> Generator[str, None, None]:
    """Recompute the books of every partition, and compare what is unique over all.

    When all were read, each partition notes that it was proved, with what was wrong in it alone.
    Whoever may stop early has to close it.

    Args:
        cluster: The cluster.
        kept: Earlier checkpoints to hold against the books.
        connections: The connections that share the work on a partition, as of `connections_beside`.
        report: Takes a line about the progress.

    Yields:
        A line for each discrepancy.

    Raises:
        ClusterError: A partition is away, or cannot be examined.
    """
    held = list(kept)
    wrong: Counter[str] = Counter()
    with connected_to_all(cluster) as members:
        with _at_one_moment(members):
            yield from _problems(cluster, members, held, wrong, connections, report)
            apart = dict(_claims_apart(cluster, _grouped(members, _claims_query(), keys=2)))
        yield from _still_apart(cluster, members, apart)
        for partition, conn in members:
            found = wrong[partition.name]
            note_proof(conn, "verify", discrepancies=found, report=prefixed(report, partition))


def _problems(
    cluster: ClusterFile,
    members: list[tuple[Partition, Connection]],
    held: list[PartitionCheckpoint],
    wrong: Counter[str],
    connections: int | None,
    report: Report,
) -> Iterator[str]:
    for partition, conn in members:
        with _at(partition):
            misplaced = keeps_as_said(conn, cluster, partition)
            if misplaced is not None:
                yield f"{partition.name} {misplaced}"
            said = prefixed(report, partition)
            with (
                connections_beside(conn, partition.url, connections, report=said) as conns,
                closing(discrepancies(conns, report=said)) as rows,
            ):
                for found in rows:
                    wrong[partition.name] += 1
                    yield f"{partition.name}: {found}"
            for one in held:
                if one.partition == partition.name and not checkpoints.holds(conn, one):
                    wrong[partition.name] += 1
                    yield f"{partition.name}: {one}: the past has changed since"
    known = {partition.name for partition, _ in members}
    yield from (
        f"{one.partition}: a checkpoint of it was kept, and the cluster has no such partition"
        for one in held
        if one.partition not in known
    )
    for line in differences([(partition, read_catalogue(conn)) for partition, conn in members]):
        yield f"the catalogues differ: {line}"
    yield from _nonces_of_two(members)
    yield from _subjects_beyond(members)


def take_checkpoints(cluster: ClusterFile, *, report: Report) -> list[PartitionCheckpoint]:
    """Compute a checkpoint of each partition, and note that there.

    Raises:
        ClusterError: A partition is away, or the digest cannot be computed.
    """
    taken = []
    with connected_to_all(cluster) as members:
        with _at_one_moment(members):
            for partition, conn in members:
                with _at(partition):
                    one = msgspec.structs.asdict(checkpoints.take(conn))
                taken.append(PartitionCheckpoint(partition=partition.name, **one))
        for partition, conn in members:
            note_proof(conn, "checkpoint", report=prefixed(report, partition))
    return taken


def read_checkpoints(path: Path) -> list[PartitionCheckpoint]:
    """Read a file of checkpoints, one per line.

    Raises:
        ProofError: The file cannot be read, is empty, or has a line that is something else.
    """
    return list(checkpoints.read(path, PartitionCheckpoint))


@contextmanager
def _at_one_moment(members: list[tuple[Partition, Connection]]) -> Iterator[None]:
    """Let what is read of each partition in a block be of one moment of it."""
    with ExitStack() as stack:
        for _, conn in members:
            stack.enter_context(one_moment(conn))
        yield


@contextmanager
def _at(partition: Partition) -> Iterator[None]:
    """Name the partition in the errors of a block."""
    try:
        yield
    except psycopg.Error as error:
        raise failure_at(partition, error) from error


def _rows(partition: Partition, conn: Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """Read rows one by one, with the name of the partition as their last column."""
    with _at(partition), conn.cursor() as cursor:
        for row in cursor.stream(query.encode()):
            yield (*row, partition.name)


def _merged(members: list[tuple[Partition, Connection]], query: str, keys: int) -> Iterator[_Group]:
    """Read rows from all partitions in the order of their first columns, grouped by these.

    Yields:
        Keys and rows of keys that more than one partition has; the last column is its name.
    """
    for found, rows in _grouped(members, query, keys):
        if len({row[-1] for row in rows}) > 1:
            yield found, rows


def _grouped(
    members: list[tuple[Partition, Connection]], query: str, keys: int
) -> Iterator[_Group]:
    """Read rows as `_merged` does, with keys that one partition has as well."""
    key = itemgetter(slice(0, keys))
    streams = [_rows(partition, conn, query) for partition, conn in members]
    for found, group in groupby(heapq.merge(*streams, key=key), key=key):
        yield found, list(group)


def _nonces_of_two(members: list[tuple[Partition, Connection]]) -> Iterator[str]:
    for (app, nonce), rows in _merged(members, _NONCES, keys=2):
        where = ", ".join(sorted({row[-1] for row in rows}))
        yield f"nonce {quoted(nonce)} of {app} is used on several partitions: {where}"


def _subjects_beyond(members: list[tuple[Partition, Connection]]) -> Iterator[str]:
    for (operation, _, subject, period), rows in _merged(members, _SUBJECTS, keys=4):
        taken = sum(row[4] for row in rows)
        limit = min((row[5] for row in rows if row[5] is not None), default=None)
        if limit is not None and taken > limit:
            where = ", ".join(sorted({row[-1] for row in rows}))
            yield (
                f"claim subject {quoted(subject)} has claimed {operation} {taken} times since"
                f" {period}, {limit} may be: {where}"
            )


def _claims_query(*, of_nonces: bool = False) -> str:
    return _CLAIMS.format(filter=_OF_NONCES if of_nonces else "")


def _claims_apart(
    cluster: ClusterFile, groups: Iterable[_Group]
) -> Iterator[tuple[tuple[str, str], list[str]]]:
    """Find entries and reservations of claim subjects that lack each other.

    Yields:
        App and nonce of each, with a line for each discrepancy.
    """
    for (app, nonce), rows in groups:
        entries = {row[4:7] for row in rows if row[2]}
        reservations = {row[4:7] for row in rows if not row[2]}
        lines = []
        for _, _, is_entry, is_final, owner_id, operation, subject, found_on in rows:
            claim = (owner_id, operation, subject)
            if is_entry and claim not in reservations:
                other = cluster.partitions[cluster.number_of(subject)].name
                lines.append(
                    f"{found_on}: entry {quoted(nonce)} of {app} has claimed {operation} for"
                    f" {quoted(subject)}, which is not reserved on {other}"
                )
            elif not is_entry and is_final and claim not in entries:
                other = cluster.partitions[cluster.number_of(owner_id)].name
                lines.append(
                    f"{found_on}: {operation} is reserved for {quoted(subject)} by"
                    f" {quoted(nonce)} of {app}, without its entry on {other}"
                )
        if lines:
            yield (app, nonce), lines


def _still_apart(
    cluster: ClusterFile,
    members: list[tuple[Partition, Connection]],
    apart: dict[tuple[str, str], list[str]],
) -> Iterator[str]:
    """Look again at what has seemed wrong, and may have been under way."""
    for pause in _RECHECKS:
        if not apart:
            return
        time.sleep(pause)
        keys = [list(column) for column in zip(*sorted(apart), strict=True)]
        rows: list[tuple[Any, ...]] = []
        for partition, conn in members:
            with _at(partition):
                query = _claims_query(of_nonces=True).encode()
                rows += [(*row, partition.name) for row in conn.execute(query, keys)]
        key = itemgetter(slice(0, 2))
        groups = [(at, list(group)) for at, group in groupby(sorted(rows, key=key), key=key)]
        apart = dict(_claims_apart(cluster, groups))
    for lines in apart.values():
        yield from lines
