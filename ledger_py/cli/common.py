"""Shared by all commands: errors in one line, an orderly end, and the database."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from ledger_py.apps import AppError
from ledger_py.cluster.errors import ClusterError
from ledger_py.embedded import EmbeddedError, database
from ledger_py.embedded.watching import Tell
from ledger_py.interrupts import INTERRUPTED, end_in_order
from ledger_py.logins import LoginRefused
from ledger_py.migrate import MigrationError
from ledger_py.proof.errors import ProofError
from ledger_py.proof.sharing import MOST_CONNECTIONS
from ledger_py.serving import ListenError
from ledger_py.settings import Settings, SettingsError

TERMINATED: Final = 128 + signal.SIGTERM
"""The exit code by which a shell tells of a process that SIGTERM ended."""

EXPECTED: Final = (
    AppError,
    ClusterError,
    EmbeddedError,
    ListenError,
    LoginRefused,
    MigrationError,
    ProofError,
    SettingsError,
)
"""Errors whose message says to the user what to do."""


class Group(click.Group):
    """Turns errors that the user can act on into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            end_in_order()
            return super().invoke(ctx)
        except Terminated:
            _drop_unread_output()
            note(f"Ended by SIGTERM: `ledger {ctx.invoked_subcommand}` did not finish")
            ctx.exit(TERMINATED)
        except KeyboardInterrupt:
            _drop_unread_output()
            note(f"Ended by Ctrl-C: `ledger {ctx.invoked_subcommand}` did not finish")
            ctx.exit(INTERRUPTED)
        except EXPECTED as error:
            raise click.ClickException(str(error)) from error


def _drop_unread_output() -> None:
    """Write what the reader of the output takes at once, and drop the rest.

    Python writes it when it ends, and would wait for a reader who does not read.
    """
    try:
        output = sys.stdout.fileno()
    except OSError:  # it is no file
        return
    blocks = os.get_blocking(output)
    os.set_blocking(output, False)
    try:
        sys.stdout.flush()
        taken = True
    except OSError:
        taken = False
    finally:
        os.set_blocking(output, blocks)
    if not taken:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), output)


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


EXISTING_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)

compared_with_checkpoints = click.option(
    "--checkpoint",
    "kept",
    type=EXISTING_FILE,
    help="Compare with the checkpoints in this file as well.",
)

connections_option = click.option(
    "--connections",
    type=click.IntRange(1, MOST_CONNECTIONS),
    help="Connections that share the work on a server.  [default: its processors, at most 4; 2 if"
    " it is on another machine]",
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
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise click.ClickException(f"{question} Nobody answered: pass --yes if so") from error
    if not agreed:
        raise click.ClickException("Nothing was changed")


class Terminated(KeyboardInterrupt):
    """SIGTERM. As after Ctrl-C, psycopg cancels the running query before it passes this on."""


def note(line: str) -> None:
    """Print a line about the progress of a command, apart from its output."""
    click.echo(line, err=True)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def ending_well() -> Iterator[None]:
    """Take the end of a server by SIGTERM or Ctrl-C for success, and close without interruption."""
    try:
        yield
    except KeyboardInterrupt:
        # uvicorn has completed the requests, and raises the signal again that ended it.
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def open_database(
    settings: Settings | None = None,
    *,
    report: Callable[[str], None] = note,
    watched: Tell | None = None,
) -> Iterator[tuple[Settings, str]]:
    """Provide the database; SIGTERM closes what the block has opened.

    Args:
        settings: The settings; read if left out.
        report: Takes a line about the embedded server.
        watched: If given, the embedded server is started again when it dies, and this is told.

    Yields:
        The settings and the address of the database.

    Raises:
        ClusterError: The settings name a cluster, and no database of it.
    """
    settings = settings or Settings.from_environment()
    if settings.cluster is not None and settings.database_url is None:
        # The embedded server would be examined in place of the cluster, and found right.
        raise ClusterError(
            "This command is about one database, and LEDGER_CLUSTER names several. Name one of its"
            " partitions in DATABASE_URL, or use `ledger cluster`"
        )
    with ended_by_sigterm(), database(settings, report=report, watched=watched) as url:
        yield settings, url


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Close what the block has opened when SIGTERM comes, and end with Terminated."""

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
