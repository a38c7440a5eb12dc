"""Cause faults under load, or roll a release out, and compare afterwards.

`make faults ARGS="--seconds 600"`, or with `--pooled`, `--cluster` or `--rolling 0.1.0`.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import tempfile
from pathlib import Path

from tests.faults.cluster import run_on_cluster
from tests.faults.figures import Figures
from tests.faults.rolling import roll
from tests.faults.run import run
from tests.migration import released

_TODAY = "today"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Run, print the figures, and exit with 1 if anything is lost, doubled or wrong."""
    releases = {archive.name.removesuffix(".tar.xz"): archive for archive in released.releases()}
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=240.0, help="minimal duration of the load (default: 240)"
    )
    parser.add_argument("--seed", type=int, help="determines the order of the faults")
    parser.add_argument(
        "--rolling",
        choices=[*releases, _TODAY],
        help="instead of faults, migrate and replace the services of this release by today's",
    )
    parser.add_argument(
        "--rounds", type=int, default=1, help="how often --rolling replaces each service"
    )
    parser.add_argument(
        "--pooled", action="store_true", help="through PgBouncer, which is restarted too"
    )
    parser.add_argument(
        "--cluster", action="store_true", help="of two partitions, of which one moves, too"
    )
    arguments = parser.parse_args()
    if arguments.cluster and (arguments.rolling or arguments.pooled):
        parser.error("--cluster is a run of its own, without --rolling or --pooled")
    # psycopg warns of each connection that is lost in a transaction.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    _say(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="ledger-release-") as folder:
        if arguments.rolling:
            archive = releases.get(arguments.rolling)
            figures = roll(
                release=archive and released.write(archive, Path(folder)),
                pooled=arguments.pooled,
                rounds=arguments.rounds,
                seconds=arguments.seconds,
                seed=seed,
                report=_say,
            )
        elif arguments.cluster:
            figures = run_on_cluster(rounds=1, seconds=arguments.seconds, seed=seed, report=_say)
        else:
            figures = run(
                rounds=1,
                seconds=arguments.seconds,
                seed=seed,
                report=_say,
                pooled=arguments.pooled,
            )
    sys.exit(_reported(figures, failures_allowed=not arguments.rolling))


def _reported(figures: Figures, *, failures_allowed: bool) -> int:
    for line in figures.lines():
        _say(line)
    failed = figures.findings.all() or (figures.journal.causes and not failures_allowed)
    return 1 if failed else 0


if __name__ == "__main__":
    main()
