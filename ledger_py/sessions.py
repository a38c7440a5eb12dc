"""Connections that the project opens itself: their settings, and limits on waiting for them.

A pooler may run each transaction in another session of the server. There, a setting of the session
is lost, or affects the next client that gets the session; and poolers refuse or drop start-up
parameters. So settings are made by a query that has no effect behind a pooler.
"""

from __future__ import annotations

import os
import re
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

__all__ = (
    "DRY_RUN",
    "FIRST_ANSWER_WITHIN",
    "NoAnswer",
    "answering_within",
    "conninfo",
    "hang_up",
    "has_ended",
    "is_pooled",
    "options_of",
    "set_for_session",
    "set_for_transaction",
)

FIRST_ANSWER_WITHIN: Final = 10
"""Seconds that a command waits for a connection, and then for its first answers."""

DRY_RUN: Final = b"SELECT set_config('ledger.dry_run', 'on', TRUE)"
"""Tells a front of a cluster that the transaction will be rolled back. A ledger sees it."""

_VANISHED: Final = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""A server that has vanished is noticed after a minute, even during a long query."""

_OPTION: Final = re.compile(r"(?:-c\s*|--)([\w.-]+)=((?:\\.|[^\s\\])*)")


class NoAnswer(psycopg.OperationalError):
    """The database did not answer in time; the connection was given up."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the database did not answer within {seconds:.3g} s")


def has_ended(conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    """Tell whether the server has ended an idle session, or is about to, without asking it.

    What is sent over such a connection is lost for sure, but looks as if it may be under way. A
    message that nobody asked for counts as an end; to connect anew does no harm.

    Args:
        conn: The connection; nothing is being done on it.
    """
    if conn.closed:
        return True
    poll = select.poll()
    poll.register(conn.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


def conninfo(url: str, **defaults: Any) -> str:
    """Complete the address of a database.

    Args:
        url: The address.
        defaults: Parameters of libpq for what the address does not say.

    Returns:
        The address for libpq.
    """
    wanted: dict[str, Any] = {"connect_timeout": FIRST_ANSWER_WITHIN, **_VANISHED}
    wanted |= {**defaults, **conninfo_to_dict(url)}
    # A client encoding set by the database, such as LATIN1, could not represent all texts.
    wanted["client_encoding"] = "UTF8"
    return make_conninfo(**wanted)


def options_of(url: str) -> dict[str, str]:
    """Return the settings of the server that an address makes itself, in its ``options``."""
    options = str(conninfo_to_dict(url).get("options") or "")
    return {
        name.replace("-", "_"): re.sub(r"\\(.)", r"\1", value)
        for name, value in _OPTION.findall(options)
    }


def set_for_session(settings: Mapping[str, str], backend_pid: int) -> sql.Composed:
    """Write the query that makes settings for a session that nobody else gets.

    Args:
        settings: The settings by name.
        backend_pid: The process that the server named when the connection was made. A pooler gives
            a number of its own, under which it would pass on a request to cancel.

    Returns:
        The query. It has a row for each setting, or none if there is a pooler; then nothing is set.
    """
    return sql.SQL(
        "SELECT set_config(name, value, false) FROM (VALUES {}) AS wanted (name, value)"
        " WHERE pg_backend_pid() = {}"
    ).format(
        sql.SQL(", ").join(
            sql.SQL("({}, {})").format(sql.Literal(name), sql.Literal(value))
            for name, value in settings.items()
        ),
        sql.Literal(backend_pid),
    )


def set_for_transaction(settings: Mapping[str, str]) -> bytes:
    """Write the query that makes settings for the transaction in which it runs."""
    return (
        sql.SQL("SELECT {}")
        .format(
            sql.SQL(", ").join(
                sql.SQL("set_config({}, {}, true)").format(sql.Literal(name), sql.Literal(value))
                for name, value in settings.items()
            )
        )
        .as_bytes()
    )


def is_pooled(conn: psycopg.Connection[Any]) -> bool:
    """Tell whether there is a pooler between a connection and the server."""
    row = conn.execute("SELECT pg_backend_pid()").fetchone()
    return row is None or row[0] != conn.info.backend_pid


@contextmanager
def answering_within(
    conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], seconds: float
) -> Iterator[None]:
    """Limit how long the block may wait for the database.

    Args:
        conn: The connection that the block uses.
        seconds: The limit. Then the connection is closed.

    Raises:
        NoAnswer: The limit was exceeded.
    """
    exceeded = threading.Event()

    def give_up() -> None:
        exceeded.set()
        hang_up(descriptor)

    descriptor = conn.pgconn.socket
    limit = threading.Timer(seconds, give_up)
    limit.daemon = True
    limit.start()
    try:
        yield
    except psycopg.Error as error:
        if exceeded.is_set() and conn.closed:
            raise NoAnswer(seconds) from error
        raise
    finally:
        limit.cancel()
        limit.join()


def hang_up(descriptor: int) -> None:
    """End a connection from this side; a reader of its socket sees the end."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as end:
        end.shutdown(socket.SHUT_RDWR)
