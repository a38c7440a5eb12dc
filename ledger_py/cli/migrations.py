"""`ledger migrate`, `roles`, `rollback` and `status`."""

from __future__ import annotations

import sys

import click

from ledger_py import migrate as migrations
from ledger_py.cli.common import app_dir_option, open_database
from ledger_py.migrate import FileState


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
def rollback() -> None:
    """Roll back the migration that was applied last, and the data that it brought."""
    with open_database() as (_, url):
        migrations.rollback(url, report=click.echo)


@click.command()
@app_dir_option
def status() -> None:
    """Show which files are applied. Exit code 1 if one is pending or was edited afterwards."""
    with open_database() as (_, url):
        files = migrations.status(url)
    for file in files:
        when = f"{file.installed_at:%Y-%m-%d %H:%M:%S %Z}" if file.installed_at else ""
        click.echo(f"{file.state.value:<8} {file.path:<60} {when}".rstrip())
    if any(file.state in (FileState.PENDING, FileState.EDITED) for file in files):
        sys.exit(1)
