"""Checkpoints: a digest over the books, to be kept out of reach of who can write them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ledger_py.proof.connection import Connection
from ledger_py.proof.errors import ProofError


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What `ledger.checkpoint()` returned."""

    horizon: str
    """The transaction before which everything was decided, and is covered by the digest."""
    digest: str
    accounts: int
    entries: int
    taken_at: datetime

    def __str__(self) -> str:
        return f"checkpoint of {self.taken_at:%Y-%m-%d %H:%M:%S %Z}"


def take(conn: Connection) -> Checkpoint:
    """Compute the checkpoint of this moment.

    Args:
        conn: a connection.

    Returns:
        The checkpoint.

    Raises:
        psycopg.Error: the database could not do it.
    """
    # In binary, a time does not depend on the styles of the session.
    horizon, digest, accounts, entries, taken_at = conn.execute(
        "SELECT horizon, digest, accounts, entries, taken_at FROM ledger.checkpoint()", binary=True
    ).fetchall()[0]
    return Checkpoint(
        horizon=horizon,
        digest=digest,
        accounts=accounts,
        entries=entries,
        taken_at=taken_at.astimezone(UTC),
    )


def holds(conn: Connection, checkpoint: Checkpoint) -> bool:
    """Hold a checkpoint against the books of today.

    Args:
        conn: a connection.
        checkpoint: an earlier one of the same database.

    Returns:
        False if anything recorded before it was changed since.

    Raises:
        psycopg.Error: the database could not do it.
    """
    changed = conn.execute(
        "SELECT 1 FROM ledger.verify_checkpoint(horizon => %s, digest => %s)",
        [checkpoint.horizon, checkpoint.digest],
    )
    return changed.fetchone() is None


def encode(checkpoint: Checkpoint) -> str:
    """Give a checkpoint as one line of JSON, to be kept.

    Args:
        checkpoint: any.

    Returns:
        The line, without its end.
    """
    return msgspec.json.encode(checkpoint).decode()


def read(path: Path) -> Iterator[Checkpoint]:
    """Read checkpoints that were kept, one per line.

    Args:
        path: the file.

    Yields:
        The checkpoints, in the order of the file.

    Raises:
        ProofError: the file cannot be read, has none, or a line is not a checkpoint.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ProofError(f"{path} cannot be read: {error.strerror}") from error
    found = False
    for number, line in enumerate(lines, start=1):
        if line.strip():
            found = True
            try:
                yield msgspec.json.decode(line, type=Checkpoint)
            except msgspec.MsgspecError as error:
                raise ProofError(f"{path}, line {number}: is not a checkpoint ({error})") from error
    if not found:
        raise ProofError(f"{path} has no checkpoint in it")
