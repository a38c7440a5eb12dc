"""Checkpoints: digests over the books, kept out of reach of those who can write the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from ledger_py.proof.connection import Connection
from ledger_py.proof.errors import ProofError


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `ledger.checkpoint()`."""

    horizon: str
    """The digest covers the transactions before this one, all of which had ended."""
    digest: str
    accounts: int
    entries: int
    taken_at: datetime

    def __str__(self) -> str:
        return f"checkpoint of {self.taken_at:%Y-%m-%d %H:%M:%S %Z}"


CheckpointT = TypeVar("CheckpointT", bound=Checkpoint)


def take(conn: Connection) -> Checkpoint:
    """Compute the checkpoint of this moment.

    Args:
        conn: A connection.

    Returns:
        The checkpoint.

    Raises:
        psycopg.Error: The database failed.
    """
    # In binary, because a time as text depends on settings of the session.
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
    """Compare the books of today with a checkpoint.

    Args:
        conn: A connection.
        checkpoint: An earlier one of the same database.

    Returns:
        False if anything recorded before it has changed since.

    Raises:
        psycopg.Error: The database failed.
    """
    changed = conn.execute(
        "SELECT 1 FROM ledger.verify_checkpoint(horizon => %s, digest => %s)",
        [checkpoint.horizon, checkpoint.digest],
    )
    return changed.fetchone() is None


def encode(checkpoint: Checkpoint) -> str:
    """Encode a checkpoint as one line of JSON.

    Args:
        checkpoint: The checkpoint.

    Returns:
        The line, without a line end.
    """
    return msgspec.json.encode(checkpoint).decode()


def read(
    path: Path,
    kind: type[CheckpointT] = Checkpoint,  # type: ignore[assignment]
) -> Iterator[CheckpointT]:
    """Read a file of checkpoints, one per line.

    Args:
        path: The file.
        kind: The class of the checkpoints.

    Yields:
        The checkpoints, in the order of the file.

    Raises:
        ProofError: The file cannot be read, is empty, or has a line that is not a checkpoint.
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
                yield msgspec.json.decode(line, type=kind)
            except msgspec.MsgspecError as error:
                raise ProofError(f"{path}, line {number}: is not a checkpoint ({error})") from error
    if not found:
        raise ProofError(f"{path} has no checkpoint in it")
