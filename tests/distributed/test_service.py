"""A service on a cluster: each request goes to the partition of its owner."""

from __future__ import annotations

import itertools
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from litestar import Litestar

from ledger_py.cluster import files, moving, proof, setup
from ledger_py.http.cluster import Members
from ledger_py.settings import PROJECT_ROOT
from tests.deployment.moving import server
from tests.distributed.clusters import Partitions, away, owner_on
from tests.distributed.test_moving import two_servers
from tests.fixtures.database import Server, new_database
from tests.http.gathered import lock
from tests.http.running import make_service, running, wait_until
from tests.http.test_startup import refusal_of
from tests.sql.calls import balance, new_nonce, record, scalar
from tests.sql.lifecycle import place
from tests.unit.test_cli_serve import serving

QUIZ = PROJECT_ROOT / "tests" / "packaging" / "quiz"


def service_on(cluster: Partitions, **settings: Any) -> Litestar:
    fields: dict[str, Any] = {"cluster": cluster.path, "pool_timeout": 1.0} | settings
    return make_service("postgresql://127.0.0.1:1/unused", **fields)


def serve(cluster: Partitions, **settings: Any) -> AbstractContextManager[httpx.Client]:
    return running(service_on(cluster, **settings))


@pytest.fixture
def http(cluster: Partitions) -> Iterator[httpx.Client]:
    with serve(cluster) as client:
        yield client


def item(owner_id: str, amount: int = 1) -> dict[str, Any]:
    return {
        "owner_id": owner_id,
        "operation": "CREDIT_ADD",
        "amount": amount,
        "nonce": new_nonce(),
    }


def post(http: httpx.Client, owner_id: str, amount: int = 1) -> httpx.Response:
    return http.post("/ledger", json=item(owner_id, amount))


def test_owners_are_recorded_on_their_partitions(http: httpx.Client, cluster: Partitions) -> None:
    for number, conn in enumerate(cluster.conns):
        owner = owner_on(number)
        assert post(http, owner, 3).status_code == 201
        assert balance(conn, owner) == 3
        assert http.get(f"/ledger/{owner}").json()["balance"] == 3


def test_retry_is_a_replay(http: httpx.Client) -> None:
    request = item(owner_on(1))
    statuses = [http.post("/ledger", json=request).status_code for _ in range(2)]
    assert statuses == [201, 200]


def test_holds_and_reversals_are_found_by_their_nonces(
    http: httpx.Client, cluster: Partitions
) -> None:
    owner = owner_on(1)
    added = item(owner, 10)
    http.post("/ledger", json=added)
    hold = {"owner_id": owner, "operation": "CREDIT_SPEND", "amount": 4, "nonce": new_nonce()}
    assert http.post("/ledger/holds", json=hold).status_code == 201
    path = f"/ledger/holds/{hold['nonce']}"
    assert http.post(f"{path}/extend", json={"expires_in": 9000}).status_code == 200
    captured = http.post(f"{path}/capture", json={"amount": 1, "nonce": new_nonce()})
    assert (captured.status_code, captured.json()["balance"]) == (201, 9)
    assert http.post(f"{path}/release").status_code == 409
    reversal = {"original_nonce": captured.json()["nonce"], "nonce": new_nonce()}
    assert http.post("/ledger/reversals", json=reversal).status_code == 201
    assert balance(cluster.conns[1], owner) == 10
    unknown = http.post("/ledger/holds/unknown/release")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "hold_not_found")


def test_hold_of_two_partitions_is_not_guessed(http: httpx.Client, cluster: Partitions) -> None:
    owners = [owner_on(number) for number in range(2)]
    for owner, conn in zip(owners, cluster.conns, strict=True):
        record(conn, owner_id=owner)
        place(conn, 1, owner_id=owner, nonce="same")
    answer = http.post("/ledger/holds/same/release")
    assert (answer.status_code, answer.json()["field"]) == (422, "hold_nonce")

    for owner in owners:
        answer = http.post("/ledger/holds/same/release", json={"owner_id": owner})
        assert (answer.status_code, answer.json()["owner_id"]) == (200, owner)


def test_allowances_are_found_by_their_nonces(http: httpx.Client, cluster: Partitions) -> None:
    owner, nonce = owner_on(1), new_nonce()
    plan = {"owner_id": owner, "operation": "CREDIT_ADD", "amount": 4, "nonce": nonce}
    assert http.post("/ledger/allowances", json=plan).status_code == 201
    path = f"/ledger/allowances/{nonce}"
    change = {"amount": 6, "nonce": new_nonce(), "from_next_period": False}
    assert http.post(f"{path}/change", json=change).status_code == 201
    assert http.post(f"{path}/change", json=change).status_code == 200
    assert http.post(f"{path}/end?dry_run=true").json()["status"] == "ended"
    assert http.post(f"{path}/end", json={"forfeit": True}).json()["status"] == "ended"
    assert balance(cluster.conns[1], owner) == 0
    assert http.get(f"/ledger/{owner}/allowances").json()["allowances"][0]["amount"] == 6
    unknown = http.post("/ledger/allowances/unknown/end")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "allowance_not_found")


def test_transfers_reach_the_partition_of_the_sender(
    http: httpx.Client, cluster: Partitions
) -> None:
    sender, receiver, far = owner_on(1), owner_on(1), owner_on(0)
    post(http, sender, 10)
    gift = {"from_owner_id": sender, "operation": "CREDIT_GIFT", "amount": 4}
    near = gift | {"to_owner_id": receiver, "nonce": new_nonce()}
    with away(cluster.urls[0]):
        assert http.post("/ledger/transfers", json=near).status_code == 201
        assert http.post("/ledger/transfers", json=near).status_code == 200
    refused = http.post("/ledger/transfers", json=near | {"to_owner_id": far, "nonce": "far"})
    assert (refused.status_code, refused.json()["code"]) == (422, "other_partition")
    assert refused.json()["owner_ids"] == [sender, far]
    assert "one partition" in refused.json()["hint"]
    undo = {"original_nonce": near["nonce"], "nonce": new_nonce(), "amount": 1}
    assert http.post("/ledger/reversals", json=undo).json()["balance"] == 7
    entry = item(sender, 4) | {"operation": "CREDIT_GIFT"}
    entries = [entry | {"to_owner_id": far}, entry | {"to_owner_id": receiver}, item(far)]
    results = http.post("/ledger/batch", json={"entries": entries}).json()["results"]
    # The nonce of the first one is not used up.
    assert [result.get("code") for result in results] == ["other_partition", None, None]
    assert [balance(cluster.conns[1], owner) for owner in (sender, receiver)] == [3, 7]


def test_named_owner_makes_other_partitions_irrelevant(
    http: httpx.Client, cluster: Partitions
) -> None:
    owner = owner_on(0)
    record(cluster.conns[0], owner_id=owner, amount=9, nonce="credit")
    place(cluster.conns[0], 4, owner_id=owner, nonce="job")
    with away(cluster.urls[1]):
        bodies: dict[str, dict[str, Any]] = {
            "holds/job/extend": {"expires_in": 9000},
            "holds/job/capture": {"nonce": new_nonce()},
            "reversals": {"nonce": new_nonce(), "original_nonce": "credit", "amount": 1},
        }
        for path, body in bodies.items():
            answer = http.post(f"/ledger/{path}", json=body | {"owner_id": owner})
            assert answer.status_code in (200, 201), answer.text
    assert balance(cluster.conns[0], owner) == 4


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/ledger/allowances/a%00b/end", {}, "allowance_nonce"),
        ("/ledger/holds/a%00b/release", {}, "hold_nonce"),
        ("/ledger/reversals", {"original_nonce": "a\0b", "nonce": "n"}, "original_nonce"),
    ],
)
def test_nonce_that_is_none_is_refused_by_the_name_of_its_field(
    http: httpx.Client, path: str, body: dict[str, str], field: str
) -> None:
    answer = http.post(path, json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_dry_run_keeps_nothing(http: httpx.Client, cluster: Partitions) -> None:
    owner = owner_on(1)
    answer = http.post("/ledger?dry_run=true", json=item(owner))
    assert (answer.status_code, answer.json()["dry_run"]) == (201, True)
    assert balance(cluster.conns[1], owner) == 0


def test_batch_is_answered_in_order_over_all(http: httpx.Client) -> None:
    entries = [item(owner_on(number % 2), number + 1) for number in range(12)]
    entries[5]["operation"] = "UNKNOWN"
    entries[6]["amount"] = 2_000_000_000
    results = http.post("/ledger/batch", json={"entries": entries}).json()["results"]
    assert [result.get("code") for result in results] == [
        *[None] * 5,
        "unknown_operation",
        "amount_out_of_bounds",
        *[None] * 5,
    ]
    assert [r["nonce"] for r in results if "nonce" in r] == [
        entry["nonce"] for at, entry in enumerate(entries) if at not in (5, 6)
    ]


def test_atomic_batch_over_partitions_is_refused(http: httpx.Client, cluster: Partitions) -> None:
    entries = [item(owner_on(0)), item(owner_on(1))]
    answer = http.post("/ledger/batch", json={"entries": entries, "atomic": True})
    assert (answer.status_code, answer.json()["code"]) == (422, "other_partition")
    assert answer.json()["partitions"] == ["p0", "p1"]
    for conn in cluster.conns:
        assert scalar(conn, "SELECT count(*) FROM ledger.entries") == 0


def test_one_partition_away_fails_its_owners_only(http: httpx.Client, cluster: Partitions) -> None:
    here, there = owner_on(0), owner_on(1)
    assert post(http, there).status_code == 201
    with away(cluster.urls[1]):
        answer = post(http, there)
        assert (answer.status_code, answer.json()["code"]) == (503, "partition_unavailable")
        assert answer.json()["partition"] == "p1"
        assert answer.headers["retry-after"] == "1"
        assert http.get(f"/ledger/{there}").status_code == 503
        assert http.post("/ledger/holds/unknown/release").status_code == 503

        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.append(post(http, here).status_code))
            for _ in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [201] * 40

        entries = [item(here), item(there), item(here)]
        results = http.post("/ledger/batch", json={"entries": entries}).json()["results"]
        assert [result.get("code") for result in results] == [None, "partition_unavailable", None]

        ready = http.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["checks"] == {
            "partition p0": "ok",
            "partition p1": "cannot be reached",
        }
        assert http.get("/operations").status_code == 200
    assert post(http, there).status_code == 201
    assert http.get("/health/ready").json()["checks"]["partition p1"] == "ok"


def test_answer_and_log_of_a_busy_partition_name_it(
    cluster: Partitions, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = owner_on(1)
    record(cluster.conns[1], owner_id=owner)
    with (
        psycopg.connect(cluster.urls[1]) as blocker,
        serve(cluster, lock_timeout=0.2) as http,
    ):
        lock(blocker, owner)

        answer = post(http, owner)

    assert (answer.status_code, answer.json()["code"]) == (503, "database_busy")
    assert answer.json()["partition"] == "p1"
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["code"], line["partition"]) == ("database_busy", "p1")
    assert line["reason"]


def test_service_is_not_ready_without_any_partition(
    http: httpx.Client, cluster: Partitions
) -> None:
    with away(cluster.urls[0]), away(cluster.urls[1]):
        answer = http.get("/health/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert http.get("/operations").status_code == 503


def test_service_starts_without_a_partition_that_is_away(cluster: Partitions) -> None:
    there = owner_on(1)
    with away(cluster.urls[1]), serve(cluster) as http:
        assert post(http, owner_on(0)).status_code == 201
        assert post(http, there).status_code == 503
        assert http.get("/health/ready").status_code == 200


def test_service_waits_once_for_all_partitions_that_are_away(
    cluster: Partitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger_py.http.startup.PARTITION_ANSWERS_WITHIN", 0.1)
    first, second = cluster.file.partitions
    gone = (
        files.Partition(
            name=f"gone{bucket}",
            url="postgresql://127.0.0.1:1/gone",
            kept=(range(bucket, bucket + 1),),
        )
        for one in second.kept
        for bucket in one
    )
    buckets = cluster.file.buckets
    files.write(cluster.path, files.ClusterFile(buckets=buckets, partitions=(first, *gone)))
    began = time.monotonic()
    with serve(cluster, pool_timeout=2.0) as http:
        assert time.monotonic() - began < 8.0
        assert post(http, owner_on(0)).status_code == 201


def test_partition_that_comes_later_is_served(cluster: Partitions) -> None:
    there = owner_on(1)
    gone = away(cluster.urls[1])
    gone.__enter__()
    with serve(cluster) as http:
        assert post(http, there).status_code == 503
        gone.__exit__(None, None, None)
        assert post(http, there).status_code == 201


def test_service_does_not_start_on_interchanged_partitions(cluster: Partitions) -> None:
    first, second = cluster.file.partitions
    interchanged = [
        files.Partition(name=one.name, url=other.url, kept=one.kept)
        for one, other in ((first, second), (second, first))
    ]
    files.write(
        cluster.path,
        files.ClusterFile(buckets=cluster.file.buckets, partitions=tuple(interchanged)),
    )
    refusal = refusal_of(service_on(cluster))
    assert refusal == "p0 is partition p1 of a cluster of 16 buckets"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_command_starts_no_database_beside_the_cluster(
    cluster: Partitions, tmp_path: Path, workers: str
) -> None:
    folder = tmp_path / "data"
    settings = {"LEDGER_CLUSTER": str(cluster.path)}
    with serving(folder, "app1", "--workers", workers, **settings) as service:
        assert httpx.post(f"{service.url}/ledger", json=item(owner_on(1))).status_code == 201
        assert not folder.exists()
        assert service.stop(signal.SIGTERM) == 0


def test_app_that_is_named_as_a_module_gets_its_migrations_on_all_partitions(
    cluster: Partitions, tmp_path: Path
) -> None:
    settings = {"LEDGER_CLUSTER": str(cluster.path), "PYTHONPATH": str(QUIZ)}
    with serving(tmp_path / "data", "quiz.main:app", **settings) as service:
        for number in range(2):
            request = item(owner_on(number))
            assert httpx.post(f"{service.url}/ledger", json=request).status_code == 201
        assert service.stop(signal.SIGTERM) == 0


def test_lines_of_pools_name_the_partition(
    cluster: Partitions, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(cluster) as http:
        assert post(http, owner_on(1)).status_code == 201
        caplog.clear()
        with away(cluster.urls[1]):
            post(http, owner_on(1))
            http.get("/health/ready")
        lines = [one.getMessage() for one in caplog.records if one.name == "psycopg.pool"]
    about_pools = [line for line in lines if "ledger-app1" in line or "onnection" in line]
    assert about_pools
    assert [line for line in about_pools if "partition p1" not in line] == []


@pytest.mark.parametrize("path", ["/ledger", "/ledger/batch"])
def test_buckets_that_were_given_away_are_found(
    http: httpx.Client, cluster: Partitions, ledger_server: Server, path: str
) -> None:
    owner = owner_on(3, of=4)
    with new_database(ledger_server) as url:
        after = setup.add(cluster.file, "p2", url, (range(12, 16),), report=lambda _line: None)
        answer = post(http, owner)
        assert (answer.status_code, answer.json()["code"]) == (421, "wrong_partition")
        files.write(cluster.path, after)
        if path == "/ledger":
            assert post(http, owner).status_code == 201
        else:
            looks_like_it = item(owner_on(0)) | {"metadata": {"code": "wrong_partition"}}
            entries = [item(owner), looks_like_it]
            results = http.post(path, json={"entries": entries}).json()["results"]
            assert [result.get("replayed") for result in results] == [False, False]
        assert http.get(f"/ledger/{owner}").json()["balance"] == 1


@pytest.mark.parametrize("atomic", [False, True])
def test_batch_finds_its_partition_although_another_request_has_read_the_file_first(
    http: httpx.Client,
    cluster: Partitions,
    ledger_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    atomic: bool,
) -> None:
    read_anew = Members.read_anew

    async def after_another(members: Members) -> None:
        await read_anew(members)
        await read_anew(members)

    monkeypatch.setattr(Members, "read_anew", after_another)
    owner = owner_on(3, of=4)
    with new_database(ledger_server) as url:
        after = setup.add(cluster.file, "p2", url, (range(12, 16),), report=lambda _line: None)
        files.write(cluster.path, after)
        answer = http.post("/ledger/batch", json={"entries": [item(owner)], "atomic": atomic})
        assert answer.status_code == 200, answer.text
        assert answer.json()["results"][0].get("balance") == 1


@pytest.mark.parametrize("sent_as", ["after", "Last-Event-ID"])
def test_cursor_of_another_feed_is_refused_by_the_name_that_it_was_sent_as(
    http: httpx.Client, sent_as: str
) -> None:
    # That of many partitions is as long.
    cursor = ",".join(f"q{number}:1-2-3-00000000" for number in range(64))
    given: dict[str, Any] = {"params" if sent_as == "after" else "headers": {sent_as: cursor}}
    answer = http.get("/events", **given)
    assert (answer.status_code, answer.json()["field"]) == (422, sent_as)
    assert answer.json()["reason"] == "must be one of the feed of this cluster"


def resumed(after: str | None) -> dict[str, str]:
    """Give the header with which a listener goes on."""
    return {"Last-Event-ID": after} if after else {}


def listen(http: httpx.Client, count: int, after: str | None = None) -> list[tuple[str, str]]:
    """Read so many events: the cursor and the nonce of each."""
    seen: list[tuple[str, str]] = []
    with http.stream("GET", "/events", headers=resumed(after)) as events:
        cursor = ""
        for line in events.iter_lines():
            if line.startswith("id: "):
                cursor = line.removeprefix("id: ")
            elif line.startswith("data: "):
                seen.append((cursor, json.loads(line.removeprefix("data: "))["nonce"]))
            if len(seen) == count:
                break
    return seen


def test_events_of_all_partitions_arrive_once(http: httpx.Client, cluster: Partitions) -> None:
    """In the order of each partition; how partitions follow each other may differ."""
    recorded = [
        [record(conn, owner_id=owner_on(number))["nonce"] for _ in range(600)]
        for number, conn in enumerate(cluster.conns)
    ]
    seen = listen(http, 1200)
    for cut in (600, 750):
        again = listen(http, 1200 - cut, after=seen[cut - 1][0])
        nonces = [nonce for _, nonce in (*seen[:cut], *again)]
        for mine in recorded:
            assert [nonce for nonce in nonces if nonce in set(mine)] == mine


def test_listener_is_told_of_what_is_recorded(http: httpx.Client) -> None:
    posted = post(http, owner_on(1)).json()["nonce"]
    ((cursor, nonce),) = listen(http, 1)
    assert nonce == posted
    later = threading.Timer(0, lambda: post(http, owner_on(0)))
    later.start()
    assert len(listen(http, 1, after=cursor)) == 1
    later.join()


def test_listeners_follow_the_others_while_a_partition_is_away(
    http: httpx.Client, cluster: Partitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger_py.http.feed._KEEP_ALIVE", 0.2)
    here, there = owner_on(0), owner_on(1)
    for owner in (here, there):
        post(http, owner)
    cursor = listen(http, 2)[-1][0]
    missed = record(cluster.conns[1], owner_id=there)["nonce"]
    with away(cluster.urls[1]), http.stream("GET", "/events", headers=resumed(cursor)) as events:
        assert events.status_code == 200
        lines = events.iter_lines()
        assert ": partition p1 is away" in itertools.islice(lines, 12)
        began = time.monotonic()
        nonce = post(http, here).json()["nonce"]
        data = next(line for line in lines if line.startswith("data: "))
        assert json.loads(data.removeprefix("data: "))["nonce"] == nonce
        assert time.monotonic() - began < 3.0
    with http.stream("GET", "/events", headers=resumed(cursor)) as events:
        lines = events.iter_lines()
        nonces = (json.loads(line[6:])["nonce"] for line in lines if line.startswith("data: "))
        assert set(itertools.islice(nonces, 2)) == {nonce, missed}


def test_no_request_fails_while_a_partition_moves(folder: Path) -> None:
    with (
        two_servers(server, folder) as (cluster, new_url),
        serve(cluster, pool_timeout=20.0) as http,
    ):
        owners = [owner_on(1) for _ in range(4)] + [owner_on(0)]
        sent: dict[str, int] = dict.fromkeys(owners, 0)
        statuses: set[int] = set()
        stop = threading.Event()

        def call(owner: str) -> None:
            while not stop.is_set():
                statuses.add(post(http, owner).status_code)
                sent[owner] += 1

        threads = [threading.Thread(target=call, args=(owner,)) for owner in owners]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: min(sent.values()) > 10)
            moving.move(cluster.path, "p1", new_url, report=lambda _line: None)
            before = sent[owners[0]]
            wait_until(lambda: sent[owners[0]] > before + 20)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert statuses == {201}
        for owner in owners:
            assert http.get(f"/ledger/{owner}").json()["balance"] == sent[owner]
        assert list(proof.problems(cluster.file, report=lambda _line: None)) == []
