"""`GET /events`: the change feed as server-sent events."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import httpx
import psycopg
import pytest

from ledger_py.errors import InvalidRequest
from ledger_py.http import feed
from ledger_py.http.database import Database
from ledger_py.http.problems import Problem
from ledger_py.settings import Settings
from tests.http.gathered import terminate_connections
from tests.http.problems import assert_problem
from tests.http.running import make_service, running, wait_until
from tests.sql.calls import Connection, record

Event = dict[str, str]


@pytest.fixture
def api(ledger_db: str) -> Iterator[httpx.Client]:
    with running(make_service(ledger_db)) as client:
        yield client


@contextmanager
def listening(
    api: httpx.Client, query: str = "", headers: dict[str, str] | None = None
) -> Iterator[Iterator[Event]]:
    with api.stream("GET", f"/events{query}", headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache"
        yield events_of(response.iter_lines())


def events_of(lines: Iterator[str]) -> Iterator[Event]:
    """Parse events as a browser does; an event without data is ignored."""
    event: Event = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            event[name] = value
        elif not line:
            if "data" in event:
                yield event
            event = {}


def nonces(events: Iterator[Event], count: int) -> list[str]:
    return [json.loads(event["data"])["nonce"] for event in islice(events, count)]


def test_event_is_an_entry_with_its_cursor(api: httpx.Client) -> None:
    body = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n", "metadata": {"a": "ü"}}
    recorded: dict[str, Any] = api.post("/ledger", json=body).json()
    del recorded["replayed"]

    with listening(api) as events:
        event = next(events)

    assert event["event"] == "entry"
    assert json.loads(event["data"]) == recorded
    assert event["id"]


def test_feed_begins_with_the_first_entry_and_continues(
    api: httpx.Client, conn: Connection
) -> None:
    for n in range(3):
        record(conn, nonce=f"before-{n}")
    with listening(api) as events:
        assert nonces(events, 3) == ["before-0", "before-1", "before-2"]
        # Recorded elsewhere, and by this service.
        record(conn, nonce="elsewhere")
        assert nonces(events, 1) == ["elsewhere"]
        body = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "here"}
        api.post("/ledger", json=body)
        assert nonces(events, 1) == ["here"]


def test_own_entries_wake_listeners_at_once(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_POLL_INTERVAL", 3600.0)
    with api.stream("GET", "/events") as response:
        lines = response.iter_lines()
        assert next(lines) == "retry: 1000"  # the listener is registered
        body = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "here"}
        api.post("/ledger", json=body)
        assert nonces(events_of(lines), 1) == ["here"]


@pytest.mark.parametrize("by_header", [True, False])
def test_feed_resumes_after_the_last_event(
    api: httpx.Client, conn: Connection, by_header: bool
) -> None:
    for n in range(5):
        record(conn, nonce=f"n-{n}")
    with listening(api) as events:
        last = list(islice(events, 2))[-1]["id"]

    resumed = (
        # The header has precedence: a browser reconnects to the unchanged address.
        listening(api, "?after=0-0", {"Last-Event-ID": last})
        if by_header
        else listening(api, f"?after={last}")
    )
    with resumed as events:
        assert nonces(events, 3) == ["n-2", "n-3", "n-4"]


def test_several_pages_come_in_order_and_once(
    api: httpx.Client, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_ROWS", 7)
    for n in range(30):
        record(conn, nonce=f"n-{n}")

    with listening(api) as events:
        assert nonces(events, 30) == [f"n-{n}" for n in range(30)]


@pytest.mark.parametrize("kept", [0, 1_000, 1_000_000])
def test_pages_that_are_dropped_are_read_again(
    api: httpx.Client, conn: Connection, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """However little is kept for others, each listener gets everything in order and once."""
    monkeypatch.setattr(feed, "_ROWS", 7)
    monkeypatch.setattr(feed, "_PAGE", 1)
    monkeypatch.setattr(feed, "_READ_AHEAD", 1_200)
    monkeypatch.setattr(feed, "_KEPT", kept)
    for n in range(30):
        record(conn, nonce=f"n-{n}")

    with listening(api) as first, listening(api) as second:
        early = nonces(first, 11)
        assert nonces(second, 30) == [f"n-{n}" for n in range(30)]
        assert early + nonces(first, 19) == [f"n-{n}" for n in range(30)]


def test_entry_committed_late_is_not_skipped(
    api: httpx.Client, conn: Connection, ledger_db: str
) -> None:
    with psycopg.connect(ledger_db) as late, listening(api) as events:
        record(late, nonce="late", owner_id="late")
        record(conn, nonce="early", owner_id="early")
        late.commit()
        assert sorted(nonces(events, 2)) == ["early", "late"]


def test_idle_feed_is_kept_alive(api: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_KEEP_ALIVE", 0.0)
    with api.stream("GET", "/events") as response:
        comments = (line for line in response.iter_lines() if line.startswith(":"))
        assert next(comments) == ": nothing new"


def test_standing_feed_names_the_transaction_that_it_waits_for(
    api: httpx.Client, conn: Connection, ledger_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_KEEP_ALIVE", 0.0)
    monkeypatch.setattr(feed, "_REASON_LASTS", 0.0)
    with psycopg.connect(ledger_db, application_name="SECRET") as late:
        late.execute("SELECT pg_current_xact_id(), 'SECRET'")
        record(conn, nonce="waits")
        with api.stream("GET", "/events") as response:
            lines = response.iter_lines()
            comments = (line for line in lines if line.startswith(":"))
            told = next(line for line in islice(comments, 50_000) if line != ": nothing new")
            assert told.startswith(
                f": waiting for transaction of pid {late.info.backend_pid} (open"
            )
            assert "SECRET" not in told
            late.rollback()
            assert nonces(events_of(lines), 1) == ["waits"]


def test_listeners_miss_nothing_when_connections_are_lost(
    api: httpx.Client, conn: Connection
) -> None:
    with listening(api) as events:
        record(conn, nonce="before")
        assert nonces(events, 1) == ["before"]
        terminate_connections(conn)
        record(conn, nonce="after")
        assert nonces(events, 1) == ["after"]


def test_listener_that_leaves_makes_room(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch, conn: Connection
) -> None:
    monkeypatch.setattr(feed, "MAX_LISTENERS", 1)
    record(conn, nonce="n")
    with listening(api) as events:
        next(events)
        assert_problem(api.get("/events"), 503, "database_busy")

    def there_is_room() -> bool:
        with api.stream("GET", "/events") as response:
            return response.status_code == 200

    wait_until(there_is_room)


@pytest.mark.anyio
async def test_listeners_that_come_at_once_do_not_pass_the_limit(
    ledger_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MAX_LISTENERS", 5)
    database = Database("app1")
    await database.open(ledger_db, Settings(), size=2)
    changes = feed.ChangeFeed(database)
    try:
        burst = [changes.listen(None) for _ in range(20)]
        answers = await asyncio.gather(*burst, return_exceptions=True)
        streams = [answer for answer in answers if not isinstance(answer, BaseException)]
        assert len(streams) == 5
        assert {type(answer) for answer in answers if answer not in streams} == {Problem}
        # Refusals and callers that leave give their places back.
        with pytest.raises(Problem):
            await changes.listen(None)
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]
        for _ in range(5):
            with pytest.raises(InvalidRequest):
                await changes.listen("x")
        again = await asyncio.gather(*(changes.listen(None) for _ in range(5)))
        assert len(again) == 5
    finally:
        changes.stop()
        await database.close()


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        ("?after=x", {}, "after"),
        ("?after=", {}, "after"),
        ("?after=%00", {}, "after"),
        ("?after=1-2-3", {}, "after"),
        ("?before=1-2", {}, "before"),
        ("", {"Last-Event-ID": "x"}, "Last-Event-ID"),
        ("", {"Last-Event-ID": "ü"}, "Last-Event-ID"),
    ],
)
def test_malformed_cursor_is_refused(
    api: httpx.Client, query: str, headers: dict[str, str], field: str
) -> None:
    encoded = {name.encode(): value.encode() for name, value in headers.items()}

    response = api.get(f"/events{query}", headers=encoded)

    assert_problem(response, 422, "invalid_request", field=field)


def test_feed_ends_when_the_service_stops(ledger_db: str, conn: Connection) -> None:
    record(conn, nonce="n")
    command = [sys.executable, "-m", "uvicorn", "apps.app1.main:app", "--port", "0"]
    environment = {**os.environ, "DATABASE_URL": ledger_db}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            address = next(
                word
                for line in process.stderr
                if "running on" in line
                for word in line.split()
                if word.startswith("http")
            )
            with httpx.Client(base_url=address) as api, listening(api) as events:
                next(events)
                process.send_signal(signal.SIGTERM)
                assert list(events) == []
            process.stderr.read()
            # uvicorn exits either way after SIGTERM.
            assert process.wait() in (0, -signal.SIGTERM)
        finally:
            process.kill()


def test_stream_ends_when_the_ledger_can_no_longer_be_read_on(
    api: httpx.Client, conn: Connection
) -> None:
    """As after a recovery: the listener connects again, and is refused with the reason."""
    record(conn)
    with listening(api) as events:
        cursor = next(events)["id"]
        conn.execute("ALTER SEQUENCE ledger_core.entry_ids RESTART")
        assert list(events) == []
    assert_problem(api.get(f"/events?after={cursor}"), 503, "generation_needed")
