"""Notes of the proofs of the books, which the console shows."""

from __future__ import annotations

from typing import Final, Literal

import psycopg
from psycopg import errors

from ledger_py.proof.connection import Connection, Report, told

__all__ = ("note_proof",)

_EXPECTED: Final = (
    errors.InsufficientPrivilege,
    errors.LockNotAvailable,
    errors.ReadOnlySqlTransaction,
    errors.UndefinedFunction,
)


def note_proof(
    conn: Connection,
    kind: Literal["verify", "checkpoint"],
    *,
    discrepancies: int = 0,
    report: Report,
) -> None:
    """Note that the books were proved just now.

    Whether it can be noted never matters to the proof. It cannot on a standby or a read-only
    database, before `ledger migrate` of this version, and while somebody else makes the same note;
    of everything else, such as a full disk, a line tells.

    Args:
        conn: A connection in autocommit mode.
        kind: What was done.
        discrepancies: The number that was found.
        report: Takes a line if it could not be noted.
    """
    try:
        with conn.transaction():
            conn.execute("SELECT set_config('lock_timeout', '1s', TRUE)")
            conn.execute(
                "SELECT ledger.note_proof(kind => %s, discrepancies => %s)", [kind, discrepancies]
            )
    except _EXPECTED:
        pass
    except psycopg.Error as error:
        report(f"The console will not show this, because it could not be noted: {told(error)}")
