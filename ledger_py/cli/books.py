"""`ledger verify`, `checkpoint`, `export`, `verify-export` and `settle`."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from copy import copy
from pathlib import Path
from typing import Final

import click

from ledger_py.cli.common import (
    EXISTING_FILE,
    compared_with_checkpoints,
    confirm,
    connections_option,
    note,
    open_database,
    yes_option,
)
from ledger_py.proof import checkpoints
from ledger_py.proof import export as exporting
from ledger_py.proof.books import (
    Discrepancy,
    discrepancies,
    discrepancies_of,
    has_account,
    size,
    sized,
)
from ledger_py.proof.connection import Connection, connected, one_moment
from ledger_py.proof.errors import ProofError
from ledger_py.proof.expiry import post_due
from ledger_py.proof.notes import note_proof
from ledger_py.proof.recompute import WITHOUT_END, Recomputation, horizon_of
from ledger_py.proof.sharing import connections_beside
from ledger_py.wording import counted, quoted

_FILE: Final = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


@contextmanager
def _open_books(group: str = "ledger_auditor") -> Iterator[tuple[Connection, str]]:
    with open_database() as (_, url), connected(url, group=group) as conn:
        yield conn, url


@click.command()
@click.option("--owner", help="Verify the accounts of this owner only.")
@compared_with_checkpoints
@connections_option
def verify(owner: str | None, kept: Path | None, connections: int | None) -> None:
    """Recompute the books from the entries. Exit code 1 if there is a discrepancy."""
    held = _read(kept)
    with _open_books() as (conn, url):
        with one_moment(conn):
            known = owner is None or has_account(conn, owner)
            with closing(
                _discrepancies(conn, url, connections)
                if owner is None
                else discrepancies_of(conn, owner)
            ) as found:
                wrong = _print_all(found)
            wrong += sum(_compare(one, checkpoints.holds(conn, one)) for one in held)
            examined = size(conn, owner)
        if owner is None:
            note_proof(conn, "verify", discrepancies=wrong, report=note)
    if owner is not None and not (known or wrong):
        raise ProofError(f"The owner {quoted(owner)} has no account")
    _end_with_verdict("The books are", wrong, examined)


@click.command()
def checkpoint() -> None:
    """Print a digest over all accounts and journals, as one line of JSON.

    Keep it where nobody with access to the database can change it (`ledger checkpoint >> FILE`),
    for `ledger verify --checkpoint FILE`.
    """
    with _open_books() as (conn, _):
        with one_moment(conn):
            taken = checkpoints.take(conn)
        click.echo(checkpoints.encode(taken))
        note_proof(conn, "checkpoint", report=note)


@click.command()
@click.argument("file", type=_FILE)
@yes_option
def export(file: Path, yes: bool) -> None:
    """Write all entries and journals to FILE, for `ledger verify-export` on any machine.

    `-` is standard output. Asks before it replaces a file.
    """
    if file.exists() and not exporting.is_stream(file):
        size_now = counted(file.stat().st_size, "byte")
        confirm(f"{file} is there already ({size_now}). Replace it?", yes)
    with _open_books() as (conn, _), exporting.destination(file) as lines:
        written = exporting.export(conn, lines, report=note)
    # After the lines themselves, this would be read as one of them.
    to_stderr = exporting.is_stdout(file)
    click.echo(f"{counted(written, 'line')} written to {file}", err=to_stderr)


@click.command()
@click.argument("file", type=EXISTING_FILE)
@compared_with_checkpoints
def verify_export(file: Path, kept: Path | None) -> None:
    """Verify a file of `ledger export` without any database. Exit code 1 if it is wrong."""
    held = _read(kept)
    recomputation = Recomputation([WITHOUT_END, *(horizon_of(one.horizon) for one in held)])
    try:
        with file.open("rb") as lines:
            wrong = _print_all(recomputation.problems(_with_progress(lines)))
    except OSError as error:
        raise ProofError(f"{file} cannot be read: {error.strerror}") from error
    for one in held:
        wrong += _compare(one, recomputation.digest(horizon_of(one.horizon)) == one.digest)
    click.echo(f"digest {recomputation.digest()}")
    _end_with_verdict("The export is", wrong, sized(recomputation.accounts, recomputation.entries))


@click.command()
@click.option(
    "--max",
    "most",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="Accounts in one transaction.",
)
def settle(most: int) -> None:
    """Settle what is due on idle accounts: expiries, allowances, ended holds.

    Balances are right without it; statements and the change feed show what happens by the clock
    once it is posted.
    """
    with _open_books("ledger_operator") as (conn, _):
        settled = post_due(conn, most, report=note)
    click.echo(f"Nothing is due any more ({counted(settled, 'account')} settled)")


expire = copy(settle)
"""The same under the name that it had, for those who call it by that."""

expire.name, expire.hidden = "expire", True


def _discrepancies(
    conn: Connection, url: str, most: int | None
) -> Generator[Discrepancy, None, None]:
    with connections_beside(conn, url, most, report=note) as conns:
        yield from discrepancies(conns, report=note)


def _read(kept: Path | None) -> list[checkpoints.Checkpoint]:
    return list(checkpoints.read(kept)) if kept else []


def _print_all(problems: Iterable[object]) -> int:
    count = 0
    for count, problem in enumerate(problems, start=1):  # noqa: B007 (count is returned)
        click.echo(str(problem))
    return count


def _compare(kept: checkpoints.Checkpoint, holds: bool) -> int:
    verdict = "nothing recorded before it has changed" if holds else "the past has changed since"
    click.echo(f"{kept}: {verdict}")
    return 0 if holds else 1


def _with_progress(lines: Iterable[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(lines, start=1):
        yield line
        if number % exporting.PROGRESS_EVERY == 0:
            note(f"verified {number} lines")


def _end_with_verdict(what: str, wrong: int, examined: str) -> None:
    if wrong:
        found = counted(wrong, "discrepancy", "discrepancies")
        click.echo(f"{what} WRONG: {found} ({examined})")
        sys.exit(1)
    click.echo(f"{what} right ({examined})")
