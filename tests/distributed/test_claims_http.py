"""A service on a cluster claims for subjects that other partitions keep."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.distributed.clusters import Partitions, away, close_for_move, owner_on
from tests.distributed.test_claims import (
    claim,
    clocks,
    forward,
    found_by_verify,
    reservations,
    reserve,
)
from tests.distributed.test_service import serve
from tests.fixtures.clock import Clock
from tests.http.running import wait_until
from tests.sql.calls import balance, new_nonce, record, scalar
from tests.sql.lifecycle import define_limited

__all__ = ("clocks",)


@pytest.fixture
def http(cluster: Partitions) -> Iterator[httpx.Client]:
    with serve(cluster, test_clock=True) as client:
        yield client


@pytest.fixture
def verified(cluster: Partitions) -> Iterator[None]:
    yield
    assert found_by_verify(cluster) == []


def post(http: httpx.Client, request: dict[str, Any]) -> str | None:
    """Record a request, and return the code of its problem."""
    code: str | None = http.post("/ledger", json=request).json().get("code")
    return code


def post_batch(http: httpx.Client, requests: list[dict[str, Any]], **fields: Any) -> list[Any]:
    answer = http.post("/ledger/batch", json={"entries": requests} | fields).json()
    return [result.get("code") for result in answer["results"]]


@pytest.mark.usefixtures("verified")
def test_subject_is_limited_over_owners_of_all_partitions(
    http: httpx.Client, cluster: Partitions
) -> None:
    for subject in (owner_on(0), owner_on(1)):
        first = http.post("/ledger", json=claim(0, subject))
        assert (first.status_code, first.json()["balance"]) == (201, 3)
        for number in (0, 1):
            answer = http.post("/ledger", json=claim(number, subject))
            assert (answer.status_code, answer.json()["code"]) == (409, "claim_limit_reached")
            assert answer.json()["limited"] == "claim_subject"
            assert answer.json()["next_eligible_at"] is None
            assert "unsettled" not in answer.text
            assert post_batch(http, [claim(number, subject)]) == ["claim_limit_reached"]
    assert [kept for _, kept in reservations(cluster.conns[1])] == [True]


@pytest.mark.usefixtures("verified")
def test_replay_and_refusal(http: httpx.Client, cluster: Partitions) -> None:
    subject = owner_on(1)
    wrong = claim(0, subject, amount=7)
    assert post(http, wrong) == "amount_out_of_bounds"
    assert reservations(cluster.conns[1]) == []
    request = claim(0, subject)
    assert [http.post("/ledger", json=request).status_code for _ in range(2)] == [201, 200]
    assert post(http, request | {"metadata": {"x": 1}}) == "nonce_conflict"
    assert reservations(cluster.conns[1]) == [(request["nonce"], True)]


@pytest.mark.usefixtures("verified")
def test_dry_run_reserves_nothing(http: httpx.Client, cluster: Partitions) -> None:
    subject = owner_on(1)
    request = claim(0, subject)
    answer = http.post("/ledger?dry_run=true", json=request)
    assert (answer.status_code, answer.json()["balance"]) == (201, 3)
    batch = http.post("/ledger/batch?dry_run=true", json={"entries": [request, claim(0, subject)]})
    assert [one.get("code") for one in batch.json()["results"]] == [None, "claim_limit_reached"]
    assert reservations(cluster.conns[1]) == []
    assert balance(cluster.conns[0], request["owner_id"]) == 0
    assert post(http, request) is None
    answer = http.post("/ledger?dry_run=true", json=claim(0, subject))
    assert answer.json()["code"] == "claim_limit_reached"


@pytest.mark.usefixtures("verified")
def test_mixed_batch(http: httpx.Client, cluster: Partitions) -> None:
    for conn in cluster.conns:
        define_limited(conn, 2)
    subjects = [owner_on(0), owner_on(1)]
    entries = [
        claim(owner, subject, operation="LIMITED")
        for _ in range(3)
        for owner in (0, 1)
        for subject in subjects
    ]
    entries.append({"owner_id": owner_on(0), "operation": "CREDIT_ADD", "nonce": new_nonce()})
    codes = post_batch(http, entries)
    assert codes.count(None) == 5
    assert codes.count("claim_limit_reached") == 8
    assert codes[-1] is None
    assert post_batch(http, entries).count(None) == 5


def test_atomic_batch_is_refused_with_the_position(http: httpx.Client, cluster: Partitions) -> None:
    subject = owner_on(1)
    entries = [claim(0, subject), claim(0, subject)]
    entries[1]["owner_id"] = entries[0]["owner_id"]
    first = claim(0, owner_on(1))
    answer = http.post("/ledger/batch", json={"entries": [first, *entries], "atomic": True})
    assert answer.json()["position"] == 3
    assert reservations(cluster.conns[1]) == []
    assert post_batch(http, [first, entries[0]], atomic=True) == [None, None]


@pytest.mark.usefixtures("verified")
def test_subject_that_is_away(http: httpx.Client, cluster: Partitions) -> None:
    claiming, other = claim(0, owner_on(1)), claim(0, owner_on(0))
    with away(cluster.urls[1]):
        answer = http.post("/ledger", json=claiming)
        assert (answer.status_code, answer.json()["code"]) == (503, "partition_unavailable")
        assert answer.json()["partition"] == "p1"
        assert answer.headers["retry-after"] == "1"
        assert post_batch(http, [claiming, other]) == ["partition_unavailable", None]
    assert balance(cluster.conns[0], claiming["owner_id"]) == 0
    # The pool may be pausing between two attempts to connect.
    wait_until(lambda: post(http, claiming) is None)


@pytest.mark.usefixtures("verified")
def test_owner_that_is_away(http: httpx.Client, cluster: Partitions) -> None:
    request = claim(0, owner_on(1))
    with away(cluster.urls[0]):
        assert post(http, request) == "partition_unavailable"
        assert post_batch(http, [request]) == ["partition_unavailable"]
    wait_until(lambda: post(http, request) is None)
    assert reservations(cluster.conns[1]) == [(request["nonce"], True)]


def test_subject_that_moves_is_waited_for(http: httpx.Client, cluster: Partitions) -> None:
    conn = cluster.conns[1]
    close_for_move(conn)
    conn.execute(
        "CREATE TRIGGER aa_moved BEFORE INSERT ON ledger.claim_reservations"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_core.refuse_moved()"
    )
    assert post(http, claim(0, owner_on(1))) == "partition_unavailable"


@pytest.mark.usefixtures("verified")
def test_dead_callers_are_passed(
    cluster: Partitions, clocks: list[Clock], http: httpx.Client
) -> None:
    lapsed, recorded = claim(0, owner_on(1)), claim(0, owner_on(1))
    for request in (lapsed, recorded):
        deadline = reserve(cluster.conns[1], request)
        if request is recorded:
            record(cluster.conns[0], **request, claim_deadline=deadline)
    subjects = [lapsed["claim_subject"], recorded["claim_subject"]]
    assert post(http, claim(0, subjects[0])) == "claim_limit_reached"
    forward(clocks, seconds=71)
    dry = http.post("/ledger?dry_run=true", json=claim(1, subjects[0]))
    assert dry.status_code == 201
    assert [post(http, claim(1, subject)) for subject in subjects] == [None, "claim_limit_reached"]
    assert reservations(cluster.conns[1]) == [(recorded["nonce"], True)]


@pytest.mark.usefixtures("verified")
def test_late_answer_is_tried_again(
    cluster: Partitions, clocks: list[Clock], http: httpx.Client
) -> None:
    """The owner's partition has a clock that is ahead by more than reservations last."""
    request = claim(0, owner_on(1))
    clocks[0].forward(seconds=30)
    assert post(http, request) == "claim_not_reserved"
    assert reservations(cluster.conns[1]) == []
    clocks[1].forward(seconds=30)
    assert post(http, request) is None


@pytest.mark.usefixtures("verified")
def test_reversal_frees_the_claim(http: httpx.Client, cluster: Partitions) -> None:
    for with_owner in (False, True):
        request = claim(0, owner_on(1))
        assert post(http, request) is None
        reversal = {"original_nonce": request["nonce"], "nonce": new_nonce(), "free_claim": True}
        if with_owner:
            reversal["owner_id"] = request["owner_id"]
        assert http.post("/ledger/reversals?dry_run=true", json=reversal).status_code == 201
        assert len(reservations(cluster.conns[1])) == 1
        assert http.post("/ledger/reversals", json=reversal).status_code == 201
        assert reservations(cluster.conns[1]) == []


@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("limit", [1, 3])
def test_fifty_callers_over_both_partitions_get_exactly_the_limit(
    cluster: Partitions, limit: int
) -> None:
    subject = owner_on(1)
    requests = [claim(n % 2, subject, operation="LIMITED") for n in range(50)]
    with serve(cluster, pool_timeout=30.0) as http, ThreadPoolExecutor(50) as threads:
        for conn in cluster.conns:
            define_limited(conn, limit)
        codes = [code or "" for code in threads.map(lambda request: post(http, request), requests)]
    assert sorted(codes) == [""] * limit + ["claim_limit_reached"] * (50 - limit)


def test_callers_do_not_name_a_deadline(http: httpx.Client) -> None:
    request = claim(0, owner_on(1), claim_deadline="2040-01-01T00:00:00Z")
    answer = http.post("/ledger", json=request)
    assert (answer.status_code, answer.json()["field"]) == (422, "claim_deadline")
    assert post_batch(http, [request]) == ["invalid_request"]


def test_service_that_cannot_settle_leaves_that_to_others(
    cluster: Partitions, clocks: list[Clock]
) -> None:
    """It loses its connections between the entry and the settling."""
    request = claim(0, owner_on(1))
    with serve(cluster, test_clock=True) as http:
        cluster.conns[1].execute(
            "CREATE FUNCTION public.die() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
        )
        cluster.conns[1].execute(
            "CREATE TRIGGER die BEFORE UPDATE OR DELETE ON ledger.claim_reservations"
            " FOR EACH STATEMENT EXECUTE FUNCTION public.die()"
        )
        assert post(http, request) is None
        assert reservations(cluster.conns[1]) == [(request["nonce"], False)]
        cluster.conns[1].execute("DROP TRIGGER die ON ledger.claim_reservations")
    forward(clocks, seconds=71)
    with serve(cluster, test_clock=True) as http:
        assert post(http, claim(1, request["claim_subject"])) == "claim_limit_reached"
    assert reservations(cluster.conns[1]) == [(request["nonce"], True)]
    assert scalar(cluster.conns[0], "SELECT count(*) FROM ledger.entries") == 1
