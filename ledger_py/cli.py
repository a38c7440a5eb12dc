"""The command `ledger`."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import click
import msgspec
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger_py.embedded import EmbeddedError, binaries, database
from ledger_py.migrate import (
    FileState,
    MigrationError,
    ensure_current,
    migrate,
    role_script,
    rollback,
    status,
)
from ledger_py.proof import checkpoints
from ledger_py.proof.books import discrepancies, size
from ledger_py.proof.connection import Connection, connected, one_moment
from ledger_py.proof.errors import ProofError
from ledger_py.proof.expiry import post_due
from ledger_py.proof.export import PROGRESS_EVERY, export, whole_file
from ledger_py.proof.recompute import WITHOUT_END, Recomputation
from ledger_py.serving import run_server
from ledger_py.settings import PROJECT_ROOT, Settings, SettingsError

_EXPECTED: Final = (EmbeddedError, MigrationError, ProofError, SettingsError)

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_EXISTING_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Group(click.Group):
    """Turns the errors that a user can do something about into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except _EXPECTED as error:
            raise click.ClickException(str(error)) from error


def _note(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def _open_database() -> Iterator[tuple[Settings, str]]:
    settings = Settings.from_environment()
    with _stopped_in_order(), database(settings, report=_note) as url:
        yield settings, url


@contextmanager
def _stopped_in_order() -> Iterator[None]:
    """Let SIGTERM end the command the way an exception does, so that what was opened is closed."""

    def stop(_number: int, _frame: object) -> NoReturn:
        # Once is enough: a second one must not interrupt the closing.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(0)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="shared-ledger", prog_name="ledger")
def main() -> None:
    """The shared ledger: services, migrations, and a way in for psql.

    The database is the one that DATABASE_URL names (environment or .env), or else an embedded
    PostgreSQL. All settings are explained in .env.example.
    """


@main.command()
@click.argument("app")
@click.option("--host", help="Address to listen on.  [default: LEDGER_HOST or 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65_535), help="Port.  [default: LEDGER_PORT or 8000]"
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
def serve(app: str, host: str | None, port: int | None, workers: int) -> None:
    """Serve an app's HTTP interface until SIGTERM or Ctrl-C, which let requests finish."""
    _check_app(app)
    with _open_database() as (settings, url):
        if host is not None:
            settings = msgspec.structs.replace(settings, host=host)
        if port is not None:
            settings = msgspec.structs.replace(settings, port=port)
        if not _is_loopback(settings.host):
            _note(
                f"Warning: there is no authentication. Everyone who can reach {settings.host} can "
                "record entries."
            )
        ensure_current(url, settings, app=app, report=_note)
        _run_service(app, settings, workers)


def _run_service(app: str, settings: Settings, workers: int) -> None:
    try:
        run_server(f"apps.{app}.main:app", host=settings.host, port=settings.port, workers=workers)
    except KeyboardInterrupt:
        # uvicorn has drained the requests, and passes on the Ctrl-C that made it do so.
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _check_app(app: str) -> None:
    found = sorted(path.parent.name for path in PROJECT_ROOT.glob("apps/*/main.py"))
    if app not in found:
        listed = ", ".join(found) or "none"
        raise click.ClickException(f"There is no app {app!r} in apps/. Found: {listed}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@main.command("migrate")
def migrate_command() -> None:
    """Bring the database up to date. Harmless when it is, and when others do so too.

    Where it may not make the roles of the ledger, it does everything else, says what to do about
    them, and still ends with exit code 0: the owner of the database needs none of them.
    """
    with _open_database() as (_, url):
        migrate(url, report=click.echo)
        click.echo("The database is up to date")


@main.command("roles")
def roles_command() -> None:
    """Print the SQL by which an administrator makes the roles, where `ledger migrate` may not.

    As the owner of the database: `ledger roles > roles.sql`. As an administrator, who may make
    roles: `psql -v ON_ERROR_STOP=1 -f roles.sql`. Then, as the owner again: `ledger migrate`.
    """
    with _open_database() as (_, url):
        click.echo(role_script(url), nl=False)


@main.command("rollback")
def rollback_command() -> None:
    """Take back the migration that was applied last, with the data that it brought."""
    with _open_database() as (_, url):
        rollback(url, report=click.echo)


@main.command("status")
def status_command() -> None:
    """Show what is applied. Exit code 1 if something is pending or was edited afterwards."""
    with _open_database() as (_, url):
        files = status(url)
    for file in files:
        when = f"{file.installed_at:%Y-%m-%d %H:%M:%S %Z}" if file.installed_at else ""
        click.echo(f"{file.state.value:<8} {file.path:<60} {when}".rstrip())
    if any(file.state in (FileState.PENDING, FileState.EDITED) for file in files):
        sys.exit(1)


@main.command("psql", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql_command(arguments: tuple[str, ...]) -> None:
    """Open psql on the ledger, with its names in the search path. ARGUMENTS go to psql."""
    with _open_database() as (settings, url):
        program = shutil.which("psql") if settings.database_url else None
        given = {key: str(value) for key, value in conninfo_to_dict(url).items()}
        environment = dict(os.environ)
        if "password" in given:
            # Not on the command line, where every user of the machine could read it.
            environment["PGPASSWORD"] = given.pop("password")
        # The ledger comes before public, although what its owner creates without a schema lands in
        # it: otherwise a table "accounts" of an application, or a function verify() that somebody
        # planted in public, would pass for the ledger's and be read, or run, by the auditor.
        options = [given.get("options", ""), "-c search_path=ledger,public"]
        given["options"] = " ".join(options).strip()
        command = [program or str(binaries() / "psql"), "--dbname", make_conninfo(**given)]
        command += ["--pset=null=(null)", "--pset=expanded=auto", *arguments]
        # Ctrl-C is for psql, which cancels a query with it.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            code = subprocess.run(command, env=environment, check=False).returncode
        finally:
            signal.signal(signal.SIGINT, previous)
    sys.exit(code)


@contextmanager
def _open_books() -> Iterator[Connection]:
    with _open_database() as (_, url), connected(url, report=_note) as conn:
        yield conn


@main.command("verify")
@click.option("--owner", help="Verify the accounts of this owner only.")
@click.option(
    "--checkpoint",
    "kept",
    type=_EXISTING_FILE,
    help="Hold the checkpoints in this file against the books as well.",
)
def verify_command(owner: str | None, kept: Path | None) -> None:
    """Recompute the books from the entries. Exit code 1 if anything is wrong with them."""
    held = list(checkpoints.read(kept)) if kept else []
    wrong = 0
    with _open_books() as conn, one_moment(conn):
        for discrepancy in discrepancies(conn, owner):
            click.echo(str(discrepancy))
            wrong += 1
        for checkpoint in held:
            if checkpoints.holds(conn, checkpoint):
                click.echo(f"{checkpoint}: nothing recorded before it has changed")
            else:
                click.echo(f"{checkpoint}: the past has changed since")
                wrong += 1
        examined = size(conn, owner)
    _end_with_verdict("The books are", wrong, examined)


def _end_with_verdict(what: str, wrong: int, examined: str) -> None:
    if wrong:
        found = "1 discrepancy" if wrong == 1 else f"{wrong} discrepancies"
        click.echo(f"{what} WRONG: {found} ({examined})")
        sys.exit(1)
    click.echo(f"{what} right ({examined})")


@main.command("checkpoint")
def checkpoint_command() -> None:
    """Print a digest over all accounts and journals, as one line of JSON.

    Keep it where nobody who can write the database can change it (`ledger checkpoint >> FILE`), for
    `ledger verify --checkpoint FILE`.
    """
    with _open_books() as conn:
        click.echo(checkpoints.encode(checkpoints.take(conn)))


@main.command("export")
@click.argument("file", type=_FILE)
def export_command(file: Path) -> None:
    """Write all entries and journals to FILE, for `ledger verify-export` on any machine."""
    with _open_books() as conn, whole_file(file) as lines:
        written = export(conn, lines, report=_note)
    click.echo(f"{written} lines written to {file}")


@main.command("verify-export")
@click.argument("file", type=_EXISTING_FILE)
@click.option(
    "--checkpoint", "kept", type=_EXISTING_FILE, help="Hold checkpoints against it as well."
)
def verify_export_command(file: Path, kept: Path | None) -> None:
    """Verify what `ledger export` wrote, without any database. Exit code 1 if it is wrong."""
    held = list(checkpoints.read(kept)) if kept else []
    recomputation = Recomputation([WITHOUT_END, *(int(one.horizon) for one in held)])
    wrong = 0
    with file.open("rb") as lines:
        for problem in recomputation.problems(_counted(lines)):
            click.echo(str(problem))
            wrong += 1
    for checkpoint in held:
        if recomputation.digest(int(checkpoint.horizon)) == checkpoint.digest:
            click.echo(f"{checkpoint}: nothing recorded before it has changed")
        else:
            click.echo(f"{checkpoint}: the past has changed since")
            wrong += 1
    click.echo(f"digest {recomputation.digest()}")
    accounts, entries = recomputation.accounts, recomputation.entries
    _end_with_verdict("The export is", wrong, f"{accounts} accounts, {entries} entries")


def _counted(lines: Iterable[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(lines, start=1):
        yield line
        if number % PROGRESS_EVERY == 0:
            _note(f"verified {number} lines")


@main.command("expire")
@click.option(
    "--max",
    "most",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="Accounts in one transaction.",
)
def expire_command(most: int) -> None:
    """Post what is due on accounts that nobody touches: expiries, and ends of holds.

    Balances are right without it; statements and the change feed show what is posted.
    """
    with _open_books() as conn:
        settled = post_due(conn, most, report=_note)
    click.echo(f"Nothing is due any more ({settled} accounts settled)")
