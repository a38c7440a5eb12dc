"""A load generator for `POST /ledger` in a process of its own, with little Python per request.

`python -m tests.benchmarks.http_load PORT CONNECTIONS SECONDS OWNERS` prints its run as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final, cast

import msgspec
import uvloop

from tests.benchmarks.loading import OWNERS, owner_number
from tests.benchmarks.measuring import Run

__all__ = ("http_callers",)

_HEAD: Final = (
    b"POST /ledger HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n"
)
_BODY: Final = b'{"owner_id":"%011d","operation":"CREDIT_SPEND","nonce":"%032x","amount":-1}'
_REQUEST: Final = _HEAD % len(_BODY % (0, 0)) + _BODY

# Only ends a run that hangs. No measurement takes nearly as long.
_PATIENCE: Final = 60.0


def http_callers(
    port: int, *, connections: int, owners: int = OWNERS
) -> Callable[[float], Run]:  # fmt: skip
    """Make a contender of callers that each send a request after the answer to the last.

    Args:
        port: Port of the service on 127.0.0.1.
        connections: Number of callers.
        owners: Number of owners to choose from.

    Returns:
        The contender. It raises CalledProcessError if an answer is not 201.
    """
    program = [sys.executable, "-m", "tests.benchmarks.http_load"]

    def run(seconds: float) -> Run:
        arguments = [str(port), str(connections), str(seconds), str(owners)]
        limit = seconds + _PATIENCE
        done = subprocess.run(
            [*program, *arguments], stdout=subprocess.PIPE, check=True, timeout=limit
        )
        return msgspec.json.decode(done.stdout, type=Run)

    return run


class _Caller(asyncio.Protocol):
    """A connection that sends a request after each complete response."""

    def __init__(self, owners: int, deadline: float, latencies: list[float]) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self._owners = owners
        self._deadline = deadline
        self._latencies = latencies
        self._received = b""
        self._complete = 0
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport without being one.
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        if not self._complete:
            body = received.find(b"\r\n\r\n") + 4
            if body < 4:
                return
            if not received.startswith(b"HTTP/1.1 201 "):
                self._fail(received)
                return
            _, _, rest = received[:body].lower().partition(b"\r\ncontent-length:")
            self._complete = body + int(rest[: rest.index(b"\r")])
        if len(received) < self._complete:
            return
        now = time.perf_counter()
        self._latencies.append((now - self._sent_at) * 1000)
        if now < self._deadline:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            if time.perf_counter() < self._deadline:
                exc = exc or ConnectionError("The service closed a connection.")
            if exc is None:
                self.closed.set_result(None)
            else:
                self.closed.set_exception(exc)

    def _send(self) -> None:
        self._received = b""
        self._complete = 0
        owner = owner_number(int(random.random() * self._owners))
        self._sent_at = time.perf_counter()
        self._transport.write(_REQUEST % (owner, random.getrandbits(128)))

    def _fail(self, received: bytes) -> None:
        self.closed.set_exception(RuntimeError(f"An answer was not 201: {received!r}"))
        self._transport.close()


async def _call(port: int, connections: int, seconds: float, owners: int) -> Run:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    begin = time.perf_counter()
    callers = []
    for _ in range(connections):
        _, caller = await loop.create_connection(
            lambda: _Caller(owners, begin + seconds, latencies), "127.0.0.1", port
        )
        callers.append(caller)
    await asyncio.gather(*(caller.closed for caller in callers))
    spent = time.perf_counter() - begin
    return Run(entries=len(latencies), seconds=spent, latencies=latencies)


def _main(port: str, connections: str, seconds: str, owners: str) -> None:
    gc.disable()
    run = uvloop.run(_call(int(port), int(connections), float(seconds), int(owners)))
    # Under PYTHONUNBUFFERED, sys.stdout.buffer is unbuffered and may write only a part.
    with open(1, "wb", closefd=False) as output:
        output.write(msgspec.json.encode(run))


if __name__ == "__main__":
    _main(*sys.argv[1:])
