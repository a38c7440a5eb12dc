"""Export of the books to a file that `recompute` verifies without a database."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from ledger_py.proof.connection import Connection, Report, one_moment
from ledger_py.proof.errors import ProofError

PROGRESS_EVERY: Final = 100_000

STDOUT: Final = Path("-")
"""The name of standard output."""

# In the order of the primary keys, so that the server need not sort.
_TABLES: Final = (
    """
    SELECT
        'generations' AS "table",
        generation, first_entry_id, begun_at, first_xact_id::text::numeric AS first_xact_id
    FROM ledger.generations
    WHERE generation > 1
    ORDER BY generation
    """,
    """
    SELECT
        'entries' AS "table",
        owner_id, asset, seq, entry_id, app, operation, amount, balance_after, nonce,
        metadata::text AS metadata, recorded_at, expires_at,
        xact_id::text::numeric AS xact_id, amount_defaulted, expiry_defaulted,
        claim_subject, hold_nonce, hold_final, reverses_seq, frees_claim, claim_slot, subject_slot,
        spender, quantity, unit_amount, unit_size, rounding, overdrawn,
        credit_class, priority, usable_for, usable_in, peer_owner_id, peer_seq,
        encode(hash, 'hex') AS hash
    FROM ledger.entries
    ORDER BY owner_id, asset, seq
    """,
    """
    SELECT
        'operator_actions' AS "table",
        owner_id, asset, action_seq, acted_at, role_name, actor, action, reason, seq,
        before::text AS before, after::text AS after,
        xact_id::text::numeric AS xact_id, encode(hash, 'hex') AS hash
    FROM ledger.operator_actions
    ORDER BY owner_id, asset, action_seq
    """,
    """
    SELECT
        'operation_changes' AS "table",
        change_id, changed_at, changed_by, change, operation, app, role_name, rule::text AS rule,
        xact_id::text::numeric AS xact_id, encode(hash, 'hex') AS hash
    FROM ledger.operation_changes
    ORDER BY change_id
    """,
    """
    SELECT
        'hold_events' AS "table",
        owner_id, asset, event_seq, happened_at, app, hold_nonce, event, seq, hold::text AS hold,
        xact_id::text::numeric AS xact_id, encode(hash, 'hex') AS hash
    FROM ledger.hold_events
    ORDER BY owner_id, asset, event_seq
    """,
    """
    SELECT
        'allowance_events' AS "table",
        owner_id, asset, event_seq, happened_at, role_name, app, allowance_nonce, event,
        request::text AS request, allowance::text AS allowance, after_seq, nonce, seq,
        xact_id::text::numeric AS xact_id, encode(hash, 'hex') AS hash
    FROM ledger.allowance_events
    ORDER BY owner_id, asset, event_seq
    """,
    """
    SELECT
        'claim_reservations' AS "table",
        owner_id, asset, app, nonce, operation, claim_subject, scope_app, period_start, slot,
        reserved_at, claim_deadline, attempts, kept_at, encode(hash, 'hex') AS hash
    FROM ledger.claim_reservations
    ORDER BY owner_id, app, nonce
    """,
)
# JSON never contains these two characters unescaped, so COPY quotes nothing and leaves the lines as
# they are.
_COPY: Final = r"""
    COPY (SELECT row_to_json(lines) FROM ({table}) AS lines)
    TO STDOUT WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
"""


def export(conn: Connection, file: BinaryIO, *, report: Report) -> int:
    """Write the entries, journals and reservations of one moment, in the format of `recompute`.

    Args:
        conn: A connection from `connected`.
        file: The file to write to.
        report: Takes a line every `PROGRESS_EVERY` lines.

    Returns:
        The number of lines, without the last one, which states it.

    Raises:
        psycopg.Error: The database failed.
        OSError: The file could not be written.
    """
    written = 0
    with one_moment(conn), conn.cursor() as cursor:
        for table in _TABLES:
            with cursor.copy(_COPY.format(table=table).encode()) as lines:
                for line in lines:
                    file.write(line)
                    written += 1
                    if written % PROGRESS_EVERY == 0:
                        report(f"exported {written} lines")
    file.write(b'{"lines":%d}\n' % written)
    return written


@contextmanager
def destination(path: Path) -> Iterator[BinaryIO]:
    """Open what an export is written to.

    A regular file appears under its name only once the block has succeeded, and only its owner may
    read it, because entries tell about people. A link is followed. A device or a pipe is written
    into, and so is what standard output leads to.

    Args:
        path: The name; a file of that name is replaced. `-` is standard output.

    Yields:
        The file to write to.

    Raises:
        ProofError: The file cannot be written, or is known by other names as well.
    """
    try:
        with _written_into(path) if is_stream(path) else _replaced(path.resolve()) as file:
            yield file
    except OSError as error:
        raise ProofError(f"{path} cannot be written: {error.strerror}") from error


def is_stream(path: Path) -> bool:
    """Tell whether `destination` writes into what is there, and replaces nothing."""
    return is_stdout(path) or (path.exists() and not path.is_file())


def is_stdout(path: Path) -> bool:
    """Tell whether a name leads to standard output: `-`, `/dev/stdout`, or the file behind it."""
    if path == STDOUT:
        return True
    try:
        return os.path.samestat(path.stat(), os.fstat(1))
    except OSError:
        return False


def _written_into(path: Path) -> BinaryIO:
    # A descriptor of its own: what could not be written must not be tried again at the exit.
    descriptor = os.dup(1) if is_stdout(path) else os.open(path, os.O_WRONLY)
    return os.fdopen(descriptor, "wb")


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    if path.exists() and path.stat().st_nlink > 1:
        raise ProofError(f"{path} has further names (hard links), which would keep the old file")
    # Of a name that nobody has, and readable by nobody else.
    descriptor, name = tempfile.mkstemp(prefix=".ledger-export-", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
