"""Callers that wait for a locked account: each is answered, or has disconnected."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from ledger_py.http import recorder
from tests.http.gathered import waiting_for_locks
from tests.http.problems import assert_problem
from tests.http.running import make_service, running, wait_until
from tests.sql.calls import Connection, entries, record

PLACES = 5


@pytest.fixture
def api(ledger_db: str) -> Iterator[httpx.Client]:
    with running(make_service(ledger_db, lock_timeout=60.0, statement_timeout=60.0)) as client:
        yield client


@pytest.fixture
def blocker(ledger_db: str, conn: Connection) -> Iterator[Connection]:
    """A transaction that has locked alice's account until it is rolled back."""
    record(conn, owner_id="alice", nonce="first")
    with psycopg.connect(ledger_db) as connection:
        connection.execute("SELECT 1 FROM ledger.accounts WHERE owner_id = 'alice' FOR UPDATE")
        yield connection


def entry(nonce: str, owner_id: str = "alice") -> dict[str, Any]:
    return {"owner_id": owner_id, "operation": "CREDIT_ADD", "amount": 1, "nonce": nonce}


def test_full_queue_refuses_new_requests_and_answers_waiting_ones(
    api: httpx.Client, blocker: Connection, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_WAITING", PLACES)

    with ThreadPoolExecutor(2 * PLACES) as threads:
        callers = [
            threads.submit(api.post, "/ledger", json=entry(f"n{n}")) for n in range(2 * PLACES)
        ]
        wait_until(lambda: sum(caller.done() for caller in callers) == PLACES)
        turned_away = [caller.result() for caller in callers if caller.done()]
        turned_away.append(api.post("/ledger", json=entry("bob", "bob")))
        blocker.rollback()
        answers = [caller.result() for caller in callers]
    later = [api.post("/ledger", json=json.loads(answer.request.content)) for answer in turned_away]

    for answer in turned_away:
        assert_problem(answer, 503, "database_busy")
    assert Counter(answer.status_code for answer in answers) == {201: PLACES, 503: PLACES}
    assert {answer.status_code for answer in later} == {201}
    assert len(entries(conn, "alice")) == 2 * PLACES + 1


def test_client_disconnect_while_queued_records_once(
    api: httpx.Client, blocker: Connection, conn: Connection
) -> None:
    with ThreadPoolExecutor(4) as threads:
        with posted(api, entry("gone")) as caller:
            wait_until(lambda: bool(waiting_for_locks(conn)))
            waiting = [threads.submit(api.post, "/ledger", json=entry(f"n{n}")) for n in range(4)]
            others = [api.post("/ledger", json=entry(f"other-{n}", "bob")) for n in range(3)]
        # Disconnected without notice, as when a process is killed.
        assert caller.fileno() == -1
        assert api.post("/ledger", json=entry("other-3", "bob")).status_code == 201
        blocker.rollback()
        patient = [caller.result() for caller in waiting]
    again = api.post("/ledger", json=entry("gone"))

    assert [answer.status_code for answer in [*others, *patient]] == [201] * 7
    assert (again.status_code, again.json()["replayed"]) == (200, True)
    recorded = [found["nonce"] for found in entries(conn, "alice")]
    assert sorted(recorded) == ["first", "gone", "n0", "n1", "n2", "n3"]
    assert conn.execute("SELECT * FROM ledger.verify()").fetchall() == []


def test_incomplete_body_records_nothing(api: httpx.Client, conn: Connection) -> None:
    with posted(api, entry("gone"), missing=1):
        assert api.post("/ledger", json=entry("other", "bob")).status_code == 201
    assert api.post("/ledger", json=entry("later", "bob")).status_code == 201

    assert entries(conn, "alice") == []
    assert len(entries(conn, "bob")) == 2


@contextmanager
def posted(api: httpx.Client, body: dict[str, Any], *, missing: int = 0) -> Iterator[socket.socket]:
    """Post a request on a connection that is cut off at the end of the block.

    Args:
        api: The service.
        body: The body of the request.
        missing: The number of bytes announced but not sent.
    """
    content = json.dumps(body).encode()
    head = (
        f"POST /ledger HTTP/1.1\r\nHost: {api.base_url.host}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content) + missing}\r\n\r\n"
    )
    with socket.create_connection((api.base_url.host, api.base_url.port or 80)) as caller:
        caller.sendall(head.encode() + content)
        yield caller
