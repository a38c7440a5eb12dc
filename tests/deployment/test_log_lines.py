"""With LEDGER_LOG_FORMAT=json, every line of `ledger serve` is one JSON object."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from ledger_py.embedded import embedded_server
from tests.deployment.serving import Service, serving
from tests.fixtures.processes import environment, free_port
from tests.http.running import wait_until

JSON = {"LEDGER_LOG_FORMAT": "json", "DATABASE_URL": ""}

NOISY_APP = """
import asyncio, gc, logging, threading, warnings

from apps.app1.main import app
from litestar import get

class Unraisable:
    def __del__(self):
        raise ValueError("in a finaliser")

def fail():
    raise ValueError("in a thread")

async def fail_later():
    raise ValueError("in a task")

@get("/noise")
async def noise() -> None:
    warnings.warn("a warning\\nof two lines")
    logging.getLogger("elsewhere").error("an error \\u2026")
    threading.Thread(target=fail).start()
    asyncio.get_running_loop().call_soon(fail)
    del [Unraisable()][0]
    asyncio.get_running_loop().create_task(fail_later())
    gc.collect()

app.register(noise)
"""


def lines_of(service: Service) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in service.output]
    for line in lines:
        assert {"timestamp", "level", "event", "app"} <= line.keys(), line
        assert line["app"] == "app1"
        assert line["timestamp"].endswith("Z")
        assert line["event"] == "request" or line["message"], line
    return lines


def messages(lines: list[dict[str, Any]]) -> str:
    return "\n".join(line.get("message", "") for line in lines)


def kill_server(data_dir: Path) -> None:
    pid = int((data_dir / "postgresql-18/postmaster.pid").read_text().split("\n")[0])
    processes = [psutil.Process(pid), *psutil.Process(pid).children()]
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=30)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_line_is_json_from_start_to_end(data_dir: Path, workers: str) -> None:
    settings = JSON | {"LEDGER_DATA_DIR": str(data_dir), "LEDGER_POOL_TIMEOUT": "1"}
    with serving("--workers", workers, "--host", "0.0.0.0", **settings) as service:
        with httpx.Client(base_url=service.url.replace("0.0.0.0", "127.0.0.1")) as api:
            entry = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n-1"}
            assert api.post("/ledger", json=entry).status_code == 201
            assert api.get("/nothing").status_code == 404
            kill_server(data_dir)
            # The service starts it again.
            wait_until(lambda: api.get("/ledger/alice").status_code == 200)
        assert service.stop() == 0

    lines = lines_of(service)
    said = messages(lines)
    for message in (
        "Embedded PostgreSQL 18",
        "there is no authentication",
        "migrations/0001_schemas.sql applied",
        "Application startup complete",
        "Uvicorn running on",
        "Application shutdown complete",
    ):
        assert message in said
    assert {line["status"] for line in lines if line["event"] == "request"} >= {200, 201, 404}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_line_is_json_while_the_database_is_down(data_dir: Path, workers: str) -> None:
    with embedded_server(data_dir) as url:
        settings = JSON | {"DATABASE_URL": url, "LEDGER_POOL_TIMEOUT": "1"}
        with serving("--workers", workers, **settings) as service:
            kill_server(data_dir)
            assert httpx.get(f"{service.url}/ledger/alice").status_code == 503
            service.wait_for("error connecting in 'ledger-app1'")
            assert service.stop() == 0

    (request,) = (line for line in lines_of(service) if line["event"] == "request")
    assert (request["status"], request["outcome"]) == (503, "unavailable")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_line_of_libraries_and_of_python_is_json(
    ledger_db: str, tmp_path: Path, workers: str
) -> None:
    (tmp_path / "noisy.py").write_text(NOISY_APP)
    settings = JSON | {"DATABASE_URL": ledger_db, "PYTHONPATH": str(tmp_path)}
    with serving("--workers", workers, app="noisy:app", **settings) as service:
        assert httpx.get(f"{service.url}/noise").status_code == 200
        for message in ("a warning", "an error", "in a thread", "in a finaliser", "in a task"):
            service.wait_for(message)
        if workers == "2":
            os.kill(service.workers()[0], signal.SIGKILL)
            service.wait_for("another one is started")
        assert service.stop() == 0

    lines = lines_of(service)
    failed = [line for line in lines if "ValueError" in line.get("exception", "")]
    assert len(failed) >= 4
    assert all("Traceback" in line["exception"] for line in failed)


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "message"),
    [
        (["app9"], {}, 1, "There is no app 'app9'"),
        (["app1", "--nonsense"], {}, 2, "No such option"),
        ([], {}, 2, "Missing argument"),
        (["app1"], {"LEDGER_PORT": "many"}, 1, "LEDGER_PORT: must be"),
        (["app1"], {"DATABASE_URL": "postgresql:///x?host=/nonexistent"}, 1, "cannot be reached"),
        (["app1", "--host", "192.0.2.1"], {}, 1, "is not an address of this machine"),
        (["json:nothing", "--port", "0"], {}, 1, ""),
    ],
)
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["1", "2"])
def test_refusals_to_start_are_json(
    data_dir: Path,
    arguments: list[str],
    settings: dict[str, str],
    code: int,
    message: str,
    workers: list[str],
) -> None:
    given = JSON | {"LEDGER_DATA_DIR": str(data_dir), "LEDGER_PORT": str(free_port())} | settings
    done = subprocess.run(
        [sys.executable, "-m", "ledger_py", "serve", *arguments, *workers],
        env=environment(**given),
        capture_output=True,
        text=True,
        check=False,
    )

    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert (done.returncode, lines[-1]["level"]) == (code, "error")
    assert message in messages(lines)
    assert "Traceback" not in done.stderr


def test_service_that_is_ended_while_it_starts_says_so_in_json(data_dir: Path) -> None:
    settings = JSON | {"LEDGER_DATA_DIR": str(data_dir)}
    with serving(ready="(Embedded|applied)", **settings) as service:
        code = service.stop()

    assert messages(lines_of(service)).endswith("did not finish") or code == 0
    assert code in (0, 143)


def test_lines_on_a_terminal_are_for_people(ledger_db: str) -> None:
    settings = {"LEDGER_LOG_FORMAT": "console", "DATABASE_URL": ledger_db}
    with serving("--workers", "2", **settings) as service:
        wait_until(lambda: any("Uvicorn running" in line for line in service.output))
        service.stop()

    assert not [line for line in service.output if line.startswith("{")]
