"""plpgsql_check has no findings in any function, nor in a trigger function on any of its tables.

The extension comes in Debian's package `postgresql-15-plpgsql-check`; the checks of the project
install it. Where it is absent, as in the embedded server, the tests are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.sql.calls import Connection

ACCEPTED = {
    "target type is different type than source type": "assignments convert: the sum of bigint is"
    " numeric, a constant is an integer or a text, and what a caller wrote is text until then",
    "too few attributes for composite variable": "a column of entries that a migration has just"
    " added, while the code before it still runs, is null",
}
"""Messages of findings that are no mistakes, with the reason."""


@pytest.fixture(scope="module")
def checked(shared_ledger_db: str) -> Iterator[Connection]:
    """A connection in a transaction that creates the extension and is never committed."""
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
    """Check every PL/pgSQL function, and a trigger function once for each of its tables.

    Returns:
        Messages, each with its place and everything else that is known about it.
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
