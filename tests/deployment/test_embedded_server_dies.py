"""The embedded server dies while services run: one of them starts it again."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import psycopg
import pytest

from apps.app1.operations import App1Operation
from ledger_py.embedded import embedded_server, watching
from ledger_py.http import create_app
from ledger_py.migrate import migrate
from ledger_py.settings import Settings
from tests.http.running import running, wait_until
from tests.sql.calls import scalar

ENTRY = {"owner_id": "alice", "operation": "CREDIT_ADD", "amount": 1}
CALLERS = 8


@pytest.fixture
def ledger_data(data_dir: Path) -> Path:
    """The data folder of an embedded server that holds a ledger."""
    with embedded_server(data_dir) as url:
        migrate(url)
    return data_dir


@contextmanager
def service(data_dir: Path) -> Iterator[httpx.Client]:
    settings: dict[str, Any] = {"log_format": "json", "pool_size": 4, "pool_timeout": 1.0}
    with running(create_app("app1", App1Operation, Settings(data_dir=data_dir, **settings))) as api:
        yield api


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postgresql-18/postmaster.pid").read_text().split()[0]))


def kill(process: psutil.Process) -> None:
    process.kill()
    psutil.wait_procs([process], timeout=10)


def starts(data_dir: Path) -> int:
    return (data_dir / "postgresql.log").read_text().count("LOG:  starting PostgreSQL")


def is_ready(api: httpx.Client) -> bool:
    return api.get("/health/ready").status_code == 200


class Load:
    """Callers that record entries of their own, and repeat what was not acknowledged."""

    def __init__(self, api: httpx.Client) -> None:
        self.acknowledged: list[str] = []
        self.refused: set[tuple[int, bool]] = set()
        self._api = api
        self._stopped = threading.Event()

    def call(self, caller: int) -> None:
        number = 0
        while not self._stopped.is_set():
            number += 1
            nonce = f"{caller}-{number}"
            request = ENTRY | {"owner_id": f"owner-{caller}", "nonce": nonce}
            while (answer := self._api.post("/ledger", json=request)).status_code not in (200, 201):
                self.refused.add((answer.status_code, "retry-after" in answer.headers))
            self.acknowledged.append(nonce)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        with ThreadPoolExecutor(CALLERS) as threads:
            calls = [threads.submit(self.call, caller) for caller in range(CALLERS)]
            try:
                yield
            finally:
                self._stopped.set()
        for done in calls:
            done.result()

    def progress(self) -> None:
        """Wait until each caller may have recorded something more."""
        before = len(self.acknowledged)
        wait_until(lambda: len(self.acknowledged) >= before + 5 * CALLERS)


@pytest.mark.parametrize("victim", ["server", "one of its processes"])
def test_everything_acknowledged_is_there_and_later_calls_succeed(
    ledger_data: Path, victim: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(ledger_data) as api, embedded_server(ledger_data) as url:
        load = Load(api)
        with load.under_way():
            for _ in range(2):
                load.progress()
                if victim == "server":
                    kill(postmaster(ledger_data))
                else:
                    with psycopg.connect(url) as conn:
                        os.kill(conn.info.backend_pid, signal.SIGKILL)
                load.progress()
        wait_until(lambda: is_ready(api))
        with psycopg.connect(url) as conn:
            kept = {nonce for (nonce,) in conn.execute("SELECT nonce FROM ledger.entries")}
            wrong = scalar(conn, "SELECT count(*) FROM ledger.verify()")

    assert kept >= set(load.acknowledged)
    assert len(load.acknowledged) == len(set(load.acknowledged))
    assert wrong == 0
    assert load.refused <= {(503, True)}
    lines = capsys.readouterr().out
    assert lines.count("was started again after") == (2 if victim == "server" else 0)


def test_one_of_two_services_starts_it(
    ledger_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(ledger_data) as one, service(ledger_data) as other:
        before = starts(ledger_data)
        kill(postmaster(ledger_data))
        wait_until(lambda: starts(ledger_data) > before)
        wait_until(lambda: is_ready(one) and is_ready(other))
        codes = [
            api.post("/ledger", json=ENTRY | {"nonce": f"n-{number}"}).status_code
            for number, api in enumerate((one, other))
        ]

    assert codes == [201, 201]
    assert starts(ledger_data) == before + 1
    assert capsys.readouterr().out.count("was started again after") == 1


class Obstacle(NamedTuple):
    """An obstacle that keeps the server from starting."""

    put: Callable[[Path], None]
    remove: Callable[[Path], None] | None
    in_log: str
    in_ready: str


def fill_disk(data_dir: Path) -> None:
    """Let every write to a file that the server makes at its start fail as on a full disk."""
    file = data_dir / "postgresql-18/postmaster.opts"
    file.unlink()
    file.symlink_to("/dev/full")


OBSTACLES = {
    "data folder gone": Obstacle(
        put=shutil.rmtree,
        remove=None,
        in_log="No such file or directory",
        in_ready="its data folder cannot be used",
    ),
    "data gone": Obstacle(
        put=lambda data_dir: shutil.rmtree(data_dir / "postgresql-18"),
        remove=None,
        in_log="Its data are gone",
        in_ready="its data are gone",
    ),
    "disk full": Obstacle(
        put=fill_disk,
        remove=lambda data_dir: (data_dir / "postgresql-18/postmaster.opts").unlink(),
        in_log="No space left on device",
        in_ready="its disk is full",
    ),
    "folder not writable": Obstacle(
        put=lambda data_dir: (data_dir / "postgresql-18").chmod(0o500),
        remove=lambda data_dir: (data_dir / "postgresql-18").chmod(0o700),
        in_log="Permission denied",
        in_ready="a file or folder of it is not accessible",
    ),
}


@pytest.mark.parametrize("obstacle", OBSTACLES.values(), ids=OBSTACLES)
def test_server_that_cannot_start_is_named_and_tried_again(
    ledger_data: Path,
    obstacle: Obstacle,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(watching, "_FIRST_PAUSE", 0.125)
    if "disk" in obstacle.in_ready and not Path("/dev/full").exists():
        pytest.skip("there is no device that is always full")
    said = ""

    def is_said(text: str) -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return text in said

    with service(ledger_data) as api:
        server = postmaster(ledger_data)
        obstacle.put(ledger_data)
        kill(server)
        wait_until(lambda: is_said("tried again in 0.5 s"))
        ready = api.get("/health/ready")
        entry = api.post("/ledger", json=ENTRY | {"nonce": "n-1"})
        if obstacle.remove:
            obstacle.remove(ledger_data)
            wait_until(lambda: is_ready(api))
            again = api.post("/ledger", json=ENTRY | {"nonce": "n-1"})

    assert (entry.status_code, "retry-after" in entry.headers) == (503, True)
    why = f"died, and does not start again: {obstacle.in_ready}"
    assert ready.json()["checks"] == {"database": why}
    assert obstacle.in_log in said
    for pause in ("0.125", "0.25", "0.5"):
        assert said.count(f"tried again in {pause} s") == 1
    if obstacle.remove:
        assert again.status_code == 201
