"""Test the services with many generated requests, also in sequences.

`make generated ARGS="app1 --examples 1000"`; without an app, each of them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from pathlib import Path

from ledger_py.embedded import embedded_server
from ledger_py.migrate import migrate
from ledger_py.operations import BaseLedgerOperation
from tests.generated.documents import Outcome, run, seed
from tests.http.running import make_service, running

_APPS = ("app1", "app2")
# Nothing of the server outlives the run.
_OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def _operations(app: str) -> type[BaseLedgerOperation]:
    found: type[BaseLedgerOperation] = getattr(
        importlib.import_module(f"apps.{app}.operations"), f"{app.capitalize()}Operation"
    )
    return found


def _test(app: str, examples: int) -> Outcome:
    with (
        tempfile.TemporaryDirectory(prefix="ledger-generated-") as folder,
        embedded_server(Path(folder), options=_OPTIONS) as url,
    ):
        migrate(url)
        seed(url, app)
        with running(make_service(url, app=app, operations=_operations(app))) as service:
            return run(service, examples=examples, stateful=True)


def main() -> None:
    """Run, print what schemathesis says, and exit with 1 if an answer was not as documented."""
    parser = argparse.ArgumentParser(prog="make generated", description=__doc__)
    parser.add_argument("apps", nargs="*", choices=[*_APPS, []], help="which (each of them)")
    parser.add_argument("--examples", type=int, default=300, help="for each operation (300)")
    arguments = parser.parse_args()
    outcomes = {app: _test(app, arguments.examples) for app in arguments.apps or _APPS}
    for app, outcome in outcomes.items():
        sys.stdout.write(f"{outcome.text}\n{app}: {outcome.requests} requests\n")
    sys.exit(0 if all(outcome.conforms for outcome in outcomes.values()) else 1)


if __name__ == "__main__":
    main()
