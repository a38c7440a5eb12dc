"""`ledger cluster settle`, and reservations of claim subjects in exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ledger_py import Cluster
from ledger_py.cli import main
from ledger_py.cluster import proof
from tests.distributed.clusters import Partitions, away, owner_on
from tests.distributed.test_claims import claim, clocks, forward, reservations, reserve
from tests.fixtures.clock import Clock
from tests.sql.calls import new_nonce, record
from tests.sql.lifecycle import reverse_by_hand

__all__ = ("clocks",)


def settle(cluster: Partitions, *arguments: str, answer: str | None = None) -> Result:
    return CliRunner(env={"LEDGER_CLUSTER": str(cluster.path)}).invoke(
        main, ["cluster", "settle", *arguments], input=answer
    )


def record_one(cluster: Partitions, request: dict[str, Any]) -> None:
    with (
        Cluster(cluster.path, app="app1") as client,
        client.ledger_for(request["owner_id"]) as ledger,
    ):
        ledger.record_entry(**request)


def freed_by_hand(cluster: Partitions, subject: str) -> dict[str, Any]:
    request = claim(0, subject)
    record_one(cluster, request)
    reverse_by_hand(cluster.conns[0], request["nonce"], free_claim=True)
    return request


def problems(cluster: Partitions) -> list[str]:
    return list(proof.problems(cluster.file, report=lambda _line: None))


def test_claim_that_was_reversed_by_hand_is_given_back(cluster: Partitions) -> None:
    subject = owner_on(1)
    request = freed_by_hand(cluster, subject)
    (found,) = problems(cluster)
    assert "without its entry" in found

    result = settle(cluster, "--yes")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f'p1: SIGNUP_CREDIT of "{subject}" for "{request["nonce"]}" of app1, which on p0'
        " was reversed with free_claim: given back",
        "Settled 1 claim",
    ]
    assert problems(cluster) == []
    record_one(cluster, claim(0, subject))
    assert settle(cluster).stdout == "There is nothing to settle\n"


def test_nothing_is_settled_without_an_agreement(cluster: Partitions) -> None:
    freed_by_hand(cluster, owner_on(1))

    result = settle(cluster, answer="n\n")

    assert result.exit_code == 1
    assert "Settle 1 claim?" in result.stderr
    assert [kept for _, kept in reservations(cluster.conns[1])] == [True]


def test_claims_of_dead_callers_are_settled_once_they_are_overdue(
    cluster: Partitions, clocks: list[Clock]
) -> None:
    recorded, lost = claim(0, owner_on(1)), claim(0, owner_on(1))
    deadline = reserve(cluster.conns[1], recorded)
    record(cluster.conns[0], **recorded, claim_deadline=deadline)
    reserve(cluster.conns[1], lost)
    assert settle(cluster, "--yes").stdout == "There is nothing to settle\n"
    forward(clocks, seconds=71)

    result = settle(cluster, "--yes")

    told = sorted(line.partition("which on p0 ")[2] for line in result.stdout.splitlines()[:-1])
    assert told == ["is recorded: kept", "was not recorded, and never will be: given back"]
    assert reservations(cluster.conns[1]) == [(recorded["nonce"], True)]
    assert problems(cluster) == []


def test_nothing_is_settled_while_a_partition_is_away(cluster: Partitions) -> None:
    freed_by_hand(cluster, owner_on(1))
    with away(cluster.urls[0]):
        result = settle(cluster, "--yes")
    assert result.exit_code == 1
    assert "p0" in result.stderr
    assert [kept for _, kept in reservations(cluster.conns[1])] == [True]


@pytest.mark.parametrize("column", ["nonce", "slot", "kept_at", "period_start"])
def test_export_of_a_partition_proves_its_reservations(
    cluster: Partitions, tmp_path: Path, column: str
) -> None:
    record_one(cluster, claim(0, owner_on(1)))
    reserve(cluster.conns[1], claim(0, owner_on(1), nonce=f"ü {new_nonce()}"))
    file = tmp_path / "export"

    def run(*arguments: str) -> Result:
        return CliRunner(env={"DATABASE_URL": cluster.urls[1]}).invoke(main, arguments)

    assert run("export", str(file)).exit_code == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert sum(line.get("table") == "claim_reservations" for line in lines) == 2
    result = run("verify-export", str(file))
    assert result.exit_code == 0, result.output

    other = {
        "nonce": "'other'",
        "slot": "7",
        "kept_at": "clock_timestamp()",
        "period_start": "'2030-01-01'",
    }
    change = (
        f"UPDATE ledger.claim_reservations SET {column} = {other[column]} WHERE kept_at IS NULL"
    )
    cluster.conns[1].execute(change.encode())
    assert run("export", str(file), "--yes").exit_code == 0
    result = run("verify-export", str(file))
    assert result.exit_code == 1
    assert "claim_reservations" in result.stdout
    assert "hash is not" in result.stdout
