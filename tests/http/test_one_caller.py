"""One account that is locked, or one caller who asks for much, does not stop the others."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from ledger_py.http import database, gathering, recorder
from tests.http.gathered import waiting_for_locks
from tests.http.problems import assert_problem
from tests.http.running import make_service, running, wait_until
from tests.sql.calls import Connection, entries, record, scalar
from tests.sql.lifecycle import place

PLACES = 5

Body = dict[str, Any]


@pytest.fixture
def blocker(ledger_db: str, conn: Connection) -> Iterator[Connection]:
    """A transaction that has locked alice's account until it is rolled back."""
    record(conn, owner_id="alice", amount=1_000, nonce="first")
    record(conn, owner_id="bob", amount=100)
    for number in range(PLACES):
        place(conn, 20, owner_id="alice", nonce=f"hold-{number}")
    with psycopg.connect(ledger_db) as connection:
        connection.execute("SELECT 1 FROM ledger.accounts WHERE owner_id = 'alice' FOR UPDATE")
        yield connection


@contextmanager
def service(url: str) -> Iterator[httpx.Client]:
    """Run a service that waits for locks as long as the test lasts."""
    with running(make_service(url, lock_timeout=60.0, statement_timeout=60.0)) as client:
        yield client


def entry(nonce: str, owner_id: str = "alice") -> Body:
    return {"owner_id": owner_id, "operation": "CREDIT_ADD", "amount": 1, "nonce": nonce}


def hold(nonce: str, owner_id: str = "alice") -> Body:
    return {
        "owner_id": owner_id,
        "operation": "CREDIT_SPEND",
        "amount": 1,
        "nonce": nonce,
        "expires_in": 600,
    }


def test_requests_for_one_account_leave_room_for_others(
    ledger_db: str, blocker: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_OF_ONE", PLACES)

    with service(ledger_db) as api, ThreadPoolExecutor(2 * PLACES) as threads:
        callers = [
            threads.submit(api.post, "/ledger", json=entry(f"n{n}")) for n in range(2 * PLACES)
        ]
        wait_until(lambda: sum(caller.done() for caller in callers) == PLACES)
        turned_away = [caller.result() for caller in callers if caller.done()]
        others = [api.post("/ledger", json=entry(f"bob-{n}", "bob")) for n in range(3)]
        blocker.rollback()
        answers = [caller.result() for caller in callers]
        later = [
            api.post("/ledger", json=json.loads(answer.request.content)) for answer in turned_away
        ]

    for answer in turned_away:
        assert_problem(answer, 503, "database_busy")
    assert Counter(answer.status_code for answer in answers) == {201: PLACES, 503: PLACES}
    assert [answer.status_code for answer in (*others, *later)] == [201] * (3 + PLACES)


def test_requests_for_many_locked_accounts_leave_room_for_others(
    ledger_db: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "MAX_PARKED", PLACES)
    owners = [f"owner-{n}" for n in range(2 * PLACES)]
    for owner_id in owners:
        record(conn, owner_id=owner_id)

    with service(ledger_db) as api, psycopg.connect(ledger_db) as blocker:
        blocker.execute("SELECT 1 FROM ledger.accounts FOR UPDATE")
        with ThreadPoolExecutor(3 * PLACES) as threads:
            callers = [
                threads.submit(api.post, "/ledger", json=entry(f"{turn}-{owner_id}", owner_id))
                for turn in range(2)
                for owner_id in owners
            ]
            wait_until(lambda: any(caller.done() for caller in callers))
            assert api.post("/ledger", json=entry("free", "free")).status_code == 201
            blocker.rollback()
            answers = Counter(caller.result().status_code for caller in callers)

    assert set(answers) == {201, 503}


def test_clients_that_leave_give_up_their_places(
    ledger_db: str,
    blocker: Connection,
    conn: Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(recorder, "MAX_OF_ONE", PLACES)

    with service(ledger_db) as api, ThreadPoolExecutor(1) as thread:
        with ExitStack() as callers:
            callers.enter_context(posted(api, "/ledger", entry("sent")))
            wait_until(lambda: bool(waiting_for_locks(conn)))
            for number in range(PLACES - 1):
                callers.enter_context(posted(api, "/ledger", entry(f"gone-{number}")))
            wait_until(lambda: api.post("/ledger", json=entry("full")).status_code == 503)
        wait_for_outcomes(capsys, abandoned=PLACES - 1)
        patient = thread.submit(api.post, "/ledger", json=entry("patient"))
        blocker.rollback()
        assert patient.result().status_code == 201
        again = api.post("/ledger", json=entry("sent"))

    # What was sent to the database before its client left is recorded, once.
    assert (again.status_code, again.json()["replayed"]) == (200, True)
    recorded = {found["nonce"] for found in entries(conn, "alice")}
    assert recorded == {"first", "sent", "patient"}


def test_clients_that_leave_place_no_holds(
    ledger_db: str,
    blocker: Connection,
    conn: Connection,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with service(ledger_db) as api:
        with ExitStack() as callers:
            for number in range(PLACES):
                callers.enter_context(posted(api, "/ledger/holds", hold(f"gone-{number}")))
            wait_until(lambda: bool(waiting_for_locks(conn)))
        # One waits in the database.
        wait_for_outcomes(capsys, abandoned=PLACES - 1)
        blocker.rollback()
        assert api.post("/ledger/holds", json=hold("later")).status_code == 201

    placed = "SELECT count(*) FROM ledger.holds WHERE nonce LIKE 'gone%'"
    wait_until(lambda: scalar(conn, placed) == 1)


BLOCKED: dict[str, list[tuple[str, Body]]] = {
    "holds": [("/ledger/holds", hold(f"n{n}")) for n in range(20)],
    "captures of one hold": [
        ("/ledger/holds/hold-0/capture", {"nonce": f"n{n}", "amount": 1, "final": False})
        for n in range(20)
    ],
    "captures of several holds": [
        (f"/ledger/holds/hold-{n}/capture", {"nonce": f"n{n}"}) for n in range(PLACES)
    ],
    "releases": [(f"/ledger/holds/hold-{n % PLACES}/release", {}) for n in range(20)],
    "extensions": [
        (f"/ledger/holds/hold-{n % PLACES}/extend", {"expires_in": 900}) for n in range(20)
    ],
    "reversals": [
        ("/ledger/reversals", {"original_nonce": "first", "nonce": f"n{n}", "amount": 1})
        for n in range(20)
    ],
    "batches of one account": [
        ("/ledger/batch", {"entries": [entry(f"{n}-{item}") for item in range(3)]})
        for n in range(20)
    ],
    "batches of several accounts": [
        ("/ledger/batch", {"entries": [entry(f"{n}-a"), entry(f"{n}-b", f"owner-{n}")]})
        for n in range(20)
    ],
}


@pytest.mark.parametrize("kind", BLOCKED)
def test_calls_on_a_locked_account_leave_connections_for_others(
    ledger_db: str, blocker: Connection, conn: Connection, kind: str
) -> None:
    blocked = BLOCKED[kind]
    with service(ledger_db) as api, ThreadPoolExecutor(len(blocked)) as threads:
        callers = [threads.submit(api.post, path, json=body) for path, body in blocked]
        wait_until(lambda: bool(waiting_for_locks(conn)))
        for number in range(5):
            assert api.get("/ledger/alice").status_code == 200
            assert api.get("/health/ready").status_code == 200
            assert api.post("/ledger", json=entry(f"b{number}", "bob")).status_code == 201
            placed = api.post("/ledger/holds", json=hold(f"h{number}", "bob"))
            assert placed.status_code == 201
            released = api.post(f"/ledger/holds/h{number}/release", json={})
            assert released.status_code == 200
        assert not any(caller.done() for caller in callers)
        blocker.rollback()
        answers = [caller.result().status_code for caller in callers]

    assert set(answers) <= {200, 201}


@pytest.mark.parametrize("kind", ["holds", "batches of one account"])
def test_calls_for_one_account_beyond_the_limit_are_refused_at_once(
    ledger_db: str, blocker: Connection, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    blocked, done = BLOCKED[kind][: 2 * PLACES], 201 if kind == "holds" else 200
    monkeypatch.setattr(database, "MAX_OF_ONE", PLACES)

    with service(ledger_db) as api, ThreadPoolExecutor(2 * PLACES) as threads:
        callers = [threads.submit(api.post, path, json=body) for path, body in blocked]
        wait_until(lambda: sum(caller.done() for caller in callers) == PLACES)
        for caller in callers:
            if caller.done():
                assert_problem(caller.result(), 503, "database_busy")
        assert api.post("/ledger/holds", json=hold("bob", "bob")).status_code == 201
        blocker.rollback()
        answers = Counter(caller.result().status_code for caller in callers)

    assert answers == {done: PLACES, 503: PLACES}


def wait_for_outcomes(capsys: pytest.CaptureFixture[str], *, abandoned: int) -> None:
    """Wait until so many requests were logged as abandoned."""
    lines = ""

    def seen() -> bool:
        nonlocal lines
        lines += capsys.readouterr().out
        return lines.count('"outcome":"abandoned"') == abandoned

    wait_until(seen)


@contextmanager
def posted(api: httpx.Client, path: str, body: Body) -> Iterator[socket.socket]:
    """Post a request on a connection that is cut off at the end of the block."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {api.base_url.host}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((api.base_url.host, api.base_url.port or 80)) as caller:
        caller.sendall(head.encode() + content)
        yield caller
