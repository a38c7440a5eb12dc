"""`ledger serve` as a process, and callers that count what becomes of their connections."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

import psutil

from tests.fixtures.processes import environment

__all__ = ("Callers", "Service", "serving")

_PATIENCE: Final = 60.0


class Service:
    """A running `ledger serve`, in a group of processes of its own.

    Args:
        process: The process.

    Attributes:
        output: The lines that it has written so far, in both of its outputs.
        url: Its address.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output: list[str] = []
        self.url = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._changed:
                    self.output.append(line)
                    self._changed.notify_all()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until a line is written that a pattern is found in."""

        def found() -> re.Match[str] | None:
            return next((m for line in self.output if (m := re.search(pattern, line))), None)

        with self._changed:
            match = self._changed.wait_for(found, _PATIENCE)
        assert match, "".join(self.output)
        return match

    def workers(self) -> list[int]:
        """Return the ids of the processes that serve."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it ends at this moment
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child.pid)
        return found

    def wait(self) -> int:
        """Wait for the end, and return the exit code."""
        self.process.wait(_PATIENCE)
        self._reader.join()
        return self.process.returncode

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.wait()


@contextmanager
def serving(
    *arguments: str,
    code: str = "",
    app: str = "app1",
    ready: str = r"Uvicorn running on (http://\S+)",
    **settings: str,
) -> Iterator[Service]:
    """Run `ledger serve` on a free port.

    Args:
        arguments: Further arguments.
        code: Runs the command, instead of `python -m ledger_py`.
        app: The app.
        ready: The output once it can be used; the first group is its address.
        settings: The environment.
    """
    program = ["-c", code] if code else ["-m", "ledger_py"]
    process = subprocess.Popen(
        [sys.executable, *program, "serve", app, "--port", "0", *arguments],
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    service = Service(process)
    try:
        service.url = service.wait_for(ready)[1]
        yield service
    finally:
        process.terminate()
        try:
            service.wait()
        except subprocess.TimeoutExpired:
            process.kill()
            raise


class Callers:
    """Callers that send requests until they are stopped, or the service is gone.

    Args:
        url: The address of the service.
        count: The number of callers. Every second one keeps its connection.

    Attributes:
        outcomes: The number of requests for each outcome: the status of the answer, ``refused``
            (there was no connection), ``closed`` (an idle connection was closed before its next
            request was sent), or ``lost``.
    """

    def __init__(self, url: str, count: int = 20) -> None:
        self._host, port = url.removeprefix("http://").split(":")
        self._port = int(port)
        self._count = count
        self._stopped = False
        self.outcomes: Counter[str] = Counter()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stopped = True
        self._thread.join()

    def wait_for(self, answers: int) -> None:
        """Wait until there are so many more answers."""
        wanted = self.answers + answers
        waited = threading.Event()
        for _ in range(int(_PATIENCE / 0.01)):
            if self.answers >= wanted:
                return
            waited.wait(0.01)
        raise AssertionError(self.outcomes)

    @property
    def answers(self) -> int:
        """The number of requests that were answered."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.isdigit())

    async def _run(self) -> None:
        await asyncio.gather(*(self._call(number) for number in range(self._count)))

    async def _call(self, number: int) -> None:
        refused = 0
        requests = 0
        while not self._stopped and refused < 3:
            try:
                connection = asyncio.open_connection(self._host, self._port)
                reader, writer = await asyncio.wait_for(connection, 5)
            except (OSError, TimeoutError):
                self.outcomes["refused"] += 1
                refused += 1
                continue
            try:
                keeps = number % 2 == 0
                first = True
                while (first or keeps) and not self._stopped:
                    if reader.at_eof():
                        self.outcomes["closed"] += 1
                        break
                    requests += 1
                    keeps &= await self._ask(reader, writer, f"{number}-{requests}")
                    first = False
            except (OSError, EOFError):
                self.outcomes["lost"] += 1
            finally:
                writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nonce: str
    ) -> bool:
        """Send a request, note its outcome, and tell whether the connection goes on."""
        entry: dict[str, Any] = {"owner_id": nonce.partition("-")[0], "nonce": nonce}
        body = json.dumps(entry | {"operation": "CREDIT_ADD"}).encode()
        writer.write(
            b"POST /ledger HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", head)
        assert length
        await reader.readexactly(int(length[1]))
        self.outcomes[head.split()[1]] += 1
        return "connection: close" not in head
