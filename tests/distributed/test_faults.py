"""What is acknowledged is recorded once, whatever happens to a partition meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import psycopg
import pytest

from ledger_py import Cluster, RecordedEntry
from ledger_py.cluster import files, proof, setup
from ledger_py.errors import PartitionUnavailable
from tests.deployment.moving import server
from tests.distributed.clusters import Partitions, away, described, owner_on, paused
from tests.distributed.test_service import item, post, serve
from tests.http.running import wait_until
from tests.sql.calls import balance

CYCLES = 3


@pytest.fixture
def apart(folder: Path, ledger_db: str) -> Iterator[Partitions]:
    """A cluster whose second partition has a server of its own."""
    with server(folder / "there") as there:
        path = folder / "cluster.toml"
        files.write(path, described(ledger_db, there))
        setup.init(files.read(path), report=lambda _line: None)
        with Partitions(path) as cluster:
            yield cluster


class Sending:
    """Callers who send each request until it is acknowledged, two for each partition."""

    def __init__(self, send: Callable[[str], bool]) -> None:
        self._send = send
        self.owners = [owner_on(number % 2) for number in range(4)]
        self.acknowledged = dict.fromkeys(self.owners, 0)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(owner,)) for owner in self.owners]

    def __enter__(self) -> Sending:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait(self, number: int, more: int = 20) -> None:
        """Wait until the owners of a partition have so many more entries."""
        owners = self.owners[number::2]
        before = {owner: self.acknowledged[owner] for owner in owners}
        wait_until(
            lambda: all(self.acknowledged[owner] >= before[owner] + more for owner in owners)
        )

    def _run(self, owner: str) -> None:
        while not self._stop.is_set():
            if self._send(owner):
                self.acknowledged[owner] += 1


def by_http(http: httpx.Client) -> Callable[[str], bool]:
    def send(owner: str) -> bool:
        request = item(owner)
        while True:
            answer = http.post("/ledger", json=request)
            if answer.status_code in (200, 201):
                return True
            assert answer.status_code == 503, answer.text

    return send


def by_batches(cluster: Cluster) -> Callable[[str], bool]:
    def send(owner: str) -> bool:
        request = item(owner)
        while True:
            (result,) = cluster.record_entries([request])
            if isinstance(result, RecordedEntry):
                return True
            assert isinstance(result.error, PartitionUnavailable), result

    return send


FAULTS: dict[str, Callable[[str], AbstractContextManager[None]]] = {
    "killed": away,
    "stopped": paused,
    "backends stopped": lambda url: paused(url, only_backends=True),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("door", ["service", "client"])
def test_acknowledged_entries_are_recorded_once(apart: Partitions, fault: str, door: str) -> None:
    limits = {"pool_timeout": 0.5, "statement_timeout": 1.0}
    with (
        serve(apart, **limits) as http,
        Cluster(apart.path, app="app1", timeout=0.5, answers_within=1) as cluster,
        Sending(by_http(http) if door == "service" else by_batches(cluster)) as sending,
    ):
        for _ in range(CYCLES):
            sending.wait(1)
            with FAULTS[fault](apart.urls[1]):
                sending.wait(0)
            sending.wait(1)
    with Partitions(apart.path) as after:
        for number, owner in enumerate(sending.owners):
            assert balance(after.conns[number % 2], owner) == sending.acknowledged[owner]
    assert list(proof.problems(apart.file, report=lambda _line: None)) == []


def test_refusals_keep_the_connection(cluster: Partitions) -> None:
    """A new one would cost a process of the server each time."""
    owner = owner_on(1)
    with Cluster(cluster.path, app="app1") as client, serve(cluster) as http:
        assert post(http, owner).status_code == 201
        client.record_entries([item(owner)])
        before = _backends(cluster)
        for _ in range(20):
            assert post(http, owner, 2_000_000_000).status_code == 422
            client.record_entries([item(owner, 2_000_000_000)])
        assert _backends(cluster) == before


def _backends(cluster: Partitions) -> set[int]:
    rows = cluster.conns[1].execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend'"
    )
    return {pid for (pid,) in rows}


def test_partition_is_found_again_by_the_next_call(cluster: Partitions) -> None:
    with Cluster(cluster.path, app="app1", timeout=1) as client:
        owner = owner_on(1)
        with client.ledger_for(owner) as ledger:
            assert ledger.balance(owner_id=owner).balance == 0
        with (
            away(cluster.urls[1]),
            pytest.raises((PartitionUnavailable, psycopg.Error)),
            client.ledger_for(owner) as ledger,
        ):
            ledger.balance(owner_id=owner)
        with client.ledger_for(owner) as ledger:
            assert ledger.balance(owner_id=owner).balance == 0
