"""A ledger on another server, or in another history: restored, recovered, promoted, replicated."""

from __future__ import annotations

import io
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ledger_py.embedded.places import VERSION
from ledger_py.migrate import migrate
from ledger_py.proof.checkpoints import Checkpoint, holds, take
from ledger_py.proof.export import export
from ledger_py.proof.recompute import Recomputation, horizon_of
from tests.deployment.moving import (
    burn,
    client_program,
    copy_schema,
    make_roles,
    replicated,
    server,
    server_15,
)
from tests.deployment.standby import copy_server, streaming
from tests.fixtures.database import fast_folder
from tests.http.running import make_service, running
from tests.sql.calls import Connection, Row, record, refused, rows, scalar
from tests.sql.lifecycle import operate, place
from tests.sql.test_change_feed import committed, feed, wait_for_other_databases
from tests.sql.test_generations import discrepancies

LOGICAL = {"wal_level": "logical"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that servers started by root can reach."""
    with tempfile.TemporaryDirectory(prefix="ledger-test-", dir=fast_folder()) as name:
        Path(name).chmod(0o711)
        yield Path(name)


def connected(url: str) -> Connection:
    return psycopg.connect(url, autocommit=True)


def fill(conn: Connection, turn: str) -> Checkpoint:
    """Record some entries, a hold and an operator's action, and take a checkpoint."""
    for n in range(2):
        record(conn, owner_id=f"owner {n}", nonce=f"{turn}-{n}")
    # Nothing newer covers what this owner has.
    record(conn, owner_id=f"owner of {turn}", nonce=f"{turn}-2")
    operate(conn, "freeze_account", owner_id=f"owner of {turn}")
    place(conn, 1, owner_id="owner 0", nonce=f"{turn}-hold")
    return take(conn)


def entry_ids(page: list[Row]) -> list[int]:
    return [entry["entry_id"] for entry in page]


def moved(url: str) -> list[str]:
    """Run `ledger migrate` after a move, and return what it says."""
    lines: list[str] = []
    migrate(url, report=lines.append)
    return lines


def assert_whole(conn: Connection, seen: list[int], *checkpoints: Checkpoint) -> None:
    assert len(seen) == len(set(seen))
    assert set(seen) == committed(conn)
    assert discrepancies(conn) == []
    assert all(holds(conn, checkpoint) for checkpoint in checkpoints)
    wait_for_other_databases(conn)
    assert_as_exported(conn, take(conn), *checkpoints)


def assert_as_exported(conn: Connection, *checkpoints: Checkpoint) -> None:
    """Compare the digests of checkpoints with those that are computed without a database."""
    exported = io.BytesIO()
    export(conn, exported, report=lambda _line: None)
    recomputation = Recomputation([horizon_of(one.horizon) for one in checkpoints])
    assert list(recomputation.problems(exported.getvalue().splitlines())) == []
    assert [recomputation.digest(horizon_of(one.horizon)) for one in checkpoints] == [
        one.digest for one in checkpoints
    ]


@pytest.mark.parametrize("noticed", ["at once", "late"])
def test_restored_dump_keeps_feed_and_checkpoints(folder: Path, noticed: str) -> None:
    file = folder / "dump"
    with server(folder / "old") as old:
        migrate(old)
        burn(old, 3000)
        with connected(old) as conn:
            before = fill(conn, "old")
            burn(old, 10)
            seen = feed(conn)[:2]
        client_program("pg_dump", old, "-Fc", "-f", file)

    with server(folder / "new") as new, connected(new) as conn:
        make_roles(new)
        client_program("pg_restore", "--exit-on-error", "-d", new, file)
        assert {row[0] for row in discrepancies(conn)} == {"transaction of the future"}
        for cursor in (None, seen[-1]["cursor"]):
            with refused(conn, "LG905"):
                feed(conn, cursor)
        if noticed == "late":
            record(conn, nonce="unnoticed")

        assert moved(new)[0].startswith("Began generation 2")
        assert moved(new) == []

        after = fill(conn, "new")
        rest = feed(conn, seen[-1]["cursor"])
        assert {entry["cursor"].split("-")[0] for entry in rest} == {"1", "2"}
        assert_whole(conn, entry_ids(seen) + entry_ids(rest), before, after)


def test_checkpoint_holds_on_a_server_whose_ids_are_above_those_of_entries(
    folder: Path,
) -> None:
    """The ids of the entries do not tell that what is recorded now lies below its horizon."""
    file = folder / "dump"
    with server(folder / "old") as old:
        migrate(old)
        with connected(old) as conn:
            fill(conn, "old")
            burn(old, 3000)
            before = take(conn)
        client_program("pg_dump", old, "-Fc", "-f", file)

    with server(folder / "new") as new, connected(new) as conn:
        burn(new, 1000)
        make_roles(new)
        client_program("pg_restore", "--exit-on-error", "-d", new, file)
        assert scalar(conn, "SELECT pg_current_xact_id()::text::bigint") < int(before.horizon)
        assert moved(new)[0].startswith("Began generation 2")
        assert moved(new) == []
        after = fill(conn, "new")
        assert_whole(conn, entry_ids(feed(conn)), before, after)


def test_service_begins_the_generation_of_a_restored_ledger(folder: Path) -> None:
    file = folder / "dump"
    with server(folder / "old") as old:
        migrate(old)
        burn(old, 3000)
        with connected(old) as conn:
            record(conn)
        client_program("pg_dump", old, "-Fc", "-f", file)

    with server(folder / "new") as new:
        make_roles(new)
        client_program("pg_restore", "--exit-on-error", "-d", new, file)
        with running(make_service(new, migrate_on_start=False)) as api:
            answer = api.get("/events")
        assert (answer.status_code, answer.json()["code"]) == (503, "generation_needed")
        with running(make_service(new, migrate_on_start=True)) as api:
            assert api.get("/health/ready").status_code == 200
        with connected(new) as conn:
            assert len(feed(conn)) == 1


@pytest.mark.parametrize("noted", ["at once", "late", "never"])
def test_promotion_that_loses_entries_refuses_cursors_of_lost_ones(noted: str) -> None:
    with streaming() as pair:
        with connected(pair.primary) as conn:
            before = fill(conn, "kept")
            kept = feed(conn)
            pair.catch_up()
            pair.stop_standby()
            checkpoint = fill(conn, "lost")
            lost = feed(conn, kept[-1]["cursor"])
        pair.stop_primary()
        pair.start_standby()
        with connected(pair.standby) as conn:
            conn.execute("SELECT pg_promote()")
            assert_read_on(conn, kept, lost, noted=noted)
            assert holds(conn, before)
            assert not holds(conn, checkpoint)


def assert_read_on(
    conn: Connection, kept: list[Row], lost: list[Row], *, noted: str = "never"
) -> None:
    """Record in the new history, and read on in it from cursors of the old one."""
    if noted == "at once":
        scalar(conn, "SELECT ledger.begin_generation('lost some entries')")
    # The same requests again, as callers do whose entries were lost.
    fill(conn, "lost")

    if noted == "late":
        scalar(conn, "SELECT ledger.begin_generation('lost some entries')")
    for entry in lost:
        with refused(conn, "LG001"):
            feed(conn, entry["cursor"])
    rest = feed(conn, kept[-1]["cursor"])
    assert [entry["nonce"] for entry in rest] == ["lost-0", "lost-1", "lost-2"]
    assert_whole(conn, entry_ids(kept) + entry_ids(rest))


def test_recovery_to_a_point_in_time_refuses_cursors_of_lost_entries(folder: Path) -> None:
    archive = folder / "archive"
    archive.mkdir()
    archive.chmod(0o777)
    options = {
        "archive_mode": "on",
        "archive_command": f"cp %p {shlex.quote(str(archive))}/%f",
    }
    copy = folder / "copy"
    with server(folder / "primary", options) as primary:
        migrate(primary)
        copy_server(primary, copy)
        with connected(primary) as conn:
            fill(conn, "kept")
            kept = feed(conn)
            scalar(conn, "SELECT pg_create_restore_point('good')")
            fill(conn, "lost")
            lost = feed(conn, kept[-1]["cursor"])
            scalar(conn, "SELECT pg_switch_wal()")

    (copy / f"postgresql-{VERSION}" / "recovery.signal").touch()
    recovery = {
        "restore_command": f"cp {shlex.quote(str(archive))}/%f %p",
        "recovery_target_name": "good",
        "recovery_target_action": "promote",
    }
    with server(copy, recovery) as recovered, connected(recovered) as conn:
        assert_read_on(conn, kept, lost)


@pytest.mark.parametrize("version", [15, 18])
def test_move_by_logical_replication_keeps_feed_and_ids(folder: Path, version: int) -> None:
    run: Any = server_15 if version == 15 else server
    with run(folder / "old", LOGICAL) as old, server(folder / "new") as new:
        migrate(old)
        burn(old, 3000)
        make_roles(new)
        copy_schema(old, new, folder / "schema.sql")
        with connected(old) as conn:
            before = fill(conn, "copied")
            seen = feed(conn)[:2]
            with replicated(old, new):
                fill(conn, "streamed")

        with connected(new) as conn:
            assert "entry_id of the future" in {row[0] for row in discrepancies(conn)}
            assert moved(new)[0].startswith("Began generation 2")
            after = fill(conn, "moved")
            rest = feed(conn, seen[-1]["cursor"])
            assert_whole(conn, entry_ids(seen) + entry_ids(rest), before, after)
            assert len(rows(conn, "entries_after")) == 9
