"""`/health/live` and `/health/ready`."""

from __future__ import annotations

import httpx
import psycopg
import pytest

from tests.http.running import make_service, running


def test_running_service_is_live(api: httpx.Client) -> None:
    response = api.get("/health/live")

    assert (response.status_code, response.json()) == (200, {"status": "ok", "app": "app1"})


def test_complete_service_is_ready(api: httpx.Client) -> None:
    response = api.get("/health/ready")

    assert response.status_code == 200
    assert response.json()["checks"] == {"database": "ok", "schema": "ok", "operations": "ok"}


@pytest.mark.parametrize(
    ("change", "check", "named"),
    [
        (
            "SELECT ledger.retire_operation(operation => 'CONTENT_ACCESS')",
            "operations",
            "CONTENT_ACCESS",
        ),
        (
            "DELETE FROM ledger_core.installed_files WHERE path LIKE 'migrations/%'",
            "schema",
            "migrations/0001",
        ),
    ],
)
def test_service_is_not_ready_after_its_database_changed(
    ledger_db: str, change: str, check: str, named: str
) -> None:
    with running(make_service(ledger_db)) as api:
        with psycopg.connect(ledger_db) as conn:
            conn.execute(change.encode())
        response = api.get("/health/ready")

        assert response.status_code == 503
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == "not_ready"
        assert response.json()["checks"]["database"] == "ok"
        assert named in response.json()["checks"][check]
        assert api.get("/health/live").status_code == 200
