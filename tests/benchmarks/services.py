"""Runs services to measure, each as a process with one worker."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec
import psutil

from ledger_py.serving import run_server
from tests.benchmarks.versions import THIS, Version, module_command
from tests.fixtures.processes import free_port

__all__ = ("MeasuredService", "service")

_HOST: Final = "127.0.0.1"

_STARTED_WITHIN: Final = 60.0


class MeasuredService(msgspec.Struct, frozen=True):
    """A running service.

    Attributes:
        port: Port on 127.0.0.1.
        process: The process.
    """

    port: int
    process: psutil.Process

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        return float(self.process.memory_info().rss / 2**20)

    def processor(self) -> float:
        """Return the seconds of the processor that it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def service(
    target: str, *, settings: Mapping[str, str] | None = None, version: Version = THIS
) -> Iterator[MeasuredService]:
    """Run a service.

    Args:
        target: The application, in the form that uvicorn takes.
        settings: Environment variables, such as the one that names its database.
        version: The version of the project.

    Yields:
        The service, ready for requests.

    Raises:
        RuntimeError: The service did not start; the message holds its output.
    """
    port = free_port()
    command, environment = module_command(
        version, "tests.benchmarks.services", target, str(port), settings=dict(settings or {})
    )
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=version.root, env=environment, stdout=log, stderr=log
        )
        try:
            if not _answers(process, port):
                log.seek(0)
                raise RuntimeError(f"{target} did not start: {log.read().decode(errors='replace')}")
            yield MeasuredService(port, psutil.Process(process.pid))
        finally:
            process.terminate()
            process.wait()


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
    # Like `ledger serve`, without migrating the database.
    run_server(sys.argv[1], host=_HOST, port=int(sys.argv[2]))
