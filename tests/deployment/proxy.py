"""A TCP proxy before a server of the tests, which can forward late, or nothing at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict, make_conninfo

__all__ = ("Proxy", "proxy")

_READY = b"Z\x00\x00\x00\x05I"
"""The message of the server that ends the start-up of a connection."""


class Proxy:
    """A proxy on a port of its own; made by `proxy`.

    Args:
        url: The database behind it.

    Attributes:
        url: The address of the same database through the proxy.
        forwards_start_up: While it is silent, it still forwards the start-up of new connections.
        delay: Seconds by which it forwards everything later.
    """

    def __init__(self, url: str) -> None:
        given = {k: str(v) for k, v in conninfo_to_dict(url).items()}
        self._host = given.pop("host")
        self._port = given.pop("port", "5432")
        self._address = given
        self.url = ""
        self.forwards_start_up = False
        self.delay = 0.0
        self._open = asyncio.Event()
        self._open.set()
        self._loop = asyncio.new_event_loop()
        self._links: set[asyncio.Task[None]] = set()

    def be_silent(self) -> None:
        """Stop forwarding. Connections stay open, and new ones are accepted."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def forward(self) -> None:
        """Forward again, also what has been sent meanwhile."""
        self._loop.call_soon_threadsafe(self._open.set)

    async def _serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = make_conninfo(**self._address, host="127.0.0.1", port=port)
        started.set()
        await stop.wait()
        server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)
        await asyncio.sleep(0)  # lets the sockets be closed

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        with suppress(OSError, asyncio.CancelledError), closing(writer):
            if not self.forwards_start_up:
                await self._open.wait()
            if self._host.startswith("/"):
                path = f"{self._host}/.s.PGSQL.{self._port}"
                server_reader, server_writer = await asyncio.open_unix_connection(path)
            else:
                server_reader, server_writer = await asyncio.open_connection(
                    self._host, int(self._port)
                )
            with closing(server_writer):
                started = asyncio.Event()  # the start-up is over
                await asyncio.gather(
                    self._pump(reader, server_writer, started),
                    self._pump(server_reader, writer, started),
                )
        self._links.discard(task)

    async def _pump(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, started: asyncio.Event
    ) -> None:
        with closing(target):
            while data := await source.read(65_536):
                if started.is_set() or not self.forwards_start_up:
                    await self._open.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                target.write(data)
                await target.drain()
                if data.endswith(_READY):
                    started.set()


@contextmanager
def proxy(url: str) -> Iterator[Proxy]:
    """Run a proxy before a database."""
    proxy = Proxy(url)
    started, stop = threading.Event(), asyncio.Event()
    thread = threading.Thread(
        target=proxy._loop.run_until_complete, args=[proxy._serve(started, stop)]
    )
    thread.start()
    started.wait()
    try:
        yield proxy
    finally:
        proxy._loop.call_soon_threadsafe(stop.set)
        thread.join()
        proxy._loop.close()
