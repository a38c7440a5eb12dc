"""READ_DATABASE_URL: routes that read are answered by a standby, or by the primary."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from ledger_py.http import database, reads, recorder
from ledger_py.http.routes import ROUTES
from ledger_py.operations import BaseLedgerOperation
from tests.deployment.proxy import proxy
from tests.deployment.standby import Pair, streaming
from tests.http.running import make_service, running, wait_until
from tests.http.test_routes import ROWS, ask

NOT_OLD = {"cache-control": "no-cache"}
DAY = 86_400.0
CALLERS = 8

READING = [row for row in ROWS if row.route in {route.name for route in ROUTES if route.reads}]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="ledger-test-") as folder:
        Path(folder).chmod(0o711)
        with streaming(Path(folder)) as pair:
            yield pair


@contextmanager
def service(pair: Pair, **settings: Any) -> Iterator[httpx.Client]:
    reading: dict[str, Any] = {"read_database_url": pair.standby, "read_max_age": DAY}
    with running(make_service(pair.primary, **(reading | settings))) as api:
        yield api


def record(api: httpx.Client, nonce: str) -> httpx.Response:
    entry = {"owner_id": "alice", "operation": "CREDIT_ADD", "amount": 1, "nonce": nonce}
    return api.post("/ledger", json=entry)


def balance(api: httpx.Client, **headers: str) -> tuple[int, bool]:
    """Read the balance, and whether the answer comes from the standby."""
    answer = api.get("/ledger/alice", headers={k.replace("_", "-"): v for k, v in headers.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()["balance"], "age" in answer.headers


def reads_check(api: httpx.Client) -> str:
    answer = api.get("/health/ready")
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["checks"]["reads"]
    return found


# What a caller sees


def test_read_shows_what_the_standby_has_unless_the_caller_wants_it_current(pair: Pair) -> None:
    with service(pair) as api:
        assert record(api, "n-1").status_code == 201
        pair.catch_up()
        pair.pause_replay()
        assert record(api, "n-2").status_code == 201

        assert balance(api) == (1, True)
        assert balance(api, cache_control="max-age=3600") == (1, True)
        assert balance(api, cache_control="no-cache") == (2, False)
        assert balance(api, cache_control="max-age=0") == (2, False)
        assert record(api, "n-2").status_code == 200

        pair.resume_replay()
        pair.catch_up()
        assert balance(api) == (2, True)


def test_answer_of_a_standby_has_an_age_that_covers_what_it_lacks(pair: Pair) -> None:
    with service(pair) as api:
        record(api, "n-1")
        pair.catch_up()
        pair.pause_replay()
        record(api, "n-2")
        ages = []

        def grows() -> bool:
            ages.append(int(api.get("/ledger/alice").headers["age"]))
            return ages[-1] >= 3

        wait_until(grows)
        within = balance(api, cache_control="max-age=2")

    assert ages == sorted(ages)
    assert within == (2, False)


@pytest.mark.parametrize("row", READING, ids=lambda row: row.route)
def test_every_reading_route_is_answered_by_the_standby_while_the_primary_is_away(
    reading_alone: httpx.Client, row: Any
) -> None:
    answer = ask(reading_alone, "alice", row)

    assert (answer.status_code, "age" in answer.headers) == (200, True), answer.text


@pytest.fixture(scope="module")
def reading_alone() -> Iterator[httpx.Client]:
    """A service whose primary has been stopped."""
    with tempfile.TemporaryDirectory(prefix="ledger-test-") as folder:
        Path(folder).chmod(0o711)
        # The limit does not matter: nothing newer is known to be anywhere.
        with streaming(Path(folder)) as pair, service(pair, read_max_age=2.0) as api:
            record(api, "n-1")
            pair.catch_up()
            pair.stop_primary()
            assert record(api, "n-2").status_code == 503
            yield api


# A standby that must not answer


def test_primary_answers_while_the_standby_is_too_far_behind(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(pair, read_max_age=1.0) as api:
        record(api, "n-1")
        pair.catch_up()
        pair.pause_replay()
        record(api, "n-2")
        wait_until(lambda: balance(api) == (2, False))
        wait_until(lambda: reads_check(api) == "the standby is more than 1 s behind")

        pair.resume_replay()
        wait_until(lambda: reads_check(api) == "ok")
        wait_until(lambda: balance(api) == (2, True))

    log = capsys.readouterr().out
    assert log.count("The standby is more than 1 s behind: the primary answers") == 1
    assert log.count("The standby answers reads again") == 1


def test_primary_answers_while_the_standby_is_away(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(pair) as api:
        record(api, "n-1")
        pair.catch_up()
        stopped = threading.Event()
        statuses: Counter[int] = Counter()

        def read(_: int) -> None:
            while not stopped.is_set():
                statuses[api.get("/ledger/alice").status_code] += 1

        with ThreadPoolExecutor(CALLERS) as threads:
            calls = threads.map(read, range(CALLERS))
            try:
                pair.stop_standby()
                wait_until(lambda: reads_check(api) == "the standby is away")
                away = balance(api)
                pair.start_standby()
                wait_until(lambda: reads_check(api) == "ok")
                wait_until(lambda: balance(api)[1])
            finally:
                stopped.set()
            list(calls)

    assert away == (1, False)
    assert set(statuses) == {200}
    log = capsys.readouterr().out
    assert log.count("The standby is away: the primary answers its reads") == 1
    assert log.count("The standby answers reads again") == 1


def test_service_starts_while_the_standby_is_away(pair: Pair) -> None:
    pair.stop_standby()
    with service(pair) as api:
        assert record(api, "n-1").status_code == 201
        assert balance(api) == (1, False)
        assert reads_check(api) == "the standby is away"


def test_promoted_standby_is_read_no_more(pair: Pair) -> None:
    with service(pair) as api:
        record(api, "n-1")
        pair.catch_up()
        assert balance(api) == (1, True)
        assert pair.on_standby("SELECT pg_promote()") is True
        assert balance(api) == (1, False)
        wait_until(lambda: reads_check(api) == "the standby is no standby")


def test_standby_of_another_database_is_never_read(pair: Pair, ledger_db: str) -> None:
    with running(make_service(ledger_db, read_database_url=pair.standby)) as api:
        record(api, "n-1")
        assert balance(api) == (1, False)
        assert reads_check(api) == "the standby is not one of this database"


class NewOperation(BaseLedgerOperation):
    DAILY_REWARD = "DAILY_REWARD"
    SIGNUP_CREDIT = "SIGNUP_CREDIT"
    CREDIT_SPEND = "CREDIT_SPEND"
    CREDIT_ADD = "CREDIT_ADD"


def test_primary_answers_what_the_standby_does_not_have_yet(pair: Pair) -> None:
    pair.catch_up()
    pair.pause_replay()
    with psycopg.connect(pair.primary) as conn:
        conn.execute("SELECT ledger.register_app('new', 'Registered while the standby paused')")
    new = make_service(
        pair.primary, "new", NewOperation, read_database_url=pair.standby, migrate_on_start=False
    )
    with running(new) as api:
        answer = api.get("/operations")

    assert (answer.status_code, "age" in answer.headers) == (200, False)
    assert answer.json()["app"] == "new"


# Limits


def test_reads_are_answered_in_time_while_the_standby_is_silent(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (database, recorder, reads):
        monkeypatch.setattr(module, "GRACE", 1.0)
    limits = {"pool_timeout": 1.0, "statement_timeout": 0.5}
    with (
        proxy(pair.standby) as silent,
        service(pair, read_database_url=silent.url, **limits) as api,
    ):
        record(api, "n-1")
        pair.catch_up()
        assert balance(api) == (1, True)
        silent.be_silent()
        answers = [ask(api, "alice", row) for row in READING]
        wait_until(lambda: reads_check(api) == "the standby is away")
        away = balance(api)
        silent.forward()
        wait_until(lambda: reads_check(api) == "ok")

    assert [answer.status_code for answer in answers] == [200] * len(READING)
    assert all(answer.elapsed.total_seconds() < 2.5 + 2.0 for answer in answers)
    assert away == (1, False)


def test_events_are_read_on_the_primary(pair: Pair) -> None:
    with service(pair) as api:
        pair.pause_replay()
        record(api, "n-1")
        with api.stream("GET", "/events") as events:
            found = next(line for line in events.iter_lines() if line.startswith("data:"))

    assert '"nonce":"n-1"' in found
