"""`ledger verify` on several connections finds what one connection finds, as of one moment."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from ledger_py.cli import main
from ledger_py.proof.connection import one_moment
from ledger_py.proof.sharing import connections_beside
from tests.fixtures.processes import environment

Connection = psycopg.Connection[TupleRow]

OWNERS = 40


@pytest.fixture
def books(conn: Connection) -> Connection:
    """Books of many ranges."""
    conn.execute(
        "CREATE OR REPLACE FUNCTION ledger_core.entries_per_range() RETURNS integer"
        " LANGUAGE sql IMMUTABLE AS 'SELECT 20'"
    )
    for number in range(OWNERS):
        add(conn, f"owner {number:02}", "first")
    return conn


def add(conn: Connection, owner_id: str, nonce: str) -> None:
    conn.execute(
        "SELECT ledger.record_entry(app => 'app1', owner_id => %s, operation => 'CREDIT_ADD',"
        " nonce => %s, amount => 5)",
        [owner_id, f"{nonce} of {owner_id}"],
    )


def tamper(conn: Connection) -> None:
    conn.execute("UPDATE ledger.accounts SET balance = balance + 1 WHERE owner_id LIKE '%5'")
    conn.execute("ALTER TABLE ledger.entries DISABLE TRIGGER entries_append_only")
    conn.execute("UPDATE ledger.entries SET amount = 7 WHERE owner_id LIKE '%9'")


def verify(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["verify", *arguments], env={"DATABASE_URL": url})


@contextmanager
def running(url: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ledger_py", "verify", *arguments],
        # Python writes what is left when it ends, unless it was told not to keep anything back.
        env=environment(DATABASE_URL=url, PYTHONUNBUFFERED=""),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def locked(url: str) -> Iterator[Connection]:
    """Hold a lock for which every range waits."""
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE ledger.hold_lots")
        yield holder


def wait_until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def waiting(conn: Connection) -> list[int]:
    """Return the server's processes that verify a range and wait for the lock."""
    found = conn.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND query LIKE '%verify_range(%' ORDER BY pid"
    )
    return [pid for (pid,) in found.fetchall()]


def sessions(conn: Connection) -> int:
    """Count the sessions in the database, but for that of the connection and of the lock."""
    found = conn.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        " AND query NOT LIKE 'LOCK TABLE%'"
    )
    return int(found.fetchall()[0][0])


@pytest.mark.parametrize("connections", ["2", "3", "32"])
def test_several_connections_find_what_one_finds(
    books: Connection, ledger_db: str, connections: str
) -> None:
    tamper(books)
    alone = verify(ledger_db, "--connections", "1")
    together = verify(ledger_db, "--connections", connections)

    assert alone.exit_code == together.exit_code == 1
    assert sorted(together.stdout.splitlines()) == sorted(alone.stdout.splitlines())
    assert len(alone.stdout.splitlines()) == 18
    assert "trigger missing" in alone.stdout
    assert together.stderr.splitlines()[-1] == f"verified {OWNERS} accounts"
    assert len(together.stderr.splitlines()) == len(alone.stderr.splitlines()) > 5


def test_proof_on_several_connections_is_noted_once(books: Connection, ledger_db: str) -> None:
    tamper(books)
    assert verify(ledger_db, "--connections", "2").exit_code == 1
    noted = books.execute("SELECT kind, discrepancies FROM ledger.proofs").fetchall()
    assert noted == [("verify", 17)]


def test_all_connections_see_the_same_moment(books: Connection, ledger_db: str) -> None:
    """What is recorded or changed while they verify is of a later moment."""
    with locked(ledger_db) as holder, running(ledger_db, "--connections", "2") as process:
        wait_until(lambda: len(waiting(books)) == 2)
        add(books, "owner 39", "second")
        add(books, "later", "first")
        tamper(books)
        holder.rollback()
        output, _ = process.communicate(timeout=60)

    # Triggers are looked up as they are now.
    assert output.splitlines()[-1].endswith(f"({OWNERS} accounts, {OWNERS} entries)")
    assert [line for line in output.splitlines() if "owner" in line] == []


def test_connections_opened_later_see_the_moment_of_the_first(
    books: Connection, ledger_db: str
) -> None:
    with psycopg.connect(ledger_db, autocommit=True) as first, one_moment(first):
        add(books, "later", "first")
        with connections_beside(first, ledger_db, 3, report=pytest.fail) as conns:
            seen = [
                conn.execute("SELECT count(*) FROM ledger.entries").fetchall() for conn in conns
            ]
    assert seen == [[(OWNERS,)]] * 3


def test_work_is_shared_by_the_connections(books: Connection, ledger_db: str) -> None:
    with locked(ledger_db), running(ledger_db, "--connections", "4"):
        wait_until(lambda: len(waiting(books)) == 4)
        assert sessions(books) == 4


def test_lost_connection_ends_the_others(books: Connection, ledger_db: str) -> None:
    with locked(ledger_db), running(ledger_db, "--connections", "3") as process:
        wait_until(lambda: len(waiting(books)) == 3)
        books.execute("SELECT pg_terminate_backend(%s)", [waiting(books)[-1]])
        output, errors = process.communicate(timeout=60)
        wait_until(lambda: sessions(books) == 0)

    assert (process.returncode, output) == (1, "")
    assert errors == "Error: terminating connection due to administrator command\n"


@pytest.mark.parametrize(
    ("number", "name", "code"), [(signal.SIGTERM, "SIGTERM", 143), (signal.SIGINT, "Ctrl-C", 130)]
)
def test_signal_ends_all_connections(
    books: Connection, ledger_db: str, number: signal.Signals, name: str, code: int
) -> None:
    with locked(ledger_db), running(ledger_db, "--connections", "3") as process:
        wait_until(lambda: len(waiting(books)) == 3)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        # Although the lock is still held.
        wait_until(lambda: sessions(books) == 0)

    assert (process.returncode, output) == (code, "")
    assert errors == f"Ended by {name}: `ledger verify` did not finish\n"


def unread(process: subprocess.Popen[str]) -> int:
    """Return how many bytes a process has written that nobody has read."""
    assert process.stdout is not None
    return int(struct.unpack("i", fcntl.ioctl(process.stdout, termios.FIONREAD, bytes(4)))[0])


@pytest.fixture
def many_wrong(books: Connection) -> Connection:
    """Books with a range that has more discrepancies than pipe and queue take."""
    books.execute(
        "CREATE OR REPLACE FUNCTION ledger_core.entries_per_range() RETURNS integer"
        " LANGUAGE sql IMMUTABLE AS 'SELECT 100000'"
    )
    books.execute(
        "SELECT ledger.record_entries(app => 'app1', entries => (SELECT jsonb_agg("
        "jsonb_build_object('owner_id', 'more ' || n, 'operation', 'CREDIT_ADD', 'nonce', n::text))"
        " FROM generate_series(1, 9000) AS n))"
    )
    books.execute("UPDATE ledger.accounts SET balance = balance + 1")
    return books


@pytest.mark.parametrize("connections", ["1", "3"])
def test_signal_ends_a_command_whose_output_nobody_reads(
    many_wrong: Connection, ledger_db: str, connections: str
) -> None:
    with running(ledger_db, "--connections", connections) as process:
        wait_until(lambda: unread(process) > 60_000)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        wait_until(lambda: sessions(many_wrong) == 0)
    assert process.returncode == 143


def test_command_ends_when_its_reader_has_gone(many_wrong: Connection, ledger_db: str) -> None:
    with running(ledger_db, "--connections", "3") as process:
        wait_until(lambda: unread(process) > 0)
        assert process.stdout is not None
        process.stdout.close()
        process.wait(timeout=60)
        wait_until(lambda: sessions(many_wrong) == 0)
    assert process.returncode == 1


@pytest.fixture
def login(conn: Connection, ledger_db: str) -> Iterator[str]:
    """The address of the database for a login that may do nothing as yet, in one session."""
    user, password = f"ledger_test_{os.getpid()}_sharing", "x"
    name = sql.Identifier(user)
    conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'x' CONNECTION LIMIT 1").format(name))
    yield make_conninfo(ledger_db, user=user, password=password)
    conn.execute(sql.SQL("DROP OWNED BY {}").format(name))
    conn.execute(sql.SQL("DROP ROLE {}").format(name))


def grant(conn: Connection, url: str, group: str) -> None:
    user = str(conninfo_to_dict(url)["user"])
    conn.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(user)))


def test_login_without_the_right_is_told_what_it_lacks(books: Connection, login: str) -> None:
    grant(books, login, "ledger_app")
    result = verify(login, "--connections", "2")
    assert result.exit_code == 1
    assert "it is not a member of ledger_auditor. Run as an administrator" in result.stderr


def test_fewer_connections_do_where_more_are_refused(books: Connection, login: str) -> None:
    grant(books, login, "ledger_auditor")
    result = verify(login, "--connections", "2")
    assert (result.exit_code, result.stdout) == (
        0,
        f"The books are right ({OWNERS} accounts, {OWNERS} entries)\n",
    )
    first, *_ = result.stderr.splitlines()
    assert first.startswith("Verifying on 1 connection: The database cannot be reached: ")
    assert "too many connections for role" in first


def test_one_connection_does_where_snapshots_cannot_be_shared(
    books: Connection, login: str
) -> None:
    grant(books, login, "ledger_auditor")
    books.execute("REVOKE EXECUTE ON FUNCTION pg_export_snapshot FROM PUBLIC")
    result = verify(login, "--connections", "2")
    assert result.exit_code == 0
    assert " may not export snapshots\n" in result.stderr
    assert result.stderr.startswith("Verifying on 1 connection: ")


def test_failing_range_ends_the_others(books: Connection, ledger_db: str) -> None:
    books.execute(
        "CREATE OR REPLACE FUNCTION ledger_core.verify_entries(first text, last text, included"
        " boolean) RETURNS SETOF ledger.discrepancy LANGUAGE plpgsql STABLE AS $$"
        " BEGIN IF included THEN RAISE 'of a test'; END IF;"
        " PERFORM 1 FROM ledger.hold_lots; END $$"
    )
    with locked(ledger_db), running(ledger_db, "--connections", "2") as process:
        _, errors = process.communicate(timeout=60)
        wait_until(lambda: sessions(books) == 0)
    assert (process.returncode, errors) == (1, "Error: of a test\n")


def test_first_connection_may_be_idle_while_another_works(books: Connection, login: str) -> None:
    grant(books, login, "ledger_auditor")
    user = sql.Identifier(str(conninfo_to_dict(login)["user"]))
    books.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT -1").format(user))
    books.execute(
        sql.SQL("ALTER ROLE {} SET idle_in_transaction_session_timeout = '100ms'").format(user)
    )
    books.execute(
        "CREATE OR REPLACE FUNCTION ledger_core.verify_entries(first text, last text, included"
        " boolean) RETURNS SETOF ledger.discrepancy LANGUAGE plpgsql STABLE AS $$"
        # The second range, which the second connection begins with
        " BEGIN IF first = (SELECT after_owner FROM ledger.verify_ranges() OFFSET 1 LIMIT 1)"
        " AND NOT included THEN PERFORM pg_sleep(1); END IF; END $$"
    )
    result = verify(login, "--connections", "2")
    assert (result.exit_code, "Verifying on" in result.stderr) == (0, False), result.output


@pytest.mark.parametrize(
    "limit", ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
)
def test_books_are_read_without_time_limits(ledger_db: str, limit: str) -> None:
    """Behind a pooler, only a transaction can be without those of role and database."""
    with psycopg.connect(ledger_db, options=f"-c {limit}=1h", autocommit=True) as conn:
        for _ in range(2):
            with one_moment(conn):
                shown = conn.execute("SELECT current_setting(%s)", [limit]).fetchone()
            assert shown == ("0",)
        assert conn.execute("SELECT current_setting(%s)", [limit]).fetchone() == ("1h",)


@pytest.mark.parametrize("number", ["0", "33", "x"])
def test_number_of_connections_is_limited(number: str) -> None:
    assert verify("postgresql://nobody@/nothing", "--connections", number).exit_code == 2
