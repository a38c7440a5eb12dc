"""The connection that examines the books, and its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow

from ledger_py.logins import lacks_group
from ledger_py.migrate.database import open_connection
from ledger_py.proof.errors import ProofError
from ledger_py.sessions import set_for_session, set_for_transaction

Connection: TypeAlias = psycopg.Connection[TupleRow]
Report: TypeAlias = Callable[[str], None]

_NO_LEDGER: Final = (
    errors.InvalidSchemaName,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.UndefinedTable,
)


_SETTINGS: Final = {
    "application_name": "ledger",
    "client_min_messages": "notice",
    "TimeZone": "UTC",
}


@contextmanager
def connected(url: str, *, report: Report, group: str = "ledger_auditor") -> Iterator[Connection]:
    """Connect to the database of the books.

    Args:
        url: Any address that libpq takes.
        report: Takes the notices of the database, which report progress.
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
            conn.add_notice_handler(lambda notice: report(notice.message_primary or ""))
            conn.execute(set_for_session(_SETTINGS, conn.info.backend_pid))
            yield conn
        except _NO_LEDGER as error:
            raise ProofError(
                f"This database holds no ledger, or that of another version ({_told(error)}); "
                "`ledger status` tells more"
            ) from error
        except errors.InsufficientPrivilege as error:
            raise ProofError(lacks_group(conn, group)) from error
        except psycopg.Error as error:
            raise ProofError(_told(error)) from error


@contextmanager
def one_moment(conn: Connection) -> Iterator[None]:
    """Make every query of the block see the same state of the books, and write nothing.

    Args:
        conn: A connection from `connected`.
    """
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Behind a pooler, settings of a session do not apply.
        conn.execute(set_for_transaction(_SETTINGS))
        yield


def _told(error: psycopg.Error) -> str:
    said = [error.diag.message_primary or str(error).strip() or type(error).__name__]
    said += [text for text in (error.diag.message_detail, error.diag.message_hint) if text]
    return " ".join(said)
