"""Ways to take a ledger to another server, and servers to take it from and to."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql

from ledger_py.embedded import binaries, embedded_server
from ledger_py.embedded.accounts import account_for
from ledger_py.embedded.places import prepare_data_dir
from tests.deployment.standby import IN_MEMORY
from tests.http.running import wait_until

__all__ = (
    "burn",
    "client_program",
    "copy_schema",
    "make_roles",
    "replicated",
    "server",
    "server_15",
)

_BIN_15: Final = Path("/usr/lib/postgresql/15/bin")
_PLAIN: Final = ("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")


@contextmanager
def server(folder: Path, options: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run an embedded server of the test's own.

    Yields:
        The address of a database: empty, or what the folder held.
    """
    with embedded_server(folder, options={**IN_MEMORY, **(options or {})}) as url:
        yield url


@contextmanager
def server_15(folder: Path, options: Mapping[str, str]) -> Iterator[str]:
    """Run a server of PostgreSQL 15 from Debian's packages, or skip the test."""
    if not _BIN_15.exists():
        pytest.skip("PostgreSQL 15 is not installed")
    account = account_for(folder)
    prepare_data_dir(folder, account)
    data = folder / "data"
    settings: dict[str, str] = {"unix_socket_directories": str(folder), "listen_addresses": ""}
    settings = {**settings, **IN_MEMORY, **options}
    given = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    made = account.run([str(_BIN_15 / "initdb"), "-D", str(data), "-U", "postgres", *_PLAIN])
    assert made.returncode == 0, made.stderr
    control = [str(_BIN_15 / "pg_ctl"), "-D", str(data), "-w"]
    started = account.run([*control, "-l", str(folder / "log"), "-o", given, "start"])
    assert started.returncode == 0, started.stderr
    try:
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        account.run([*control, "-m", "immediate", "stop"])


def burn(url: str, transactions: int) -> None:
    """Use up ids of transactions, as a server does that has run for longer."""
    loop = "DO $$ BEGIN FOR n IN 1..{} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL(loop).format(transactions))


def make_roles(url: str) -> None:
    """Create the roles of the ledger, which a dump of one database does not hold."""
    with psycopg.connect(url, autocommit=True) as conn:
        for role in ("ledger_app", "ledger_auditor", "ledger_operator"):
            conn.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))


def client_program(name: str, *arguments: str | Path) -> None:
    """Run a program of PostgreSQL 18, such as pg_dump."""
    done = subprocess.run(
        [str(binaries() / name), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def copy_schema(source: str, target: str, file: Path) -> None:
    """Create the tables and functions of a database in an empty one, without rows."""
    client_program("pg_dump", source, "--schema-only", "-f", file)
    # Some builds of PostgreSQL 15 dump a parameter of columns that no other server knows.
    text = re.sub(r"^ALTER TABLE .* SET \(pg_attver=.*\n", "", file.read_text(), flags=re.MULTILINE)
    file.write_text(text)
    client_program("psql", target, "--quiet", "--set=ON_ERROR_STOP=1", "-f", file)


@contextmanager
def replicated(source: str, target: str) -> Iterator[None]:
    """Let a database be a subscriber of another for a block; at its end, they are equal.

    Args:
        source: The address of the ledger. Nothing may be recorded there after the block.
        target: The address of a database with the same schema and no rows.
    """
    with (
        psycopg.connect(source, autocommit=True) as publisher,
        psycopg.connect(target, autocommit=True) as subscriber,
    ):
        publisher.execute("CREATE PUBLICATION move FOR TABLES IN SCHEMA ledger, ledger_core")
        _set_guards(subscriber, found="A", state="")
        subscribe = "CREATE SUBSCRIPTION move CONNECTION {} PUBLICATION move"
        subscriber.execute(sql.SQL(subscribe).format(sql.Literal(source)))
        copied = "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel"
        wait_until(lambda: _value(subscriber, copied) is True)
        yield
        at = _value(publisher, "SELECT pg_current_wal_insert_lsn()")
        arrived = "SELECT min(latest_end_lsn) >= %s::pg_lsn FROM pg_stat_subscription"
        wait_until(lambda: _value(subscriber, arrived, at) is True)
        subscriber.execute("DROP SUBSCRIPTION move")
        _set_guards(subscriber, found="O", state="ALWAYS")


def _set_guards(conn: psycopg.Connection[Any], *, found: str, state: str) -> None:
    """Switch the ledger's triggers, which also fire for the rows of a subscription."""
    change = f"""
        SELECT format('ALTER TABLE %s ENABLE {state} TRIGGER %I', tgrelid::regclass, tgname)
        FROM pg_trigger
        WHERE tgenabled = '{found}' AND NOT tgisinternal
            AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'ledger'::regnamespace)
    """
    for (statement,) in conn.execute(change.encode()).fetchall():
        conn.execute(statement)


def _value(conn: psycopg.Connection[Any], query: str, *parameters: object) -> Any:
    row = conn.execute(query.encode(), parameters).fetchone()
    return row[0] if row else None
