"""`ledger cluster move`: a partition goes to another server while its owners go on."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from ledger_py import Cluster, RecordedEntry
from ledger_py.cluster import files, moving, proof, setup
from ledger_py.cluster.errors import ClusterError
from tests.deployment.moving import server, server_15
from tests.distributed.clusters import Partitions, described, owner_on
from tests.http.running import wait_until
from tests.sql.calls import Connection, balance, new_nonce, record, refused, rows, scalar
from tests.sql.lifecycle import capture, place

LOGICAL = {"wal_level": "logical", "max_worker_processes": "16"}
_NUMBERS = itertools.count(1)

MakeServer = Callable[[Path, Mapping[str, str]], AbstractContextManager[str]]


@contextmanager
def two_servers(make: MakeServer, folder: Path) -> Iterator[tuple[Partitions, str]]:
    """A cluster of two databases on one server, and an empty database on another."""
    with make(folder / "old", LOGICAL) as old, make(folder / "new", LOGICAL) as new:
        urls = [database_on(old), database_on(old)]
        path = folder / "cluster.toml"
        files.write(path, described(*urls))
        setup.init(files.read(path), report=lambda _line: None)
        with Partitions(path) as cluster:
            yield cluster, database_on(new)


def database_on(url: str) -> str:
    """Create a database on a server, and return its address."""
    name = f"part_{next(_NUMBERS)}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    base, _, query = url.partition("?")
    return f"{base.rpartition('/')[0]}/{name}?{query}"


def connected(url: str) -> Connection:
    return psycopg.connect(url, autocommit=True)


class Callers:
    """Callers who record for owners of a partition, and do as clients of a cluster do.

    When the partition does not take an entry, they read the file anew and send it again.
    """

    def __init__(self, path: Path, number: int, count: int = 3) -> None:
        self._path = path
        self._number = number
        self.acknowledged: dict[str, int] = {}
        self.unexpected: list[Exception] = []
        self.longest = 0.0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._record, args=(owner_on(number),)) for _ in range(count)
        ]

    def __enter__(self) -> Callers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _record(self, owner: str) -> None:
        conn: Connection | None = None
        try:
            while not self._stop.is_set():
                begun = time.monotonic()
                conn = self._record_one(conn, owner, new_nonce() + owner)
                self.acknowledged[owner] = self.acknowledged.get(owner, 0) + 1
                self.longest = max(self.longest, time.monotonic() - begun)
        except psycopg.Error as error:
            self.unexpected.append(error)
        finally:
            if conn is not None:
                conn.close()

    def _record_one(self, conn: Connection | None, owner: str, nonce: str) -> Connection:
        while True:
            try:
                if conn is None:
                    conn = connected(files.read(self._path).partitions[self._number].url)
                record(conn, owner_id=owner, nonce=nonce, amount=1)
                return conn
            except psycopg.Error as error:
                if conn is not None:
                    conn.close()
                conn = None
                if error.sqlstate != "LG311" and not isinstance(error, psycopg.OperationalError):
                    raise


@pytest.mark.parametrize("make", [server, server_15])
def test_partition_moves_under_load(make: MakeServer, folder: Path) -> None:
    with two_servers(make, folder) as (cluster, new_url):
        owner, old_url = owner_on(1), cluster.urls[1]
        record(cluster.conns[1], owner_id=owner, amount=50, expires_at="2099-01-01Z")
        hold = place(cluster.conns[1], 20, owner_id=owner)["nonce"]
        record(cluster.conns[1], owner_id=owner, operation="DAILY_REWARD")
        cluster.conns[1].execute("SELECT ledger.freeze_account(%s, 'Ann', 'why')", [owner_on(1)])
        claims = [
            {"owner_id": owner_on(0), "operation": "SIGNUP_CREDIT", "nonce": nonce}
            | {"claim_subject": owner_on(1)}
            for nonce in ("kept", "under way")
        ]
        with Cluster(cluster.path, app="app1") as client:
            client.record_entries(claims[:1])
        rows(cluster.conns[1], "reserve_claims", app="app1", claims=Jsonb(claims[1:]))
        lines: list[str] = []
        with Callers(cluster.path, 1) as callers:
            wait_until(lambda: len(callers.acknowledged) == 3)
            cursor = rows(cluster.conns[1], "entries_after", max_rows=2)[-1]["cursor"]
            checkpoints = proof.take_checkpoints(cluster.file, report=lines.append)
            moved = moving.move(cluster.path, "p1", new_url, report=lines.append)
            before = sum(callers.acknowledged.values())
            wait_until(lambda: sum(callers.acknowledged.values()) > before + 20)
        assert callers.unexpected == []
        assert callers.longest < 30
        assert moved.pause < 30
        assert cluster.urls[1] == new_url
        with connected(new_url) as conn:
            for name, count in callers.acknowledged.items():
                assert balance(conn, name) == count
            entry = capture(conn, hold, amount=5)
            assert (entry["owner_id"], entry["amount"]) == (owner, -5)
            # The feed goes on where its reader was, in the generation that began with the move.
            left = rows(conn, "entries_after", cursor=cursor, max_rows=10_000)
            total = scalar(conn, "SELECT count(*) FROM ledger.entries")
            assert len({row["entry_id"] for row in left}) == len(left) == total - 2
            assert scalar(conn, "SELECT max(generation) FROM ledger.generations") == 2
            nonces = "SELECT array_agg(nonce ORDER BY nonce) FROM ledger.claim_reservations"
            assert scalar(conn, nonces) == ["kept", "under way"]
        with Cluster(cluster.path, app="app1") as client:
            (claimed,) = client.record_entries(claims[1:])
            assert isinstance(claimed, RecordedEntry)
        found = list(proof.problems(cluster.file, checkpoints, report=lines.append))
        assert found == []
        # Nobody reads what was.
        with pytest.raises(psycopg.OperationalError):
            connected(old_url)


def test_partition_that_is_closed_refuses_every_change(folder: Path) -> None:
    """Also for owners who have an account, whom no bucket is asked for."""
    with two_servers(server, folder) as (cluster, new_url):
        conn = cluster.conns[1]
        owner = owner_on(1)
        record(conn, owner_id=owner, nonce="first")
        seen: list[str] = []

        def look(path: Path, after: files.ClusterFile) -> None:
            with refused(conn, "LG311") as refusal:
                record(conn, owner_id=owner)
            assert refusal.detail == {"partition": "p1", "moved": True}
            for table in ("entries", "holds", "apps", "app_roles"):
                with refused(conn, "LG311"):
                    conn.execute(f"DELETE FROM ledger.{table}".encode())
            assert balance(conn, owner) == 10
            assert path == cluster.path
            assert after.partition("p1").url == new_url
            seen.append("looked")
            raise ClusterError("interrupted")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "write", look)
            with pytest.raises(ClusterError, match="interrupted"):
                moving.move(cluster.path, "p1", new_url, report=seen.append)
        assert "looked" in seen
        # It is as it was, and a second attempt succeeds, on another database.
        assert record(conn, owner_id=owner)["seq"] == 2
        assert "p1: is open again" in seen
        with pytest.raises(ClusterError, match="holds a ledger"):
            moving.move(cluster.path, "p1", new_url, report=seen.append)
        conn.close()
        moving.move(cluster.path, "p1", database_on(new_url), report=seen.append)
        with connected(cluster.urls[1]) as after_move:
            assert record(after_move, owner_id=owner, nonce="first")["replayed"] is True
            assert record(after_move, owner_id=owner)["seq"] == 3


def test_move_waits_for_an_open_transaction_and_holds_nobody_up_meanwhile(folder: Path) -> None:
    with two_servers(server, folder) as (cluster, new_url), connected(cluster.urls[1]) as other:
        conn, owner = cluster.conns[1], owner_on(1)
        nonce, begun = "of the open transaction", threading.Event()

        def begin_before_it_closes(line: str) -> None:
            if "copied;" in line:
                conn.execute("BEGIN")
                record(conn, owner_id=owner, nonce=nonce)
                begun.set()

        thread = threading.Thread(
            target=moving.move,
            args=(cluster.path, "p1", new_url),
            kwargs={"report": begin_before_it_closes},
        )
        thread.start()
        assert begun.wait(60)
        for _ in range(20):
            record(other, owner_id=owner_on(1))
        assert thread.is_alive()
        conn.execute("COMMIT")
        thread.join()
        with connected(new_url) as after_move:
            assert record(after_move, owner_id=owner, nonce=nonce)["replayed"] is True


def test_move_needs_a_log_that_can_be_decoded(cluster: Partitions, empty_db: str) -> None:
    with pytest.raises(ClusterError, match="wal_level = logical"):
        moving.move(cluster.path, "p1", empty_db, report=lambda _line: None)


def test_partition_moves_within_its_server(folder: Path) -> None:
    with server(folder / "one", LOGICAL) as url:
        path = folder / "cluster.toml"
        files.write(path, described(database_on(url), database_on(url)))
        setup.init(files.read(path), report=lambda _line: None)
        owner = owner_on(0)
        with connected(files.read(path).partitions[0].url) as conn:
            record(conn, owner_id=owner)
        moving.move(path, "p0", database_on(url), report=lambda _line: None)
        with connected(files.read(path).partitions[0].url) as conn:
            assert record(conn, owner_id=owner)["seq"] == 2
            assert rows(conn, "verify") == []


def test_logins_must_exist_on_the_new_server(folder: Path) -> None:
    with two_servers(server, folder) as (cluster, new_url):
        cluster.conns[1].execute("CREATE ROLE svc1 LOGIN")
        cluster.conns[1].execute("SELECT ledger.bind_role('svc1', 'app1')")
        with pytest.raises(ClusterError, match="lacks the logins svc1"):
            moving.move(cluster.path, "p1", new_url, report=lambda _line: None)
        assert record(cluster.conns[1], owner_id=owner_on(1))["seq"] == 1
        with connected(new_url) as conn:
            conn.execute("CREATE ROLE svc1 LOGIN")
        moving.move(cluster.path, "p1", database_on(new_url), report=lambda _line: None)
        with connected(cluster.urls[1]) as conn:
            conn.execute("SET ROLE svc1")
            assert record(conn, owner_id=owner_on(1))["seq"] == 1
