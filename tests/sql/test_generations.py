"""Generations of transaction ids: what is read and proved across their boundaries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from ledger_py.migrate import MigrationError, migrate, rollback
from ledger_py.proof.checkpoints import take
from ledger_py.proof.export import export
from ledger_py.proof.recompute import Recomputation, horizon_of
from tests.sql.calls import Connection, call, fails, record, refused, rows, scalar, spend
from tests.sql.lifecycle import item, operate, place, record_batch
from tests.sql.test_change_feed import Reader, committed, feed, wait_for_other_databases


def begin(conn: Connection, reason: str | None = None) -> int:
    number: int = scalar(conn, "SELECT ledger.begin_generation(%s)", reason)
    return number


def discrepancies(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT * FROM ledger.verify()").fetchall()


def test_generation_is_noted_with_its_reason_and_role(conn: Connection) -> None:
    record(conn)
    assert begin(conn, "promoted the standby") == 2
    first, second = conn.execute(
        "SELECT generation, first_entry_id, end_entry_id, begun_by, reason FROM ledger.generations"
    ).fetchall()
    entry_id = record(conn, nonce="next")["entry_id"]
    assert first == (1, 0, second[1], None, None)
    assert second[2:] == (None, conn.info.user, "promoted the standby")
    assert entry_id >= second[1]
    assert discrepancies(conn) == []


@pytest.mark.parametrize("reason", ["", "x" * 1001])
def test_malformed_reason_is_refused(tx: Connection, reason: str) -> None:
    with refused(tx, "LG001") as refusal:
        begin(tx, reason)
    assert refusal.detail["field"] == "reason"


def test_feed_goes_on_across_generations(conn: Connection) -> None:
    reader = Reader(conn, max_rows=2)
    for turn in range(3):
        record_batch(conn, [item(1, owner_id=f"owner {n}", nonce=f"{turn}-{n}") for n in range(5)])
        reader.poll()
        begin(conn)
    record(conn, nonce="last")
    reader.poll_to_the_end()
    assert len(reader.seen) == 16
    assert set(reader.seen) == committed(conn)
    assert [entry["entry_id"] for entry in feed(conn)] == reader.seen


def test_cursor_says_its_generation(conn: Connection) -> None:
    record(conn)
    begin(conn)
    record(conn, nonce="next")
    cursors = [entry["cursor"] for entry in feed(conn)]
    assert [cursor.split("-")[0] for cursor in cursors] == ["1", "2"]
    swapped = "-".join(["2", *cursors[0].split("-")[1:]])
    with refused(conn, "LG001"):
        feed(conn, swapped)


def test_cursor_of_release_0_1_is_read_on(conn: Connection) -> None:
    record(conn)
    begin(conn)
    record(conn, nonce="next")
    first, second = feed(conn)
    old = "-".join(first["cursor"].split("-")[1:3])
    assert feed(conn, old) == [second]


@pytest.mark.parametrize(
    "change", [{1: "999999999"}, {2: "999999"}, {3: "00000000"}, {0: "2"}], ids=str
)
def test_cursor_of_no_entry_is_refused_in_words(conn: Connection, change: dict[int, str]) -> None:
    record(conn)
    parts = feed(conn)[0]["cursor"].split("-")
    for place_, value in change.items():
        parts[place_] = value
    with refused(conn, "LG001") as refusal:
        feed(conn, "-".join(parts))
    assert refusal.detail["field"] == "cursor"
    assert "does not have" in refusal.detail["reason"]


def test_cursor_beyond_the_end_is_refused(conn: Connection) -> None:
    record(conn)
    with refused(conn, "LG001"):
        feed(conn, "999999999-1")


# Checkpoints


def full_turn(conn: Connection, turn: int) -> None:
    record(conn, amount=10, nonce=f"add {turn}")
    spend(conn, 1, nonce=f"spend {turn}")
    place(conn, 1, nonce=f"hold {turn}")
    operate(conn, "set_min_balance", owner_id="alice", min_balance=-turn)
    call(conn, "define_operation", operation=f"BONUS_{turn}", description="x", default_amount=5)


def test_checkpoints_of_each_generation_stay_valid(conn: Connection, tmp_path: Path) -> None:
    checkpoints = []
    for turn in range(1, 4):
        full_turn(conn, turn)
        wait_for_other_databases(conn)
        checkpoints.append(take(conn))
        full_turn(conn, 10 * turn)
        begin(conn)
    wait_for_other_databases(conn)
    checkpoints.append(take(conn))

    file = tmp_path / "export"
    with file.open("wb") as lines:
        export(conn, lines, report=lambda _line: None)
    recomputation = Recomputation([horizon_of(one.horizon) for one in checkpoints])
    with file.open("rb") as lines:
        assert list(recomputation.problems(lines)) == []

    assert [one.horizon.count("-") for one in checkpoints] == [0, 1, 1, 1]
    for one in checkpoints:
        assert rows(conn, "verify_checkpoint", horizon=one.horizon, digest=one.digest) == []
        assert recomputation.digest(horizon_of(one.horizon)) == one.digest
    assert len({one.digest for one in checkpoints}) == 4


def test_checkpoint_of_an_unknown_generation_is_refused(conn: Connection) -> None:
    with refused(conn, "LG001") as refusal:
        rows(conn, "verify_checkpoint", horizon="7-1", digest="0" * 64)
    assert refusal.detail["field"] == "horizon"


def test_export_whose_generations_were_changed_is_wrong(conn: Connection, tmp_path: Path) -> None:
    record(conn)
    begin(conn)
    file = tmp_path / "export"
    with file.open("wb") as lines:
        export(conn, lines, report=lambda _line: None)
    text = file.read_text().replace('"first_entry_id":', '"first_entry_id":1', 1)
    (problem,) = Recomputation().problems(text.splitlines())
    assert "generations" in problem.what


# Ids


def test_entry_ids_that_ran_back_are_found_and_mended(conn: Connection) -> None:
    """As on a subscriber of logical replication, which does not get the state of the sequence."""
    entry_ids = [record(conn, nonce=f"{n}")["entry_id"] for n in range(3)]
    conn.execute("ALTER SEQUENCE ledger_core.entry_ids RESTART")
    assert [found[0] for found in discrepancies(conn)] == ["entry_id of the future"]
    with refused(conn, "LG905"):
        feed(conn)

    begin(conn)

    assert record(conn, nonce="next")["entry_id"] > max(entry_ids)
    assert discrepancies(conn) == []
    assert len(feed(conn)) == 4


def test_entry_id_that_is_there_twice_is_found(conn: Connection) -> None:
    record(conn, owner_id="alice")
    conn.execute("ALTER SEQUENCE ledger_core.entry_ids RESTART")
    record(conn, owner_id="bob", nonce="other")
    found = discrepancies(conn)
    assert [(row[0], row[2]) for row in found] == [
        ("entry_id twice", "alice"),
        ("entry_id twice", "bob"),
    ]


def test_ledger_on_another_server_begins_a_generation_once(
    ledger_db: str, conn: Connection
) -> None:
    """As after pg_upgrade, which keeps transaction ids and makes a new server."""
    record(conn)
    begin(conn)
    migrate(ledger_db)
    assert scalar(conn, "SELECT max(generation) FROM ledger.generations") == 2
    conn.execute(
        "CREATE OR REPLACE FUNCTION ledger_core.system_identifier() RETURNS bigint"
        " LANGUAGE sql STABLE AS 'SELECT 7'"
    )
    assert len(feed(conn)) == 1
    for _ in range(2):
        migrate(ledger_db)
        assert scalar(conn, "SELECT max(generation) FROM ledger.generations") == 3


def test_rollback_of_generations_is_refused_once_one_was_begun(
    ledger_db: str, conn: Connection
) -> None:
    begin(conn)
    before = conn.execute("SELECT * FROM ledger.generations").fetchall()
    with pytest.raises(MigrationError, match="operation_changes_change_known"):
        for _ in range(60):
            rollback(ledger_db)
    assert conn.execute("SELECT * FROM ledger.generations").fetchall() == before


# Locks


def test_begin_waits_for_open_calls_and_gives_up_soon(ledger_db: str, conn: Connection) -> None:
    with psycopg.connect(ledger_db) as pending:
        record(pending)
        with fails(conn, "55P03"):
            begin(conn)
    assert begin(conn) == 2


def test_feed_has_everything_once_while_generations_begin_under_load(ledger_db: str) -> None:
    done = Event()

    def write(writer: int) -> int:
        written = 0
        with psycopg.connect(ledger_db, autocommit=True) as conn:
            while not done.is_set():
                record(conn, owner_id=f"owner {written % 3}", nonce=f"{writer}-{written}")
                written += 1
        return written

    with ThreadPoolExecutor(4) as threads, psycopg.connect(ledger_db, autocommit=True) as conn:
        writers = [threads.submit(write, number) for number in range(4)]
        try:
            reader = Reader(conn, max_rows=50)
            for _ in range(20):
                begin(conn)
                reader.poll(2)
        finally:
            done.set()
        written = sum(writer.result() for writer in writers)
        reader.poll_to_the_end()
        assert len(reader.seen) == len(set(reader.seen)) == written
        assert set(reader.seen) == committed(conn)
        assert discrepancies(conn) == []
