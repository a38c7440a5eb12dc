"""Notes of proofs: when each login last verified the ledger or took a checkpoint."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, call, refused, scalar
from tests.sql.conftest import LogIn


def proofs(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute(
        "SELECT kind, role_name, noted_at, discrepancies FROM ledger.proofs ORDER BY 1, 2"
    ).fetchall()


def test_newest_note_of_each_kind_is_kept(tx: Connection) -> None:
    clock = Clock(tx, "2030-01-01T12:00:00Z")
    me = scalar(tx, "SELECT session_user")
    call(tx, "note_proof", kind="verify", discrepancies=3)
    first = clock.now
    clock.advance("1 day")
    call(tx, "note_proof", kind="checkpoint")
    call(tx, "note_proof", kind="verify")
    assert proofs(tx) == [("checkpoint", me, clock.now, 0), ("verify", me, clock.now, 0)]
    assert clock.now > first


def test_each_login_has_a_note_of_its_own(log_in: LogIn, conn: Connection) -> None:
    for group in ("ledger_auditor", "ledger_operator"):
        call(log_in(member_of=group), "note_proof", kind="verify")
    assert len({role for _, role, _, _ in proofs(conn)}) == 2


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("kind", {"kind": None}),
        ("kind", {"kind": "export"}),
        ("discrepancies", {"kind": "verify", "discrepancies": -1}),
        ("discrepancies", {"kind": "verify", "discrepancies": None}),
    ],
)
def test_malformed_note_is_refused(tx: Connection, field: str, arguments: dict[str, Any]) -> None:
    with refused(tx, "LG001") as refusal:
        call(tx, "note_proof", **arguments)
    assert refusal.detail["field"] == field
