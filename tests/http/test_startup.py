"""A service that cannot work refuses to start, and says why."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from apps.app1.operations import App1Operation
from ledger_py.http import create_app, startup
from ledger_py.http.connections import Connector
from ledger_py.http.startup import StartupRefused
from ledger_py.operations import BaseLedgerOperation
from ledger_py.settings import Settings
from ledger_py.testing import Clock
from tests.http.running import make_service, running


class App1WithMore(BaseLedgerOperation):
    DAILY_REWARD = "DAILY_REWARD"
    SIGNUP_CREDIT = "SIGNUP_CREDIT"
    CREDIT_SPEND = "CREDIT_SPEND"
    CREDIT_ADD = "CREDIT_ADD"
    CONTENT_ACCESS = "CONTENT_ACCESS"
    CONTENT_RENTAL = "CONTENT_RENTAL"


def refusal_of(service: Any) -> str:
    """Start a service as a server would, and return the message that the server would show."""

    async def start() -> str:
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "lifespan.startup"}

        async def send(message: dict[str, Any]) -> None:
            told.append(message)

        with pytest.RaisesGroup(StartupRefused, flatten_subgroups=True):
            await service({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)
        assert [message["type"] for message in told] == ["lifespan.startup.failed"]
        return str(told[0]["message"])

    message = asyncio.run(start())
    assert "Traceback" not in message
    return message


def test_difference_between_enum_and_database_is_named(ledger_db: str) -> None:
    message = refusal_of(make_service(ledger_db, operations=App1WithMore))

    assert "CONTENT_RENTAL" in message
    assert "CONTENT_CREATION" in message
    assert "CREDIT_ADD" not in message


@pytest.mark.parametrize("allowed", [False, True])
def test_database_with_a_clock_for_tests_is_refused_unless_allowed(
    ledger_db: str, allowed: bool
) -> None:
    with psycopg.connect(ledger_db) as conn:
        Clock(conn, "2030-01-01T12:00:00Z")
    service = make_service(ledger_db, test_clock=allowed)
    if not allowed:
        assert "LEDGER_TEST_CLOCK=1" in refusal_of(service)
        return
    with running(service) as api:
        request = {"operation": "CREDIT_ADD", "owner_id": "ann", "nonce": "n"}
        answer = api.post("/ledger", json=request)
    assert answer.json()["recorded_at"] == "2030-01-01T12:00:00Z"


def test_unregistered_app_is_named(ledger_db: str) -> None:
    message = refusal_of(make_service(ledger_db, app="app9"))

    assert "The database has no app app9: no migrations of it are found" in message


def test_app_that_its_migrations_do_not_register_is_named(ledger_db: str) -> None:
    with psycopg.connect(ledger_db) as conn:
        conn.execute("DELETE FROM ledger.app_operations WHERE app = 'app2'")
        conn.execute("DELETE FROM ledger.apps WHERE app = 'app2'")
    message = refusal_of(make_service(ledger_db, app="app2"))

    assert "The database has no app app2: its migrations do not register it" in message


def test_unreachable_database_is_waited_for_within_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(startup, "DATABASE_ANSWERS_WITHIN", 0.1)

    message = refusal_of(make_service("postgresql://someone:secret@127.0.0.1:1/none"))

    assert "cannot be reached" in message
    assert "secret" not in message


def test_pending_migrations_are_refused_where_they_may_not_be_applied(
    empty_db: str,
) -> None:
    message = refusal_of(make_service(empty_db, migrate_on_start=False))

    assert "migrations/0001" in message
    assert "ledger migrate" in message


def test_pending_migrations_are_applied(empty_db: str) -> None:
    with running(make_service(empty_db)) as api:
        assert api.get("/ledger/alice").status_code == 200


def test_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_POOL_SIZE", "many")

    assert "LEDGER_POOL_SIZE" in refusal_of(create_app("app1", App1Operation))


def test_connections_carry_the_name_of_the_service(ledger_db: str) -> None:
    with running(make_service(ledger_db)), psycopg.connect(ledger_db) as conn:
        names = conn.execute(
            "SELECT DISTINCT application_name FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'ledger%'"
        ).fetchall()

    assert names == [("ledger-app1",)]


async def settings_of_a_connection(url: str, settings: Settings, *names: str) -> list[str]:
    conn = await Connector(url, "app1", settings).connect(prepare_threshold=0)
    async with conn:
        cursor = await conn.execute(
            "SELECT current_setting(name) FROM unnest(%s::text[]) AS wanted (name)", [list(names)]
        )
        return [value for (value,) in await cursor.fetchall()]


@pytest.mark.anyio
async def test_connections_carry_the_time_limits(server_url: str) -> None:
    settings = Settings(statement_timeout=7.0, lock_timeout=3.5, idle_in_transaction_timeout=11.0)

    limits = await settings_of_a_connection(
        server_url,
        settings,
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
    )

    assert limits == ["7s", "3500ms", "11s"]


@pytest.mark.anyio
async def test_database_url_has_precedence(server_url: str) -> None:
    url = make_conninfo(server_url, application_name="mine", options="-c lock_timeout=42")

    found = await settings_of_a_connection(
        url, Settings(), "application_name", "lock_timeout", "statement_timeout"
    )

    assert found == ["mine", "42ms", "10s"]
