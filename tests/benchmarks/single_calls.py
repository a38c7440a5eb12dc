"""Single calls by pgbench, which comes with the embedded server.

Callers in Python would use more processor time than the database does.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from ledger_py.embedded import binaries
from tests.benchmarks.loading import OWNERS, REALISTIC_OWNER, owner_number
from tests.benchmarks.measuring import Run
from tests.benchmarks.peers import OTHER_ACCOUNTS

__all__ = (
    "BALANCE",
    "ENTRIES_OF",
    "FLOOR",
    "NEWEST_ENTRY",
    "PGLEDGER",
    "REALISTIC_RECORD",
    "RECORD",
    "pgbench",
    "run_pgbench",
    "script",
)

_SPREAD = (owner_number(0), owner_number(OWNERS - 1))

# Numbers stand in for texts of about the usual length. Building texts would cost all contenders the
# same, and so make the slower one look better.
_VARIABLES = """
\\set owner random({first_owner}, {last_owner})
\\set nonce random(1000000000000000000, 9000000000000000000)
"""

RECORD = """SELECT * FROM ledger.record_entry(
    app => 'app1', owner_id => :owner, operation => 'CREDIT_SPEND', nonce => :nonce,
    amount => -1);"""

FLOOR = "SELECT * FROM floor.record(owner_id => :owner, amount => -1, nonce => :nonce);"

PGLEDGER = f"""\\set other random({OTHER_ACCOUNTS[0]}, {OTHER_ACCOUNTS[1]})
SELECT * FROM pgledger_create_transfer(
    from_account_id => :owner, to_account_id => :other, amount => 1);"""
"""A transfer of pgledger between accounts of `peers.prepare_pgledger`."""

BALANCE = "SELECT * FROM ledger.balance(owner_id => :owner);"

ENTRIES_OF = "SELECT * FROM ledger.entries_of(owner_id => :owner);"

# One entry, so that the amount returned does not depend on the size of the database.
NEWEST_ENTRY = "SELECT * FROM ledger.entries_of(owner_id => :owner, max_rows => 1);"

REALISTIC_RECORD = f"""SELECT * FROM ledger.record_entry(
    app => 'app1', owner_id => {REALISTIC_OWNER.format(number=f"(:owner - {owner_number(0)})")},
    operation => 'CREDIT_ADD', nonce => gen_random_uuid()::text, amount => 1);"""


def pgbench(
    url: str,
    statement: str,
    *,
    clients: int,
    owners: tuple[int, int] = _SPREAD,
    settling: float = 0.0,
) -> Callable[[float], Run]:
    """Make a contender of callers of one statement, each call a transaction.

    Args:
        url: The database.
        statement: The statement; it may use the variables `:owner` and `:nonce`.
        clients: Number of callers.
        owners: Numbers of the first and the last owner to choose from.
        settling: Number of turns that callers work before their calls count.

    Returns:
        The contender. For less than a second, it makes a fixed number of calls: 1000 per second.
    """
    transaction = script(statement, owners)

    def run(seconds: float) -> Run:
        long = seconds >= 1
        total = seconds * (1 + settling)
        until = (
            ["--time", str(round(total))] if long else ["--transactions", _count(total, clients)]
        )
        share = settling / (1 + settling)
        return run_pgbench(url, transaction, clients=clients, options=until, uncounted=share)

    return run


def script(statement: str, owners: tuple[int, int] = _SPREAD) -> str:
    """Make the script of a transaction; the parameters are those of `pgbench`."""
    return _VARIABLES.format(first_owner=owners[0], last_owner=owners[1]) + statement


def run_pgbench(
    url: str, transaction: str, *, clients: int, options: list[str], uncounted: float = 0.0
) -> Run:
    """Run pgbench with prepared statements.

    Args:
        url: The database.
        transaction: The script of a transaction.
        clients: Number of callers.
        options: More options, among them the duration.
        uncounted: Share of the time (0 to 1) before calls count.

    Returns:
        The run.

    Raises:
        RuntimeError: A call failed; the message is pgbench's.
    """
    with tempfile.TemporaryDirectory(prefix="ledger-bench-") as folder:
        file = Path(folder, "script.sql")
        file.write_text(transaction)
        command = [binaries() / "pgbench", "--no-vacuum", "--protocol=prepared", "--log"]
        command += [f"--log-prefix={folder}/log", f"--file={file}", f"--client={clients}"]
        done = subprocess.run(
            [*map(str, command), *options, url], capture_output=True, text=True, check=False
        )
        rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
        if done.returncode != 0 or rate is None:
            raise RuntimeError(f"pgbench: {done.stderr.strip()}")
        calls = [
            _call(line)
            for log in Path(folder).glob("log.*")
            for line in log.read_text().splitlines()
        ]
    seconds = len(calls) / float(rate[1])
    begin = max(ended for ended, _ in calls) - (1 - uncounted) * seconds
    latencies = [latency for ended, latency in calls if not uncounted or ended > begin]
    return Run(
        entries=len(latencies),
        seconds=(1 - uncounted) * seconds,
        latencies=latencies,
        uncounted=len(calls) - len(latencies),
    )


def _call(line: str) -> tuple[float, float]:
    """Parse a line of pgbench's log: the end of a call in seconds, and its milliseconds."""
    _, _, microseconds, _, ended, ended_microseconds = line.split()
    return int(ended) + int(ended_microseconds) / 1e6, int(microseconds) / 1000


def _count(seconds: float, clients: int) -> str:
    return str(max(1, round(1000 * seconds / clients)))
