"""`migrate` beside those who use the ledger: services of a release under load, idle readers."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ledger_py.migrate import FileState, MigrationError, Project, migrate, settling, status
from ledger_py.settings import PROJECT_ROOT
from tests.migration import released
from tests.sql.calls import Connection, call, record, refused
from tests.sql.lifecycle import capture, place

COLUMNS = {
    "record_entry": "entry_id, seq, balance, replayed",
    "record_entries": '"position", entry_id, balance, code',
    "place_hold": "nonce, remaining, status",
    "release_hold": "nonce, remaining, status",
    "extend_hold": "nonce, remaining, expires_at",
    "capture_hold": "entry_id, seq, balance, replayed",
}
"""What callers read, by name as clients do: a prepared SELECT * ends where columns are added."""

OWNERS = [f"owner-{number}" for number in range(12)]
CALLERS = 8


class Caller(threading.Thread):
    """One caller of a service: entries, batches and holds, one after another, until stopped."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(daemon=True)
        self.app = ("app1", "app2")[number % 2]
        self.calls: Counter[str] = Counter()
        self.failures: list[str] = []
        self.longest = 0.0
        self._url = url
        self._number = number
        self._random = random.Random(number)
        self._ended = threading.Event()

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True, prepare_threshold=1) as conn:
            for number in range(1_000_000):
                if self._ended.is_set():
                    return
                self._work(conn, f"{self._number}-{number}")

    def _work(self, conn: Connection, nonce: str) -> None:
        owner = self._random.choice(OWNERS)
        kind = self._random.choice(["entry", "batch", "captured", "released", "kept", "parts"])
        if kind == "entry":
            self._call(
                conn, "record_entry", owner_id=owner, operation="CREDIT_ADD", nonce=nonce, amount=10
            )
        elif kind == "batch":
            items = [
                {"owner_id": name, "operation": "CREDIT_ADD", "nonce": f"{nonce}-{name}"}
                for name in self._random.sample(OWNERS, 4)
            ]
            self._call(conn, "record_entries", entries=Jsonb(items))
        else:
            self._call(
                conn, "record_entry", owner_id=owner, operation="CREDIT_ADD", nonce=nonce, amount=10
            )
            self._call(
                conn,
                "place_hold",
                owner_id=owner,
                operation="CREDIT_SPEND",
                nonce=f"{nonce}-h",
                amount=4,
            )
            hold: dict[str, Any] = {"hold_nonce": f"{nonce}-h"}
            if kind == "released":
                self._call(conn, "release_hold", **hold)
            if kind == "parts":
                self._call(conn, "capture_hold", **hold, nonce=f"{nonce}-p", amount=1, final=False)
                self._call(conn, "extend_hold", **hold, expires_in="1 hour")
            if kind in ("captured", "parts"):
                self._call(conn, "capture_hold", **hold, nonce=f"{nonce}-c")

    def _call(self, conn: Connection, function: str, **arguments: Any) -> None:
        named = ", ".join(f"{name} => %({name})s" for name in ("app", *arguments))
        query = f"SELECT {COLUMNS[function]} FROM ledger.{function}({named})"
        begun = time.monotonic()
        try:
            conn.execute(query.encode(), {"app": self.app, **arguments})
        except psycopg.Error as error:
            self.failures.append(f"{function}: {error!r}")
        self.longest = max(self.longest, time.monotonic() - begun)
        self.calls[function] += 1


@contextmanager
def load(url: str) -> Iterator[list[Caller]]:
    """Call the ledger all the while, as the services of two apps do."""
    callers = [Caller(url, number) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        await_calls(callers, 5)
        yield callers
        await_calls(callers, 5)
    finally:
        for caller in callers:
            caller.stop()


def await_calls(callers: list[Caller], number: int) -> None:
    """Wait until every caller has been answered some more times."""
    before = [caller.calls.total() for caller in callers]
    while any(
        caller.is_alive() and caller.calls.total() < calls + number
        for caller, calls in zip(callers, before, strict=True)
    ):
        time.sleep(0.01)


def discrepancies(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT * FROM ledger.verify()").fetchall()


@pytest.fixture(params=[archive.name for archive in released.releases()])
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """A release as it was frozen."""
    archives = {archive.name: archive for archive in released.releases()}
    return Project(released.write(archives[request.param], tmp_path))


def test_callers_of_a_release_go_on_during_an_upgrade(empty_db: str, release: Project) -> None:
    migrate(empty_db, project=release)

    with load(empty_db) as callers:
        migrate(empty_db)

    assert [failure for caller in callers for failure in caller.failures] == []
    assert discrepancies(empty_db) == []
    assert migrated(empty_db) == []


def test_migration_of_two_tables_holds_neither_while_it_waits(
    ledger_db: str, changed: Project
) -> None:
    (changed.root / "migrations" / "9999_two_tables.sql").write_text(
        "-- Two hot tables.\n-- depends: 0029_journals_of_budgets\n\n"
        "ALTER TABLE ledger.accounts ADD COLUMN one integer;\n\n"
        "ALTER TABLE ledger.entries ADD COLUMN two integer;\n"
    )
    (changed.root / "migrations" / "9999_two_tables.rollback.sql").write_text("SELECT 1;\n")
    outcome: list[list[str]] = []
    migrating = threading.Thread(
        target=lambda: outcome.append(migrated(ledger_db, Project(changed.root)))
    )

    with psycopg.connect(ledger_db) as caller, psycopg.connect(ledger_db, autocommit=True) as eye:
        # As a call does: the rules of operations first, then tables in an order of its own.
        caller.execute("SELECT 1 FROM ledger.operations; LOCK ledger.entries IN ROW EXCLUSIVE MODE")
        migrating.start()
        while not eye.execute(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
        ).fetchone():
            assert migrating.is_alive()
        caller.execute("LOCK TABLE ledger.accounts IN ROW EXCLUSIVE MODE NOWAIT")
    migrating.join()

    assert outcome[0][0] == "migrations/9999_two_tables.sql applied"


def test_transaction_that_outlasts_an_upgrade_is_adopted_later(
    empty_db: str, release: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "_OLDER_END_WITHIN", 0.1)
    migrate(empty_db, project=release)
    with psycopg.connect(empty_db, autocommit=True) as old:
        record(old)
        migrate(empty_db, project=with_todays_migrations(release))
        # As between the steps of an upgrade: the release's function beside the new journal.
        call(
            old,
            "place_hold",
            app="app1",
            owner_id="alice",
            operation="CREDIT_SPEND",
            nonce="h",
            amount=1,
        )
        old.execute("SELECT ledger.register_app(app => 'app9', description => 'Nine')")
        call(old, "bind_role", role=old.info.user, app="app9")
        old.execute("INSERT INTO ledger_core.installed_code VALUES ('unsettled', '')")
        old.execute("BEGIN")
        old.execute("SELECT 1")
        said = " ".join(migrated(empty_db))
        assert f"still open: pid {old.info.backend_pid}. Run `ledger mig" in said
        old.execute("COMMIT")

    assert migrated(empty_db) != []

    assert discrepancies(empty_db) == []
    assert migrated(empty_db) == []


def test_nonce_that_a_hold_and_an_entry_share_is_adopted(empty_db: str, release: Project) -> None:
    migrate(empty_db, project=release)
    with psycopg.connect(empty_db) as one, psycopg.connect(empty_db, autocommit=True) as other:
        record(other, nonce="grant")
        place(one, 1, nonce="n")
        record(other, owner_id="bob", nonce="n")
    assert "nonce used by a hold and an entry" in str(discrepancies(empty_db))

    migrate(empty_db)

    assert discrepancies(empty_db) == []
    with psycopg.connect(empty_db) as conn:
        assert conn.execute(
            "SELECT owner_id, hold_nonce FROM ledger.hold_events WHERE event = 'nonce_shared'"
        ).fetchall() == [("alice", "n")]
        assert place(conn, 1, nonce="n")["replayed"] is True
        assert record(conn, owner_id="bob", nonce="n")["replayed"] is True
        assert capture(conn, "n", nonce="c")["amount"] == -1
        with refused(conn, "LG201"):
            record(conn, owner_id="carol", nonce="n")
    assert migrated(empty_db) == []


def with_todays_migrations(release: Project) -> Project:
    """The code of a release and the tables of today."""
    shutil.rmtree(release.root / "migrations")
    shutil.copytree(PROJECT_ROOT / "migrations", release.root / "migrations")
    return Project(release.root)


def migrated(url: str, project: Project | None = None) -> list[str]:
    """Migrate and return the lines."""
    lines: list[str] = []
    migrate(url, project=project, report=lines.append)
    return lines


@pytest.fixture
def changed(tmp_path: Path) -> Project:
    """Today's files, in a folder where they can be changed."""
    for name in ("migrations", "sql", "apps"):
        shutil.copytree(
            PROJECT_ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.py", "*.pyc")
        )
    return Project(tmp_path)


def edit(project: Project, name: str) -> None:
    with (project.root / "sql" / f"{name}.sql").open("a", encoding="utf-8") as file:
        file.write("-- changed\n")


@contextmanager
def idle_reader(url: str, relation: str | None = None) -> Iterator[int]:
    """Keep a transaction open that has read one relation, or all; yield its process."""
    with psycopg.connect(url) as reader:
        names = (
            [relation]
            if relation
            else [
                name
                for (name,) in reader.execute(
                    "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'v')"
                    " AND relnamespace IN ('ledger'::regnamespace, 'ledger_core'::regnamespace)"
                ).fetchall()
            ]
        )
        for name in names:
            reader.execute(f"SELECT 1 FROM {name} LIMIT 1".encode())
        yield reader.info.backend_pid
        reader.rollback()


def test_nothing_to_do_takes_no_lock(ledger_db: str) -> None:
    with psycopg.connect(ledger_db) as other, idle_reader(ledger_db):
        # Locks all that a lock can be taken of, but for what reading takes.
        other.execute(
            "LOCK TABLE ledger.entries, ledger.accounts, ledger.operation_sets,"
            " ledger_core.installed_files, pg_proc, pg_class IN ROW EXCLUSIVE MODE"
        )
        other.execute(f"SELECT pg_advisory_xact_lock({int.from_bytes(b'ledger', 'big')})")

        assert migrated(ledger_db) == []


def test_changed_function_is_replaced_beside_readers_of_everything(
    ledger_db: str, changed: Project
) -> None:
    edit(changed, "functions/balance")

    with idle_reader(ledger_db), load(ledger_db) as callers:
        lines = migrated(ledger_db, changed)

    always = sum(file.name.startswith(("comments/", "privileges/")) for file in changed.code)
    assert lines == [f"sql/ loaded ({1 + always} files)"]
    assert [failure for caller in callers for failure in caller.failures] == []


@pytest.mark.parametrize("view", ["operation_sets", "entry_journal"])
def test_changed_view_waits_for_its_reader_while_callers_go_on(
    ledger_db: str, changed: Project, view: str
) -> None:
    edit(changed, f"views/{view}")
    lines: list[str] = []

    with (
        idle_reader(ledger_db, f"ledger.{view}") as reader,
        load(ledger_db) as callers,
        pytest.raises(MigrationError) as refused,
    ):
        migrate(ledger_db, project=changed, report=lines.append, patience=1)

    blocked = f"ledger.{view} is locked by process {reader} ("
    assert f"Blocked for 1 s: {blocked}" in str(refused.value)
    assert any(line.startswith(f"Waiting: {blocked}") for line in lines)
    assert [failure for caller in callers for failure in caller.failures] == []
    assert migrated(ledger_db, changed) != []


def test_comments_on_a_locked_table_are_left_for_the_next_migrate(
    ledger_db: str, changed: Project
) -> None:
    file = changed.root / "sql/comments/columns.sql"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("'The owner of the credits.'", "'Whose it is.'"), encoding="utf-8")

    with psycopg.connect(ledger_db) as other:
        # As VACUUM does.
        other.execute("LOCK TABLE ledger.entries IN SHARE UPDATE EXCLUSIVE MODE")
        lines = migrated(ledger_db, changed)

    assert [line for line in lines if line.startswith("WARNING")] == [
        "WARNING: ledger.entries is locked: the next `ledger migrate` writes the comments on its"
        " columns"
    ]
    assert (comment(ledger_db, "lots"), comment(ledger_db, "entries")) == (
        "Whose it is.",
        "The owner of the credits.",
    )
    assert migrated(ledger_db, changed) != []
    assert comment(ledger_db, "entries") == "Whose it is."
    assert migrated(ledger_db, changed) == []


def comment(url: str, table: str) -> str:
    """Read the comment on a table's owner_id."""
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT col_description(attrelid, attnum) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attname = 'owner_id'",
            [f"ledger.{table}"],
        ).fetchone()
    assert row
    return str(row[0])


def test_dropped_object_and_lost_grant_are_restored(ledger_db: str) -> None:
    with psycopg.connect(ledger_db) as conn:
        conn.execute("DROP VIEW ledger.app_usage")
        conn.execute("REVOKE USAGE ON SCHEMA ledger FROM ledger_app")

    assert migrated(ledger_db) != []

    with psycopg.connect(ledger_db) as conn:
        conn.execute("SELECT * FROM ledger.app_usage")
    assert migrated(ledger_db) == []


def test_code_of_a_version_that_keeps_no_parts_is_replaced_whole(
    ledger_db: str, changed: Project
) -> None:
    with psycopg.connect(ledger_db) as conn:
        conn.execute("UPDATE ledger_core.installed_files SET checksum = 'x' WHERE path = 'sql/'")

    assert migrated(ledger_db) == [
        f"sql/ loaded ({len(changed.code) - 1} files)",
        "sql/ loaded (1 file)",
    ]
    assert migrated(ledger_db) == []


@pytest.mark.parametrize(
    "setting",
    [
        "DateStyle = 'SQL, DMY'",
        "default_transaction_isolation = 'serializable'",
        "IntervalStyle = 'sql_standard'",
    ],
)
def test_defaults_of_the_database_do_not_matter(empty_db: str, setting: str) -> None:
    with psycopg.connect(empty_db, autocommit=True) as conn:
        name = conn.info.dbname
        conn.execute(f"ALTER DATABASE {name} SET {setting}".encode())

    assert migrated(empty_db) != []

    assert migrated(empty_db) == []
    assert {file.state for file in status(empty_db)} == {FileState.APPLIED}


def test_read_only_database_is_named_as_the_cause(ledger_db: str, changed: Project) -> None:
    with psycopg.connect(ledger_db, autocommit=True) as conn:
        name = conn.info.dbname
        conn.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    assert migrated(ledger_db) == []
    edit(changed, "functions/balance")

    with pytest.raises(MigrationError, match=f"The database {name} is read-only"):
        migrate(ledger_db, project=changed)
