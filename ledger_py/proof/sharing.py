"""Further connections that see the books at the same moment as a first one."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger_py.migrate.database import open_connection, scalar
from ledger_py.migrate.errors import MigrationError
from ledger_py.proof.connection import Connection, Report, make_settings
from ledger_py.sessions import is_pooled
from ledger_py.wording import counted

__all__ = ("MOST_CONNECTIONS", "connections_beside")

MOST_CONNECTIONS: Final = 32
"""Connections that one verification may use."""

_USUAL: Final = 4
_USUAL_ELSEWHERE: Final = 2

_MAY_EXPORT: Final = "SELECT has_function_privilege('pg_catalog.pg_export_snapshot()', 'EXECUTE')"
_EXPORT: Final = "SELECT pg_catalog.pg_export_snapshot()"


@contextmanager
def connections_beside(
    conn: Connection, url: str, most: int | None = None, *, report: Report
) -> Iterator[list[Connection]]:
    """Open connections that see the books as the transaction of a first connection does.

    Args:
        conn: The first connection, in a transaction of `one_moment`.
        url: The address that it was made with.
        most: The number of connections, the first included. If left out, as many as the server's
            processors: at most 4, and 2 where it is on another machine.
        report: Takes a line if there are fewer connections than that, with the reason.

    Yields:
        All connections, the first included. They are for one thread each.
    """
    wanted = _usual_number(conn) if most is None else most
    with ExitStack() as stack:
        conns = [conn]
        obstacle = _obstacle(conn) if wanted > 1 else None
        if wanted > 1 and obstacle is None:
            snapshot = scalar(conn, _EXPORT)
            address = _same_server(conn, url)
            try:
                while len(conns) < wanted:
                    other = stack.enter_context(closing(open_connection(address)))
                    _enter(other, snapshot)
                    conns.append(other)
            except (MigrationError, psycopg.Error) as error:
                obstacle = str(error).strip()
        if obstacle is not None:
            report(f"Verifying on {counted(len(conns), 'connection')}: {obstacle}")
        yield conns


def _obstacle(conn: Connection) -> str | None:
    """Say why no other connection can see what a transaction sees, or return None."""
    if is_pooled(conn):
        # The pooler may send another connection to another server, or let it wait for this one.
        return "there is a pooler before the server"
    if not scalar(conn, _MAY_EXPORT):
        return f"the login {conn.info.user} may not export snapshots"
    return None


def _enter(conn: Connection, snapshot: str) -> None:
    conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    conn.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
    make_settings(conn)


def _same_server(conn: Connection, url: str) -> str:
    """Make an address that may name several servers name that of a connection."""
    where: dict[str, Any] = {"host": conn.info.host, "port": conn.info.port}
    if conn.info.hostaddr:
        where["hostaddr"] = conn.info.hostaddr
    return make_conninfo(url, **where)


def _usual_number(conn: Connection) -> int:
    if _is_here(conn):
        return min(_USUAL, len(os.sched_getaffinity(0)))
    return _USUAL_ELSEWHERE


def _is_here(conn: Connection) -> bool:
    """Tell whether the server is on this machine."""
    return not conn.info.hostaddr or ipaddress.ip_address(conn.info.hostaddr).is_loopback
