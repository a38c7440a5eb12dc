"""`ledger serve`: two services on one embedded server, and their shutdown."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

COMMAND = [sys.executable, "-m", "ledger_py"]


class ServeProcess:
    """A running `ledger serve`; created once its output has the address."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            self.output.append(line)
            if found := re.search(r"Uvicorn running on (http://\S+)", line):
                self.url = found[1]
                return
        raise AssertionError("".join(self.output))

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        self.output.append(self.process.communicate()[0])
        return self.process.returncode


@contextmanager
def serving(data_dir: Path, *arguments: str, **settings: str) -> Iterator[ServeProcess]:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment["LEDGER_DATA_DIR"] = str(data_dir)
    environment["DATABASE_URL"] = ""
    environment |= settings
    with subprocess.Popen(
        [*COMMAND, "serve", *arguments, "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield ServeProcess(process)
        finally:
            process.terminate()


def is_running(data_dir: Path) -> bool:
    return (data_dir / "postgresql-18/postmaster.pid").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_last_of_two_services_stops_the_server(data_dir: Path, number: signal.Signals) -> None:
    with serving(data_dir, "app1") as first, serving(data_dir, "app2") as second:
        entry = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n-1"}
        assert httpx.post(f"{first.url}/ledger", json=entry).status_code == 201
        assert httpx.get(f"{second.url}/ledger/alice").json()["balance"] == 10

        assert first.stop(number) == 0
        assert is_running(data_dir)
        assert httpx.get(f"{second.url}/ledger/alice").json()["balance"] == 10

        assert second.stop(number) == 0
        assert not is_running(data_dir)


def test_several_workers_serve_and_stop(data_dir: Path) -> None:
    with serving(data_dir, "app1", "--workers", "2") as service:
        assert f"Embedded PostgreSQL 18, data in {data_dir}" in "".join(service.output)

        assert service.stop(signal.SIGTERM) == 0
        assert not is_running(data_dir)


def test_public_address_prints_a_warning(data_dir: Path) -> None:
    with serving(data_dir, "app1", "--host", "0.0.0.0") as service:
        service.stop(signal.SIGTERM)

    assert "Warning: there is no authentication" in "".join(service.output)


def test_loopback_address_prints_no_warning(data_dir: Path) -> None:
    with serving(data_dir, "app1") as service:
        service.stop(signal.SIGTERM)

    assert "Warning" not in "".join(service.output)
