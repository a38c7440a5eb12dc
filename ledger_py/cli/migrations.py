"""`ledger migrate`, `roles`, `rollback` and `status`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
import psycopg

from ledger_py import migrate as migrations
from ledger_py.cli.common import app_dir_option, confirm, note, open_database, yes_option
from ledger_py.client import Ledger
from ledger_py.migrate import FileState
from ledger_py.migrate.database import brief_connection
from ledger_py.migrate.losses import Loss
from ledger_py.structs import FeedLag
from ledger_py.wording import NO_LEDGER, feed_wait


@click.command()
@app_dir_option
def migrate() -> None:
    """Bring the database up to date. It can be run again, and by several processes at once.

    If it may not create the roles of the ledger, it does everything else, tells what to do about
    them, and still ends with exit code 0: the owner of the database needs no role.
    """
    with open_database() as (_, url):
        migrations.migrate(url, report=click.echo)
        click.echo("The database is up to date")


@click.command()
def roles() -> None:
    """Print the SQL with which an administrator creates the roles, if `ledger migrate` may not.

    As the owner of the database: `ledger roles > roles.sql`. As an administrator with CREATEROLE:
    `psql -v ON_ERROR_STOP=1 -f roles.sql`. As the owner again: `ledger migrate`.
    """
    with open_database() as (_, url):
        click.echo(migrations.role_script(url), nl=False)


@click.command()
@app_dir_option
@yes_option
def rollback(yes: bool) -> None:
    """Roll back the migration that was applied last, and the data that it brought.

    Says which rows, tables and columns are lost, and asks. From then on, `ledger verify` names
    what the books have lost.
    """

    def agree(path: str, losses: Sequence[Loss]) -> None:
        if losses:
            note(f"Rolling back {path} loses")
            for loss in losses:
                note(f"  {loss}")
            confirm("Lose this for good?", yes)

    with open_database() as (_, url):
        migrations.rollback(url, report=click.echo, agree=agree)


@click.command()
@app_dir_option
def status() -> None:
    """Show which files are applied, and whether a transaction holds the change feed up.

    Exit code 1 if a file is pending or was edited afterwards.
    """
    with open_database() as (_, url):
        files = migrations.status(url)
        lag = _feed_lag(url)
    for file in files:
        when = f"{file.installed_at:%Y-%m-%d %H:%M:%S %Z}" if file.installed_at else ""
        click.echo(f"{file.state.value:<8} {file.path:<60} {when}".rstrip())
    if lag is not None:
        click.echo(f"The change feed is {_feed_state(lag)}")
    if not any(file.installed_at for file in files):
        click.echo(NO_LEDGER)
    elif any(file.state is FileState.PENDING for file in files):
        click.echo("Files are pending: run `ledger migrate`")
    if any(file.state in (FileState.PENDING, FileState.EDITED) for file in files):
        sys.exit(1)


def _feed_lag(url: str) -> FeedLag | None:
    with brief_connection(url) as conn:
        try:
            return Ledger(conn, app="ledger").feed_lag()
        except (psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName):
            return None  # nothing is applied, or an older version


def _feed_state(lag: FeedLag) -> str:
    waits = feed_wait(lag)
    if waits is None:
        return "up to date"
    names = {
        "role": lag.role_name,
        "application": lag.application_name,
        "state": lag.state,
        "database": lag.database_name,
        "name": lag.prepared,
    }
    return "; ".join([waits, *(f"{name} {given}" for name, given in names.items() if given)])
