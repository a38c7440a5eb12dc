"""Settling claims by hand: reservations whose entries were reversed, or whose callers have died."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from ledger_py.cluster.files import ClusterFile, Partition
from ledger_py.cluster.members import Connection, Report, failure_at
from ledger_py.wording import quoted

__all__ = ("Unsettled", "settle", "unsettled")

_PAGE: Final = 10_000
"""A call about claims takes as many."""

# Those that are kept are freed by reversals; of the others, only those whose callers are overdue.
_RESERVATIONS: Final = b"""
    SELECT
        owner_id, app, nonce, operation, claim_subject,
        to_jsonb(claim_deadline) #>> '{}' AS claim_deadline, kept_at IS NOT NULL AS is_kept
    FROM ledger.claim_reservations
    WHERE (owner_id, app, nonce) > (%s, %s, %s)
        AND (
            kept_at IS NOT NULL
            OR claim_deadline + ledger_core.reservation_margin() < ledger_core.clock()
        )
    ORDER BY owner_id, app, nonce
    LIMIT %s
"""
_OUTCOMES: Final = b"SELECT position, outcome FROM ledger.claim_outcomes(%s)"
_SETTLE: Final = b"SELECT position, settled FROM ledger.settle_claims(app => %s, claims => %s)"

_MEANING: Final = {
    "freed": "was reversed with free_claim: given back",
    "lapsed": "was not recorded, and never will be: given back",
    "recorded": "is recorded: kept",
}
_SETTLED: Final = {"freed": "given_back", "lapsed": "given_back", "recorded": "kept"}


class Unsettled(NamedTuple):
    """A reservation that is not what its entry demands."""

    number: int
    """The partition that has reserved the subject, by its place in the file."""
    found: Any
    """Its row."""
    owner_at: str
    """The name of the owner's partition."""
    outcome: str

    def __str__(self) -> str:
        one = self.found
        return (
            f"{one.operation} of {quoted(one.claim_subject)} for {quoted(one.nonce)} of {one.app},"
            f" which on {self.owner_at} {_MEANING[self.outcome]}"
        )


def unsettled(
    cluster: ClusterFile, members: Sequence[tuple[Partition, Connection]]
) -> Iterator[Unsettled]:
    """Find reservations that are to be given back or kept, and are not.

    What nobody knows yet is left out, and so is what contradicts the entries: `verify` names that.

    Args:
        cluster: The cluster.
        members: Connections to all of its partitions.

    Raises:
        ClusterError: A partition failed.
    """
    for number, (partition, conn) in enumerate(members):
        after = ("", "", "")
        while rows := _page(partition, conn, after):
            after = rows[-1][:3]
            by_owner: defaultdict[int, list[Any]] = defaultdict(list)
            for row in rows:
                by_owner[cluster.number_of(row.owner_id)].append(row)
            for at, asked in sorted(by_owner.items()):
                owner_at = members[at][0]
                for row, outcome in zip(asked, _outcomes(*members[at], asked), strict=True):
                    if outcome == "freed" or (outcome in _SETTLED and not row.is_kept):
                        yield Unsettled(number, row, owner_at.name, outcome)


def _page(partition: Partition, conn: Connection, after: tuple[str, str, str]) -> list[Any]:
    try:
        with conn.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(_RESERVATIONS, [*after, _PAGE]).fetchall()
    except psycopg.Error as error:
        raise failure_at(partition, error) from error


def _outcomes(partition: Partition, conn: Connection, rows: Sequence[Any]) -> list[str]:
    names = ("app", "owner_id", "nonce", "operation", "claim_subject", "claim_deadline")
    asked = [{name: getattr(row, name) for name in names} for row in rows]
    try:
        found: dict[int, str] = dict(conn.execute(_OUTCOMES, [Jsonb(asked)]).fetchall())
    except psycopg.Error as error:
        raise failure_at(partition, error) from error
    return [found[position] for position in range(1, len(rows) + 1)]


def settle(
    members: Sequence[tuple[Partition, Connection]],
    claims: Sequence[Unsettled],
    *,
    report: Report,
) -> int:
    """Settle reservations that `unsettled` has found.

    Args:
        members: The connections.
        claims: The reservations.
        report: Takes a line for each that has become something else meanwhile.

    Returns:
        How many were settled.

    Raises:
        ClusterError: A partition failed. What was settled before stays so; it can be run again.
    """
    by_call: defaultdict[tuple[int, str], list[Unsettled]] = defaultdict(list)
    for one in claims:
        by_call[one.number, one.found.app].append(one)
    settled = 0
    for (number, app), mine in sorted(by_call.items()):
        partition, conn = members[number]
        for first in range(0, len(mine), _PAGE):
            part = mine[first : first + _PAGE]
            items = [
                {
                    "owner_id": one.found.owner_id,
                    "nonce": one.found.nonce,
                    "claim_deadline": one.found.claim_deadline,
                    "outcome": one.outcome,
                }
                for one in part
            ]
            try:
                found: dict[int, str] = dict(conn.execute(_SETTLE, [app, Jsonb(items)]).fetchall())
            except psycopg.Error as error:
                raise failure_at(partition, error) from error
            for position, one in enumerate(part, start=1):
                if found[position] == _SETTLED[one.outcome]:
                    settled += 1
                else:
                    report(f"{partition.name}: {one}; but it is {found[position]} by now")
    return settled
