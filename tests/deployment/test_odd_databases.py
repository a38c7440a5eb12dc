"""Databases and servers that are set up in unusual ways, or cannot be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from ledger_py.cli import main
from ledger_py.embedded import embedded_server
from ledger_py.http.database import FAILURE_LASTS
from ledger_py.migrate import migrate
from tests.client.clients import Connect, connect_async, connect_sync, ledger_on
from tests.http.running import make_service, running, wait_until
from tests.http.test_database_away import turn_read_only, turn_writable
from tests.http.test_routes import BY_NAME, ENDED, ask, holds, named, prepare
from tests.sql.calls import Connection, count_asset, record, scalar

ENTRY = {"owner_id": "alice", "operation": "CREDIT_ADD", "amount": 1}
CALLERS = 24

STYLES = {
    "datestyle": "SQL, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "Asia/Kolkata",
    "client_encoding": "LATIN1",
}


def set_default(url: str, **defaults: str) -> None:
    """Set defaults of a database, for the connections that are made from now on."""
    with psycopg.connect(url, autocommit=True) as conn:
        for name, value in defaults.items():
            conn.execute(
                sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(conn.info.dbname), sql.Identifier(name), sql.Literal(value)
                )
            )


# Isolation


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
@pytest.mark.parametrize("through_pooler", [False, True], ids=["directly", "through a pooler"])
def test_strict_isolation_of_the_database_fails_no_request(
    ledger_db: str, isolation: str, through_pooler: bool, request: pytest.FixtureRequest
) -> None:
    set_default(ledger_db, default_transaction_isolation=isolation)

    with ExitStack() as stack:
        url = ledger_db
        if through_pooler:
            url = stack.enter_context(request.getfixturevalue("transaction_pooler")(ledger_db))
        api = stack.enter_context(running(make_service(url, pool_size=10)))
        api.post("/ledger", json=ENTRY | {"nonce": "first", "amount": 1000}).raise_for_status()

        def call(number: int) -> list[int]:
            hold = ENTRY | {"operation": "CREDIT_SPEND", "nonce": f"hold-{number}"}
            capture = {"nonce": f"capture-{number}"}
            return [
                api.post("/ledger/holds", json=hold).status_code,
                api.post(f"/ledger/holds/hold-{number}/capture", json=capture).status_code,
            ]

        with ThreadPoolExecutor(CALLERS) as threads:
            found = Counter(
                code for codes in threads.map(call, range(4 * CALLERS)) for code in codes
            )

    assert found == {201: 8 * CALLERS}


# Styles of dates, intervals and times


@pytest.fixture
def styled_db(empty_db: str) -> str:
    """A ledger in a database whose defaults are not those of PostgreSQL."""
    set_default(empty_db, **STYLES)
    migrate(empty_db)
    return empty_db


@pytest.mark.parametrize("through_pooler", [False, True], ids=["directly", "through a pooler"])
def test_commands_do_not_depend_on_styles(
    styled_db: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    through_pooler: bool,
    request: pytest.FixtureRequest,
) -> None:
    with psycopg.connect(styled_db, client_encoding="utf8") as conn:
        conn.execute("SELECT ledger.record_entry('app1', '日本', 'CREDIT_ADD', 'n-1')")
    export, kept = str(tmp_path / "export"), tmp_path / "checkpoint"

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, (arguments, result.output, result.exception)
        return result.output

    with ExitStack() as stack:
        url = styled_db
        if through_pooler:
            url = stack.enter_context(request.getfixturevalue("transaction_pooler")(styled_db))
        monkeypatch.setenv("DATABASE_URL", url)
        run("status")
        run("roles")
        kept.write_text(run("checkpoint"))
        run("verify", "--checkpoint", str(kept))
        run("export", export)
        run("verify-export", export, "--checkpoint", str(kept))
        run("settle")
        if not through_pooler:
            run("migrate")
            run("rollback", "--yes")


def test_service_does_not_depend_on_styles(styled_db: str) -> None:
    with psycopg.connect(styled_db, autocommit=True, client_encoding="utf8") as conn:
        count_asset(conn, "GEM")
    with running(make_service(styled_db)) as api:
        for number, row in enumerate(ENDED):
            owner = f"日本-{number}"
            prepare(api, owner)
            answer = ask(api, owner, row)

            assert answer.status_code == (201 if BY_NAME[row.route].recorded else 200), answer.text
            assert holds(answer.json(), named(row.answers, owner))


@pytest.mark.anyio
@pytest.mark.parametrize("connect", [connect_async, connect_sync], ids=["async", "sync"])
async def test_clients_do_not_depend_on_styles(styled_db: str, connect: Connect) -> None:
    tomorrow = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    async with connect(styled_db, client_encoding="utf8") as conn:
        ledger = ledger_on(conn)
        entry = await ledger.record_entry(
            owner_id="alice",
            operation="CREDIT_ADD",
            nonce="n-1",
            amount=5,
            metadata={"text": "ü"},
            expires_at=tomorrow,
        )
        hold = await ledger.place_hold(
            owner_id="alice",
            operation="CREDIT_SPEND",
            nonce="n-2",
            amount=1,
            expires_in=timedelta(days=1, hours=-2, microseconds=7),
        )
        balance = await ledger.balance(owner_id="alice")
        past = await ledger.balance_at(owner_id="alice", at=entry.recorded_at)

    assert entry.expires_at == tomorrow
    assert hold.expires_at - hold.placed_at == timedelta(hours=22, microseconds=7)
    assert (balance.next_expiry_at, past) == (tomorrow, 5)


# Databases that cannot be written


def database_check(api: httpx.Client) -> tuple[int, str]:
    answer = api.get("/health/ready")
    return answer.status_code, answer.json()["checks"]["database"]


def test_ready_says_that_the_database_is_read_only(ledger_db: str, conn: Connection) -> None:
    with running(make_service(ledger_db)) as api:
        turn_read_only(conn)
        read_only = database_check(api)
        entry = api.post("/ledger", json=ENTRY | {"nonce": "on a standby"})
        turn_writable(conn)
        wait_until(lambda: api.get("/health/ready").status_code == 200)

    assert read_only == (503, "is read-only (default_transaction_read_only is on)")
    assert entry.json()["detail"] == "The database is read-only at this time."


def test_service_on_a_standby_reads_and_says_why_it_is_not_ready(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with embedded_server(data_dir) as url:
        migrate(url)
        with psycopg.connect(url) as conn:
            record(conn)
    (data,) = data_dir.glob("postgresql-*")
    (data / "standby.signal").touch()

    with embedded_server(data_dir) as url, running(make_service(url)) as api:
        balance = api.get("/ledger/alice").json()["balance"]
        ready = database_check(api)
        entry = api.post("/ledger", json=ENTRY | {"nonce": "on a standby"})

    assert balance == 10
    assert ready == (503, "is a standby, which takes no entries")
    assert (entry.status_code, entry.json()["code"]) == (503, "database_unavailable")
    assert "The database is a standby" in capsys.readouterr().out


@pytest.fixture
def full_disk(data_dir: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A ledger on a server whose disk is full for new entries, and what makes room."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    with embedded_server(data_dir) as url:
        migrate(url)
        with psycopg.connect(url) as conn:
            found = scalar(conn, "SELECT pg_relation_filepath('ledger.entries')")
        (data,) = data_dir.glob("postgresql-*")
        file = data / found
        aside = file.with_name(f"{file.name}.aside")

    # Every write to this device fails, as it does to a full disk.
    file.rename(aside)
    file.symlink_to("/dev/full")

    with embedded_server(data_dir) as url:

        def make_room() -> None:
            file.unlink()
            aside.rename(file)
            with psycopg.connect(url, autocommit=True) as conn:
                conn.execute(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                    " WHERE application_name = 'ledger-app1'"
                )

        yield url, make_room


def test_full_disk_is_named_as_the_cause(
    full_disk: tuple[str, Callable[[], None]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url, make_room = full_disk
    with running(make_service(url)) as api:
        before = api.get("/health/ready").status_code
        one = api.post("/ledger", json=ENTRY | {"nonce": "n-1"})
        ready = database_check(api)
        many = api.post("/ledger/batch", json={"entries": [ENTRY | {"nonce": "n-2"}]})
        reading = api.get("/ledger/alice").status_code
        make_room()
        again = api.post("/ledger", json=ENTRY | {"nonce": "n-1"})
        monkeypatch.setattr("ledger_py.http.database.FAILURE_LASTS", 0.0)
        later = api.get("/health/ready").status_code

    assert (before, reading, again.status_code, later) == (200, 200, 201, 200)
    for answer in (one, many):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer.json()["detail"] == "The database fails: its disk is full."
        assert "No space left" not in answer.text
    assert ready == (503, "fails: its disk is full")
    assert "No space left on device" in capsys.readouterr().out
    assert FAILURE_LASTS < 60
