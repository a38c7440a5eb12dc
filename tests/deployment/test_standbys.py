"""READ_DATABASE_URL: routes that read are answered by a standby, or by the primary."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger_py.cli import main
from ledger_py.http import database, reads, recorder
from ledger_py.http.routes import ROUTES
from ledger_py.operations import BaseLedgerOperation
from tests.deployment.proxy import Proxy, proxy
from tests.deployment.standby import Pair, streaming
from tests.http.running import make_service, running, wait_until
from tests.http.test_routes import ROWS, TIME, ask
from tests.sql.calls import count_asset

NOT_OLD = {"cache-control": "no-cache"}
DAY = 86_400.0
CALLERS = 8

LOCKED = """EXISTS (
    SELECT FROM pg_locks WHERE relation = 'ledger.accounts'::regclass AND mode ~ '^AccessExclusive'
)"""
READING = [row for row in ROWS if row.route in {route.name for route in ROUTES if route.reads}]


@pytest.fixture(scope="module")
def shared_pair() -> Iterator[Pair]:
    with streaming() as pair:
        with psycopg.connect(pair.primary, autocommit=True) as conn:
            count_asset(conn, "GEM")
        yield pair


@pytest.fixture
def pair(shared_pair: Pair) -> Iterator[Pair]:
    """A primary and its standby, which the test may pause, stop and start again."""
    yield shared_pair
    shared_pair.start_standby()
    shared_pair.resume_replay()
    shared_pair.catch_up()


@contextmanager
def service(pair: Pair, **settings: Any) -> Iterator[httpx.Client]:
    reading: dict[str, Any] = {"read_database_url": pair.standby, "read_max_age": DAY}
    with running(make_service(pair.primary, **(reading | settings))) as api:
        yield api


def record(api: httpx.Client, owner: str, number: int = 1) -> httpx.Response:
    entry = {
        "operation": "CREDIT_ADD",
        "amount": 1,
        "nonce": f"{owner}-{number}",
        "expires_at": TIME,
    }
    return api.post("/ledger", json=entry | {"owner_id": owner})


def balance(api: httpx.Client, owner: str, **headers: str) -> tuple[int, bool]:
    """Read the balance, and whether the answer comes from the standby."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.get(f"/ledger/{owner}", headers=named)
    assert answer.status_code == 200, answer.text
    return answer.json()["balance"], "age" in answer.headers


def reads_check(api: httpx.Client) -> str:
    answer = api.get("/health/ready")
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["checks"]["reads"]
    return found


# Answers to callers


def test_standby_answers_unless_the_caller_wants_a_current_answer(pair: Pair, owner: str) -> None:
    with service(pair) as api:
        assert record(api, owner).status_code == 201
        pair.catch_up()
        pair.pause_replay()
        assert record(api, owner, 2).status_code == 201

        assert balance(api, owner) == (1, True)
        assert balance(api, owner, cache_control="max-age=3600") == (1, True)
        assert balance(api, owner, cache_control="no-cache") == (2, False)
        assert balance(api, owner, cache_control="max-age=0") == (2, False)
        assert record(api, owner, 2).status_code == 200

        pair.resume_replay()
        pair.catch_up()
        assert balance(api, owner) == (2, True)


def test_answer_of_a_standby_has_an_age_that_covers_what_it_lacks(pair: Pair, owner: str) -> None:
    with service(pair) as api:
        record(api, owner)
        pair.catch_up()
        pair.pause_replay()
        record(api, owner, 2)
        ages = []

        def grows() -> bool:
            ages.append(int(api.get(f"/ledger/{owner}").headers["age"]))
            return ages[-1] >= 3

        wait_until(grows)
        within = balance(api, owner, cache_control="max-age=2")

    assert ages == sorted(ages)
    assert within == (2, False)


@pytest.mark.parametrize("row", READING, ids=lambda row: row.route)
def test_standby_answers_every_reading_route_without_the_primary(
    reading_alone: httpx.Client, row: Any
) -> None:
    answer = ask(reading_alone, "alice", row)

    assert (answer.status_code, "age" in answer.headers) == (200, True), answer.text


@pytest.fixture(scope="module")
def reading_alone() -> Iterator[httpx.Client]:
    """A service whose primary has been stopped."""
    # The limit does not matter: nothing newer is known to be anywhere.
    limits = {"read_max_age": 1.0, "pool_timeout": 1.0}
    with (
        pytest.MonkeyPatch.context() as patched,
        streaming() as pair,
        service(pair, **limits) as api,
    ):
        patched.setattr(reads, "_LOST_AFTER", 1.0)
        record(api, "alice")
        with psycopg.connect(pair.primary, autocommit=True) as conn:
            count_asset(conn, "GEM")
        pair.catch_up()
        pair.stop_primary()
        assert record(api, "alice", 2).status_code == 503
        wait_until(lambda: int(api.get("/ledger/alice").headers.get("age", 0)) > 3)
        yield api


# A standby that must not answer


def test_primary_answers_while_the_standby_is_too_far_behind(
    pair: Pair, capsys: pytest.CaptureFixture[str], owner: str
) -> None:
    with service(pair, read_max_age=1.0) as api:
        record(api, owner)
        pair.catch_up()
        pair.pause_replay()
        record(api, owner, 2)
        wait_until(lambda: balance(api, owner) == (2, False))
        wait_until(lambda: reads_check(api) == "the standby is more than 1 s behind")

        pair.resume_replay()
        wait_until(lambda: reads_check(api) == "ok")
        wait_until(lambda: balance(api, owner) == (2, True))

    log = capsys.readouterr().out
    assert log.count("The standby is more than 1 s behind: the primary answers") == 1
    assert log.count("The standby answers reads again") == 1


def test_primary_answers_while_the_standby_is_away(
    pair: Pair, capsys: pytest.CaptureFixture[str], owner: str
) -> None:
    with service(pair) as api:
        record(api, owner)
        pair.catch_up()
        stopped = threading.Event()
        statuses: Counter[int] = Counter()

        def read(_: int) -> None:
            while not stopped.is_set():
                statuses[api.get(f"/ledger/{owner}").status_code] += 1

        with ThreadPoolExecutor(CALLERS) as threads:
            calls = threads.map(read, range(CALLERS))
            try:
                pair.stop_standby()
                wait_until(lambda: reads_check(api) == "the standby is away")
                away = balance(api, owner)
                pair.start_standby()
                wait_until(lambda: reads_check(api) == "ok")
                wait_until(lambda: balance(api, owner)[1])
            finally:
                stopped.set()
            list(calls)

    assert away == (1, False)
    assert set(statuses) == {200}
    log = capsys.readouterr().out
    assert log.count("The standby is away: the primary answers its reads") == 1
    assert log.count("The standby answers reads again") == 1


def test_service_starts_while_the_standby_is_away(pair: Pair, owner: str) -> None:
    pair.stop_standby()
    with service(pair) as api:
        assert record(api, owner).status_code == 201
        assert balance(api, owner) == (1, False)
        assert reads_check(api) == "the standby is away"
        pair.start_standby()
        wait_until(lambda: reads_check(api) == "ok")


def test_promoted_standby_is_read_no_more(owner: str) -> None:
    with streaming() as pair, service(pair) as api:
        record(api, owner)
        pair.catch_up()
        assert balance(api, owner) == (1, True)
        assert pair.on_standby("SELECT pg_promote()") is True
        assert balance(api, owner) == (1, False)
        wait_until(lambda: reads_check(api) == "the standby is no standby")


def test_standby_of_another_database_is_never_read(
    pair: Pair, silent_proxy: Proxy, owner: str
) -> None:
    limits: dict[str, Any] = {"pool_timeout": 0.5, "statement_timeout": 0.5}
    with running(make_service(silent_proxy.url, read_database_url=pair.standby, **limits)) as api:
        record(api, owner)
        assert balance(api, owner) == (1, False)
        assert reads_check(api) == "the standby is not one of this database"

        silent_proxy.be_silent()
        wait_until(lambda: api.get("/health/ready").status_code == 503)
        assert api.get(f"/ledger/{owner}").status_code == 503
        silent_proxy.forward()


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
    pair: Pair, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    for module in (database, recorder, reads):
        monkeypatch.setattr(module, "GRACE", 1.0)
    limits = {"pool_timeout": 1.0, "statement_timeout": 0.5}
    with (
        proxy(pair.standby) as silent,
        service(pair, read_database_url=silent.url, **limits) as api,
    ):
        record(api, owner)
        pair.catch_up()
        assert balance(api, owner) == (1, True)
        silent.be_silent()
        answers = [ask(api, owner, row) for row in READING]
        wait_until(lambda: reads_check(api) == "the standby is away")
        away = balance(api, owner)
        silent.forward()
        wait_until(lambda: reads_check(api) == "ok")

    assert [answer.status_code for answer in answers] == [200] * len(READING)
    assert all(answer.elapsed.total_seconds() < 2.5 + 2.0 for answer in answers)
    assert away == (1, False)


def test_reads_of_a_locked_table_end_in_time(pair: Pair, owner: str) -> None:
    """The standby takes over the locks of the primary that exclude readers."""
    with (
        service(pair, lock_timeout=0.25) as api,
        psycopg.connect(pair.primary) as blocker,
    ):
        record(api, owner)
        blocker.execute("LOCK TABLE ledger.accounts IN ACCESS EXCLUSIVE MODE")
        with psycopg.connect(pair.primary) as other:  # whose commit sends the lock off as well
            other.execute("SELECT pg_logical_emit_message(true, 'test', '')")
        wait_until(lambda: pair.on_standby(f"SELECT {LOCKED}") is True)
        answer = api.get(f"/ledger/{owner}")
        blocker.rollback()
        pair.catch_up()
        wait_until(lambda: balance(api, owner) == (1, True))

    assert (answer.status_code, answer.json()["code"]) == (503, "database_busy")
    assert answer.elapsed.total_seconds() < 2 * 0.25 + 2.0


def test_reads_work_through_a_pooler_before_the_standby(
    pair: Pair, transaction_pooler: Callable[[str], Any], owner: str
) -> None:
    with transaction_pooler(pair.standby) as url, service(pair, read_database_url=url) as api:
        record(api, owner)
        pair.catch_up()
        answers = [ask(api, owner, row) for row in READING]

    assert [(one.status_code, "age" in one.headers) for one in answers] == [(200, True)] * len(
        READING
    )


@pytest.mark.parametrize(
    "command",
    ["verify", "verify --connections 3", "checkpoint", "export FILE", "status"],
)
def test_commands_that_read_work_on_a_standby(
    pair: Pair, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair.catch_up()
    monkeypatch.setenv("DATABASE_URL", pair.standby)

    result = CliRunner().invoke(main, command.replace("FILE", str(tmp_path / "export")).split())

    assert (result.exit_code, result.exception) == (0, None), result.output
    assert "Verifying on" not in result.stderr


def test_connections_that_verify_are_all_to_one_of_several_hosts(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one does not have what the first connection sees."""
    pair.catch_up()
    hosts = [conninfo_to_dict(url) for url in (pair.primary, pair.standby)]
    several = {name: ",".join(str(where[name]) for where in hosts) for name in ("host", "port")}
    monkeypatch.setenv(
        "DATABASE_URL", make_conninfo(pair.primary, **several, load_balance_hosts="random")
    )

    for _ in range(3):
        result = CliRunner().invoke(main, ["verify", "--connections", "4"])

        assert (result.exit_code, result.exception) == (0, None), result.output
        assert "Verifying on" not in result.stderr


def test_events_are_read_on_the_primary(pair: Pair, owner: str) -> None:
    with service(pair) as api:
        pair.pause_replay()
        record(api, owner)
        with api.stream("GET", "/events") as events:
            assert any(f'"nonce":"{owner}-1"' in line for line in events.iter_lines())
