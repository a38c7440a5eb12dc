"""The account of the operating system that the embedded server runs as.

PostgreSQL refuses to run as root. Started by an ordinary user, it runs as that user; started by
root, it runs as the owner of the data or as an account created for it.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from ledger_py.embedded.errors import EmbeddedError

SERVER_ACCOUNT: Final = "shared-ledger"
"""The account of embedded servers that root starts."""


_LOCK: Final = "/etc/.pwd.lock"
"""The file that programs lock in another way when they change accounts; only root can open it."""


class Account(msgspec.Struct, frozen=True):
    """An account; with `switch`, this process is root and must change to it to act as it."""

    name: str
    uid: int
    gid: int
    switch: bool

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Run a program as this account and wait for it.

        Args:
            command: The program with its arguments.

        Returns:
            The completed process, with its output as text; the exit code is not checked.
        """
        # The caller's PG* variables, such as PGPORT, must not reach the server.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("PG")
        }
        environment |= {"LC_ALL": "C", "TZ": "UTC", "LOGNAME": self.name, "USER": self.name}
        switch: dict[str, Any] = {}
        if self.switch:
            switch = {"user": self.uid, "group": self.gid, "extra_groups": []}
        return subprocess.run(
            [str(part) for part in command],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            **switch,
        )

    def can_read(self, path: Path) -> bool:
        """Tell whether this account can reach and read a file or folder."""
        test = 'test -r "$0" && { test ! -d "$0" || test -x "$0"; }'
        return self.run(["/bin/sh", "-c", test, path]).returncode == 0


def account_for(folder: Path) -> Account:
    """Find the account that a server with its data in `folder` runs as.

    Args:
        folder: The folder of the data, which need not exist yet.

    Returns:
        For an ordinary user, its own account. For root, the owner of the folder, or of the nearest
        existing one above it; if that is root again, `SERVER_ACCOUNT`, created if need be.

    Raises:
        EmbeddedError: The account cannot be created.
    """
    uid = os.geteuid()
    if uid != 0:
        return Account(_name_of(uid) or str(uid), uid, os.getegid(), switch=False)
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    owner = nearest.stat().st_uid
    # A folder mounted into a container may belong to a user id without an account, but initdb needs
    # one.
    name = _name_of(owner) if owner != 0 else None
    if name is None:
        name = _server_account()
    entry = pwd.getpwnam(name)
    return Account(name, entry.pw_uid, entry.pw_gid, switch=True)


def _name_of(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _server_account() -> str:
    """Create `SERVER_ACCOUNT` if it does not exist, without a login or a home."""
    if _exists(SERVER_ACCOUNT):
        return SERVER_ACCOUNT
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", "/usr/sbin/nologin", SERVER_ACCOUNT]
    try:
        with _creating_accounts():
            if not _exists(SERVER_ACCOUNT):
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and the account that it would run as, "
            f"{SERVER_ACCOUNT}, cannot be made ({error}). Run this as an ordinary user, or "
            "name a server in DATABASE_URL."
        ) from error
    return SERVER_ACCOUNT


@contextmanager
def _creating_accounts() -> Iterator[None]:
    """Lock out other processes that create the account.

    Of two that run at once, useradd gives the account of the first another user id, and the data
    of a server belong to nobody.
    """
    lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
