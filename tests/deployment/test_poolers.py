"""Services and clients through PgBouncer, in session mode and in transaction mode."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner

from ledger_py.cli import main
from ledger_py.errors import InsufficientBalance
from ledger_py.http.connections import Connector, ServiceLedger
from ledger_py.settings import Settings
from tests.client.clients import Connect, connect_async, connect_sync, ledger_on
from tests.deployment.pooler import PGBOUNCER, pooler
from tests.faults.processes import Service
from tests.http.running import make_service, running
from tests.http.test_collisions import put_obstacle, remove_obstacle
from tests.http.test_routes import BY_NAME, ENDED, Row, ask, holds, named, over, prepare
from tests.sql.calls import Connection, count_asset, record, scalar

CALLERS = 16


@pytest.fixture
def direct(module_db: str) -> Iterator[Connection]:
    """A connection to the same database that does not go through PgBouncer."""
    with psycopg.connect(module_db, autocommit=True) as conn:
        yield conn


@over(*ENDED)
def test_every_route_answers(
    api: httpx.Client,
    owner: str,
    row: Row,
    module_db: str,
) -> None:
    with psycopg.connect(module_db, autocommit=True) as conn:
        count_asset(conn, "GEM")
    prepare(api, owner)

    # A refusal leaves the connection as it was.
    if row.refused is not None:
        instead, status, code = row.refused
        if isinstance(instead, str):
            refusal = ask(api, owner, row, address=instead)
        else:
            refusal = ask(api, owner, row, body={**(row.body or {}), **instead})
        assert (refusal.status_code, refusal.json()["code"]) == (status, code)
    answer = ask(api, owner, row)

    assert answer.status_code == (201 if BY_NAME[row.route].recorded else 200), answer.text
    assert holds(answer.json(), named(row.answers, owner))


@pytest.mark.parametrize("prepared", ["auto", "on"])
def test_service_says_at_its_start_that_there_is_a_pooler(
    pooled_db: str, keeps_prepared: bool, prepared: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if prepared == "on" and not keeps_prepared:
        pytest.skip("this pooler does not keep prepared statements apart")
    with running(make_service(pooled_db, prepared_statements=prepared)):
        pass
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "pooler" in line]
    assert ("statements are not prepared" in line) == (prepared == "auto")


def test_service_says_nothing_of_poolers_without_one(
    module_db: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(make_service(module_db)):
        pass
    assert "pooler" not in capsys.readouterr().out


def test_many_callers_at_once_are_all_answered(
    api: httpx.Client, owner: str, direct: Connection
) -> None:
    """Each connection meets many sessions of the server."""

    def call(number: int) -> list[int]:
        entry = {"owner_id": f"{owner}-{number % 5}", "operation": "CREDIT_ADD", "amount": 2}
        answers = []
        for turn in range(15):
            nonce = f"{owner}-{number}-{turn}"
            hold = entry | {"operation": "CREDIT_SPEND", "nonce": f"{nonce}-hold", "amount": 1}
            batch = {"entries": [entry | {"nonce": f"{nonce}-{n}"} for n in range(3)]}
            answers += [
                api.post("/ledger", json=entry | {"nonce": nonce}),
                api.post("/ledger/batch", json=batch),
                api.post("/ledger/holds", json=hold),
                api.get(f"/ledger/{entry['owner_id']}/entries"),
                api.get("/health/ready"),
            ]
        return [answer.status_code for answer in answers]

    with ThreadPoolExecutor(CALLERS) as threads:
        found = Counter(code for codes in threads.map(call, range(CALLERS)) for code in codes)

    assert found == {200: 3 * 15 * CALLERS, 201: 2 * 15 * CALLERS}
    owners = [f"{owner}-{n}" for n in range(5)]
    recorded = scalar(
        direct, "SELECT count(*) FROM ledger.entries WHERE owner_id = ANY(%s)", owners
    )
    assert recorded == 4 * 15 * CALLERS


def test_locked_account_delays_nobody_else(
    api: httpx.Client, owner: str, module_db: str, direct: Connection
) -> None:
    record(direct, owner_id=owner)

    def post(owner_id: str, nonce: str) -> httpx.Response:
        entry = {"owner_id": owner_id, "operation": "CREDIT_ADD", "nonce": f"{owner}-{nonce}"}
        return api.post("/ledger", json=entry)

    with psycopg.connect(module_db) as blocker, ThreadPoolExecutor(8) as threads:
        blocker.execute("SELECT 1 FROM ledger.accounts WHERE owner_id = %s FOR UPDATE", [owner])
        began = time.monotonic()
        blocked = [threads.submit(post, owner, f"blocked-{n}") for n in range(4)]
        free = [threads.submit(post, f"{owner}-{n}", f"free-{n}") for n in range(4)]
        free_answers = [answer.result() for answer in free]
        free_after = time.monotonic() - began
        assert not any(answer.done() for answer in blocked)
        blocked_answers = [answer.result() for answer in blocked]
        blocked_after = time.monotonic() - began

    assert {answer.status_code for answer in free_answers} == {201}
    assert {(a.status_code, a.json()["detail"]) for a in blocked_answers} == {
        (503, "The account was locked for too long.")
    }
    assert free_after < 1.0 <= blocked_after
    assert post(owner, "blocked-0").status_code == 201


def test_server_cancels_statements_that_take_too_long(
    pooled_db: str, direct: Connection, owner: str
) -> None:
    put_obstacle(
        direct, f"EXISTS (SELECT FROM recorded WHERE owner_id = '{owner}')", "PERFORM pg_sleep(60)"
    )
    entry = {"owner_id": owner, "operation": "CREDIT_ADD", "nonce": owner}
    try:
        with running(make_service(pooled_db, statement_timeout=0.3)) as api:
            one = api.post("/ledger", json=entry)
            many = api.post("/ledger/batch", json={"entries": [entry]})
    finally:
        remove_obstacle(direct)
        direct.execute("DROP SCHEMA obstacle CASCADE")

    for answer in (one, many):
        assert (answer.status_code, answer.json()["detail"]) == (503, "The database took too long.")


def test_command_serves(pooled_db: str, owner: str, tmp_path: Path) -> None:
    service = Service(pooled_db, tmp_path / "log")
    try:
        service.wait()
        entry = {"owner_id": owner, "operation": "CREDIT_ADD", "nonce": owner}
        assert httpx.post(f"{service.address}/ledger", json=entry).status_code == 201
    finally:
        service.stop()


def test_books_are_verified_on_one_connection(
    pooled_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", pooled_db)

    result = CliRunner().invoke(main, ["verify", "--connections", "2"])

    assert result.exit_code == 0, result.output
    first, *_ = result.stderr.splitlines()
    assert first == "Verifying on 1 connection: there is a pooler before the server"


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
@pytest.mark.parametrize("command", ["verify", "checkpoint", "export FILE", "show alice"])
def test_commands_that_take_long_go_on(
    conn: Connection, ledger_db: str, command: str, tmp_path: Path
) -> None:
    """The limits of a database are not for those who read all of it."""
    record(conn, owner_id="alice")
    database = conn.info.dbname
    conn.execute(f"ALTER DATABASE {database} SET statement_timeout = '250ms'".encode())
    words = command.replace("FILE", str(tmp_path / "export")).split()
    with (
        pooler(ledger_db, "transaction") as url,
        psycopg.connect(ledger_db, options="-c statement_timeout=0") as holder,
    ):
        holder.execute("LOCK TABLE ledger.accounts, ledger.entries")
        Timer(1, holder.rollback).start()
        result = CliRunner().invoke(main, words, env={"DATABASE_URL": url})
    assert result.exit_code == 0, result.output


def test_psql_opens(
    pooled_db: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", pooled_db)

    result = CliRunner().invoke(main, ["psql", "-Atc", "SELECT count(*) FROM ledger.apps"])

    assert result.exit_code == 0, result.output
    assert "write ledger. before all names" in result.output
    assert capfd.readouterr().out == "2\n"


def test_services_leave_no_state_in_server_sessions(
    api: httpx.Client,
    pooled_db: str,
    keeps_prepared: bool,
    owner: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert api.get("/health/ready").status_code == 200
    for turn in range(10):
        entry = {"owner_id": owner, "operation": "CREDIT_ADD", "nonce": f"{owner}-{turn}"}
        assert api.post("/ledger", json=entry).status_code == 201
    monkeypatch.setenv("DATABASE_URL", pooled_db)
    for command in ("status", "verify", "checkpoint", f"export {tmp_path / 'export'}", "settle"):
        assert CliRunner().invoke(main, command.split()).exit_code == 0

    of_pooler: list[str] = []
    with ExitStack() as stack:
        for _ in range(8):
            conn = stack.enter_context(psycopg.connect(pooled_db, prepare_threshold=None))
            changed = conn.execute(
                # PgBouncer itself keeps the first four apart.
                "SELECT name, setting FROM pg_settings WHERE source = 'session'"
                " AND name NOT IN ('client_encoding', 'application_name', 'DateStyle', 'TimeZone')"
                " AND name NOT LIKE 'transaction\\_%'"
            ).fetchall()
            found = conn.execute("SELECT name FROM pg_prepared_statements").fetchall()
            prepared = [name for (name,) in found if not name.startswith("PGBOUNCER_")]
            of_pooler += [name for (name,) in found if name not in prepared]
            assert (changed, prepared) == ([], [])
    assert bool(of_pooler) == keeps_prepared


def test_change_feed_is_followed(api: httpx.Client, owner: str) -> None:
    entry = {"owner_id": owner, "operation": "CREDIT_ADD"}
    assert api.post("/ledger", json=entry | {"nonce": f"{owner}-0"}).status_code == 201

    with api.stream("GET", "/events") as stream:
        seen = []
        for line in stream.iter_lines():
            if line.startswith("data: ") and (event := json.loads(line[6:]))["owner_id"] == owner:
                seen.append(event["nonce"])
                if len(seen) == 3:
                    break
                # The next one is recorded while the feed is read.
                nonce = f"{owner}-{len(seen)}"
                assert api.post("/ledger", json=entry | {"nonce": nonce}).status_code == 201

    assert seen == [f"{owner}-{n}" for n in range(3)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("setting", "through_pooler", "directly"),
    [("auto", None, 0), ("on", 0, 0), ("off", None, None)],
)
async def test_statements_are_prepared_unless_there_is_a_pooler(
    pooled_db: str, module_db: str, setting: Any, through_pooler: int | None, directly: int | None
) -> None:
    settings = Settings(prepared_statements=setting)

    for url, threshold in ((pooled_db, through_pooler), (module_db, directly)):
        conn = await Connector(url, "app1", settings).connect(prepare_threshold=0)
        async with conn:
            assert conn.prepare_threshold == threshold


@pytest.mark.anyio
async def test_sessions_of_the_server_carry_the_name_of_the_service(pooled_db: str) -> None:
    conn = await Connector(pooled_db, "app1", Settings()).connect(prepare_threshold=0)
    async with conn:
        cursor = await conn.execute("SHOW application_name")
        assert await cursor.fetchone() == ("ledger-app1",)


@pytest.mark.anyio
async def test_refusal_is_answered_though_the_connection_is_lost_behind_it(
    pooled_db: str, direct: Connection, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Connector(pooled_db, "app1", Settings()).connect(prepare_threshold=5) as conn:
        commit = conn.commit

        async def lose_and_commit() -> None:
            terminated = direct.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state = 'idle in transaction (aborted)'"
            ).fetchall()
            assert terminated == [(True,)]
            await commit()

        monkeypatch.setattr(conn, "commit", lose_and_commit)
        with pytest.raises(InsufficientBalance):
            await ServiceLedger(conn, app="app1").record_entry(
                owner_id=owner, operation="CREDIT_SPEND", nonce=owner, amount=-9
            )


@pytest.mark.anyio
async def test_refusals_keep_statements_prepared_and_the_log_quiet(
    module_db: str, owner: str, caplog: pytest.LogCaptureFixture
) -> None:
    if PGBOUNCER is None:
        pytest.skip("PgBouncer is not installed")
    settings = Settings(prepared_statements="on")
    with pooler(module_db, "session") as url:
        async with await Connector(url, "app1", settings).connect(prepare_threshold=0) as conn:
            ledger = ServiceLedger(conn, app="app1")
            for turn in range(3):
                with pytest.raises(InsufficientBalance):
                    await ledger.record_entry(
                        owner_id=owner, operation="CREDIT_SPEND", nonce=f"{owner}-{turn}", amount=-9
                    )
            cursor = await conn.execute("SELECT statement FROM pg_prepared_statements")
            prepared = [statement for (statement,) in await cursor.fetchall()]

    assert any("record_entry" in statement for statement in prepared)
    assert caplog.messages == []


@pytest.mark.anyio
@pytest.mark.parametrize("connect", [connect_async, connect_sync], ids=["async", "sync"])
async def test_clients_work_in_the_transactions_of_their_callers(
    pooled_db: str, keeps_prepared: bool, direct: Connection, owner: str, connect: Connect
) -> None:
    direct.execute("CREATE TABLE IF NOT EXISTS orders (order_id text PRIMARY KEY)")
    for turn in range(8):
        async with connect(pooled_db, prepare_threshold=0 if keeps_prepared else None) as conn:
            ledger = ledger_on(conn)
            async with conn.transaction():
                await conn.execute("INSERT INTO orders VALUES (%s)", [f"{owner}-{turn}"])
                await ledger.record_entry(
                    owner_id=owner, operation="CREDIT_ADD", nonce=f"{owner}-{turn}", amount=5
                )
            with pytest.raises(InsufficientBalance):
                async with conn.transaction():
                    await conn.execute("INSERT INTO orders VALUES (%s)", [f"{owner}-no-{turn}"])
                    await ledger.record_entry(
                        owner_id=owner, operation="CREDIT_SPEND", nonce=owner, amount=-10_000
                    )
            async with (
                conn.transaction(),
                ledger.hold(
                    owner_id=owner,
                    operation="CREDIT_SPEND",
                    nonce=f"{owner}-hold-{turn}",
                    amount=3,
                    expires_in=timedelta(hours=36),
                ) as hold,
            ):
                await hold.capture(2)
            found = await ledger.balance(owner_id=owner)
            assert (found.balance, found.held) == (3 * (turn + 1), 0)
            assert len(await ledger.entries_of(owner_id=owner)) == 2 * (turn + 1)
    orders = scalar(direct, "SELECT count(*) FROM orders WHERE order_id LIKE %s", f"{owner}-%")
    assert orders == 8
