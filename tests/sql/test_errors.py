"""Refusals have one SQLSTATE, one constant message and JSON in DETAIL."""

from __future__ import annotations

import json
import re

import psycopg
import pytest

from tests.sql.calls import Connection


def test_sqlstates_and_codes_are_unique(tx: Connection) -> None:
    found = tx.execute("SELECT sqlstate, code FROM ledger.error_codes").fetchall()
    assert len(found) == len({state for state, _ in found}) == len({code for _, code in found})


def test_every_code_is_raised_as_listed(tx: Connection) -> None:
    known = tx.execute("SELECT sqlstate, code, message, advice FROM ledger.error_codes").fetchall()
    for sqlstate, code, message, advice in known:
        with pytest.raises(psycopg.Error) as raised, tx.transaction():
            tx.execute("SELECT ledger_core.refuse(%s, '{\"a\": 1}')", [code])
        diag = raised.value.diag
        assert (diag.sqlstate, diag.message_primary, diag.message_hint) == (
            sqlstate,
            message,
            advice,
        )
        assert json.loads(diag.message_detail or "") == {"a": 1}


def test_messages_are_constant_sentences(tx: Connection) -> None:
    for (message,) in tx.execute("SELECT message FROM ledger.error_codes").fetchall():
        assert "%" not in message
        assert message.endswith(".")


def test_bodies_name_only_listed_codes(tx: Connection) -> None:
    known = {code for (code,) in tx.execute("SELECT code FROM ledger.error_codes").fetchall()}
    bodies = tx.execute(
        """
        SELECT oid::regprocedure::text, prosrc FROM pg_proc
        WHERE pronamespace IN ('ledger'::regnamespace, 'ledger_core'::regnamespace)
        """
    ).fetchall()
    for function, body in bodies:
        for call in re.findall(r"ledger_core\.refuse\((.*?),", body, re.DOTALL):
            # A code, or a CASE whose results are codes.
            named = set(re.findall(r"(?:^\s*|THEN\s+|ELSE\s+)'(\w+)'", call))
            assert named, function
            assert named <= known, function


def test_only_refuse_raises_codes_and_messages(tx: Connection) -> None:
    """Other functions re-raise, print notices, and raise conditions that they catch themselves."""
    bodies = tx.execute(
        """
        SELECT oid::regprocedure::text, prosrc FROM pg_proc
        WHERE pronamespace IN ('ledger'::regnamespace, 'ledger_core'::regnamespace)
            AND proname <> 'refuse'
        """
    ).fetchall()
    own = re.compile(r"\braise\s+(exception\s+)?'|\berrcode\s*=\s*'", re.IGNORECASE)
    assert [function for function, body in bodies if own.search(body)] == []
