"""One PostgreSQL cluster on disk: created, started and stopped. `sharing` coordinates processes."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from ledger_py.embedded.accounts import Account
from ledger_py.embedded.errors import EmbeddedError
from ledger_py.embedded.places import VERSION, binaries

_START_WITHIN: Final = 120.0
_PAUSE: Final = 0.1
_STOP_WITHIN: Final = 60
_PORT: Final = 5432
# The shortest limit on the path of a Unix socket among the usual systems (macOS: 104 with the NUL).
_LONGEST_SOCKET_PATH: Final = 103
_LEAST_FREE: Final = 64 * 1024

_IN_USE: Final = re.compile(r"still in use|lock file .* already exists")
_BRIEFLY: Final = {
    "No space left on device": "its disk is full",
    "Disk quota exceeded": "its disk is full",
    "Read-only file system": "its disk is read-only",
    "Permission denied": "a file or folder of it is not accessible",
}
"""The cause why a server does not start, by the text in its log (in the locale C)."""


class Cluster:
    """The cluster in a data folder that the caller has prepared and locked."""

    def __init__(self, folder: Path, account: Account) -> None:
        self._account = account
        self._folder = folder
        self._data = folder / f"postgresql-{VERSION}"
        self._log = folder / "postgresql.log"
        self._bin = binaries(account)

    def url(self, database: str) -> str:
        """Return the address of a database of this cluster, for its superuser."""
        socket_dir = quote(str(self._socket_dir), safe="/")
        return f"postgresql://postgres@/{quote(database)}?host={socket_dir}&port={_PORT}"

    def ensure_created(self) -> None:
        """Create the cluster if it is new.

        Raises:
            EmbeddedError: It cannot be created; the message has the reason of initdb.
        """
        if not self._is_created():
            self._initialise()

    def ensure_running(self, options: Mapping[str, str], *, within: float = _START_WITHIN) -> bool:
        """Start the cluster if it is not running.

        Args:
            options: Server settings for the start, such as `{"max_connections": "200"}`.
            within: Seconds to wait for what passes by itself: a server that is stopping just now,
                or processes of a killed one that are still exiting.

        Returns:
            Whether this call has started it.

        Raises:
            EmbeddedError: PostgreSQL did not start; the message has the end of its log.
        """
        deadline = time.monotonic() + within
        started = False
        while not self._answers():
            if not self._is_created():
                raise EmbeddedError(f"Its data are gone: {self._data}", brief="its data are gone")
            failure = "it did not answer in time"
            passes = True
            if not self._postmaster_lives():
                orphans = self._end_orphans()
                if orphans:
                    pids = ", ".join(map(str, orphans))
                    failure = f"still running of the killed server: pid {pids}"
                else:
                    self._drop_misleading_lock_files()
                    failure = self._start(options)
                    started = not failure
                    # The server may have been stopping, or its last process exiting, just now.
                    passes = started or _IN_USE.search(failure) is not None
                    passes = passes or self._postmaster_lives()
            if not passes or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The embedded PostgreSQL did not start: {failure}", brief=_brief(failure)
                )
            time.sleep(_PAUSE)
        return started

    def lives(self) -> bool:
        """Tell whether the server is running, without asking it."""
        return self._postmaster_lives()

    def ensure_database(self, database: str) -> None:
        """Create a database if it does not exist.

        Args:
            database: Its name.
        """
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            found = conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
            if found.fetchone() is None:
                conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))

    def stop(self) -> None:
        """Stop the server: end the sessions, write everything to disk.

        Raises:
            EmbeddedError: It does not stop.
        """
        if not self._postmaster_lives():
            return
        done = self._account.run(
            [
                self._bin / "pg_ctl",
                "stop",
                "-D",
                self._data,
                "-m",
                "fast",
                "-w",
                "-t",
                str(_STOP_WITHIN),
            ]
        )
        if done.returncode != 0 and self._postmaster_lives():
            raise EmbeddedError(f"The embedded PostgreSQL did not stop: {done.stderr.strip()}")
        if self._socket_dir != self._data:
            shutil.rmtree(self._socket_dir, ignore_errors=True)

    @property
    def _socket_dir(self) -> Path:
        if len(str(self._data / f".s.PGSQL.{_PORT}")) <= _LONGEST_SOCKET_PATH:
            return self._data
        digest = hashlib.sha256(str(self._data).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir(), f"shared-ledger-{digest}")

    def _initialise(self) -> None:
        # Under another name first: an interrupted initdb leaves a folder that looks usable.
        unfinished = self._data.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        done = self._account.run(
            [
                self._bin / "initdb",
                *("-D", unfinished, "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
                # Built in: independent of the machine's locales and their updates.
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                "--no-instructions",
            ]
        )
        if done.returncode != 0:
            raise EmbeddedError(f"initdb failed in {self._folder}: {done.stderr.strip()}")
        unfinished.rename(self._data)

    def _start(self, options: Mapping[str, str]) -> str:
        self._make_socket_dir()
        settings = {
            "listen_addresses": "",
            "port": str(_PORT),
            "unix_socket_directories": f'"{self._socket_dir}"',
            "unix_socket_permissions": "0700",
            **options,
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log_begins = self._log.stat().st_size if self._log.exists() else 0
        done = self._account.run(
            [
                self._bin / "pg_ctl",
                *("start", "-D", self._data, "-l", self._log, "-w", "-t", str(int(_START_WITHIN))),
                *("-o", shlex.join(arguments)),
            ]
        )
        if done.returncode == 0:
            return ""
        with suppress(OSError), self._log.open(errors="replace") as log:
            log.seek(log_begins)
            if said := log.read()[-2_000:].strip():
                return said
        # A full disk takes no line of a log either.
        full = shutil.disk_usage(self._folder).free < _LEAST_FREE
        return "No space left on device" if full else done.stderr.strip()

    def _make_socket_dir(self) -> None:
        folder = self._socket_dir
        if folder != self._data:
            folder.mkdir(mode=0o700, exist_ok=True)
            if self._account.switch and folder.stat().st_uid == 0:
                os.chown(folder, self._account.uid, self._account.gid)
            if folder.is_symlink() or folder.stat().st_uid != self._account.uid:
                raise EmbeddedError(
                    f"The folder for the server's socket, {folder}, belongs to someone else. "
                    "Set LEDGER_DATA_DIR to a folder with a shorter path."
                )

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _postmaster_lives(self) -> bool:
        pid = _recorded_pid(self._data / "postmaster.pid")
        return pid is not None and self._is_ours(pid)

    def _is_ours(self, pid: int) -> bool:
        """Tell whether a process is one of this cluster: PostgreSQL, running in its folder."""
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE or "postgres" not in process.name():
                return False
            return Path(process.cwd()) == self._data.resolve()
        except psutil.AccessDenied:
            return True
        except psutil.NoSuchProcess:
            return False

    def _processes(self) -> Iterator[int]:
        # By the account first: of other accounts' processes, the folder cannot be read.
        for process in psutil.process_iter(["uids"]):
            uids = process.info["uids"]
            if uids and uids.real == self._account.uid and self._is_ours(process.pid):
                yield process.pid

    def _end_orphans(self) -> list[int]:
        """Tell the processes of a killed server to exit, as the server does if one of them crashes.

        A busy one would not notice before the end of its statement. Until all are gone, they share
        memory that a new server must not replace.

        Returns:
            Those that have not exited yet.
        """
        orphans = list(self._processes())
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        return orphans

    def _drop_misleading_lock_files(self) -> None:
        """Remove the lock files of a killed server whose process id is in use again.

        PostgreSQL detects by itself that a recorded process is gone. But it takes any process with
        that id for a server, also an unrelated one or a zombie. No process of the server may live.
        """
        socket_lock = self._socket_dir / f".s.PGSQL.{_PORT}.lock"
        for lock in (self._data / "postmaster.pid", socket_lock):
            pid = _recorded_pid(lock)
            if pid is not None and psutil.pid_exists(pid):
                lock.unlink(missing_ok=True)

    def _is_created(self) -> bool:
        return (self._data / "PG_VERSION").exists()


def _brief(failure: str) -> str:
    return next((brief for text, brief in _BRIEFLY.items() if text in failure), "its log says why")


def _recorded_pid(lock: Path) -> int | None:
    try:
        return int(lock.read_text().split("\n")[0])
    except (OSError, ValueError):
        return None
