"""The server and the services of a run, as processes that can be killed at any time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from unittest.mock import patch

import httpx
import psutil
import psycopg

from ledger_py.embedded import embedded_server
from ledger_py.settings import PROJECT_ROOT
from tests.fixtures.processes import environment, free_port

__all__ = ("PATIENCE", "PostgreSQL", "Service", "Stuck")

PATIENCE: Final = 180.0
"""Seconds after which a run counts as hanging. Nothing takes nearly as long."""

_OPTIONS: Final = {"max_connections": "60"}
# Short timeouts, so that recovery does not take longer than the fault.
_LIMITS: Final = {
    "LEDGER_POOL_SIZE": "4",
    "LEDGER_POOL_TIMEOUT": "2",
    "LEDGER_LOCK_TIMEOUT": "1",
    "LEDGER_STATEMENT_TIMEOUT": "4",
}


class Stuck(AssertionError):
    """The system did not recover by itself."""


class PostgreSQL:
    """An embedded server with its data in a folder, with fsync on.

    Args:
        folder: The folder for the data, and nothing else.
        environment: Further variables of its environment.
        options: Further settings of the server.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._options = {**_OPTIONS, **(options or {})}
        # Each start is one more use of the server. The end of the last use stops it.
        self._uses = ExitStack()
        self.url = ""
        self.start()

    def process(self) -> psutil.Process:
        """Find the postmaster."""
        (data,) = self._folder.glob("postgresql-*")
        process = psutil.Process(int((data / "postmaster.pid").read_text().split("\n")[0]))
        assert Path(process.cwd()) == data.resolve(), "not the server of this run"
        return process

    def backends(self, random_: random.Random, *, user: str) -> list[psutil.Process]:
        """Pick a random sample of the backends of a role, at least one if there are any."""
        with psycopg.connect(self.url) as conn:
            rows = conn.execute("SELECT pid FROM pg_stat_activity WHERE usename = %s", [user])
            pids = {pid for (pid,) in rows}
        found = [child for child in self.process().children() if child.pid in pids]
        return random_.sample(found, random_.randint(1, len(found))) if found else []

    def kill(self) -> None:
        """Kill the postmaster; its backends end by themselves."""
        process = self.process()
        process.kill()
        psutil.wait_procs([process], timeout=PATIENCE)

    def start(self) -> None:
        """Start the server if it is not running, and wait until it answers."""
        with patch.dict(os.environ, self._environment):
            self.url = self._uses.enter_context(
                embedded_server(self._folder, options=self._options)
            )

    def wait(self) -> None:
        """Wait until the server answers after a crash."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise Stuck("the server does not answer")

    def stop(self) -> None:
        """Stop the server."""
        self._uses.close()


class Service:
    """`ledger serve` on a port of its own.

    Args:
        place: Its database, or the file of its cluster.
        log: The file to append its output to.
        app: The app.
        root: The folder with the code.
        settings: Environment variables; None stands for short limits.
    """

    def __init__(
        self,
        place: str | Path,
        log: Path,
        *,
        app: str = "app1",
        root: Path = PROJECT_ROOT,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._port = free_port()
        self.address = f"http://127.0.0.1:{self._port}"
        self._app = app
        self._root = root
        self._environment = environment(
            **(_LIMITS if settings is None else settings),
            **{"LEDGER_CLUSTER" if isinstance(place, Path) else "DATABASE_URL": str(place)},
            PYTHONPATH=str(root),
            LEDGER_LOG_FORMAT="json",
        )
        self._log = log
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ledger_py", "serve", self._app, "--port", str(self._port)]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=self._root, env=self._environment, stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Wait until the service is ready.

        Raises:
            Stuck: The service has ended, or is not ready in time.
        """
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.address}/health/ready", timeout=10).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise Stuck(f"the service is not ready; it said:\n{self._log.read_text()[-4000:]}")

    def kill(self) -> None:
        """Kill the process and start another one in its place."""
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def pause(self) -> None:
        """Suspend the process."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume the process."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop the service gracefully."""
        self.resume()
        self._process.terminate()
        self._process.wait()
