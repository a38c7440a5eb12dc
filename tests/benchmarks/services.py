"""Services to measure, each a process of its own with one worker."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import psutil

from ledger_py.serving import run_server
from tests.benchmarks.versions import THIS, Version, module_command

__all__ = ("Service", "service")

_HOST: Final = "127.0.0.1"

_STARTED_WITHIN: Final = 60.0


class Service(msgspec.Struct, frozen=True):
    """A service that runs.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        process: Its process.
    """

    port: int
    process: psutil.Process

    def memory(self) -> float:
        """Tell how much memory it holds, in MiB."""
        return float(self.process.memory_info().rss / 2**20)


@contextmanager
def service(
    target: str, *, database_url: str | None = None, version: Version = THIS
) -> Iterator[Service]:
    """Run a service.

    Args:
        target: The application, as uvicorn wants it named.
        database_url: Its database.
        version: Whose application it is.

    Yields:
        The service, which answers already.

    Raises:
        RuntimeError: It did not start; the message is its own.
    """
    port = _free_port()
    settings = {} if database_url is None else {"DATABASE_URL": database_url}
    command, environment = module_command(
        version, "tests.benchmarks.services", target, str(port), environment=settings
    )
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=version.root, env=environment, stdout=log, stderr=log
        )
        try:
            if not _answers(process, port):
                log.seek(0)
                raise RuntimeError(f"{target} did not start: {log.read().decode(errors='replace')}")
            yield Service(port, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _STARTED_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((_HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


if __name__ == "__main__":
    # Served as the command `ledger serve` does it, without bringing a database up to date.
    run_server(sys.argv[1], host=_HOST, port=int(sys.argv[2]))
