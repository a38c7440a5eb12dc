"""A service that is stopped, or loses a process, loses no request that it has accepted."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import psycopg
import pytest

from tests.deployment.serving import Callers, Service, serving
from tests.http.running import wait_until
from tests.sql.calls import Connection, scalar

Stop = Callable[[Service], None]


def to_the_service(number: signal.Signals) -> Stop:
    return lambda service: service.process.send_signal(number)


def to_the_group(number: signal.Signals) -> Stop:
    return lambda service: os.killpg(service.process.pid, number)


def twice(service: Service) -> None:
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("Shutting down")
    service.process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(to_the_service(signal.SIGTERM), id="SIGTERM"),
        pytest.param(to_the_service(signal.SIGINT), id="Ctrl-C"),
        pytest.param(to_the_group(signal.SIGTERM), id="SIGTERM to all processes"),
        pytest.param(to_the_group(signal.SIGINT), id="Ctrl-C in a terminal"),
        pytest.param(twice, id="two SIGTERM"),
    ],
)
def test_every_connection_is_answered_while_the_service_stops(
    ledger_db: str, workers: str, stop: Stop
) -> None:
    with serving("--workers", workers, DATABASE_URL=ledger_db) as service:
        with Callers(service.url) as callers:
            callers.wait_for(200)
            stop(service)
            assert service.wait() == 0
        assert callers.outcomes["lost"] == 0, callers.outcomes
        assert set(callers.outcomes) <= {"201", "503", "refused", "closed", "lost"}


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_request_that_takes_long_is_completed(
    ledger_db: str, conn: Connection, workers: str, number: signal.Signals
) -> None:
    entry = {"owner_id": "alice", "operation": "CREDIT_ADD"}
    with (
        serving("--workers", workers, DATABASE_URL=ledger_db) as service,
        ThreadPoolExecutor() as caller,
        psycopg.connect(ledger_db) as other,
    ):
        assert httpx.post(f"{service.url}/ledger", json=entry | {"nonce": "1"}).status_code == 201
        other.execute("SELECT FROM ledger.accounts FOR UPDATE")
        answer = caller.submit(httpx.post, f"{service.url}/ledger", json=entry | {"nonce": "2"})
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_until(lambda: scalar(conn, waiting) > 0)
        service.process.send_signal(number)
        service.wait_for("Waiting for connections to close")
        with pytest.raises(httpx.ConnectError, match="refused"):
            httpx.get(service.url, timeout=30)
        other.rollback()
        assert answer.result().status_code == 201
        assert service.wait() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_second_interruption_does_not_wait_for_answers(ledger_db: str, workers: str) -> None:
    with (
        serving("--workers", workers, DATABASE_URL=ledger_db) as service,
        ThreadPoolExecutor() as caller,
        psycopg.connect(ledger_db) as other,
        psycopg.connect(ledger_db, autocommit=True) as conn,
    ):
        other.execute("LOCK TABLE ledger.accounts")
        entry = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "1"}
        answer = caller.submit(httpx.post, f"{service.url}/ledger", json=entry, timeout=60)
        wait_until(lambda: scalar(conn, "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0)
        service.process.send_signal(signal.SIGINT)
        service.wait_for("Waiting for connections to close")
        service.process.send_signal(signal.SIGINT)
        service.wait()  # while the lock is held
        if answer.exception() is None:
            assert answer.result().status_code >= 500
        else:
            assert isinstance(answer.exception(), httpx.TransportError)


def test_worker_that_is_stopped_loses_nothing_and_is_replaced(ledger_db: str) -> None:
    with serving("--workers", "2", DATABASE_URL=ledger_db) as service:
        first, second = service.workers()
        with Callers(service.url) as callers:
            callers.wait_for(200)
            os.kill(first, signal.SIGTERM)
            wait_until(lambda: first not in service.workers() and len(service.workers()) == 2)
            callers.wait_for(200)
        assert set(callers.outcomes) <= {"201", "closed"}, callers.outcomes
        assert second in service.workers()
        assert service.stop() == 0


def test_worker_that_is_killed_is_replaced_while_the_other_goes_on(ledger_db: str) -> None:
    with serving("--workers", "2", DATABASE_URL=ledger_db) as service:
        first, second = service.workers()
        with Callers(service.url) as callers:
            callers.wait_for(200)
            os.kill(first, signal.SIGKILL)
            callers.wait_for(200)
            wait_until(lambda: first not in service.workers() and len(service.workers()) == 2)
            callers.wait_for(200)
        assert callers.outcomes["refused"] == 0
        assert second in service.workers()
        assert service.stop() == 0
        assert f"Worker {first} ended (SIGKILL); another one is started" in "".join(service.output)


def test_worker_that_does_not_stop_is_killed(ledger_db: str) -> None:
    impatient = (
        "from ledger_py.serving import workers; workers._KILLED_AFTER = 0.5;"
        "from ledger_py.__main__ import main; main()"
    )
    with serving("--workers", "2", code=impatient, DATABASE_URL=ledger_db) as service:
        os.kill(service.workers()[0], signal.SIGSTOP)
        assert service.stop() == 0


def test_workers_stop_when_their_supervisor_is_killed(ledger_db: str) -> None:
    with serving("--workers", "2", DATABASE_URL=ledger_db) as service:
        workers = [psutil.Process(pid) for pid in service.workers()]
        with Callers(service.url) as callers:
            callers.wait_for(200)
            service.process.kill()
            _, alive = psutil.wait_procs(workers, timeout=30)
        assert alive == []
        assert callers.outcomes["lost"] == 0, callers.outcomes


@pytest.mark.parametrize("workers", ["1", "2"])
def test_service_whose_application_does_not_start_ends_with_a_failure(
    ledger_db: str, conn: Connection, workers: str
) -> None:
    conn.execute("SELECT ledger.define_operation('NEWER', 'Newer', default_amount => 1)")
    conn.execute("SELECT ledger.allow_operation('app1', 'NEWER')")
    failed = "(Application startup failed)"
    with serving("--workers", workers, ready=failed, DATABASE_URL=ledger_db) as service:
        assert service.wait() == 3
    assert "Traceback" not in "".join(service.output)
