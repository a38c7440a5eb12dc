"""A service opens as many connections to the database as its settings allow."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from ledger_py.http import database
from ledger_py.http.connections import LOCK_PATIENCE
from tests.http.running import make_service, running, wait_until
from tests.sql.calls import Connection, record, scalar

PROCESSES = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'ledger-app1'"
)


@pytest.mark.parametrize("pool_size", [2, 4])
def test_service_under_load_opens_all_of_its_connections_and_no_more(
    ledger_db: str, conn: Connection, pool_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_PATIENCE", 60.0)
    for number in range(2 * pool_size):
        record(conn, owner_id=f"owner-{number}")

    def entry(number: int) -> dict[str, Any]:
        return {"owner_id": f"owner-{number}", "operation": "CREDIT_ADD", "nonce": f"load-{number}"}

    with (
        running(make_service(ledger_db, pool_size=pool_size, lock_timeout=60.0)) as api,
        psycopg.connect(ledger_db) as blocker,
        ThreadPoolExecutor(2 * pool_size) as threads,
    ):
        blocker.execute("SELECT 1 FROM ledger.accounts FOR UPDATE")
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


def test_dry_run_waits_for_a_locked_account_as_long_as_the_request_would(
    ledger_db: str, conn: Connection
) -> None:
    record(conn, owner_id="locked")
    body = {"owner_id": "locked", "operation": "CREDIT_ADD", "nonce": "n"}
    # Longer than anything waits that is not in a place for waiting.
    waits = f"{PROCESSES} AND wait_event_type = 'Lock' AND query_start < clock_timestamp() - %s"
    longer = timedelta(seconds=5 * LOCK_PATIENCE)

    with (
        running(make_service(ledger_db, lock_timeout=60.0)) as api,
        psycopg.connect(ledger_db) as blocker,
        ThreadPoolExecutor(1) as threads,
    ):
        blocker.execute("SELECT 1 FROM ledger.accounts FOR UPDATE")
        asked = threads.submit(api.post, "/ledger?dry_run=true", json=body)
        wait_until(lambda: asked.done() or scalar(conn, waits, longer) == 1)
        blocker.rollback()
        answer = asked.result()

    assert answer.status_code == 201, answer.text
    assert answer.json()["dry_run"] is True
