"""The connection that examines the books, and its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow

from ledger_py.logins import lacks_group
from ledger_py.migrate.database import has_ledger, lift_limits, open_connection
from ledger_py.proof.errors import ProofError
from ledger_py.sessions import set_for_session, set_for_transaction
from ledger_py.wording import NO_LEDGER

Connection: TypeAlias = psycopg.Connection[TupleRow]
Report: TypeAlias = Callable[[str], None]

_NO_SUCH_THING: Final = (
    errors.InvalidSchemaName,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedTable,
)


_SETTINGS: Final = {
    "application_name": "ledger",
    "TimeZone": "UTC",
}


@contextmanager
def connected(url: str, *, group: str = "ledger_auditor") -> Iterator[Connection]:
    """Connect to the database of the books.

    Args:
        url: Any address that libpq takes.
        group: The group whose members may do this.

    Yields:
        A connection in autocommit mode, without time limits and with times in UTC. It is closed at
        the end of the block.

    Raises:
        MigrationError: The server cannot be reached.
        ProofError: The block failed with an error of the database.
    """
    with open_connection(url) as conn:
        try:
            conn.execute(set_for_session(_SETTINGS, conn.info.backend_pid))
            yield conn
        except _NO_SUCH_THING as error:
            if not has_ledger(conn):
                raise ProofError(NO_LEDGER) from error
            raise ProofError(
                f"The ledger in this database is of another version ({told(error)}): "
                "`ledger status` tells which files differ"
            ) from error
        except errors.InsufficientPrivilege as error:
            raise ProofError(lacks_group(conn, group)) from error
        except psycopg.Error as error:
            raise ProofError(told(error)) from error


@contextmanager
def one_moment(conn: Connection) -> Iterator[None]:
    """Make every query of the block see the same state of the books, and write nothing.

    The block has no time limits, and may leave the connection idle.

    Args:
        conn: A connection from `connected`.
    """
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Behind a pooler, settings of a session do not apply.
        make_settings(conn)
        yield


def make_settings(conn: Connection) -> None:
    """Make the settings of this package for the transaction that a connection is in.

    They include that it has no time limits.
    """
    conn.execute(set_for_transaction(_SETTINGS))
    lift_limits(conn)


def told(error: psycopg.Error) -> str:
    """Say in one line what an error of the database was."""
    said = [error.diag.message_primary or str(error).strip() or type(error).__name__]
    said += [text for text in (error.diag.message_detail, error.diag.message_hint) if text]
    return " ".join(said)
