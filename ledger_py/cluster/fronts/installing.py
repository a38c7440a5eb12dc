"""Making and renewing the fronts of a cluster, and the doors of its partitions."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import ClusterFile, Front, Partition
from ledger_py.cluster.fronts import doors, functions
from ledger_py.cluster.fronts.interface import ROLES, Interface, read_interface, read_logins
from ledger_py.cluster.fronts.pooler import write_pooler
from ledger_py.cluster.members import (
    Connection,
    Report,
    connected,
    connected_to_all,
    failure_at,
    scalar,
)
from ledger_py.settings import SQL_ROOT

__all__ = ("fault_of", "make", "renew")

_HAND_WRITTEN: Final = SQL_ROOT / "sql" / "fronts"

_FIRST_FILES: Final = (
    "caller",
    "is_dry_run",
    "refuse",
    "checked",
    "unavailable",
    "only_on_partitions",
)
"""Files of `sql/fronts/front/` that views need when they are created; the others follow by name."""

_IS_LEDGER: Final = "SELECT to_regnamespace('ledger_core') IS NOT NULL"
_MADE_OF: Final = """
    SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'ledger_front'
"""
_PASSWORD: Final = """
    SELECT split_part(option, '=', 2) FROM pg_user_mappings
    CROSS JOIN LATERAL unnest(umoptions) AS option
    WHERE srvname = 'ledger' AND option LIKE 'password=%%'
"""
_ROLES_THERE: Final = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
_DOORS: Final = """
    SELECT oid::regprocedure::text, xmin::text = (txid_current() % 4294967296)::text
    FROM pg_proc WHERE pronamespace = to_regnamespace('ledger_door')
"""
"""The doors: each with its signature, and whether this transaction has made it."""


def make(
    cluster: ClusterFile,
    name: str,
    *,
    pooler: Path | None,
    new_password: bool,
    report: Report,
) -> None:
    """Make a front, or renew it.

    Args:
        cluster: The cluster, whose partitions are made already.
        name: The front, as the file calls it.
        pooler: A folder for the configuration of the PgBouncer beside it, if that is wanted.
        new_password: Give the login of fronts another password, on all partitions and fronts.
        report: Takes a line for each change.

    Raises:
        ClusterError: A partition or a front is away, or the front's database cannot be one.
    """
    front = cluster.front(name)
    known = None if new_password else _known_password(cluster)
    password = known or secrets.token_urlsafe(24)
    if known is None:
        with connected_to_all(cluster) as members:
            for partition, conn in members:
                with _blamed(partition):
                    _make_login(conn, password, change=True)
        report(f"The login {doors.LOGIN} has a new password on all partitions")
    _renew(cluster, cluster.fronts if known is None else [front], password, report)
    if pooler is not None:
        write_pooler(pooler, cluster, front, password)
        report(f"{pooler / 'pgbouncer.ini'}: written; start or reload PgBouncer with it")


def renew(cluster: ClusterFile, *, report: Report) -> None:
    """Bring the doors of all partitions and the fronts that were made up to date.

    Args:
        cluster: The cluster.
        report: Takes a line for each change.

    Raises:
        ClusterError: A partition or a front is away.
    """
    password = _known_password(cluster) if cluster.fronts else None
    if password is not None:
        _renew(cluster, cluster.fronts, password, report)


def fault_of(cluster: ClusterFile, front: Front, partition: Partition) -> str | None:
    """Compare a front with what would be made now.

    Args:
        cluster: The cluster.
        front: The front.
        partition: A partition that answers.

    Returns:
        What is wrong with it; None if it is up to date.
    """
    try:
        with connected(partition) as conn:
            interface = read_interface(conn)
        with connected(_as_partition(front)) as conn:
            password, made_of = scalar(conn, _PASSWORD), scalar(conn, _MADE_OF)
            there = {name for (name,) in conn.execute(_ROLES_THERE, [[*ROLES, *interface.logins]])}
    except ClusterError as error:
        return str(error).removeprefix(f"{front.name}: ")
    if not password or made_of is None:
        return f"is not made yet: `ledger cluster front {front.name}`"
    if made_of != _digest(_statements(cluster, front, interface, password, there)):
        return "is not as the partitions are: `ledger cluster migrate`"
    return None


def _renew(cluster: ClusterFile, fronts: Sequence[Front], password: str, report: Report) -> None:
    with connected_to_all(cluster) as members:
        interface = read_interface(members[0][1])
        old: dict[str, list[str]] = {}
        for partition, conn in members:
            with _blamed(partition):
                _make_login(conn, password, change=False)
                old[partition.name] = _open_doors(conn, interface)
            report(f"{partition.name}: has doors for fronts")
        for front in fronts:
            with connected(_as_partition(front)) as conn:
                changed = _make_front(conn, cluster, front, interface, password)
            report(f"{front.name}: {'asks the partitions' if changed else 'is up to date'}")
        # Those of an older release, which no front uses any more.
        for partition, conn in members:
            for signature in old[partition.name]:
                conn.execute(f"DROP FUNCTION {signature}".encode())


@contextmanager
def _blamed(partition: Partition) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise failure_at(partition, error) from error


def _as_partition(front: Front) -> Partition:
    """Let the connection of a front say who it is when it fails."""
    return Partition(name=front.name, url=front.url, kept=())


# Partitions


def _make_login(conn: Connection, password: str, *, change: bool) -> None:
    """Create the login of fronts, if the server has none yet, or change its password."""
    with conn.transaction():
        if not scalar(conn, "SELECT TRUE FROM pg_roles WHERE rolname = 'ledger_front'"):
            conn.execute("CREATE ROLE ledger_front LOGIN NOINHERIT")
        elif not change:
            return
        conn.execute("SET LOCAL password_encryption = 'scram-sha-256'")
        conn.execute(sql.SQL("ALTER ROLE ledger_front PASSWORD {}").format(sql.Literal(password)))


def _open_doors(conn: Connection, interface: Interface) -> list[str]:
    """Make the doors of a partition.

    Returns:
        The signatures of others that are there.
    """
    with conn.transaction():
        conn.execute("CREATE SCHEMA IF NOT EXISTS ledger_door")
        conn.execute("REVOKE ALL ON SCHEMA ledger_door FROM PUBLIC")
        for statement in (*_texts("doors"), *doors.doors_of(interface)):
            conn.execute(statement.encode())
        others = [signature for signature, made in conn.execute(_DOORS) if not made]
        conn.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger_door FROM PUBLIC")
        conn.execute("GRANT USAGE ON SCHEMA ledger_door TO ledger_front")
        conn.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger_door TO ledger_front")
        for login in read_logins(conn):
            conn.execute(sql.SQL("GRANT {} TO ledger_front").format(sql.Identifier(login)))
    return others


# Fronts


def _known_password(cluster: ClusterFile) -> str | None:
    """Read the password of the login from a front that has it."""
    for front in cluster.fronts:
        with connected(_as_partition(front)) as conn:
            found = scalar(conn, _PASSWORD)
        if found:
            return str(found)
    return None


def _make_front(
    conn: Connection, cluster: ClusterFile, front: Front, interface: Interface, password: str
) -> bool:
    """Make the objects of a front in one transaction, unless they are there as they should be."""
    if scalar(conn, _IS_LEDGER):
        raise ClusterError(f"{front.name}: its database is a ledger, and cannot be a front")
    there = {name for (name,) in conn.execute(_ROLES_THERE, [[*ROLES, *interface.logins]])}
    statements = _statements(cluster, front, interface, password, there)
    made_of = _digest(statements)
    if scalar(conn, _MADE_OF) == made_of:
        return False
    with conn.transaction():
        conn.execute("SET LOCAL client_min_messages = warning")
        for role in ROLES:
            if role not in there:
                conn.execute(f"CREATE ROLE {role} NOLOGIN".encode())
        for statement in statements:
            conn.execute(statement.encode())
        conn.execute(f"COMMENT ON SCHEMA ledger_front IS '{made_of}'".encode())
    return True


def _statements(
    cluster: ClusterFile, front: Front, interface: Interface, password: str, there: set[str]
) -> list[str]:
    return [
        *_server(cluster, front, password),
        *_objects(cluster, interface),
        *_members(interface, there),
    ]


def _digest(statements: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(statements).encode()).hexdigest()


def _server(cluster: ClusterFile, front: Front, password: str) -> Iterator[str]:
    """Write what PL/Proxy connects by: a power of two of addresses, so some are there twice."""
    addresses = [
        make_conninfo(
            host=front.pooler_host,
            port=front.pooler_port,
            dbname=partition.name,
            application_name=front.name,
        )
        for partition in cluster.partitions
    ]
    while len(addresses) & (len(addresses) - 1):
        addresses.append(addresses[0])
    options = ", ".join(f"p{at} '{_escaped(one)}'" for at, one in enumerate(addresses))
    yield "CREATE EXTENSION IF NOT EXISTS plproxy"
    yield "DROP SERVER IF EXISTS ledger CASCADE"
    yield f"CREATE SERVER ledger FOREIGN DATA WRAPPER plproxy OPTIONS ({options})"
    yield (
        "CREATE USER MAPPING FOR CURRENT_USER SERVER ledger"
        f" OPTIONS (user '{doors.LOGIN}', password '{_escaped(password)}')"
    )


def _objects(cluster: ClusterFile, interface: Interface) -> Iterator[str]:
    yield "DROP SCHEMA IF EXISTS ledger, ledger_front CASCADE"
    yield "CREATE SCHEMA ledger"
    yield "CREATE SCHEMA ledger_front"
    for type_ in interface.types:
        columns = ", ".join(f"{one.name} {one.type}" for one in type_.columns)
        yield f"CREATE TYPE ledger.{type_.name} AS ({columns})"
    yield f"CREATE VIEW ledger.error_codes AS {interface.error_codes}"
    yield from functions.places(cluster)
    yield from functions.limits_of(interface)
    yield from functions.proxies_of(interface)
    yield from _texts("front")
    yield from functions.statements_of(interface)
    yield "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger, ledger_front FROM PUBLIC"
    for role in ROLES:
        yield f"GRANT USAGE ON SCHEMA ledger TO {role}"
        yield f"GRANT EXECUTE ON FUNCTION ledger_front.only_on_partitions TO {role}"
        yield f"GRANT SELECT ON ledger.error_codes TO {role}"


def _members(interface: Interface, there: set[str]) -> Iterator[str]:
    """Give the logins that exist on the front the rights that they have on partitions."""
    for login, role in interface.members:
        if login in there:
            yield f'GRANT {role} TO "{login.replace(chr(34), chr(34) * 2)}"'


def _texts(folder: str) -> list[str]:
    paths = sorted(
        (_HAND_WRITTEN / folder).glob("*.sql"),
        key=lambda path: (path.stem not in _FIRST_FILES, path.stem),
    )
    return [path.read_text(encoding="utf-8") for path in paths]


def _escaped(text: str) -> str:
    return text.replace("'", "''")
