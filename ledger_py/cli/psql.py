"""`ledger psql`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import click
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger_py.cli.common import note, open_database
from ledger_py.embedded import binaries
from ledger_py.migrate.database import brief_connection, has_ledger
from ledger_py.sessions import conninfo, is_pooled
from ledger_py.wording import NO_LEDGER


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql with the ledger in the search path. ARGUMENTS are passed to psql."""
    with open_database() as (settings, url):
        with brief_connection(url) as conn:
            if not has_ledger(conn):
                note(NO_LEDGER)
            pooled = is_pooled(conn)
        if pooled:
            note("There is a pooler, which takes no search path: write ledger. before all names")
        command, secret = psql_command(url, own=not settings.database_url, pooled=pooled)
        # Ctrl-C is for psql, which cancels a query with it.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            code = subprocess.run(
                [*command, *arguments], env={**os.environ, **secret}, check=False
            ).returncode
        finally:
            signal.signal(signal.SIGINT, previous)
    sys.exit(code)


def psql_command(
    url: str, *, own: bool = False, pooled: bool = False
) -> tuple[list[str], dict[str, str]]:
    """Return the command that opens a database in psql.

    Args:
        url: The address of the database.
        own: True to use the psql that comes with the embedded server.
        pooled: True if there is a pooler, which takes no search path.

    Returns:
        The command, and what is added to its environment.
    """
    program = None if own else shutil.which("psql")
    given = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    # Not on the command line, where every user of the machine could read it.
    secret = {"PGPASSWORD": given.pop("password")} if "password" in given else {}
    # The ledger comes before public: otherwise a table "accounts" of an application, or a
    # function verify() planted in public, would pass for the ledger's. Objects that its owner
    # creates without a schema land in the ledger, which is the lesser evil.
    if not pooled:
        options = [given.get("options", ""), "-c search_path=ledger,public"]
        given["options"] = " ".join(options).strip()
    address = conninfo(make_conninfo(**given))
    command = [program or str(binaries() / "psql"), "--dbname", address]
    return [*command, "--pset=null=(null)", "--pset=expanded=auto"], secret
