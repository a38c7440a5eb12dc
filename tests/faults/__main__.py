"""Kill, suspend and disconnect servers and services under load, and compare afterwards.

`make faults ARGS="--seconds 600"`
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys

from tests.faults.run import run


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Run, print the figures, and exit with 1 if anything is lost, doubled or wrong."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=240.0, help="minimal duration of the load (default: 240)"
    )
    parser.add_argument("--seed", type=int, help="determines the order of the faults")
    arguments = parser.parse_args()
    # psycopg warns of each connection that is lost in a transaction.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    seed = secrets.randbelow(10**6) if arguments.seed is None else arguments.seed
    _say(f"seed {seed}")
    figures = run(rounds=1, seconds=arguments.seconds, seed=seed, report=_say)
    for line in figures.lines():
        _say(line)
    sys.exit(1 if figures.findings.all() else 0)


if __name__ == "__main__":
    main()
