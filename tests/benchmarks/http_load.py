"""A load generator for `POST /ledger` in a process of its own, with little Python per request.

`python -m tests.benchmarks.http_load PORT CONNECTIONS SECONDS OWNERS MIX` prints its run as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, cast

import msgspec
import uvloop

from tests.benchmarks.life import AGAIN, GROUP_SIZE, LATER, LIFE
from tests.benchmarks.loading import OWNERS, owner_number
from tests.benchmarks.measuring import Run

__all__ = ("http_callers",)

_HEAD: Final = (
    b"POST /ledger HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n"
)
_PLAIN: Final = b'{"owner_id":"%011d","operation":"CREDIT_SPEND","nonce":"%032x","amount":-1}'

_SPEND: Final = b'{"owner_id":"%b%d","operation":"CREDIT_SPEND","nonce":"%032x","amount":%d}'
_CREDIT: Final = b'{"owner_id":"%b","operation":"CREDIT_ADD","nonce":"%032x","amount":5%b}'
_CLAIM: Final = b'{"owner_id":"new-%032x","operation":"SIGNUP_CREDIT","nonce":"%032x"}'
_AGAIN: Final = b'{"owner_id":"%d","operation":"CREDIT_SPEND","nonce":"%b%d","amount":-1}'
_EXPIRES: Final = b',"expires_at":"%b"' % LATER.encode()

Mix: TypeAlias = Literal["plain", "life"]
Drawn: TypeAlias = tuple[bytes, bytes]
"""A request, and how the answer to it begins."""

# Only ends a run that hangs. No measurement takes nearly as long.
_PATIENCE: Final = 60.0


def http_callers(
    port: int, *, connections: int, owners: int = OWNERS, mix: Mix = "plain"
) -> Callable[[float], Run]:
    """Make a contender of callers that each send a request after the answer to the last.

    Args:
        port: Port of the service on 127.0.0.1.
        connections: Number of callers.
        owners: Number of owners to choose from.
        mix: `plain` spends, or the mix of ordinary life of `life.LIFE`, for which
            `life.prepare_owners` has been called.

    Returns:
        The contender. It raises CalledProcessError if an answer has another status than it should.
    """
    program = [sys.executable, "-m", "tests.benchmarks.http_load"]

    def run(seconds: float) -> Run:
        arguments = [str(port), str(connections), str(seconds), str(owners), mix]
        limit = seconds + _PATIENCE
        done = subprocess.run(
            [*program, *arguments], stdout=subprocess.PIPE, check=True, timeout=limit
        )
        return msgspec.json.decode(done.stdout, type=Run)

    return run


class _Caller(asyncio.Protocol):
    """A connection that sends a request after each complete response."""

    def __init__(self, draw: Callable[[], Drawn], deadline: float, latencies: list[float]) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        self._draw = draw
        self._expected = b""
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
            if not received.startswith(self._expected):
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
        request, self._expected = self._draw()
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _fail(self, received: bytes) -> None:
        self.closed.set_exception(RuntimeError(f"Not {self._expected!r}: {received!r}"))
        self._transport.close()


def _drawing(mix: str, owners: int) -> Callable[[], Drawn]:
    """Make a function that draws requests."""

    def plain() -> bytes:
        owner = owner_number(int(random.random() * owners))
        return _PLAIN % (owner, random.getrandbits(128))

    if mix == "plain":
        return lambda: _request(plain(), 201)

    def spend(group: bytes, amount: int) -> bytes:
        return _SPEND % (group, int(random.random() * GROUP_SIZE), nonce(), amount)

    def again() -> bytes:
        owner = owner_number(int(random.random() * GROUP_SIZE))
        return _AGAIN % (owner, AGAIN.encode(), owner)

    def nonce() -> int:
        return random.getrandbits(128)

    makers: dict[str, Callable[[], Drawn]] = {
        "plain": lambda: _request(plain(), 201),
        "spends, 2 lots and a hold": lambda: _request(spend(b"held-", -1), 201),
        "credits that expire": lambda: _request(
            _CREDIT % (b"lot-%d" % (random.random() * GROUP_SIZE), nonce(), _EXPIRES), 201
        ),
        "SIGNUP_CREDIT, new owners": lambda: _request(_CLAIM % (nonce(), nonce()), 201),
        "new owners": lambda: _request(_CREDIT % (b"new-%032x" % nonce(), nonce(), b""), 201),
        "retries": lambda: _request(again(), 200),
        "refusals": lambda: _request(spend(b"poor-", -2), 402),
    }
    chosen, shares = [makers[kind] for kind in LIFE], list(LIFE.values())
    # Drawn in advance: a choice by weights takes longer than the rest of a request.
    kinds = itertools.cycle(random.choices(chosen, shares, k=10_000))
    return lambda: next(kinds)()


def _request(body: bytes, status: int) -> Drawn:
    return _HEAD % len(body) + body, b"HTTP/1.1 %d " % status


async def _call(port: int, connections: int, seconds: float, owners: int, mix: str) -> Run:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    begin = time.perf_counter()
    callers = []
    draw = _drawing(mix, owners)
    for _ in range(connections):
        _, caller = await loop.create_connection(
            lambda: _Caller(draw, begin + seconds, latencies), "127.0.0.1", port
        )
        callers.append(caller)
    await asyncio.gather(*(caller.closed for caller in callers))
    spent = time.perf_counter() - begin
    return Run(entries=len(latencies), seconds=spent, latencies=latencies)


def _main(port: str, connections: str, seconds: str, owners: str, mix: str) -> None:
    gc.disable()
    run = uvloop.run(_call(int(port), int(connections), float(seconds), int(owners), mix))
    # Under PYTHONUNBUFFERED, sys.stdout.buffer is unbuffered and may write only a part.
    with open(1, "wb", closefd=False) as output:
        output.write(msgspec.json.encode(run))


if __name__ == "__main__":
    _main(*sys.argv[1:])
