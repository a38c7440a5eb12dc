"""One embedded server for all processes that use it: started by the first, stopped by the last.

Each process holds a shared lock on a file beside the data while it uses the server. The operating
system releases the lock when the process ends, however it ends. A leaving process that gets the
lock exclusively was the last. Processes that watch the server start it again if it dies.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

from ledger_py.embedded.accounts import Account, account_for
from ledger_py.embedded.errors import EmbeddedError
from ledger_py.embedded.places import VERSION, binaries, default_data_dir, prepare_data_dir
from ledger_py.embedded.watching import Tell, Watch
from ledger_py.settings import Settings

DATABASE: Final = "ledger"
"""The database of the embedded server that holds the ledger."""

_PATIENCE_OF_A_WATCH: Final = 10.0
"""Seconds for a start to wait for what passes by itself; then the log tells, and it goes on."""

Report = Callable[[str], None]


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def database(
    settings: Settings, *, report: Report = _to_stderr, watched: Tell | None = None
) -> Iterator[str]:
    """Provide the database that the settings ask for.

    Starting the embedded server blocks for about two seconds. Asynchronous code enters and leaves
    this context in a thread.

    Args:
        settings: `database_url` names the server; without it, the embedded one is used.
        report: Takes a line that names the data folder of the embedded server.
        watched: If given, the embedded server is started again when it dies. This is told so, from
            another thread.

    Yields:
        A `postgresql://` address, valid until the end of the block.

    Raises:
        EmbeddedError: The embedded server cannot be used.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    folder = settings.data_dir or default_data_dir()
    with embedded_server(folder, watched=watched) as url:
        report(f"Embedded PostgreSQL {VERSION}, data in {folder}")
        yield url


@contextmanager
def embedded_server(
    folder: Path,
    *,
    database: str = DATABASE,
    options: Mapping[str, str] | None = None,
    watched: Tell | None = None,
) -> Iterator[str]:
    """Use the embedded server of a data folder, shared with other processes.

    Args:
        folder: The data folder; created if need be.
        database: The database; created if need be.
        options: Server settings for the start. A server that is already running ignores them.
        watched: If given, the server is started again when it dies. This is told so, from another
            thread.

    Yields:
        The address of the database, for the superuser of the cluster, over a Unix socket.

    Raises:
        EmbeddedError: The server cannot be started, or the folder cannot be used.
    """
    binaries()  # says what to install if there are none
    from ledger_py.embedded.cluster import Cluster  # needs the extra "embedded"

    folder = folder.absolute()
    account = account_for(folder)
    prepare_data_dir(folder, account)
    cluster = Cluster(folder, account)
    options = options or {}

    def start_again() -> bool:
        with _starting_and_stopping(folder, account):
            return cluster.ensure_running(options, within=_PATIENCE_OF_A_WATCH)

    users = _open_lock(folder / "users.lock", account)
    try:
        try:
            with _starting_and_stopping(folder, account):
                fcntl.flock(users, fcntl.LOCK_SH)
                cluster.ensure_created()
                cluster.ensure_running(options)
                cluster.ensure_database(database)
            watch = (
                Watch(lives=cluster.lives, start=start_again, tell=watched)
                if watched
                else nullcontext()
            )
            with watch:
                yield cluster.url(database)
        finally:
            # A server whose folder was removed stops by itself.
            if folder.exists():
                with _starting_and_stopping(folder, account):
                    if _is_last(users):
                        cluster.stop()
    finally:
        os.close(users)


@contextmanager
def _starting_and_stopping(folder: Path, account: Account) -> Iterator[None]:
    """Lock out other processes that start or stop the server of a folder."""
    lock = _open_lock(folder / "server.lock", account)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_lock(path: Path, account: Account) -> int:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if account.switch:
            os.fchown(lock, account.uid, account.gid)
    except OSError as error:
        raise EmbeddedError(
            f"The data folder {path.parent} cannot be used: {error}",
            brief="its data folder cannot be used",
        ) from None
    return lock
