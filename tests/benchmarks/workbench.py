"""The server of a run, and the databases on it."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger_py.database_urls import plain_database_url
from ledger_py.embedded import embedded_server
from tests.benchmarks.loading import OWNERS, load, owner_number
from tests.benchmarks.versions import THIS, Version, module_command
from tests.fixtures.database import Server, new_database

__all__ = ("Database", "Usage", "Workbench", "chosen_server", "run_settings", "workbench")

_FLOOR: Final = Path(__file__).with_name("floor.sql").read_text()

_SETTINGS: Final = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "data_checksums",
    "wal_compression",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "jit",
)


_USAGE: Final = """
    SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'), sum(blks_read)
    FROM pg_stat_database
"""


class Database(msgspec.Struct, frozen=True):
    """A database with a ledger and the floor beside it.

    Attributes:
        url: The address for the owner.
        app_url: The address for a role that is only bound to app1, like that of a service.
    """

    url: str
    app_url: str


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Resources that a server has used so far, or between two moments.

    Attributes:
        cpu: User and system seconds of its processes; None for a remote server.
        wal: Bytes of write-ahead log.
        reads: Blocks that were not in shared buffers. Connections report theirs at their end, and
            before that at most once a second.
    """

    cpu: float | None
    wal: float
    reads: float

    def plus(self, other: Usage) -> Usage:
        """Return the sum with what was used between two other moments."""
        known = self.cpu is not None and other.cpu is not None
        return Usage(
            cpu=self.cpu + other.cpu if known else None,  # type: ignore[operator]
            wal=self.wal + other.wal,
            reads=self.reads + other.reads,
        )

    def since(self, before: Usage) -> Usage:
        """Return the difference to an earlier moment."""
        known = self.cpu is not None and before.cpu is not None
        return Usage(
            cpu=self.cpu - before.cpu if known else None,  # type: ignore[operator]
            wal=self.wal - before.wal,
            reads=self.reads - before.reads,
        )


class Workbench:
    """Creates the databases of a run, all with the same contents.

    Args:
        server: The server.
        template: The database to copy.
        role: The login role of the callers.
        password: Its password.
        version: The version of the ledger in the databases.
    """

    def __init__(
        self, server: Server, template: str, role: str, password: str, version: Version
    ) -> None:
        self.server = server
        self.version = version
        self._template = template
        self._login = {"user": role, "password": password}
        self._postmaster = _postmaster(server)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Create a database with an account and one entry for each owner, and drop it again.

        Yields:
            The database.
        """
        # Copy through the log, so that no page has to be logged whole during the measurement.
        options = f"TEMPLATE {self._template} STRATEGY wal_log"
        with new_database(self.server, options) as url:
            yield Database(url, make_conninfo(url, **self._login))

    @contextmanager
    def ledger(self) -> Iterator[Database]:
        """Create a database with a ledger that has no owners, and drop it again.

        Yields:
            The database.
        """
        with new_database(self.server) as url:
            _migrate(url, self._login["user"], self.version)
            yield Database(url, make_conninfo(url, **self._login))

    def usage(self) -> Usage:
        """Read the resources that the server has used so far."""
        with psycopg.connect(self.server.url(self.server.maintenance_dbname)) as conn:
            wal, reads = conn.execute(_USAGE).fetchone() or (0, 0)
        return Usage(cpu=self._cpu_seconds(), wal=float(wal), reads=float(reads))

    def _cpu_seconds(self) -> float | None:
        if self._postmaster is None:
            return None
        total = 0.0
        for process in (self._postmaster, *self._postmaster.children()):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue  # counted with the ended children of the postmaster
            total += times.user + times.system
            if process == self._postmaster:
                total += times.children_user + times.children_system
        return total


@contextmanager
def workbench(url: str, version: Version = THIS) -> Iterator[Workbench]:
    """Prepare a server for benchmarks, and clean it up afterwards.

    Args:
        url: The address, for a role that may create databases and roles.
        version: The version to measure.

    Yields:
        The workbench.
    """
    server = Server(url)
    role, password = f"ledger_bench_{secrets.token_hex(4)}", secrets.token_hex()
    with psycopg.connect(url, autocommit=True) as admin:
        name = sql.Identifier(role)
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(name, password))
        try:
            with new_database(server) as template:
                _fill(template, role, version)
                dbname = psycopg.conninfo.conninfo_to_dict(template)["dbname"]
                yield Workbench(server, str(dbname), role, password, version)
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(name))


def _migrate(url: str, role: str, version: Version) -> None:
    command, environment = module_command(
        version, "ledger_py", "migrate", settings={"DATABASE_URL": url}
    )
    migrated = subprocess.run(
        command, cwd=version.root, env=environment, capture_output=True, text=True, check=False
    )
    if migrated.returncode != 0:
        raise RuntimeError(f"{version.label('migrate')}: {migrated.stderr.strip()}")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SELECT ledger.bind_role(role => %s, app => 'app1')", [role])


def _fill(url: str, role: str, version: Version) -> None:
    _migrate(url, role, version)
    load(url, entries=OWNERS, first_owner=owner_number(0), owners=OWNERS)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(_FLOOR.encode())
        conn.execute("VACUUM (ANALYZE)")


@contextmanager
def chosen_server(data_dir: Path | None) -> Iterator[tuple[str, str]]:
    """Provide the server of `TEST_DATABASE_URL`, else an embedded server of its own.

    Args:
        data_dir: An existing folder for the data of the embedded server.

    Yields:
        The address, and a description of the data's location.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield plain_database_url(given), "of the server in TEST_DATABASE_URL"
        return
    # Not in /tmp, which is often in memory, where a commit costs nothing.
    parent = data_dir or Path("/var/tmp")
    options = {
        "shared_buffers": f"{min(2048, psutil.virtual_memory().total // 2**20 // 4)}MB",
        "max_connections": "100",
        # Avoid checkpoints during the run, which would slow the contender down whose turn it is.
        "max_wal_size": "32GB",
        "checkpoint_timeout": "1h",
    }
    with tempfile.TemporaryDirectory(prefix="ledger-bench-", dir=parent) as name:
        folder = Path(name)
        folder.chmod(0o711)
        with embedded_server(folder / "data", database="postgres", options=options) as url:
            yield url, f"{folder} ({_file_system(folder)})"


def run_settings(url: str, data: str) -> dict[str, str]:
    """List the settings that matter for the figures.

    Args:
        url: The server.
        data: A description of the data's location.

    Returns:
        Settings of the server and the machine, by name.
    """
    with psycopg.connect(url) as conn:
        settings = {
            name: str(conn.execute("SELECT current_setting(%s)", [name]).fetchone()[0])  # type: ignore[index]
            for name in _SETTINGS
        }
    return {
        **settings,
        "data": data,
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "load average before": f"{os.getloadavg()[0]:.1f}",
    }


def _postmaster(server: Server) -> Any:
    if not server.host.startswith("/"):
        return None
    with psycopg.connect(server.url(server.maintenance_dbname)) as conn:
        try:
            return psutil.Process(conn.info.backend_pid).parent()
        except psutil.Error:
            return None


def _file_system(folder: Path) -> str:
    holding = [
        part
        for part in psutil.disk_partitions(all=True)
        if folder.resolve().is_relative_to(part.mountpoint)
    ]
    return max(holding, key=lambda part: len(part.mountpoint)).fstype if holding else "unknown"
