"""The command `ledger`."""

from __future__ import annotations

import click

from ledger_py.cli.books import checkpoint, expire, export, settle, verify, verify_export
from ledger_py.cli.cluster import cluster
from ledger_py.cli.common import Group
from ledger_py.cli.console import console
from ledger_py.cli.migrations import migrate, roles, rollback, status
from ledger_py.cli.psql import psql
from ledger_py.cli.serve import serve
from ledger_py.cli.show import show


@click.group(
    cls=Group,
    commands=[
        *(serve, psql, console),
        *(migrate, roles, rollback, status),
        cluster,
        *(show, verify, checkpoint, export, verify_export, settle, expire),
    ],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="shared-ledger", prog_name="ledger")
def main() -> None:
    """The shared ledger: services, migrations, verification, and psql.

    The database is the one that DATABASE_URL names (environment or .env), or else an embedded
    PostgreSQL. .env.example explains all settings.
    """
