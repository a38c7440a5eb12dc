"""Writes the books to a file, from which `recompute` proves them without a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from ledger_py.proof.connection import Connection, Report, one_moment
from ledger_py.proof.errors import ProofError

PROGRESS_EVERY: Final = 100_000

# In the order of the primary keys, so that the server sorts nothing and keeps nothing in memory.
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
)
# Quote and delimiter are characters that JSON never contains as they are: so the lines come as they
# are.
_COPY: Final = r"""
    COPY (SELECT row_to_json(lines) FROM ({table}) AS lines)
    TO STDOUT WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
"""


def export(conn: Connection, file: BinaryIO, *, report: Report) -> int:
    """Write the entries and the journals as of one moment, in the format of `recompute`.

    Args:
        conn: as `connected` gives it.
        file: where to.
        report: takes a line every `PROGRESS_EVERY` lines.

    Returns:
        The number of lines, without the last one, which tells it.

    Raises:
        psycopg.Error: the database could not do it.
        OSError: the file could not be written.
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
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Make a file that is there when the block has ended well, and not before.

    Args:
        path: its name. A file of that name is replaced.

    Yields:
        What to write to; only its owner may read it, because entries tell about people.

    Raises:
        ProofError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600, exist_ok=False)
        with partial.open("wb") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        raise ProofError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
