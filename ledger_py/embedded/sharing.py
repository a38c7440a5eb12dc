"""One embedded server for all processes that use it: started by the first, stopped by the last.

Each user holds a shared lock on a file beside the data for as long as it uses the server. The
operating system takes the lock away when a process ends, however it ends, so nobody is counted who
is not there; whoever leaves and gets that lock for itself alone was the last.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger_py.embedded.accounts import Account, account_for
from ledger_py.embedded.cluster import Cluster
from ledger_py.embedded.errors import EmbeddedError
from ledger_py.embedded.places import VERSION, default_data_dir, prepare_data_dir
from ledger_py.settings import Settings

DATABASE: Final = "ledger"
"""The database of the embedded server that holds the ledger."""

Report = Callable[[str], None]


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def database(settings: Settings, *, report: Report = _to_stderr) -> Iterator[str]:
    """Provide the database that the settings ask for.

    This blocks for about two seconds when the embedded server has to be started. Asynchronous
    code enters and leaves it in a thread.

    Args:
        settings: With `database_url` the server named there is used, otherwise the embedded one.
        report: Takes the line that says where the embedded server keeps its data.

    Yields:
        A `postgresql://` address, good until the end of the block.

    Raises:
        EmbeddedError: The embedded server cannot be used.
    """
    if settings.database_url is not None:
        yield settings.database_url
        return
    folder = settings.data_dir or default_data_dir()
    with embedded_server(folder) as url:
        report(f"Embedded PostgreSQL {VERSION}, data in {folder}")
        yield url


@contextmanager
def embedded_server(
    folder: Path, *, database: str = DATABASE, options: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Use the embedded server of a data folder, together with whoever else uses it.

    Args:
        folder: Where the data is kept; made if it is not there.
        database: The database to give, made if it is not there.
        options: Server settings to start with. They have no effect on a server that runs already.

    Yields:
        The address of the database, for the superuser of the cluster, over a Unix socket.

    Raises:
        EmbeddedError: The server cannot be started, or the folder not be used.
    """
    folder = folder.absolute()
    account = account_for(folder)
    prepare_data_dir(folder, account)
    cluster = Cluster(folder, account)
    users = _open_lock(folder / "users.lock", account)
    try:
        try:
            with _starting_and_stopping(folder, account):
                fcntl.flock(users, fcntl.LOCK_SH)
                cluster.ensure_running(options or {})
                cluster.ensure_database(database)
            yield cluster.url(database)
        finally:
            with _starting_and_stopping(folder, account):
                if _is_last(users):
                    cluster.stop()
    finally:
        os.close(users)


@contextmanager
def _starting_and_stopping(folder: Path, account: Account) -> Iterator[None]:
    """Be the only one who starts or stops the server of a folder."""
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
        raise EmbeddedError(f"The data folder {path.parent} cannot be used: {error}") from None
    return lock
