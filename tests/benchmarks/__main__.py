"""The command line of `make bench`."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import click
import msgspec

from ledger_py.settings import PROJECT_ROOT
from tests.benchmarks.cases import all_cases
from tests.benchmarks.measuring import Effort, Outcome, measure
from tests.benchmarks.peers import is_pgledger
from tests.benchmarks.profile import profile
from tests.benchmarks.report import table, write
from tests.benchmarks.versions import THIS, version
from tests.benchmarks.workbench import chosen_server, run_settings, workbench

_USUAL = Effort()
_QUICK = Effort(
    rounds=2, seconds=1, sizes=(100_000,), depth=100_000, loaded=50_000, requests=20_000
)
_FULL = msgspec.structs.replace(_USUAL, sizes=(1_000_000, 10_000_000), requests=1_000_000)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--only", multiple=True, metavar="CASE", help="Run only cases whose names start so; repeatable."
)
@click.option("--rounds", type=click.IntRange(1), help="Turns of each contender.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Length of a turn.")
@click.option("--quick", "pace", flag_value="quick", help="Run about two minutes.")
@click.option("--full", "pace", flag_value="full", help="Grow to 10 million entries as well.")
@click.option("--list", "listing", is_flag=True, help="List the cases and end.")
@click.option(
    "--profile", "profiling", is_flag=True, help="Show the time of recording by function."
)
@click.option(
    "--against",
    multiple=True,
    metavar="VERSION",
    help="Measure this commit or project folder as well; repeatable.",
)
@click.option(
    "--pgledger",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Measure pgledger as well; a copy of github.com/pgr0ss/pgledger.",
)
@click.option(
    "--data-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder for the data of the embedded server.  [default: /var/tmp]",
)
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=PROJECT_ROOT / "build" / "benchmarks",
    help="Folder for the results.  [default: build/benchmarks]",
)
def main(
    only: tuple[str, ...],
    rounds: int | None,
    seconds: float | None,
    pace: str | None,
    listing: bool,
    profiling: bool,
    against: tuple[str, ...],
    pgledger: Path | None,
    data_dir: Path | None,
    results: Path,
) -> None:
    """Measure the ledger against floors of the same run.

    Uses the server of TEST_DATABASE_URL, else an embedded server of its own.
    """
    effort = {"quick": _QUICK, "full": _FULL}.get(pace or "", _USUAL)
    chosen = {"rounds": rounds, "seconds": seconds}
    effort = msgspec.structs.replace(effort, **{k: v for k, v in chosen.items() if v is not None})
    if pgledger is not None and not is_pgledger(pgledger):
        raise click.UsageError(f"{pgledger} is no copy of pgledger's repository.")
    cases = [case for case in all_cases(effort, pgledger) if not only or case.name.startswith(only)]
    if not cases:
        raise click.UsageError("No case has a name that starts so; --list lists them.")
    if listing:
        click.echo("\n".join(case.name for case in cases))
        return

    if profiling and against:
        raise click.UsageError("--profile and --against cannot be combined.")

    begin = time.monotonic()

    def report(line: str) -> None:
        click.echo(f"{time.monotonic() - begin:6.0f} s  {line}", err=True)

    outcomes: list[Outcome] = []
    with ExitStack() as stack:
        try:
            others = [stack.enter_context(version(name)) for name in against]
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        url, data = stack.enter_context(chosen_server(data_dir))
        settings = run_settings(url, data)
        settings["effort"] = f"{effort.rounds} rounds of {effort.seconds:g} s"
        for name, value in settings.items():
            click.echo(f"{name}: {value}", err=True)
        benches = [stack.enter_context(workbench(url, each)) for each in (THIS, *others)]
        if profiling:
            click.echo(profile(benches[0], effort, report))
            return
        for case in cases:
            outcomes += measure(case, benches, effort, report)
            # After every case, so that an interrupted run has results as well.
            write(results, settings, outcomes)
    click.echo(table(outcomes))
    click.echo(f"Written to {results}: results.md, results.json, results.svg", err=True)


if __name__ == "__main__":
    main(prog_name="python -m tests.benchmarks")
