"""The hash chain, computed again in Python from the recipe in sql/README.md."""

from __future__ import annotations

import struct
from datetime import datetime
from hashlib import sha256

from psycopg.rows import dict_row

from tests.sql.calls import Connection, Row

_EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")

GENESIS = bytes(32)
"""What the first entry of an account is chained to."""


def entries_as_stored(conn: Connection, owner_id: str, asset: str = "CREDIT") -> list[Row]:
    """Read an account's entries, oldest first, with the texts that the hash runs over."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT
                entries.*,
                metadata::text AS metadata_text,
                xact_id::text::numeric::bigint AS xact_number
            FROM ledger.entries
            WHERE owner_id = %s AND asset = %s
            ORDER BY seq
            """,
            [owner_id, asset],
        ).fetchall()


def chained(entries: list[Row]) -> list[bytes]:
    """Give the hash that each of an account's entries must have.

    Args:
        entries: all of them, as `entries_as_stored` reads them.
    """
    hashes = []
    previous = GENESIS
    for entry in entries:
        previous = sha256(previous + canonical_bytes(entry)).digest()
        hashes.append(previous)
    return hashes


def canonical_bytes(entry: Row) -> bytes:
    """Give the canonical form of an entry."""
    numbers = struct.pack(
        ">qqqqqQ",
        entry["seq"],
        entry["entry_id"],
        entry["amount"],
        entry["balance_after"],
        _microseconds(entry["recorded_at"]),
        entry["xact_number"],
    )
    parts = [
        entry["asset"],
        entry["app"],
        entry["operation"],
        _counted(entry["owner_id"]),
        _counted(entry["nonce"]),
    ]
    parts += [flag for flag in ("amount_defaulted", "expiry_defaulted") if entry[flag]]
    if entry["metadata_text"] is not None:
        parts.append(f"metadata={_counted(entry['metadata_text'])}")
    if entry["expires_at"] is not None:
        parts.append(f"expires_at={struct.pack('>q', _microseconds(entry['expires_at'])).hex()}")
    for name in ("claim_subject", "hold_nonce"):
        if entry[name] is not None:
            parts.append(f"{name}={_counted(entry[name])}")
    if entry["hold_final"] is not None:
        parts.append(f"hold_final={str(entry['hold_final']).lower()}")
    if entry["reverses_seq"] is not None:
        parts.append(f"reverses_seq={entry['reverses_seq']}")
    if entry["frees_claim"] is not None:
        parts.append(f"frees_claim={str(entry['frees_claim']).lower()}")
    return numbers + ",".join(parts).encode()


def _counted(text: str) -> str:
    return f"{len(text)}:{text}"


def _microseconds(at: datetime) -> int:
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
