"""The hash chain, computed from rows by the recipe at the head of ledger_py/proof/recompute.py."""

from __future__ import annotations

import struct
from datetime import datetime
from hashlib import sha256

from psycopg.rows import dict_row

from tests.sql.calls import Connection, Row

_EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")

ZERO_HASH = bytes(32)
"""The hash before the first entry of an account, or the first line of a journal."""


def entries_as_stored(conn: Connection, owner_id: str, asset: str = "CREDIT") -> list[Row]:
    """Read the entries of an account, oldest first, with the texts that are hashed."""
    return _as_stored(conn, "entries", "seq", ["metadata"], owner_id, asset)


def actions_as_stored(conn: Connection, owner_id: str, asset: str = "CREDIT") -> list[Row]:
    """Read the operator actions of an account, oldest first, with the texts that are hashed."""
    return _as_stored(conn, "operator_actions", "action_seq", ["before", "after"], owner_id, asset)


def changes_as_stored(conn: Connection) -> list[Row]:
    """Read the journal of the catalogue, oldest first, with the texts that are hashed."""
    return _as_stored(conn, "operation_changes", "change_id", ["rule"])


def hold_events_as_stored(conn: Connection, owner_id: str, asset: str = "CREDIT") -> list[Row]:
    """Read the events of an account's holds, oldest first, with the texts that are hashed."""
    return _as_stored(conn, "hold_events", "event_seq", ["hold"], owner_id, asset)


def allowance_events_as_stored(conn: Connection, owner_id: str, asset: str = "CREDIT") -> list[Row]:
    """Read the events of an account's allowances, oldest first, with the texts that are hashed."""
    return _as_stored(
        conn, "allowance_events", "event_seq", ["request", "allowance"], owner_id, asset
    )


def _as_stored(
    conn: Connection, table: str, number: str, documents: list[str], *account: str
) -> list[Row]:
    texts = "".join(f", {name}::text AS {name}_text" for name in documents)
    of_account = "WHERE (owner_id, asset) = (%s, %s)" if account else ""
    query = f"""
        SELECT *, xact_id::text::numeric::bigint AS xact_number{texts}
        FROM ledger.{table} {of_account} ORDER BY {number}
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), account or None).fetchall()


def chained(lines: list[Row]) -> list[bytes]:
    """Compute the hash that each line of a chain must have.

    Args:
        lines: All lines, as one of the functions above reads them.
    """
    hashes = []
    previous = ZERO_HASH
    for line in lines:
        previous = sha256(previous + canonical_bytes(line)).digest()
        hashes.append(previous)
    return hashes


def canonical_bytes(line: Row) -> bytes:
    """Compute the canonical bytes of an entry, or of a line of a journal."""
    if "action_seq" in line:
        return _action_bytes(line)
    if "allowance_nonce" in line:
        return _allowance_event_bytes(line)
    if "event_seq" in line:
        return _hold_event_bytes(line)
    return _change_bytes(line) if "change_id" in line else _entry_bytes(line)


def _journal_bytes(
    number: int, at: datetime, line: Row, texts: list[str | None], **options: str | int | None
) -> bytes:
    numbers = struct.pack(">qqQ", number, _microseconds(at), line["xact_number"])
    parts = ["" if text is None else _counted(text) for text in texts]
    parts += [
        f"{name}={_counted(value) if isinstance(value, str) else value}"
        for name, value in options.items()
        if value is not None
    ]
    return numbers + ",".join(parts).encode()


def _action_bytes(action: Row) -> bytes:
    names = ["owner_id", "asset", "action", "role_name", "actor", "reason"]
    texts = [*(action[name] for name in names), action["before_text"], action["after_text"]]
    return _journal_bytes(
        action["action_seq"], action["acted_at"], action, texts, seq=action["seq"]
    )


def _change_bytes(change: Row) -> bytes:
    texts = [change["change"], change["operation"], change["changed_by"], change["rule_text"]]
    options = {name: change[name] for name in ("app", "role_name")}
    return _journal_bytes(change["change_id"], change["changed_at"], change, texts, **options)


def _allowance_event_bytes(event: Row) -> bytes:
    names = ["owner_id", "asset", "app", "allowance_nonce", "event", "role_name"]
    texts = [*(event[name] for name in names), event["request_text"], event["allowance_text"]]
    options = {name: event[name] for name in ("after_seq", "nonce", "seq")}
    return _journal_bytes(event["event_seq"], event["happened_at"], event, texts, **options)


def _hold_event_bytes(event: Row) -> bytes:
    names = ["owner_id", "asset", "app", "hold_nonce", "event"]
    texts = [*(event[name] for name in names), event["hold_text"]]
    return _journal_bytes(event["event_seq"], event["happened_at"], event, texts, seq=event["seq"])


def _entry_bytes(entry: Row) -> bytes:
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
    for name in ("claim_slot", "subject_slot"):
        if entry[name] is not None:
            parts.append(f"{name}={entry[name]}")
    if entry["spender"] is not None:
        parts.append(f"spender={_counted(entry['spender'])}")
    for name in ("quantity", "unit_amount", "unit_size"):
        if entry[name] is not None:
            parts.append(f"{name}={entry[name]}")
    if entry["rounding"] is not None:
        parts.append(f"rounding={_counted(entry['rounding'])}")
    if entry["overdrawn"] is not None:
        parts.append(f"overdrawn={str(entry['overdrawn']).lower()}")
    if entry["credit_class"] is not None:
        parts.append(f"credit_class={_counted(entry['credit_class'])}")
    if entry["priority"] is not None:
        parts.append(f"priority={entry['priority']}")
    for name in ("usable_for", "usable_in"):
        if entry[name] is not None:
            parts.append(f"{name}={_counted(','.join(entry[name]))}")
    if entry["peer_owner_id"] is not None:
        parts.append(f"peer_owner_id={_counted(entry['peer_owner_id'])}")
    if entry["peer_seq"] is not None:
        parts.append(f"peer_seq={entry['peer_seq']}")
    return numbers + ",".join(parts).encode()


def _counted(text: str) -> str:
    return f"{len(text)}:{text}"


def _microseconds(at: datetime) -> int:
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
