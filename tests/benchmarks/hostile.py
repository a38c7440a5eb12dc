"""Hostile clients, each in a process of its own, and an ordinary client beside them.

`python -m tests.benchmarks.hostile NAME PORT URL STRANGER_URL` attacks a service until it is
killed, and prints a line once it has begun.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from tests.benchmarks.loading import owner_number
from tests.benchmarks.measuring import Run

__all__ = ("HOSTILE", "hostile_client", "ordinary_client")

_HOST: Final = "127.0.0.1"
_OWNERS: Final = 100
_CALLERS: Final = 4
_LOCKED: Final = "locked"
_MAX_BODY: Final = 8 * 1024 * 1024
_NONCES: Final = map("hostile-{}".format, itertools.count())


class _Target(msgspec.Struct, frozen=True):
    """What is attacked.

    Attributes:
        port: The port of the service on 127.0.0.1.
        url: The database, for its owner.
        stranger_url: The same for another login.
    """

    port: int
    url: str
    stranger_url: str


_Hostile: TypeAlias = Callable[[_Target, Callable[[], None]], Coroutine[Any, Any, None]]

# Requests


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: {_HOST}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def _entry(owner_id: str, **fields: Any) -> dict[str, Any]:
    entry = {"owner_id": owner_id, "operation": "CREDIT_SPEND", "amount": -1}
    return entry | {"nonce": f"{next(_NONCES)}-{time.monotonic_ns()}"} | fields


def _post(path: str, body: dict[str, Any]) -> bytes:
    return _request("POST", path, json.dumps(body).encode())


class _Connection:
    """A connection that sends a request after the answer to the last."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(_HOST, self._port)
        return self._streams

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def answer_to(self, request: bytes) -> int:
        """Send a request and return the status of its answer; 0 if the connection was lost."""
        try:
            reader, writer = await self.open()
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r")[0]
            await reader.readexactly(int(length))
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return 0
        return int(head.split()[1])

    async def send_slowly(self, parts: Iterator[bytes], pause: float) -> None:
        with suppress(OSError):
            _, writer = await self.open()
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)


# The ordinary client


def ordinary_client(port: int, seconds: float) -> Run:
    """Post entries and read balances on a few connections, one request after the other.

    A request that is refused or lost is sent again as Retry-After says, until it is answered: its
    latency is the time until then.
    """
    return asyncio.run(_ordinary(port, seconds))


async def _ordinary(port: int, seconds: float) -> Run:
    latencies: list[float] = []
    begin = time.perf_counter()

    async def call() -> None:
        connection = _Connection(port)
        for number in itertools.count():
            owner = str(owner_number(number % _OWNERS))
            reads = number % 2
            request = (
                _request("GET", f"/ledger/{owner}") if reads else _post("/ledger", _entry(owner))
            )
            sent_at = time.perf_counter()
            while await connection.answer_to(request) not in (200, 201):
                await asyncio.sleep(1)
            answered_at = time.perf_counter()
            latencies.append((answered_at - sent_at) * 1000)
            if answered_at > begin + seconds:
                break
        connection.close()

    await asyncio.gather(*(call() for _ in range(_CALLERS)))
    return Run(entries=len(latencies), seconds=time.perf_counter() - begin, latencies=latencies)


# Hostile clients


async def _repeat(target: _Target, begun: Callable[[], None], callers: int, make: Any) -> None:
    """Send requests on so many connections, each after the answer to the last."""

    async def call() -> None:
        connection = _Connection(target.port)
        while True:
            if not await connection.answer_to(make()):
                await asyncio.sleep(0.01)

    calls = [asyncio.create_task(call()) for _ in range(callers)]
    begun()
    await asyncio.gather(*calls)


async def _send_all(
    target: _Target, begun: Callable[[], None], parts: list[Iterator[bytes]], pause: float
) -> None:
    """Send parts of requests on a connection each, read nothing, and then stay connected."""
    connections = [_Connection(target.port) for _ in parts]
    sending = [
        asyncio.create_task(connection.send_slowly(of_one, pause))
        for connection, of_one in zip(connections, parts, strict=True)
    ]
    begun()
    await asyncio.gather(*sending)
    await asyncio.Event().wait()


async def _locked(target: _Target) -> psycopg.AsyncConnection[Any]:
    """Lock an account."""
    await _Connection(target.port).answer_to(
        _post("/ledger", _entry(_LOCKED, operation="CREDIT_ADD", amount=1_000))
    )
    conn = await psycopg.AsyncConnection.connect(target.url)
    await conn.execute("SELECT FROM ledger.accounts WHERE owner_id = %s FOR UPDATE", [_LOCKED])
    return conn


async def _hang_up_on_a_locked_account(target: _Target, begun: Callable[[], None]) -> None:
    async with await _locked(target):
        while True:
            connections = [_Connection(target.port) for _ in range(2_300)]
            for connection in connections:
                _, writer = await connection.open()
                writer.write(_post("/ledger", _entry(_LOCKED)))
            await asyncio.sleep(0.1)
            for connection in connections:
                connection.close()
            begun()
            await asyncio.sleep(1)


async def _hold_on_a_locked_account(target: _Target, begun: Callable[[], None]) -> None:
    async with await _locked(target):
        await _repeat(
            target,
            begun,
            200,
            lambda: _post("/ledger/holds", _entry(_LOCKED, amount=1, expires_in=600)),
        )


async def _listen(target: _Target, begun: Callable[[], None]) -> None:
    async def listen() -> None:
        reader, writer = await _Connection(target.port).open()
        writer.write(_request("GET", "/events"))
        while await reader.read(65_536):
            pass

    listeners = [asyncio.create_task(listen()) for _ in range(500)]
    await asyncio.sleep(1)
    begun()
    await asyncio.gather(*listeners)


async def _send_large_bodies(target: _Target, begun: Callable[[], None]) -> None:
    text = "x" * 15_000
    entries = [_entry("large", metadata={"text": text}) for _ in range(_MAX_BODY // 15_300)]
    body = _post("/ledger/batch", {"entries": entries})
    await _repeat(target, begun, 50, lambda: body)


async def _send_deep_batches(target: _Target, begun: Callable[[], None]) -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"a": deep}
    entries = [_entry("deep", metadata=deep) for _ in range(3_400)]
    body = _post("/ledger/batch", {"entries": entries})
    await _repeat(target, begun, 1, lambda: body)


async def _send_an_endless_header(target: _Target, begun: Callable[[], None]) -> None:
    endless = itertools.chain([b"GET / HTTP/1.1\r\nx: "], itertools.repeat(b"x" * 65_536))
    await _send_all(target, begun, [endless], 0)


async def _send_slow_headers(target: _Target, begun: Callable[[], None]) -> None:
    def slowly() -> Iterator[bytes]:
        return itertools.chain([b"GET / HTTP/1.1\r\nx: "], itertools.repeat(b"x"))

    await _send_all(target, begun, [slowly() for _ in range(500)], 1)


async def _read_nothing(target: _Target, begun: Callable[[], None]) -> None:
    requests = _request("GET", "/events"), _request("GET", f"/ledger/{owner_number(0)}/entries")
    await _send_all(target, begun, [iter([request]) for request in requests * 50], 0)


async def _hold_the_queue_lock(target: _Target, begun: Callable[[], None]) -> None:
    async with await psycopg.AsyncConnection.connect(target.stranger_url) as conn:
        await conn.execute(
            "SELECT count(pg_advisory_xact_lock(hashtextextended(owner_id, 0)))"
            " FROM unnest(%s::text[]) AS owners (owner_id)",
            [[str(owner_number(number)) for number in range(_OWNERS)]],
        )
        begun()
        await asyncio.Event().wait()


async def _leave_a_transaction_open(target: _Target, begun: Callable[[], None]) -> None:
    async with await psycopg.AsyncConnection.connect(target.url) as conn:
        await conn.execute("SELECT pg_current_xact_id()")
        begun()
        await asyncio.Event().wait()


HOSTILE: Final[dict[str, _Hostile]] = {
    "2 300 requests on a locked account, hung up": _hang_up_on_a_locked_account,
    "200 hold calls on a locked account": _hold_on_a_locked_account,
    "500 listeners": _listen,
    "50 bodies of 8 MiB": _send_large_bodies,
    "a batch of 6.4 MiB, 300 deep": _send_deep_batches,
    "an endless header": _send_an_endless_header,
    "500 slow headers": _send_slow_headers,
    "100 clients that read nothing": _read_nothing,
    "a stranger on the queue's lock": _hold_the_queue_lock,
    "a transaction left open": _leave_a_transaction_open,
}


@contextmanager
def hostile_client(name: str, port: int, url: str, stranger_url: str) -> Iterator[None]:
    """Run a hostile client during the block.

    Args:
        name: A key of HOSTILE.
        port: The port of the service on 127.0.0.1.
        url: Its database, for the owner.
        stranger_url: The same for another login.
    """
    command = [sys.executable, "-m", "tests.benchmarks.hostile", name, str(port), url, stranger_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            yield
        finally:
            process.kill()


def _say_begun() -> None:
    sys.stdout.write("begun\n")
    sys.stdout.flush()


def _main(name: str, port: str, *urls: str) -> None:
    asyncio.run(HOSTILE[name](_Target(int(port), *urls), _say_begun))


if __name__ == "__main__":
    _main(*sys.argv[1:])
