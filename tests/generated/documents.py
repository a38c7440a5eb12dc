"""Runs schemathesis on the OpenAPI document of a service."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import msgspec
import psycopg

from ledger_py.client import Ledger

__all__ = ("Outcome", "Report", "run", "seed")

_CONFIG = Path(__file__).with_name("schemathesis.toml")

# In an environment of its own, which `make test-system` creates.
_PROGRAM = Path(sys.prefix, "schemathesis", "bin", "schemathesis")


class TestCases(msgspec.Struct, frozen=True):
    """The number of generated requests."""

    generated: int


class Report(msgspec.Struct, frozen=True):
    """The part of schemathesis's report that is used."""

    complete: bool
    test_cases: TestCases


class Outcome(msgspec.Struct, frozen=True):
    """The result of a run.

    Attributes:
        conforms: True if every answer was as the document says.
        requests: The number of requests generated and sent.
        text: The output of schemathesis: each failure with a command that repeats it.
    """

    conforms: bool
    requests: int
    text: str


def seed(url: str, app: str) -> None:
    """Record the owners, entries and holds that `schemathesis.toml` names.

    Args:
        url: The database.
        app: The app whose service is tested.
    """
    with psycopg.connect(url, autocommit=True) as conn:
        ledger = Ledger(conn, app=app)
        owner = "test_user"
        ledger.record_entry(
            owner_id=owner, operation="CREDIT_ADD", nonce="payment-7", amount=1_000_000
        )
        ledger.place_hold(owner_id=owner, operation="CREDIT_SPEND", nonce="job-7", amount=100_000)


def run(service: httpx.Client, *, examples: int, stateful: bool = False) -> Outcome:
    """Send generated requests to a service, the same ones every time.

    Args:
        service: A client of the service.
        examples: The number of requests generated for each operation, beside the fixed ones for
            each bound and each type.
        stateful: True if sequences of requests, in which one uses what another answered, are
            tried as well.

    Returns:
        The result.

    Raises:
        RuntimeError: Schemathesis is not installed, or did not finish.
    """
    if not _PROGRAM.exists():
        raise RuntimeError(
            f"There is no {_PROGRAM}: run `make test-system` or `make generated` once"
        )
    phases = ["examples", "coverage", "fuzzing", *(["stateful"] if stateful else [])]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        done = subprocess.run(
            [
                *(str(_PROGRAM), "--config-file", str(_CONFIG), "run", "--no-color"),
                *("--phases", ",".join(phases), "--max-examples", str(examples)),
                *("--report", "json", "--report-json-path", str(report)),
                str(service.base_url.join("/openapi.json")),
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if not report.exists():
            raise RuntimeError(done.stdout)
        found = msgspec.json.decode(report.read_bytes(), type=Report)
    return Outcome(
        conforms=found.complete and done.returncode == 0,
        requests=found.test_cases.generated,
        text=done.stdout,
    )
