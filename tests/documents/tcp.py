"""A database that is reached by TCP, for drivers that know nothing else."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlencode

from psycopg.conninfo import conninfo_to_dict

__all__ = ("over_tcp",)


@contextmanager
def over_tcp(database: str) -> Iterator[str]:
    """Pass connections on to the database, also to one that listens on a Unix socket only.

    Args:
        database: The address of the database.

    Yields:
        The host, the port, the database and the login, as they stand in an address of JDBC.
    """
    server = {name: str(value) for name, value in conninfo_to_dict(database).items()}
    login = urlencode([(name, server[name]) for name in ("user", "password") if name in server])
    loop = asyncio.new_event_loop()
    pass_on = functools.partial(_pass_on, server=server)
    listening = loop.run_until_complete(asyncio.start_server(pass_on, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        port = listening.sockets[0].getsockname()[1]
        yield f"127.0.0.1:{port}/{server['dbname']}?{login}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listening.close()
        loop.close()


async def _pass_on(
    from_caller: asyncio.StreamReader, to_caller: asyncio.StreamWriter, server: dict[str, str]
) -> None:
    host, port = server["host"], server.get("port", "5432")
    if host.startswith("/"):
        opened = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    else:
        opened = await asyncio.open_connection(host, int(port))
    from_server, to_server = opened
    await asyncio.gather(_copy(from_caller, to_server), _copy(from_server, to_caller))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()
