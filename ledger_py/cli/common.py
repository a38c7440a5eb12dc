"""Shared by all commands: errors in one line, an orderly end, and the database."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import click

from ledger_py.apps import AppError
from ledger_py.embedded import EmbeddedError, database
from ledger_py.migrate import MigrationError
from ledger_py.proof.errors import ProofError
from ledger_py.serving import ListenError
from ledger_py.settings import Settings, SettingsError

TERMINATED: Final = 128 + signal.SIGTERM
"""The exit code by which a shell tells of a process that SIGTERM ended."""

EXPECTED: Final = (
    AppError,
    EmbeddedError,
    ListenError,
    MigrationError,
    ProofError,
    SettingsError,
)
"""Errors whose message says to the user what to do."""


class Group(click.Group):
    """Turns errors that the user can act on into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Terminated:
            note(f"Ended by SIGTERM: `ledger {ctx.invoked_subcommand}` did not finish")
            ctx.exit(TERMINATED)
        except EXPECTED as error:
            raise click.ClickException(str(error)) from error


def _set_app_dir(_context: click.Context, _parameter: click.Parameter, folder: str | None) -> None:
    if folder is not None:
        # In the environment, because the processes of a service look there too.
        os.environ["LEDGER_APP_DIR"] = folder


app_dir_option = click.option(
    "--app-dir",
    type=click.Path(exists=True, file_okay=False, resolve_path=True),
    expose_value=False,
    is_eager=True,
    callback=_set_app_dir,
    help="Folder of further apps: NAME/main.py and NAME/migrations/.  [default: LEDGER_APP_DIR]",
)


yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def confirm(question: str, yes: bool) -> None:
    """Ask before something is lost.

    Args:
        question: Says what is lost and how much of it.
        yes: The answer was given with the command.

    Raises:
        click.ClickException: The answer is no, or there is nobody to ask.
    """
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort as error:
        raise click.ClickException(f"{question} Nobody answered: pass --yes if so") from error
    if not agreed:
        raise click.ClickException("Nothing was changed")


class Terminated(KeyboardInterrupt):
    """SIGTERM. As after Ctrl-C, psycopg cancels the running query before it passes this on."""


def note(line: str) -> None:
    """Print a line about the progress of a command, apart from its output."""
    click.echo(line, err=True)


@contextmanager
def open_database(
    settings: Settings | None = None, *, report: Callable[[str], None] = note
) -> Iterator[tuple[Settings, str]]:
    """Provide the database; SIGTERM closes what the block has opened.

    Args:
        settings: The settings; read if left out.
        report: Takes a line about the embedded server.

    Yields:
        The settings and the address of the database.
    """
    settings = settings or Settings.from_environment()
    with _ended_by_sigterm(), database(settings, report=report) as url:
        yield settings, url


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    def stop(_number: int, _frame: object) -> NoReturn:
        # A second signal must not interrupt the closing.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise Terminated

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
