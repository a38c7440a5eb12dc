"""`ledger cluster`: a ledger that is shared out over several servers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from ledger_py.cli.common import (
    app_dir_option,
    compared_with_checkpoints,
    confirm,
    connections_option,
    ended_by_sigterm,
    note,
    yes_option,
)
from ledger_py.cluster import catalogue as catalogues
from ledger_py.cluster import files, moving, proof, settling, setup, statuses
from ledger_py.cluster.buckets import read_ranges, write_ranges
from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import ClusterFile, Front, Partition
from ledger_py.cluster.fronts import installing as fronts
from ledger_py.cluster.members import connected_to_all
from ledger_py.database_urls import plain_database_url
from ledger_py.settings import Settings
from ledger_py.wording import counted

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_MIB: Final = 1024 * 1024


def _file_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--file", "path", type=_FILE, help="The file of the cluster.  [default: LEDGER_CLUSTER]"
    )(command)


def _read(path: Path | None) -> tuple[Path, ClusterFile]:
    path = path or Settings.from_environment().cluster
    if path is None:
        raise ClusterError("Name the file of the cluster with --file or LEDGER_CLUSTER")
    return path, files.read(path)


def _url(text: str) -> str:
    try:
        return plain_database_url(text)
    except ValueError as error:
        raise ClusterError(f"The address {error}") from error


@click.group()
def cluster() -> None:
    """Operate a ledger that several PostgreSQL servers share: its partitions.

    One file names them and says which owners each keeps.
    """


@cluster.command()
@_file_option
@app_dir_option
def init(path: Path | None) -> None:
    """Create the partitions that the file names, and check those that exist already.

    It can be run again. Exit code 1 if a partition is away, or is not as the file says.
    """
    _, described = _read(path)
    with ended_by_sigterm():
        setup.init(described, report=click.echo)
    click.echo(f"The cluster is ready: {counted(len(described.partitions), 'partition')}")


@cluster.command()
@click.argument("name")
@click.argument("url")
@click.argument("buckets")
@_file_option
@app_dir_option
def add(name: str, url: str, buckets: str, path: Path | None) -> None:
    """Add a partition NAME at the address URL, and give it BUCKETS, such as 192-255.

    Only buckets without owners can be given away; to spread owners that are there, have more
    partitions than servers from the start, and move those.
    """
    path, described = _read(path)
    try:
        kept = read_ranges(buckets)
    except ValueError as error:
        raise ClusterError(f"BUCKETS {error}") from error
    with ended_by_sigterm():
        after = setup.add(described, name, _url(url), kept, report=click.echo)
        files.write(path, after)
        fronts.renew(after, report=click.echo)
    click.echo(f"{path} has the partition {name}; copy the file to all services")


@cluster.command()
@_file_option
@app_dir_option
def status(path: Path | None) -> None:
    """Show the state of every partition and front, and whether the catalogues are equal.

    Exit code 1 if something is wrong with one of them, or one is away.
    """
    _, described = _read(path)
    with ended_by_sigterm():
        states = statuses.states_of(described)
        differing = statuses.differences_of(states)
    for state in states:
        partition = state.partition
        click.echo(f"{partition.name}: {partition.place}, buckets {write_ranges(partition.kept)}")
        if state.catalogue is not None:
            size = f"{state.size / _MIB:.0f} MiB"
            click.echo(
                f"  PostgreSQL {state.server_version}, {counted(state.accounts, 'account')},"
                f" {counted(state.entries, 'entry', 'entries')}, {size}"
                f"{'' if state.movable else ', wal_level is not logical: cannot be moved'}"
            )
            click.echo(f"  the change feed is {state.feed or 'up to date'}")
        for fault in state.faults:
            click.echo(f"  WRONG: {fault}")
    for line in differing:
        click.echo(f"The catalogues differ: {line}")
    present = [state.partition for state in states if state.catalogue is not None]
    wrong = [_show_front(described, front, present) for front in described.fronts]
    if differing or any(wrong) or any(state.faults for state in states):
        sys.exit(1)


def _show_front(described: ClusterFile, front: Front, present: Sequence[Partition]) -> bool:
    """Show the state of a front, and return whether something is wrong with it."""
    if not present:
        fault: str | None = "no partition answers"
    else:
        fault = fronts.fault_of(described, front, present[0])
    click.echo(f"{front.name}: a front, {front.place}{'' if fault else ', up to date'}")
    if fault:
        click.echo(f"  WRONG: {fault}")
    return fault is not None


@cluster.command()
@_file_option
@app_dir_option
def migrate(path: Path | None) -> None:
    """Bring one partition after the other up to date, while services go on.

    If one fails, those before it are up to date: run it again.
    """
    _, described = _read(path)
    with ended_by_sigterm():
        setup.migrate_all(described, report=click.echo)
        fronts.renew(described, report=click.echo)
    click.echo("All partitions are up to date")


@cluster.command()
@click.argument("statements", type=click.File("r", encoding="utf-8"), metavar="FILE")
@_file_option
def change(statements: Any, path: Path | None) -> None:
    """Change the catalogue with the SQL in FILE, on all partitions or on none.

    `-` is standard input. The statements, such as `SELECT ledger.define_operation(…)`, run in one
    transaction on each partition, and these commit once all have answered alike.
    """
    _, described = _read(path)
    with ended_by_sigterm():
        catalogues.change(described, statements.read())
        # A login that was bound is one that fronts may act for.
        fronts.renew(described, report=note)
    click.echo(f"Changed on {counted(len(described.partitions), 'partition')}")


@cluster.command()
@click.argument("name")
@click.argument("url")
@_file_option
@app_dir_option
@yes_option
def move(name: str, url: str, path: Path | None, yes: bool) -> None:
    """Move the partition NAME to the empty database at URL, while its owners go on.

    Writers of these owners wait for a moment when all is copied. The old database is closed for
    good. Both servers are reached as a superuser, and not through a pooler.
    """
    path, described = _read(path)
    partition = described.partition(name)
    confirm(f"Move {name} away from {partition.place}, and close the database there?", yes)
    with ended_by_sigterm():
        moved = moving.move(path, name, _url(url), report=note)
        fronts.renew(files.read(path), report=note)
    click.echo(
        f"Moved {counted(moved.accounts, 'account')} with"
        f" {counted(moved.entries, 'entry', 'entries')}; the pause was {moved.pause:.2f} s."
        f" Copy {path} to all services"
    )


@cluster.command()
@click.argument("name")
@click.option(
    "--pgbouncer",
    "pooler",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write pgbouncer.ini and userlist.txt for the PgBouncer beside the front.",
)
@click.option("--new-password", is_flag=True, help="Change the password of the fronts' login.")
@_file_option
def front(name: str, pooler: Path | None, new_password: bool, path: Path | None) -> None:
    """Make the front NAME of the file, or renew it: a database that asks the partitions.

    It needs PL/Proxy on its server, and a superuser there and on the partitions. The partitions get
    a login ledger_front, which acts in the roles of those who call the front.
    """
    _, described = _read(path)
    with ended_by_sigterm():
        fronts.make(described, name, pooler=pooler, new_password=new_password, report=click.echo)


@cluster.command()
@click.argument("name")
@_file_option
@yes_option
def reopen(name: str, path: Path | None, yes: bool) -> None:
    """Open the partition NAME again that an interrupted move has closed.

    Do so only if the file still names the old server. What was recorded on the new one is lost.
    """
    _, described = _read(path)
    place = described.partition(name).place
    confirm(f"Let callers record at {place} again?", yes)
    with ended_by_sigterm():
        moving.reopen(described, name, report=click.echo)


@cluster.command()
@compared_with_checkpoints
@connections_option
@_file_option
def verify(kept: Path | None, connections: int | None, path: Path | None) -> None:
    """Recompute the books of every partition, and what is unique over all.

    Exit code 1 if there is a discrepancy.
    """
    _, described = _read(path)
    held = proof.read_checkpoints(kept) if kept else []
    wrong = 0
    with (
        ended_by_sigterm(),
        closing(proof.problems(described, held, connections=connections, report=note)) as problems,
    ):
        for line in problems:
            wrong += 1
            click.echo(line)
    if wrong:
        click.echo(f"The books are WRONG: {counted(wrong, 'discrepancy', 'discrepancies')}")
        sys.exit(1)
    click.echo(f"The books are right ({counted(len(described.partitions), 'partition')})")


@cluster.command()
@_file_option
@yes_option
def settle(path: Path | None, yes: bool) -> None:
    """Settle claims whose subject and owner belong to different partitions.

    Gives back what reversals by hand, or in SQL, have freed, and what was reserved and never
    recorded; keeps what is recorded. Clients and services do the same for their own claims.
    """
    _, described = _read(path)
    with ended_by_sigterm(), connected_to_all(described) as members:
        claims = list(settling.unsettled(described, members))
        for one in claims:
            click.echo(f"{members[one.number][0].name}: {one}")
        if not claims:
            click.echo("There is nothing to settle")
            return
        confirm(f"Settle {counted(len(claims), 'claim')}?", yes)
        settled = settling.settle(members, claims, report=note)
    click.echo(f"Settled {counted(settled, 'claim')}")


@cluster.command()
@_file_option
def checkpoint(path: Path | None) -> None:
    """Print a checkpoint of each partition, as a line of JSON.

    Keep them where nobody with access to the databases can change them.
    """
    _, described = _read(path)
    with ended_by_sigterm():
        taken = proof.take_checkpoints(described, report=note)
    for one in taken:
        click.echo(msgspec.json.encode(one).decode())
