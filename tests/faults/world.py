"""A server, services and perhaps PgBouncer, for the callers of a run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from ledger_py.migrate import Project, migrate
from ledger_py.settings import PROJECT_ROOT
from tests.deployment.pooler import PgBouncer
from tests.deployment.proxy import Proxy, proxy
from tests.faults.callers import SCHEMA
from tests.faults.processes import PostgreSQL, Service
from tests.faults.surroundings import ServerClock, SmallDisk, server_clock, small_disk
from tests.sql.calls import Connection

__all__ = ("USER", "World", "bind_user", "open_shop", "world")

USER: Final = "shop"
"""The login of services and callers, which is bound to the apps."""


class World:
    """The processes of a run.

    Attributes:
        server: The database server.
        disk: The disk that holds its data, if one could be made.
        clock: The clock of the server, if it can be stepped.
        network: The network between the server and all others, if it can fail.
        pooler: PgBouncer before it, in transaction mode, if there is to be one.
        url: The address of the database for services and callers.
        services: The services that were started.
    """

    def __init__(
        self,
        folder: Path,
        server: PostgreSQL,
        pooled: bool,
        *,
        disk: SmallDisk | None = None,
        clock: ServerClock | None = None,
        network: Proxy | None = None,
    ) -> None:
        self._logs = folder
        self.server = server
        self.disk = disk
        self.clock = clock
        self.network = network
        self.url = make_conninfo(network.url if network else server.url, user=USER)
        self.pooler = PgBouncer(self.url, "transaction", folder) if pooled else None
        if self.pooler is not None:
            self.url = self.pooler.url
        self.services: list[Service] = []

    def serve(
        self, app: str, *, root: Path = PROJECT_ROOT, settings: Mapping[str, str] | None = None
    ) -> Service:
        """Start a service, as that of the faults and callers; see `Service`."""
        log = self._logs / f"service-{len(self.services)}.log"
        service = Service(self.url, log, app=app, root=root, settings=settings)
        self.services.append(service)
        return service


def bind_user(conn: Connection) -> None:
    """Let the login of services and callers record for the apps."""
    for app in ("app1", "app2"):
        conn.execute("SELECT ledger.bind_role(role => %s, app => %s)", [USER, app])


def open_shop(conn: Connection) -> None:
    """Create the table of the callers."""
    conn.execute(SCHEMA.encode())
    conn.execute(f"GRANT ALL ON SCHEMA shop TO {USER}".encode())
    conn.execute(f"GRANT ALL ON shop.orders TO {USER}".encode())


@contextmanager
def world(
    *, release: Project | None = None, pooled: bool = False, unreliable: bool = False
) -> Iterator[World]:
    """Run a server with a ledger.

    Args:
        release: The SQL of the ledger; None is today's.
        pooled: True if services and callers reach it through PgBouncer.
        unreliable: True if its disk, its clock and its network can fail.

    Yields:
        The processes, which are stopped at the end.
    """
    with tempfile.TemporaryDirectory(prefix="ledger-faults-") as folder, ExitStack() as stack:
        logs = Path(folder, "logs")
        Path(folder).chmod(0o711)
        logs.mkdir()
        data = Path(folder, "data")
        disk = clock = None
        if unreliable:
            mounted = Path(folder, "disk")
            mounted.mkdir()
            disk = stack.enter_context(small_disk(mounted))
            data = mounted / "data" if disk else data
            clock = server_clock(Path(folder, "clock"))
        server = PostgreSQL(data, clock.environment if clock else {})
        stack.callback(server.stop)
        migrate(server.url, project=release)
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(f"CREATE ROLE {USER} LOGIN".encode())
            bind_user(conn)
            open_shop(conn)
        network = stack.enter_context(proxy(server.url)) if unreliable else None
        found = World(logs, server, pooled, disk=disk, clock=clock, network=network)
        if found.pooler is not None:
            found.pooler.start()
            stack.callback(found.pooler.stop)
        try:
            yield found
        finally:
            for service in found.services:
                service.stop()
