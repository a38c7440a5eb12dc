"""The configuration of the PgBouncer beside a front.

PL/Proxy does not bound how long it waits for a partition that says nothing; PgBouncer does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import ClusterFile, Front, Partition
from ledger_py.cluster.fronts.doors import LOGIN

__all__ = ("PATIENCE", "write_pooler")

PATIENCE: Final = 15
"""Seconds that a call of a front may take on a partition."""

_CONNECTS_WITHIN: Final = 2
_POOL_SIZE: Final = 20

_INI: Final = """\
; PgBouncer beside the front {front} of a shared ledger. Written by `ledger cluster front`.
[databases]
{databases}

[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 1000
; A partition that says nothing is given up after this. A statement_timeout on the front is longer.
query_timeout = {patience}
query_wait_timeout = {patience}
server_connect_timeout = {connects}
; A partition that is back is served again after this.
server_login_retry = 1
"""


def write_pooler(folder: Path, cluster: ClusterFile, front: Front, password: str) -> None:
    """Write `pgbouncer.ini`, and `userlist.txt` with the password, which only its owner can read.

    Args:
        folder: Where to; it is created.
        cluster: The partitions.
        front: The front.
        password: That of the login of fronts on the partitions.

    Raises:
        ClusterError: A file cannot be written.
    """
    users = folder / "userlist.txt"
    ini = _INI.format(
        front=front.name,
        databases="\n".join(_database(partition) for partition in cluster.partitions),
        host=front.pooler_host,
        port=front.pooler_port,
        users=users.resolve(),
        size=_POOL_SIZE,
        patience=PATIENCE,
        connects=_CONNECTS_WITHIN,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        users.touch(mode=0o600)
        users.write_text(f'"{LOGIN}" "{password}"\n', encoding="utf-8")
        (folder / "pgbouncer.ini").write_text(ini, encoding="utf-8")
    except OSError as error:
        raise ClusterError(f"{error.filename} cannot be written: {error.strerror}") from error


def _database(partition: Partition) -> str:
    given = conninfo_to_dict(partition.url)
    parts = {key: given[key] for key in ("host", "port", "dbname") if given.get(key)}
    return f"{partition.name} = " + " ".join(
        f"{key}='{_quoted(str(value))}'" for key, value in parts.items()
    )


def _quoted(value: str) -> str:
    return value.replace("'", "''")
