"""plpgsql_check finds nothing in any function, and in that of a trigger for each of its tables.

The extension comes in Debian's package `postgresql-15-plpgsql-check`; the checks of the project
install it. Where it is absent, as in the embedded server, there is nothing to run.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.sql.calls import Connection

ACCEPTED = {
    "target type is different type than source type": "assignments convert: the sum of bigint is"
    " numeric, a constant is an integer or a text, and what a caller wrote is text until then",
}
"""What is no mistake, by message, with the reason."""


@pytest.fixture(scope="module")
def checked(shared_ledger_db: str) -> Iterator[Connection]:
    """A connection in a transaction, never committed, in which the extension is there."""
    with psycopg.connect(shared_ledger_db) as conn:
        available = conn.execute(
            "SELECT 1 FROM pg_available_extensions WHERE name = 'plpgsql_check'"
        )
        if available.fetchone() is None:
            pytest.skip("the server has no extension plpgsql_check")
        conn.execute("CREATE SCHEMA checking")
        conn.execute("CREATE EXTENSION plpgsql_check SCHEMA checking")
        yield conn
        conn.rollback()


def findings(conn: Connection) -> list[tuple[str, str]]:
    """Check every PL/pgSQL function, and a trigger's function once for each of its tables.

    Returns:
        Messages, each with where it belongs and everything else that is known about it.
    """
    found = conn.execute(
        """
        SELECT
            message,
            concat_ws(
                '; ', pg_proc.oid::regprocedure, tgrelid::regclass, level, lineno, statement,
                detail, hint
            )
        FROM pg_proc
        INNER JOIN pg_namespace ON pg_namespace.oid = pronamespace
        INNER JOIN pg_language ON pg_language.oid = prolang
        LEFT JOIN pg_trigger ON tgfoid = pg_proc.oid AND NOT tgisinternal
        CROSS JOIN LATERAL checking.plpgsql_check_function_tb(
            pg_proc.oid, coalesce(tgrelid, 0), fatal_errors => FALSE, all_warnings => TRUE
        )
        WHERE nspname IN ('ledger', 'ledger_core') AND lanname = 'plpgsql'
            AND (prorettype <> 'trigger'::regtype OR tgrelid IS NOT NULL)
        ORDER BY 2, 1
        """
    )
    return found.fetchall()


def test_check_has_no_findings(checked: Connection) -> None:
    found = [(message, where) for message, where in findings(checked) if message not in ACCEPTED]
    assert not found, "\n".join(f"{where}: {message}" for message, where in found)


def test_every_accepted_finding_still_occurs(checked: Connection) -> None:
    assert ACCEPTED.keys() <= {message for message, _ in findings(checked)}


def test_planted_error_is_found(checked: Connection) -> None:
    with checked.transaction(force_rollback=True):
        checked.execute(
            """
            CREATE FUNCTION ledger_core.mistaken() RETURNS void LANGUAGE plpgsql AS $$
            BEGIN PERFORM nothing FROM ledger.accounts; END $$
            """
        )
        assert any("mistaken" in where for _, where in findings(checked))
