"""The console on a database behind PgBouncer, and on one that falls silent."""

from __future__ import annotations

import pytest

from tests.console.conftest import make_console, visiting
from tests.console.reading import words
from tests.deployment.proxy import proxy
from tests.http.running import wait_until
from tests.sql.calls import Connection, record

PAGES = ("/", "/books", "/owner?owner_id=alice", "/search?q=al", "/operations")


def test_pages_are_shown_through_a_pooler(pooled_db: str) -> None:
    with visiting(make_console(pooled_db)) as client:
        for _ in range(3):
            for path in PAGES:
                answer = client.get(path)
                assert answer.status_code in (200, 404), words(answer)


def test_silence_of_the_database_has_words_and_an_end(
    ledger_db: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(conn)
    monkeypatch.setattr("ledger_py.http.database.GRACE", 0.2)
    with (
        proxy(ledger_db) as silent,
        visiting(make_console(silent.url, console_timeout=0.3, pool_timeout=0.3)) as client,
    ):
        assert client.get("/").status_code == 200

        silent.be_silent()
        answer = client.get("/owner?owner_id=alice")
        assert answer.status_code == 503
        assert "The database is away" in words(answer)

        silent.forward()
        wait_until(lambda: client.get("/owner?owner_id=alice").status_code == 200)
