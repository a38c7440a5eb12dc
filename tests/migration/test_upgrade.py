"""A database of an earlier release can be upgraded and keeps its data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_py.migrate import FileState, Project, migrate, status
from ledger_py.settings import PROJECT_ROOT
from tests.migration import released
from tests.migration.catalogue import catalogue
from tests.sql.books import assert_books_are_right
from tests.sql.calls import call, record, rows

TODAY = "today"

# Columns of entries and accounts that every release has.
HELD = (
    "SELECT owner_id, asset, seq, entry_id, app, operation, amount, balance_after, nonce, metadata,"
    " recorded_at, hash FROM ledger.entries ORDER BY owner_id, asset, seq",
    "SELECT owner_id, asset, balance, held, last_seq, min_balance FROM ledger.accounts"
    " ORDER BY owner_id, asset",
)


@pytest.fixture(params=[TODAY, *(archive.name for archive in released.releases())])
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of a release; the first is the current tree, packed and unpacked."""
    archives = {archive.name: archive for archive in released.releases()}
    archive = archives.get(request.param) or released.snapshot(tmp_path, TODAY)
    return released.write(archive, tmp_path / "release")


def held(url: str) -> list[list[tuple[Any, ...]]]:
    """Read the data of a ledger."""
    with psycopg.connect(url) as conn:
        return [conn.execute(query.encode()).fetchall() for query in HELD]


def test_released_database_is_upgraded_with_its_data(
    release: Path, empty_db: str, ledger_db: str
) -> None:
    migrate(empty_db, project=Project(release))
    with psycopg.connect(empty_db, autocommit=True) as conn:
        for statement in (release / released.DATA).read_text(encoding="utf-8").split(";\n"):
            conn.execute(statement.encode())
        call(conn, "bind_role", role=conn.info.user, app="app1")
        call(conn, "bind_role", role=conn.info.user, app="app2")
        checkpoint = call(conn, "checkpoint")
    before = held(empty_db)

    migrate(empty_db)

    assert {file.state for file in status(empty_db)} == {FileState.APPLIED}
    assert catalogue(empty_db) == catalogue(ledger_db)
    assert held(empty_db) == before
    assert all(before)
    with psycopg.connect(empty_db, autocommit=True) as conn:
        assert conn.execute("SELECT * FROM ledger.verify()").fetchall() == []
        assert_books_are_right(conn)
        kept = {name: checkpoint[name] for name in ("horizon", "digest")}
        assert rows(conn, "verify_checkpoint", **kept) == []
        # A retry across the upgrade returns the first result.
        again = {"nonce": "n-1", "amount": 1000}
        assert record(conn, **again)["replayed"]
        call(conn, "capture_hold", app="app2", hold_nonce="h-1", nonce="n-20")
        assert conn.execute("SELECT * FROM ledger.verify()").fetchall() == []


def test_released_migrations_are_unchanged() -> None:
    now = {
        path: released.checksum((PROJECT_ROOT / path).read_bytes())
        for path in released.checksums()
        if (PROJECT_ROOT / path).exists()
    }

    assert now == released.checksums()


def test_list_contains_the_migrations_of_all_releases() -> None:
    contents = [released.unpack(archive) for archive in released.releases()]
    migrations = {
        path: released.checksum(content)
        for files in contents
        for path, content in files.items()
        if released.is_migration(path)
    }

    assert released.checksums() == migrations


def test_archive_is_reproducible(tmp_path: Path) -> None:
    first = released.snapshot(tmp_path, "1.0.0").read_bytes()

    assert released.snapshot(tmp_path, "1.0.0").read_bytes() == first
