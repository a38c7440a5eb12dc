"""A service opens as many connections to the database as its settings allow."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.http.running import make_service, running, wait_until
from tests.sql.calls import Connection, record, scalar

PROCESSES = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'ledger-app1'"
)


@pytest.mark.parametrize("pool_size", [2, 4])
def test_service_under_load_opens_all_of_its_connections_and_no_more(
    ledger_db: str, conn: Connection, pool_size: int
) -> None:
    record(conn)

    def entry(number: int) -> dict[str, Any]:
        return {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": f"load-{number}"}

    with (
        running(make_service(ledger_db, pool_size=pool_size)) as api,
        psycopg.connect(ledger_db) as blocker,
        ThreadPoolExecutor(2 * pool_size) as threads,
    ):
        blocker.execute("SELECT 1 FROM ledger.accounts WHERE owner_id = 'alice' FOR UPDATE")
        # Batches go over the pool, each on a connection that now waits.
        posts = [
            threads.submit(api.post, "/ledger/batch", json={"entries": [entry(number)]})
            for number in range(2 * pool_size)
        ]
        wait_until(
            lambda: scalar(conn, f"{PROCESSES} AND wait_event_type = 'Lock'") == pool_size - 1
        )
        # The remaining connection is that of the queue.
        free = {"owner_id": "free", "operation": "CREDIT_ADD", "nonce": "free"}
        assert api.post("/ledger", json=free).status_code == 201
        assert scalar(conn, PROCESSES) == pool_size
        blocker.rollback()
        answers = [post.result() for post in posts]

    assert {answer.status_code for answer in answers} == {200}
