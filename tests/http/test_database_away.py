"""503 while the database is away or read-only, and full recovery afterwards."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql

from ledger_py.embedded import embedded_server
from ledger_py.http import database
from ledger_py.migrate import migrate
from tests.http.gathered import lock, terminate_connections, waiting_for_locks
from tests.http.problems import assert_problem
from tests.http.running import make_service, running, wait_until
from tests.sql.calls import Connection

ENTRY = {"owner_id": "alice", "operation": "CREDIT_ADD", "amount": 1}

PATIENCE = 60.0
POOL_SIZE = 4


def assert_unavailable(response: httpx.Response, code: str) -> None:
    assert_problem(response, 503, code)
    # No text of libpq or the server.
    assert "socket" not in response.text
    assert "canceling" not in response.text


def test_service_recovers_when_the_server_restarts() -> None:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as server:
        url = server.enter_context(embedded_server(Path(folder)))
        migrate(url)
        with running(make_service(url, pool_timeout=0.5)) as api:
            assert api.post("/ledger", json=ENTRY | {"nonce": "before"}).status_code == 201

            server.close()
            for _ in range(3):
                assert_unavailable(
                    api.post("/ledger", json=ENTRY | {"nonce": "during"}), "database_unavailable"
                )
                assert_unavailable(api.get("/ledger/alice"), "database_unavailable")
            assert_unavailable(api.get("/health/ready"), "not_ready")
            assert api.get("/health/live").status_code == 200

            server.enter_context(embedded_server(Path(folder)))
            wait_until(lambda: api.get("/health/ready").status_code == 200)
            after = api.post("/ledger", json=ENTRY | {"nonce": "during"})

            assert after.status_code == 201
            assert after.json()["balance"] == 2


class TestConnectionsAreLost:
    """With a server that stays."""

    @pytest.fixture
    def api(self, ledger_db: str) -> Iterator[httpx.Client]:
        with running(make_service(ledger_db)) as client:
            yield client

    def test_requests_are_answered_on_new_connections(
        self, api: httpx.Client, conn: Connection
    ) -> None:
        for number in range(3):
            terminate_connections(conn)
            assert api.post("/ledger", json=ENTRY | {"nonce": f"n{number}"}).status_code == 201
            terminate_connections(conn)
            assert api.get("/ledger/alice").json()["balance"] == number + 1


class TestItTurnsReadOnly:
    """As after a failover, when connections lead to a server that was demoted to a standby."""

    @pytest.fixture
    def api(self, ledger_db: str) -> Iterator[httpx.Client]:
        with running(make_service(ledger_db, pool_size=POOL_SIZE)) as client:
            yield client

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/ledger", ENTRY | {"nonce": "during"}),
            ("/ledger/batch", {"entries": [ENTRY | {"nonce": "during"}]}),
            ("/ledger/holds", ENTRY | {"operation": "CREDIT_SPEND", "nonce": "during"}),
            ("/ledger/reversals", {"original_nonce": "before", "nonce": "during"}),
        ],
    )
    def test_writes_are_503_while_read_only(
        self,
        api: httpx.Client,
        conn: Connection,
        path: str,
        body: dict[str, object],
    ) -> None:
        api.post("/ledger", json=ENTRY | {"nonce": "before"})

        turn_read_only(conn)
        for _ in range(POOL_SIZE):
            assert_unavailable(api.post(path, json=body), "database_unavailable")
        assert api.get("/ledger/alice").json()["balance"] == 1
        turn_writable(conn)
        # Each connection made meanwhile fails once, and is replaced.
        after = [api.post(path, json=body).status_code for _ in range(POOL_SIZE)]

        assert after[-1] in (200, 201)


def test_exhausted_pool_is_503(ledger_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_PATIENCE", 60.0)
    with running(make_service(ledger_db, pool_size=2, pool_timeout=0.1)) as api:
        api.post("/ledger", json=ENTRY | {"nonce": "first"})
        with psycopg.connect(ledger_db) as blocker, psycopg.connect(ledger_db) as observer:
            observer.autocommit = True
            lock(blocker, "alice")
            batch = {"entries": [ENTRY | {"nonce": "second"}]}
            request = threading.Thread(
                target=api.post, args=["/ledger/batch"], kwargs={"json": batch}
            )
            request.start()
            wait_until(lambda: bool(waiting_for_locks(observer)))
            assert_unavailable(api.get("/ledger/bob"), "database_unavailable")
        request.join(PATIENCE)

        assert api.get("/ledger/alice").json()["entry_count"] == 2


def turn_read_only(conn: Connection) -> None:
    """Replace the connections of the service with read-only ones."""
    database = sql.Identifier(conn.info.dbname)
    conn.execute(
        sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(database)
    )
    terminate_connections(conn)


def turn_writable(conn: Connection) -> None:
    """Let new connections write; existing ones stay read-only."""
    database = sql.Identifier(conn.info.dbname)
    conn.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(database))
