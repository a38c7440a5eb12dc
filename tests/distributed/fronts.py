"""A front of a cluster as tests see it, on a server of PostgreSQL 15 with PL/Proxy."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger_py.cluster import catalogue, files
from ledger_py.cluster.files import Front
from ledger_py.cluster.fronts import installing
from tests.deployment.moving import server_15
from tests.deployment.pooler import PGBOUNCER, Pooler, account_beside
from tests.distributed.clusters import Partitions

__all__ = (
    "AUDITOR",
    "HAS_FRONTS",
    "LOGIN",
    "OPERATOR",
    "RunningFront",
    "create_logins",
    "front_server",
    "running_front",
)

LOGIN: Final = "ledger_test_front_app"
"""Records for app1, directly and through a front."""
OPERATOR: Final = "ledger_test_front_operator"
AUDITOR: Final = "ledger_test_front_auditor"
_MEMBER_OF: Final = {OPERATOR: "ledger_operator", AUDITOR: "ledger_auditor"}

_PLPROXY: Final = Path("/usr/share/postgresql/15/extension/plproxy.control")
HAS_FRONTS: Final = _PLPROXY.exists() and PGBOUNCER is not None
"""What a front needs is installed."""
_PATIENCE: Final = 2
"""Seconds after which the pooler gives up a partition that says nothing."""


@contextmanager
def front_server(folder: Path) -> Iterator[str]:
    """Run a server for fronts, or skip the test."""
    if not HAS_FRONTS:
        pytest.skip("PL/Proxy or PgBouncer is not installed")
    with server_15(folder, {"max_connections": "200"}) as url:
        yield url


class RunningFront:
    """A front, its pooler and the cluster behind it.

    Args:
        cluster: The cluster, whose file names the front.
        folder: The folder of the pooler's files.

    Attributes:
        cluster: The same.
        pooler: The PgBouncer beside the front.
    """

    def __init__(self, cluster: Partitions, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        (self.front,) = cluster.file.fronts
        (first, *_) = cluster.urls
        self.make()
        password = (folder / "userlist.txt").read_text().split('"')[3]
        assert PGBOUNCER is not None
        self.pooler = Pooler(
            PGBOUNCER,
            folder / "pgbouncer.ini",
            account_beside(str(conninfo_to_dict(first)["host"])),
            make_conninfo(
                host=self.front.pooler_host,
                port=self.front.pooler_port,
                dbname="p0",
                user="ledger_front",
                password=password,
            ),
        )

    def make(self, *, new_password: bool = False) -> list[str]:
        """Make the front as `ledger cluster front` does, and return what it reports."""
        said: list[str] = []
        installing.make(
            self.cluster.file,
            self.front.name,
            pooler=self.folder,
            new_password=new_password,
            report=said.append,
        )
        config = self.folder / "pgbouncer.ini"
        text = config.read_text()
        config.write_text(text.replace("query_timeout = 15", f"query_timeout = {_PATIENCE}"))
        if os.geteuid() == 0:
            account = account_beside(str(conninfo_to_dict(self.cluster.urls[0])["host"]))
            os.chown(self.folder / "userlist.txt", _uid(account), -1)
        return said

    def url(self, user: str = LOGIN) -> str:
        """Return the address of the front for a login."""
        return make_conninfo(self.front.url, user=user)


def _uid(account: dict[str, object]) -> int:
    found = account.get("user", -1)
    if isinstance(found, int):
        return found
    return pwd.getpwnam(str(found)).pw_uid


@contextmanager
def running_front(cluster: Partitions, database: str, folder: Path) -> Iterator[RunningFront]:
    """Give a cluster a front, and start its pooler.

    Args:
        cluster: The cluster.
        database: The address of the front's database, which is empty.
        folder: A folder that processes of other accounts can enter.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    front = Front(name="f0", url=database, pooler_host="127.0.0.1", pooler_port=port)
    files.write(cluster.path, msgspec.structs.replace(cluster.file, fronts=(front,)))
    for where in (*cluster.urls, database):
        create_logins(where)
    catalogue.change(cluster.file, f"SELECT ledger.bind_role('{LOGIN}', 'app1')")
    running = RunningFront(cluster, folder)
    running.pooler.start()
    try:
        yield running
    finally:
        running.pooler.stop()


def create_logins(url: str) -> None:
    """Create the logins of the tests on a server, unless they are there."""
    with psycopg.connect(url, autocommit=True) as conn:
        for login in (LOGIN, *_MEMBER_OF):
            if not conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [login]).rowcount:
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(login)))
        for login, role in _MEMBER_OF.items():
            if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
                conn.execute(
                    sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(login))
                )
