"""Migrations and code keep callers waiting for a change of the catalogue only, not for a scan."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest
import sqlparse

from ledger_py.migrate import Project
from tests.migration import released

_NAME: Final = r"(?P<table>[\w.]+)"
_ALTER: Final = rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_NAME} (?P<rest>.*)"

SLOW: Final = {
    "rewrites the table": r"\bALTER (COLUMN )?\w+ (SET DATA )?TYPE\b"
    r"|\bSET (TABLESPACE|LOGGED|UNLOGGED)"
    r"|\bADD COLUMN (IF NOT EXISTS )?\w+ [^,]*(DEFAULT [^,]*\(|\bGENERATED\b|\b\w*serial\b)",
    "reads the whole table": r"\bADD (CONSTRAINT \w+ )?(CHECK|FOREIGN KEY|EXCLUDE)\b(?!.*NOT VALID)"
    r"|\bADD COLUMN [^,]*\b(CHECK|REFERENCES)\b|\bSET NOT NULL\b|\bVALIDATE CONSTRAINT\b",
    "builds an index": r"\bADD (CONSTRAINT \w+ )?(UNIQUE|PRIMARY KEY)\b(?! USING INDEX)"
    r"|\bADD COLUMN [^,]*\b(UNIQUE|PRIMARY KEY)\b",
}
"""Forbidden in an ALTER TABLE of a table that may be large, because it holds a lock."""

OTHERS: Final = {
    "builds an index": rf"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).*? ON (?:ONLY )?{_NAME}",
    "rewrites the table": rf"(?:CLUSTER|VACUUM FULL|REINDEX TABLE(?! CONCURRENTLY)) {_NAME}",
    "locks the table": rf"LOCK (?:TABLE )?{_NAME}",
    "empties the table": rf"TRUNCATE (?:TABLE )?{_NAME}",
    "waits for its callers": rf"REFRESH MATERIALIZED VIEW (?!CONCURRENTLY){_NAME}",
}

EXEMPT: Final = {
    # A line per change of the catalogue by operators: hundreds.
    ("migrations/0007_proof_of_holds_and_bindings.sql", "ledger.operation_changes"),
    ("migrations/0010_generations.sql", "ledger.operation_changes"),
    # One condition over a row per owner, from memory: a tenth of a second per million owners.
    ("migrations/0008_cheaper_checks.sql", "ledger.accounts"),
    # A BRIN index: one pass over the table, half a second per million entries. From four gigabytes
    # on, the migration asks for it to be built CONCURRENTLY, which cannot be part of a transaction.
    ("migrations/0013_finding_entries.sql", "ledger.entries"),
}
"""Files and tables, with the reason why callers do not notice."""


def slow_statements(text: str) -> Iterator[tuple[str, str]]:
    """Find the statements that hold a strong lock for longer than a change of the catalogue.

    Args:
        text: A file. Tables that it creates itself are free.

    Yields:
        The table, and what the statement does to it.
    """
    statements = [
        " ".join(str(one).split())
        for one in sqlparse.split(sqlparse.format(text, strip_comments=True))
    ]
    untransacted = re.search(r"^-- transactional: false$", text, re.MULTILINE) is not None
    own = {
        found[1]
        for one in statements
        if (found := re.match(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?([\w.]+)", one))
    }
    for one in statements:
        found = re.match(_ALTER, one)
        for does, pattern in SLOW.items() if found else ():
            assert found is not None
            alone = untransacted and "VALIDATE CONSTRAINT" in found["rest"]
            if found["table"] not in own and not alone and re.search(pattern, found["rest"]):
                yield found["table"], does
        for does, pattern in OTHERS.items():
            other = re.match(pattern, one)
            if other and other["table"] not in own:
                yield other["table"], does


def test_unreleased_migrations_and_code_hold_no_strong_lock_for_long() -> None:
    project = Project()
    texts = {
        file.path: file.file.read_text(encoding="utf-8")
        for file in project.migrations
        if file.path not in released.checksums()
    } | {f"sql/{file.name}.sql": file.file.read_text(encoding="utf-8") for file in project.code}

    found = [
        f"{path}: {does} {table}"
        for path, text in texts.items()
        for table, does in slow_statements(text)
        if (path, table) not in EXEMPT
    ]

    assert found == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE ledger.entries ALTER COLUMN amount TYPE numeric;",
        "ALTER TABLE ledger.entries ADD COLUMN at timestamptz DEFAULT clock_timestamp();",
        "ALTER TABLE ledger.entries ADD CONSTRAINT c CHECK (amount <> 7);",
        "ALTER TABLE ledger.entries ADD CONSTRAINT c FOREIGN KEY (app) REFERENCES apps;",
        "ALTER TABLE ledger.entries ADD CONSTRAINT c CHECK (amount <> 7) NOT VALID;\n"
        "ALTER TABLE ledger.entries VALIDATE CONSTRAINT c;",
        "ALTER TABLE ledger.entries ALTER COLUMN amount SET NOT NULL;",
        "ALTER TABLE ledger.entries ADD CONSTRAINT c UNIQUE (entry_id);",
        "CREATE INDEX i ON ledger.entries (amount);",
        "LOCK TABLE ledger.entries IN SHARE MODE;",
        "TRUNCATE ledger.entries;",
        "REINDEX TABLE ledger.entries;",
    ],
)
def test_slow_statement_is_found(statement: str) -> None:
    assert [table for table, _ in slow_statements(statement)] == ["ledger.entries"]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE ledger.entries ADD COLUMN note text;",
        "ALTER TABLE ledger.entries ADD COLUMN number integer NOT NULL DEFAULT 0;",
        "ALTER TABLE ledger.entries ADD CONSTRAINT c CHECK (amount <> 7) NOT VALID;",
        "-- transactional: false\nALTER TABLE ledger.entries VALIDATE CONSTRAINT c;",
        "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON ledger.entries (amount);",
        "CREATE TABLE ledger.new (a int);\nCREATE INDEX i ON ledger.new (a);",
        "ALTER TABLE ledger.entries ADD CONSTRAINT c UNIQUE USING INDEX i;",
    ],
)
def test_quick_statement_is_accepted(statement: str) -> None:
    assert list(slow_statements(statement)) == []
