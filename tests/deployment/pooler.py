"""PgBouncer before a server of the tests."""

from __future__ import annotations

import os
import re
import shutil
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

__all__ = ("PGBOUNCER", "pooler")

PGBOUNCER: Final = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

_PATIENCE: Final = 30.0


@contextmanager
def pooler(url: str, mode: str, **options: object) -> Iterator[str]:
    """Run PgBouncer.

    Args:
        url: The database behind it.
        mode: The pool mode: `session` or `transaction`.
        options: Further settings of PgBouncer.

    Yields:
        The address of the same database through PgBouncer.
    """
    assert PGBOUNCER is not None
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
        **options,
    }
    if _version() >= (1, 21):
        settings["max_prepared_statements"] = 0
    with tempfile.TemporaryDirectory(prefix="ledger-pooler-") as folder:
        Path(folder).chmod(0o755)
        config = Path(folder, "pgbouncer.ini")
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
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(
                [PGBOUNCER, str(config)], stdout=log, stderr=log, **_account(str(given["host"]))
            )
        try:
            through = make_conninfo(url, host="127.0.0.1", port=port)
            _wait_for(through, process)
            yield through
        finally:
            process.kill()
            process.wait()


def _version() -> tuple[int, ...]:
    assert PGBOUNCER is not None
    said = subprocess.run([PGBOUNCER, "--version"], capture_output=True, text=True, check=True)
    return tuple(map(int, re.findall(r"\d+", said.stdout.split("\n")[0])))


def _account(host: str) -> dict[str, Any]:
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
