"""Concurrent requests to the services, with their gathering of requests into batches."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from apps.app2.operations import App2Operation
from tests.concurrency.callers import CONNECTIONS, share_out
from tests.fixtures.clock import Clock
from tests.fixtures.database import database_of
from tests.http.running import make_service, running, wait_until
from tests.sql.calls import Connection, balance, call, entries, record, rows, scalar

Body = dict[str, Any]


@pytest.fixture
def api(ledger_db: str) -> Iterator[httpx.Client]:
    with running(make_service(ledger_db)) as client:
        yield client


@pytest.fixture
def api_of_app2(ledger_db: str) -> Iterator[httpx.Client]:
    with running(make_service(ledger_db, "app2", App2Operation)) as client:
        yield client


def post_at_once(api: httpx.Client, bodies: Sequence[Body]) -> list[httpx.Response]:
    """Post requests to record, from as many threads as there are requests, up to CONNECTIONS."""

    def post(body: Body, caller: httpx.Client) -> httpx.Response:
        return caller.post("/ledger", json=body)

    return share_out(
        [api] * min(CONNECTIONS, len(bodies)), [partial(post, body) for body in bodies]
    )


def statuses(responses: Sequence[httpx.Response]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


def spending(number: int, **fields: Any) -> Body:
    return {
        "owner_id": "alice",
        "operation": "CREDIT_SPEND",
        "amount": -1,
        "nonce": f"spend-{number}",
    } | fields


def test_200_callers_spend_exactly_100_available_credits(
    api: httpx.Client, conn: Connection
) -> None:
    record(conn, amount=100)

    responses = post_at_once(api, [spending(n) for n in range(200)])

    assert statuses(responses) == {201: 100, 402: 100}
    balances = [response.json()["balance"] for response in responses if response.is_success]
    assert sorted(balances) == list(range(100))
    assert balance(conn) == 0


def test_50_callers_with_one_nonce_record_one_entry(api: httpx.Client, conn: Connection) -> None:
    record(conn, amount=100)

    responses = post_at_once(api, [spending(0)] * 50)

    assert statuses(responses) == {201: 1, 200: 49}
    assert len({response.json()["entry_id"] for response in responses}) == 1
    assert balance(conn) == 99


def test_50_callers_with_one_nonce_spend_the_whole_balance_once(
    api: httpx.Client, conn: Connection
) -> None:
    record(conn, amount=5)

    responses = post_at_once(api, [spending(0, amount=-5)] * 50)

    assert statuses(responses) == {201: 1, 200: 49}


def test_200_callers_claim_one_daily_reward(api: httpx.Client, conn: Connection) -> None:
    claim = {"owner_id": "alice", "operation": "DAILY_REWARD"}
    claims = [claim | {"nonce": f"claim-{n}"} for n in range(200)]

    responses = post_at_once(api, claims)

    assert statuses(responses) == {201: 1, 409: 199}
    assert balance(conn) == 1


def test_one_nonce_for_20_owners_at_once_is_recorded_for_one(
    api: httpx.Client, conn: Connection
) -> None:
    for n in range(5):
        bodies = [
            {"owner_id": f"owner-{owner}", "operation": "CREDIT_ADD", "nonce": f"same-{n}"}
            for owner in range(20)
        ]
        assert statuses(post_at_once(api, bodies)) == {201: 1, 409: 19}
    assert scalar(conn, "SELECT count(*) FROM ledger.entries") == 5


def test_first_entries_of_40_owners_are_recorded_at_once(api: httpx.Client, ledger_db: str) -> None:
    bodies = [
        {"owner_id": f"owner-{n % 40}", "operation": "CREDIT_ADD", "amount": 1, "nonce": f"n{n}"}
        for n in range(200)
    ]

    assert statuses(post_at_once(api, bodies)) == {201: 200}
    for n in range(40):
        with psycopg.connect(database_of(ledger_db, f"owner-{n}")) as conn:
            assert len(entries(conn, f"owner-{n}")) == 5


def test_valid_and_invalid_requests_at_once_do_not_affect_each_other(
    api: httpx.Client, conn: Connection
) -> None:
    record(conn, amount=30)
    good = [spending(n) for n in range(30)]
    bad = [
        (402, spending(100, owner_id="poor")),
        (422, spending(101, amount=1)),
        (422, spending(102, operation="NOTHING")),
        (422, spending(103, owner_id="a\0b")),
        (422, spending(104, metadata={"x": "a\0b"})),
        (422, spending(105, metadata={"x": "y" * 20_000})),
        (422, spending(106, expires_at="2999-01-01T00:00:00Z")),
        (422, spending(107, amount="1")),
    ]
    bodies = [
        body for group in zip(good, [body for _, body in bad * 4], strict=False) for body in group
    ]

    responses = post_at_once(api, bodies)

    assert statuses(responses[::2]) == {201: 30}
    expected = [status for status, _ in bad * 4][:30]
    assert [response.status_code for response in responses[1::2]] == expected


def test_two_services_on_one_account_do_not_overspend(
    api: httpx.Client, api_of_app2: httpx.Client, conn: Connection
) -> None:
    record(conn, amount=100)
    answers: list[httpx.Response] = []

    def spend(service: httpx.Client, operation: str) -> None:
        bodies = [spending(n, operation=operation) for n in range(100)]
        answers.extend(post_at_once(service, bodies))

    threads = [
        threading.Thread(target=spend, args=[api, "CREDIT_SPEND"]),
        threading.Thread(target=spend, args=[api_of_app2, "TOKENS_USED"]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses(answers) == {201: 100, 402: 100}


def test_batches_and_single_requests_on_one_account_do_not_overspend(
    api: httpx.Client, conn: Connection
) -> None:
    record(conn, amount=100)
    results: list[Body] = []

    def post_batches(number: int) -> None:
        batch = [spending(n, nonce=f"batch-{number}-{n}") for n in range(20)]
        answer = api.post("/ledger/batch", json={"entries": batch}).json()
        results.extend(answer["results"])

    threads = [threading.Thread(target=post_batches, args=[number]) for number in range(5)]
    for thread in threads:
        thread.start()
    responses = post_at_once(api, [spending(n) for n in range(100)])
    for thread in threads:
        thread.join()

    recorded = sum("entry_id" in result for result in results) + statuses(responses)[201]
    refused = [result for result in results if result.get("code") == "insufficient_balance"]
    assert (recorded, len(refused) + statuses(responses)[402]) == (100, 100)


def test_requests_with_lost_database_connections_are_recorded_once(
    api: httpx.Client, conn: Connection, ledger_db: str
) -> None:
    record(conn, amount=1000)
    done = threading.Event()

    def cut_connections() -> None:
        with psycopg.connect(ledger_db, autocommit=True) as other:
            while not done.wait(0.05):
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'ledger-app1'"
                )

    bodies = [spending(n) for n in range(300)]
    with ExitStack() as stack:
        cutter = threading.Thread(target=cut_connections)
        cutter.start()
        stack.callback(cutter.join)
        stack.callback(done.set)
        responses = post_at_once(api, bodies)
    again = post_at_once(api, bodies)

    # After a 503 the entry may be recorded or not; every other answer is final.
    assert set(statuses(responses)) <= {201, 200, 503}
    for first, second in zip(responses, again, strict=True):
        assert second.status_code == 200 or first.status_code == 503
        if first.is_success:
            assert first.json()["entry_id"] == second.json()["entry_id"]
    assert balance(conn) == 700


def test_requests_in_progress_are_answered_on_shutdown(ledger_db: str, conn: Connection) -> None:
    record(conn, amount=10)
    with psycopg.connect(ledger_db) as blocker, ExitStack() as service:
        api = service.enter_context(running(make_service(ledger_db)))
        blocker.execute("SELECT 1 FROM ledger.accounts WHERE owner_id = 'alice' FOR UPDATE")
        with ThreadPoolExecutor(6) as threads:
            posts = [threads.submit(api.post, "/ledger", json=spending(n)) for n in range(5)]
            wait_until(lambda: service_waits_for_a_lock(conn))
            # The client stays open until the answers have arrived.
            stopping = threads.submit(service.close)
            blocker.rollback()
            answers = [post.result() for post in posts]
            stopping.result()

    assert statuses(answers) == {201: 5}


def service_waits_for_a_lock(conn: Connection) -> bool:
    return bool(
        scalar(
            conn,
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'ledger-app1' AND wait_event_type = 'Lock')",
        )
    )


@pytest.fixture
def limited(conn: Connection) -> None:
    """Credits of alice, of which she may spend 100."""
    record(conn, owner_id="alice", amount=1000)
    limit = {"owner_id": "alice", "budget": "limit", "most": 100, "period": "ever"}
    call(conn, "set_budget", **limit, actor="olga", reason="agreed")


def assert_budget_is_used_up(conn: Connection) -> None:
    (budget,) = rows(conn, "budgets_of", owner_id="alice")
    assert (budget["spent"], budget["held"]) == (100, 0)
    assert balance(conn) == 900
    assert rows(conn, "verify") == []


@pytest.mark.usefixtures("limited")
def test_callers_over_http_spend_exactly_their_budget(api: httpx.Client, conn: Connection) -> None:
    answers = post_at_once(api, [spending(number) for number in range(200)])

    assert statuses(answers) == {201: 100, 409: 100}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {problem["code"] for problem in refused} == {"budget_exceeded"}
    assert_budget_is_used_up(conn)


@pytest.mark.usefixtures("limited")
def test_batches_over_http_spend_exactly_their_budget(api: httpx.Client, conn: Connection) -> None:
    def post_batch(number: int, caller: httpx.Client) -> list[Body]:
        batch = [spending(n, nonce=f"batch-{number}-{n}") for n in range(10)]
        answer = caller.post("/ledger/batch", json={"entries": batch}).json()
        results: list[Body] = answer["results"]
        return results

    answers = share_out([api] * 20, [partial(post_batch, number) for number in range(20)])

    codes = Counter(result.get("code", "recorded") for results in answers for result in results)
    assert codes == {"recorded": 100, "budget_exceeded": 100}
    assert_budget_is_used_up(conn)


@pytest.mark.usefixtures("limited")
def test_holds_and_entries_over_http_spend_exactly_their_budget(
    api: httpx.Client, conn: Connection
) -> None:
    def spend(number: int, caller: httpx.Client) -> int:
        return caller.post("/ledger", json=spending(number)).status_code

    def hold_and_capture(number: int, caller: httpx.Client) -> int:
        hold = spending(number, amount=1, nonce=f"hold-{number}")
        placed = caller.post("/ledger/holds", json=hold)
        if placed.status_code != 201:
            return placed.status_code
        body = {"nonce": f"capture-{number}"}
        return caller.post(f"/ledger/holds/hold-{number}/capture", json=body).status_code

    calls = [partial(way, number) for number in range(100) for way in (spend, hold_and_capture)]
    answers = share_out([api] * CONNECTIONS, calls)

    assert Counter(answers) == {201: 100, 409: 100}
    assert_budget_is_used_up(conn)


@pytest.mark.parametrize(
    ("begins", "hours"),
    [("2030-03-30T23:00Z", 23), ("2030-10-26T22:00Z", 25)],
    ids=["23 hours", "25 hours"],
)
def test_callers_over_http_spend_the_budget_of_each_day(
    api: httpx.Client, conn: Connection, begins: str, hours: int
) -> None:
    clock = Clock(conn, begins)
    record(conn, amount=1000)
    limit = {"owner_id": "alice", "budget": "limit", "most": 100, "period": "day"}
    zone = {"time_zone": "Europe/Berlin"}
    call(conn, "set_budget", **limit, **zone, actor="olga", reason="agreed")

    answers = post_at_once(api, [spending(number) for number in range(150)])
    assert statuses(answers) == {201: 100, 409: 50}
    clock.forward(hours=hours, microseconds=-1)
    answers = post_at_once(api, [spending(number) for number in range(200, 220)])
    assert statuses(answers) == {409: 20}
    clock.forward(microseconds=1)
    answers = post_at_once(api, [spending(number) for number in range(300, 450)])
    assert statuses(answers) == {201: 100, 409: 50}
    assert balance(conn) == 800
    assert rows(conn, "verify") == []
