"""PgBouncer before a server of the tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger_py.settings import PROJECT_ROOT

__all__ = (
    "NEWER_PGBOUNCER",
    "PGBOUNCER",
    "PgBouncer",
    "Pooler",
    "account_beside",
    "pooler",
)

_BUILT: Final = PROJECT_ROOT / ".venv" / "pgbouncer" / "bin"
"""The folder of the program that `.ci/pgbouncer` builds."""


def _programs() -> Iterator[str]:
    for path in (None, "/usr/sbin", str(_BUILT)):
        if found := shutil.which("pgbouncer", path=path):
            yield found


def _keeps_prepared_statements(program: str) -> bool:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return tuple(map(int, re.findall(r"\d+", said.stdout.split("\n")[0]))) >= (1, 21)


PGBOUNCER: Final = next(_programs(), None)
"""The program, or None if it is not installed."""

NEWER_PGBOUNCER: Final = next(filter(_keeps_prepared_statements, _programs()), None)
"""A program that can keep the prepared statements of its clients apart, or None."""

_PATIENCE: Final = 30.0


class Pooler:
    """A process of PgBouncer, started and stopped at will.

    Args:
        program: The program.
        config: Its configuration; the log is written beside it.
        account: The account that it runs as, as `subprocess` takes it.
        url: An address that it serves, to see when it does.
    """

    def __init__(self, program: str, config: Path, account: dict[str, Any], url: str) -> None:
        self._program = program
        self._config = config
        self._log = config.with_name("log")
        self._account = account
        self.url = url

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, str(self._config)], stdout=log, stderr=log, **self._account
            )
        _wait_for(self.url, self._process)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def reload(self) -> None:
        """Let it read its configuration anew."""
        self._process.send_signal(signal.SIGHUP)

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it by a signal."""
        self._process.send_signal(number)
        self._process.wait()


class PgBouncer(Pooler):
    """PgBouncer before a database, started and stopped at will on the same port.

    Args:
        url: The database behind it.
        mode: The pool mode: `session` or `transaction`.
        folder: A folder for its files, which its account can enter.
        newer: True to run a version that can keep prepared statements apart.
        options: Further settings of PgBouncer.

    Attributes:
        url: The address of the same database through PgBouncer.
    """

    def __init__(
        self, url: str, mode: str, folder: Path, *, newer: bool = False, **options: object
    ) -> None:
        program = NEWER_PGBOUNCER if newer else PGBOUNCER
        assert program is not None
        given = conninfo_to_dict(url)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        server = {key: given[key] for key in ("host", "port", "user", "password") if given.get(key)}
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": mode,
            "default_pool_size": 20,
            "server_login_retry": 1,
            **({"max_prepared_statements": 0} if _keeps_prepared_statements(program) else {}),
            **options,
        }
        config = folder / "pgbouncer.ini"
        config.write_text(
            "\n".join(
                [
                    "[databases]",
                    "* = " + " ".join(f"{key}='{value}'" for key, value in server.items()),
                    "[pgbouncer]",
                    *(f"{key} = {value}" for key, value in settings.items()),
                    "",
                ]
            )
        )
        super().__init__(
            program,
            config,
            account_beside(str(given["host"])),
            make_conninfo(url, host="127.0.0.1", port=port),
        )


@contextmanager
def pooler(url: str, mode: str, **options: Any) -> Iterator[str]:
    """Run PgBouncer, with the arguments of the class, and give the address through it."""
    with tempfile.TemporaryDirectory(prefix="ledger-pooler-") as folder:
        Path(folder).chmod(0o755)
        bouncer = PgBouncer(url, mode, Path(folder), **options)
        bouncer.start()
        try:
            yield bouncer.url
        finally:
            bouncer.stop()


def account_beside(host: str) -> dict[str, Any]:
    """Choose the account of PgBouncer, which refuses to be root: that of a local server."""
    if os.geteuid() != 0:
        return {}
    owner = Path(host).stat() if host.startswith("/") else None
    if owner is None or owner.st_uid == 0:
        return {"user": "nobody", "group": "nogroup", "extra_groups": []}
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert process.poll() is None, "PgBouncer did not start"
            assert time.monotonic() < deadline, "PgBouncer does not answer"
            time.sleep(0.02)
        else:
            return
