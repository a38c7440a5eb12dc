"""A database that says nothing any more: each call and each command ends within its time."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from click.testing import CliRunner

from ledger_py import sessions
from ledger_py.cli import main
from ledger_py.http import database, recorder, startup
from tests.deployment.proxy import Proxy, proxy
from tests.http.running import make_service, running, wait_until
from tests.http.test_routes import BY_NAME, ROWS, ask
from tests.http.test_startup import refusal_of
from tests.sql.calls import Connection, scalar

TIMEOUT = 0.5
GRACE = 1.0
WITHIN = 2 * TIMEOUT + GRACE
"""Waiting for a connection, the limit of a statement, and the grace."""

SLACK = 30.0
"""Seconds that the machine of the tests may take beyond that."""

READY_WITHIN = 5.0
STOPS_WITHIN = 5.0


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (database, recorder):
        monkeypatch.setattr(module, "GRACE", GRACE)


@contextmanager
def service(url: str) -> Iterator[httpx.Client]:
    with running(make_service(url, pool_timeout=TIMEOUT, statement_timeout=TIMEOUT)) as api:
        entry = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "first"}
        assert api.post("/ledger", json=entry).status_code == 201
        yield api


def answers_of_all_routes(api: httpx.Client) -> dict[str, tuple[httpx.Response, float]]:
    """Ask every route, all at once, and note how long each answer takes."""

    def timed(name: str) -> tuple[httpx.Response, float]:
        began = time.monotonic()
        row = next(row for row in ROWS if row.route == name)
        if name == "events":
            with api.stream("GET", row.address) as answer:  # which may have no end
                return answer, time.monotonic() - began
        answer = ask(api, "alice", row)
        return answer, time.monotonic() - began

    with ThreadPoolExecutor(len(BY_NAME)) as threads:
        return dict(zip(BY_NAME, threads.map(timed, BY_NAME), strict=True))


@pytest.mark.parametrize("pooled", [False, True], ids=["server", "pooler"])
def test_every_route_answers_while_nothing_is_forwarded(
    ledger_db: str, pooled: bool, request: pytest.FixtureRequest
) -> None:
    with ExitStack() as stack:
        url = ledger_db
        if pooled:
            url = stack.enter_context(request.getfixturevalue("transaction_pooler")(ledger_db))
        silent_proxy = stack.enter_context(proxy(url))
        api = stack.enter_context(service(silent_proxy.url))
        silent_proxy.be_silent()
        answers = answers_of_all_routes(api)
        ready, took = answers.pop("ready")
        for name in ("live", "problem_types", "problem_type"):
            assert answers.pop(name)[0].status_code == 200
        assert ready.json()["code"] == "not_ready"
        assert ready.json()["checks"]["database"] in ("does not answer", "cannot be reached")
        assert took < READY_WITHIN + SLACK
        for name, (answer, took) in answers.items():
            assert (answer.status_code, name) == (503, name)
            assert int(answer.headers["retry-after"]) > 0
            assert (took < WITHIN + SLACK, name) == (True, name), took

        silent_proxy.forward()
        wait_until(lambda: api.get("/health/ready").status_code == 200)
        again = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "again"}
        assert api.post("/ledger", json=again).status_code == 201


def test_every_route_answers_while_the_server_is_stopped(ledger_db: str, conn: Connection) -> None:
    """New connections are served."""
    of_service = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'ledger-app1'"
    )
    with service(ledger_db) as api:
        pids = [pid for (pid,) in conn.execute(of_service)]
        if not all(psutil.pid_exists(p) and "postgres" in psutil.Process(p).name() for p in pids):
            pytest.skip("the server is on another machine")
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            answers = answers_of_all_routes(api)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    assert answers["record_entry"][0].status_code == 503
    for name, (answer, took) in answers.items():
        assert (answer.status_code < 500 or answer.status_code == 503, name) == (True, name)
        assert (took < WITHIN + SLACK, name) == (True, name), took
    assert scalar(conn, "SELECT count(*) FROM ledger.verify()") == 0


@pytest.mark.parametrize("forwards_start_up", [False, True], ids=["connecting", "first query"])
def test_service_does_not_start(
    silent_proxy: Proxy, forwards_start_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "DATABASE_ANSWERS_WITHIN", 0.1)
    monkeypatch.setattr(sessions, "FIRST_ANSWER_WITHIN", 1)
    silent_proxy.forwards_start_up = forwards_start_up
    silent_proxy.be_silent()
    began = time.monotonic()

    message = refusal_of(make_service(silent_proxy.url))

    assert "cannot be reached" in message
    assert time.monotonic() - began < 3 + 1 + SLACK


def test_service_does_not_start_if_the_database_falls_silent(
    silent_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = startup.check

    async def silenced(*arguments: Any, **options: Any) -> dict[str, str]:
        silent_proxy.be_silent()
        return await check(*arguments, **options)

    monkeypatch.setattr(startup, "check", silenced)
    began = time.monotonic()

    message = refusal_of(make_service(silent_proxy.url, statement_timeout=TIMEOUT))

    assert "did not answer" in message
    assert time.monotonic() - began < WITHIN + SLACK


def test_service_stops_while_the_database_is_silent(silent_proxy: Proxy) -> None:
    with service(silent_proxy.url) as api:
        silent_proxy.be_silent()
        assert api.get("/ledger/alice").status_code == 503
        began = time.monotonic()

    assert time.monotonic() - began < STOPS_WITHIN + SLACK


@pytest.mark.parametrize("forwards_start_up", [False, True], ids=["connecting", "first query"])
@pytest.mark.parametrize(
    "command",
    [
        "serve app1",
        "migrate",
        "roles",
        "rollback",
        "status",
        "verify",
        "checkpoint",
        "export FILE",
        "settle",
    ],
)
def test_commands_end_with_a_message(
    silent_proxy: Proxy,
    command: str,
    forwards_start_up: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "FIRST_ANSWER_WITHIN", 1)
    monkeypatch.setenv("DATABASE_URL", silent_proxy.url)
    silent_proxy.forwards_start_up = forwards_start_up
    silent_proxy.be_silent()
    began = time.monotonic()

    result = CliRunner().invoke(main, command.replace("FILE", str(tmp_path / "export")).split())

    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "cannot be reached" in result.output
    assert time.monotonic() - began < 2 + SLACK


@pytest.mark.parametrize("command", ["status", "roles"])
def test_short_commands_end_with_a_message_at_any_silence(
    silent_proxy: Proxy, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "FIRST_ANSWER_WITHIN", 1)
    monkeypatch.setenv("DATABASE_URL", silent_proxy.url)
    execute = psycopg.Connection.execute

    def silenced(self: Connection, query: object, *args: object, **kwargs: object) -> object:
        if "set_config" not in str(query):
            silent_proxy.be_silent()
        return execute(self, query, *args, **kwargs)  # type: ignore[call-overload]

    began = time.monotonic()

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "execute", silenced)
        result = CliRunner().invoke(main, [command])

    assert (result.exit_code, "did not answer" in result.output) == (1, True), result.output
    assert time.monotonic() - began < 2 + SLACK
