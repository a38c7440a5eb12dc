"""Claims whose subject and owner belong to different partitions; with both clients."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ledger_py import AsyncCluster, Cluster, RecordedEntry, Refusal
from ledger_py.cluster import files, proof, setup
from ledger_py.cluster.subjects import Claim
from ledger_py.errors import ClaimLimitReached, ClaimNotReserved, LedgerError, PartitionUnavailable
from tests.client.clients import sync_cluster
from tests.distributed.clusters import Partitions, away, owner_on
from tests.fixtures.clock import Clock
from tests.fixtures.database import Server, new_database
from tests.sql.calls import Connection, balance, call, new_nonce, record, rows, scalar
from tests.sql.lifecycle import define_limited, reverse_by_hand

pytestmark = pytest.mark.anyio

Open = Callable[..., AsyncCluster]


@pytest.fixture(params=[AsyncCluster, sync_cluster], ids=["async", "sync"])
def open_cluster(request: pytest.FixtureRequest) -> Open:
    return cast(Open, request.param)


@pytest.fixture
async def client(open_cluster: Open, cluster: Partitions) -> AsyncIterator[AsyncCluster]:
    async with open_cluster(cluster.path, app="app1", timeout=2) as opened:
        yield opened


@pytest.fixture
def verified(cluster: Partitions) -> Iterator[None]:
    yield
    assert found_by_verify(cluster) == []


def found_by_verify(cluster: Partitions) -> list[str]:
    return list(proof.problems(cluster.file, report=lambda _line: None))


def claim(owner: int, subject: str, **fields: Any) -> dict[str, Any]:
    """Make a request of a new owner of a partition."""
    plain = {"owner_id": owner_on(owner), "operation": "SIGNUP_CREDIT", "nonce": new_nonce()}
    return plain | {"claim_subject": subject} | fields


def codes(results: list[RecordedEntry | Refusal]) -> list[str | None]:
    return [result.code if isinstance(result, Refusal) else None for result in results]


async def record_one(client: AsyncCluster, request: dict[str, Any]) -> RecordedEntry:
    async with client.ledger_for(request["owner_id"]) as ledger:
        return await ledger.record_entry(**request)


async def code_of(client: AsyncCluster, request: dict[str, Any]) -> str | None:
    """Record a request in a batch of its own, and return the code of its refusal."""
    return codes(await client.record_entries([request]))[0]


def reservations(conn: Connection) -> list[tuple[str, bool]]:
    """Read the nonces of all reservations, and whether they are kept."""
    return conn.execute(
        "SELECT nonce, kept_at IS NOT NULL FROM ledger.claim_reservations ORDER BY reserved_at"
    ).fetchall()


def reserve(conn: Connection, request: dict[str, Any]) -> Any:
    """Reserve as a caller does who dies then, and return the deadline."""
    fields = {name: request[name] for name in Claim.__struct_fields__}
    (row,) = rows(conn, "reserve_claims", app="app1", claims=Jsonb([fields]))
    assert row["code"] is None, row
    return row["claim_deadline"]


# One request


@pytest.mark.usefixtures("verified")
async def test_subject_is_limited_over_owners_of_all_partitions(
    client: AsyncCluster, cluster: Partitions
) -> None:
    for subject in (owner_on(0), owner_on(1)):
        assert (await record_one(client, claim(0, subject))).balance == 3
        for number in (0, 1):
            with pytest.raises(ClaimLimitReached) as raised:
                await record_one(client, claim(number, subject))
            assert raised.value.detail == {
                "operation": "SIGNUP_CREDIT",
                "limited": "claim_subject",
                "claim_limit": 1,
                "claim_period": "ever",
                "next_eligible_at": None,
            }
            assert await code_of(client, claim(number, subject)) == "claim_limit_reached"
    assert [kept for _, kept in reservations(cluster.conns[1])] == [True]
    assert reservations(cluster.conns[0]) == []


@pytest.mark.usefixtures("verified")
async def test_refused_request_gives_the_subject_back(
    client: AsyncCluster, cluster: Partitions
) -> None:
    subject = owner_on(1)
    wrong = claim(0, subject, amount=7)
    assert await code_of(client, wrong) == "amount_out_of_bounds"
    with pytest.raises(LedgerError):
        await record_one(client, wrong)
    assert reservations(cluster.conns[1]) == []
    assert await code_of(client, claim(0, subject)) is None


async def test_owner_limit_is_told_before_that_of_the_subject(client: AsyncCluster) -> None:
    subject, request = owner_on(1), claim(0, owner_on(1))
    await record_one(client, request)
    assert await code_of(client, claim(0, subject)) is None
    with pytest.raises(ClaimLimitReached) as raised:
        await record_one(client, claim(0, subject, owner_id=request["owner_id"]))
    assert raised.value.detail["limited"] == "owner"


@pytest.mark.usefixtures("verified")
async def test_replay_is_answered_whatever_is_reserved(
    client: AsyncCluster, cluster: Partitions
) -> None:
    request = claim(0, owner_on(1))
    first = await record_one(client, request)
    assert (await record_one(client, request)).entry_id == first.entry_id
    assert await code_of(client, request) is None
    with away(cluster.urls[1]):
        (again,) = await client.record_entries([request])
        assert isinstance(again, RecordedEntry)
        assert again.replayed


@pytest.mark.usefixtures("verified")
async def test_block_that_is_rolled_back_gives_the_subject_back(
    client: AsyncCluster, cluster: Partitions
) -> None:
    subject = owner_on(1)
    request = claim(0, subject)
    with pytest.raises(ZeroDivisionError):
        async with client.ledger_for(request["owner_id"]) as ledger:
            await ledger.record_entry(**request)
            raise ZeroDivisionError
    assert reservations(cluster.conns[1]) == []
    async with client.ledger_for(request["owner_id"]) as ledger, ledger.dry_run():
        assert (await ledger.record_entry(**request)).balance == 3
    assert reservations(cluster.conns[1]) == []
    async with client.ledger_for(request["owner_id"]) as ledger:
        assert codes(await ledger.record_entries([request])) == [None]
    assert reservations(cluster.conns[1]) == [(request["nonce"], True)]


async def test_direct_call_without_a_deadline_is_told_what_to_do(cluster: Partitions) -> None:
    with pytest.raises(psycopg.Error) as raised:
        record(cluster.conns[0], **claim(0, owner_on(1)))
    assert raised.value.sqlstate == ClaimNotReserved.sqlstate
    assert "reserve the subject" in (raised.value.diag.message_hint or "")


# Batches


@pytest.mark.usefixtures("verified")
async def test_mixed_batch_records_up_to_each_limit(
    client: AsyncCluster, cluster: Partitions
) -> None:
    for conn in cluster.conns:
        define_limited(conn, 2)
    subjects = [owner_on(0), owner_on(1)]
    items = [
        claim(owner, subject, operation="LIMITED")
        for _ in range(5)
        for owner in (0, 1)
        for subject in subjects
    ]
    items[3:3] = [{"owner_id": owner_on(1), "operation": "CREDIT_ADD", "nonce": new_nonce()}]
    items[7:7] = [claim(1, subjects[0], amount=9, operation="LIMITED"), {"claim_subject": 7}]
    results = await client.record_entries(items)
    recorded = [
        items[at]["claim_subject"]
        for at, result in enumerate(results)
        if isinstance(result, RecordedEntry) and "claim_subject" in items[at]
    ]
    assert sorted(recorded) == sorted(subjects * 2)
    assert codes(results)[3] is None
    assert codes(results)[7:9] == ["amount_out_of_bounds", "invalid_request"]
    refusals = [result for result in results if isinstance(result, Refusal)]
    assert [one.position for one in refusals] == [
        at + 1 for at, result in enumerate(results) if isinstance(result, Refusal)
    ]
    again = await client.record_entries(items)
    assert [one.replayed for one in again if isinstance(one, RecordedEntry)] == [True] * 5
    assert [kept for conn in cluster.conns for _, kept in reservations(conn)].count(False) == 0


@pytest.mark.usefixtures("verified")
async def test_items_keep_their_order(client: AsyncCluster) -> None:
    """The credit of a claim can be spent by the item after it."""
    request = claim(0, owner_on(1))
    spend = {"owner_id": request["owner_id"], "operation": "CREDIT_SPEND", "amount": -3}
    results = await client.record_entries([request, spend | {"nonce": new_nonce()}])
    assert codes(results) == [None, None]


@pytest.mark.usefixtures("verified")
async def test_atomic_batch_reserves_for_all_or_for_none(
    client: AsyncCluster, cluster: Partitions
) -> None:
    subjects = [owner_on(1) for _ in range(3)]
    owner = owner_on(0)
    await record_one(client, claim(1, subjects[2]))
    items = [claim(0, subject) for subject in subjects]
    for item in items:
        item["owner_id"] = owner_on(0)
    with pytest.raises(ClaimLimitReached) as raised:
        await client.record_entries(items, atomic=True)
    assert raised.value.detail["position"] == 3
    assert reservations(cluster.conns[1]) == []
    assert codes(await client.record_entries(items[:2], atomic=True)) == [None, None]
    assert owner


# Partitions that are away


@pytest.mark.usefixtures("verified")
async def test_subject_that_is_away_fails_its_claims_only(
    client: AsyncCluster, cluster: Partitions
) -> None:
    claiming, other = claim(0, owner_on(1)), claim(0, owner_on(0))
    await client.record_entries([claim(1, owner_on(0)), claim(0, owner_on(0))])
    with away(cluster.urls[1]):
        results = await client.record_entries([claiming, other])
        assert codes(results) == ["partition_unavailable", None]
        assert isinstance(results[0], Refusal)
        assert results[0].detail == {"partition": "p1"}
        with pytest.raises(PartitionUnavailable):
            await record_one(client, claiming)
    assert balance(cluster.conns[0], claiming["owner_id"]) == 0
    assert await code_of(client, claiming) is None


@pytest.mark.usefixtures("verified")
async def test_owner_that_is_away_leaves_a_reservation_that_the_same_request_completes(
    client: AsyncCluster, cluster: Partitions
) -> None:
    request = claim(0, owner_on(1))
    with away(cluster.urls[0]):
        assert await code_of(client, request) == "partition_unavailable"
        assert reservations(cluster.conns[1]) == [(request["nonce"], False)]
    assert await code_of(client, request) is None
    assert reservations(cluster.conns[1]) == [(request["nonce"], True)]


@pytest.mark.parametrize("atomic", [False, True])
async def test_subject_whose_bucket_was_given_away_meanwhile(
    client: AsyncCluster, cluster: Partitions, ledger_server: Server, atomic: bool
) -> None:
    """To a partition of its own: from that of the owner, or from another one."""
    with new_database(ledger_server) as url:
        after = setup.add(cluster.file, "p2", url, (range(12, 16),), report=lambda _line: None)
        files.write(cluster.path, after)
        for number in (2, 0):
            request = claim(0, owner_on(3, of=4), owner_id=owner_on(number, of=4))
            assert codes(await client.record_entries([request], atomic=atomic)) == [None]
        with psycopg.connect(url) as conn:
            assert [kept for _, kept in reservations(conn)] == [True, True]
        assert found_by_verify(cluster) == []
        await client.close()


# Callers that die


@pytest.fixture
def clocks(cluster: Partitions) -> list[Clock]:
    return [Clock(conn, scalar(conn, "SELECT clock_timestamp()")) for conn in cluster.conns]


def forward(clocks: list[Clock], **amount: float) -> None:
    for clock in clocks:
        clock.forward(**amount)


@pytest.mark.usefixtures("verified")
async def test_reservation_of_a_dead_caller_blocks_only_until_its_request_has_lapsed(
    client: AsyncCluster, cluster: Partitions, clocks: list[Clock]
) -> None:
    subject = owner_on(1)
    reserve(cluster.conns[1], claim(0, subject))
    for number in (0, 1):
        assert await code_of(client, claim(number, subject)) == "claim_limit_reached"
    forward(clocks, seconds=60)
    assert await code_of(client, claim(0, subject)) == "claim_limit_reached"
    forward(clocks, seconds=11)
    assert await code_of(client, claim(0, subject)) is None


@pytest.mark.usefixtures("verified")
async def test_owner_of_the_same_partition_passes_a_dead_caller_too(
    client: AsyncCluster, cluster: Partitions, clocks: list[Clock]
) -> None:
    subject = owner_on(1)
    reserve(cluster.conns[1], claim(0, subject))
    forward(clocks, seconds=71)
    items = [claim(1, subject)]
    assert codes(await client.record_entries(items, atomic=True)) == [None]
    assert reservations(cluster.conns[1]) == []


@pytest.mark.usefixtures("verified")
async def test_recorded_entry_of_a_dead_caller_keeps_its_slot(
    client: AsyncCluster, cluster: Partitions, clocks: list[Clock]
) -> None:
    subject = owner_on(1)
    request = claim(0, subject)
    record(cluster.conns[0], **request, claim_deadline=reserve(cluster.conns[1], request))
    assert reservations(cluster.conns[1]) == [(request["nonce"], False)]
    forward(clocks, days=400)
    for number in (0, 1):
        assert await code_of(client, claim(number, subject)) == "claim_limit_reached"
    assert reservations(cluster.conns[1]) == [(request["nonce"], True)]


@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("recorded", [False, True])
async def test_same_request_settles_what_a_dead_caller_left(
    client: AsyncCluster, cluster: Partitions, clocks: list[Clock], recorded: bool
) -> None:
    request = claim(0, owner_on(1))
    deadline = reserve(cluster.conns[1], request)
    if recorded:
        record(cluster.conns[0], **request, claim_deadline=deadline)
    forward(clocks, hours=1)
    (answer,) = await client.record_entries([request])
    assert isinstance(answer, RecordedEntry)
    assert answer.replayed is recorded
    assert reservations(cluster.conns[1]) == [(request["nonce"], True)]


@pytest.mark.usefixtures("verified")
async def test_request_of_yesterday_is_recorded_in_the_period_of_today(
    client: AsyncCluster, cluster: Partitions, clocks: list[Clock]
) -> None:
    request = claim(0, owner_on(1), operation="DAILY_REWARD")
    reserve(cluster.conns[1], request)
    forward(clocks, days=1)
    assert await code_of(client, request) is None
    slots = "SELECT count(*) FROM ledger.claims WHERE subject_kind = 'claim_subject'"
    assert scalar(cluster.conns[1], slots) == 1


async def test_nothing_is_decided_while_the_owner_is_away(
    client: AsyncCluster, cluster: Partitions, clocks: list[Clock]
) -> None:
    subject = owner_on(1)
    reserve(cluster.conns[1], claim(0, subject))
    forward(clocks, seconds=71)
    await client.record_entries([claim(0, owner_on(0)), claim(1, owner_on(1))])
    with away(cluster.urls[0]):
        assert await code_of(client, claim(1, subject)) == "partition_unavailable"
    assert await code_of(client, claim(1, subject)) is None


async def test_transaction_under_way_is_not_taken_for_lapsed(
    client: AsyncCluster, cluster: Partitions, clocks: list[Clock]
) -> None:
    """However long it takes: it was in time when it recorded."""
    subject = owner_on(1)
    request = claim(0, subject)
    with psycopg.connect(cluster.urls[0]) as slow:
        record(slow, **request, claim_deadline=reserve(cluster.conns[1], request))
        forward(clocks, seconds=71)
        assert await code_of(client, claim(1, subject)) == "partition_unavailable"
        slow.commit()
    assert await code_of(client, claim(1, subject)) == "claim_limit_reached"
    assert reservations(cluster.conns[1]) == [(request["nonce"], True)]
    assert found_by_verify(cluster) == []


async def test_deadline_that_has_passed_refuses_the_entry(
    cluster: Partitions, clocks: list[Clock]
) -> None:
    request = claim(0, owner_on(1))
    deadline = reserve(cluster.conns[1], request)
    forward(clocks, seconds=11)
    with pytest.raises(psycopg.Error) as raised:
        record(cluster.conns[0], **request, claim_deadline=deadline)
    assert raised.value.sqlstate == "LG312"


DYING = """
import json, sys, time
from ledger_py import Cluster
from ledger_py.cluster.claims import Claims

def hang(*_args, **_named):
    print("here", flush=True)
    time.sleep(600)

step, path, request = sys.argv[1:]
if step == "asked":
    Claims.reserve = hang
elif step == "reserved":
    Cluster._record_anywhere = hang
else:
    Claims.finish = hang
Cluster(path, app="app1").record_entries([json.loads(request)])
"""


def die(cluster: Partitions, step: str, request: dict[str, Any]) -> None:
    """Send a request from a process that is killed after a step."""
    command = [sys.executable, "-c", DYING, step, str(cluster.path), json.dumps(request)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.kill()


@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("step", ["asked", "reserved", "recorded"])
async def test_caller_that_is_killed_between_two_steps_blocks_nobody_for_ever(
    client: AsyncCluster, cluster: Partitions, clocks: list[Clock], step: str
) -> None:
    same, other = (claim(0, owner_on(1)) for _ in range(2))
    for request in (same, other):
        die(cluster, step, request)
    (answer,) = await client.record_entries([same])
    assert isinstance(answer, RecordedEntry)
    assert answer.replayed is (step == "recorded")
    forward(clocks, seconds=71)
    later = await code_of(client, claim(1, other["claim_subject"]))
    assert later == ("claim_limit_reached" if step == "recorded" else None)
    assert all(kept for _, kept in reservations(cluster.conns[1]))


# Reversals


@pytest.mark.usefixtures("verified")
async def test_freed_claim_can_be_claimed_again(client: AsyncCluster, cluster: Partitions) -> None:
    subject = owner_on(1)
    request = claim(0, subject)
    await record_one(client, request)
    async with client.ledger_of_entry(request["nonce"]) as ledger:
        await ledger.reverse_entry(nonce=new_nonce(), original_nonce=request["nonce"])
    assert len(reservations(cluster.conns[1])) == 1

    request = claim(0, owner_on(1))
    await record_one(client, request)
    reversal = {"nonce": new_nonce(), "original_nonce": request["nonce"], "free_claim": True}
    async with client.ledger_for(request["owner_id"]) as ledger:
        await ledger.reverse_entry(**reversal)
    assert len(reservations(cluster.conns[1])) == 1
    (again,) = await client.record_entries([request])
    assert isinstance(again, RecordedEntry)
    assert again.replayed
    assert len(reservations(cluster.conns[1])) == 1
    assert await code_of(client, claim(1, request["claim_subject"])) is None


@pytest.mark.usefixtures("verified")
async def test_freed_claim_whose_caller_died_is_given_back_by_the_same_reversal(
    client: AsyncCluster, cluster: Partitions
) -> None:
    request = claim(0, owner_on(1))
    await record_one(client, request)
    reversal = {"nonce": new_nonce(), "original_nonce": request["nonce"], "free_claim": True}
    call(cluster.conns[0], "reverse_entry", app="app1", **reversal)
    assert len(reservations(cluster.conns[1])) == 1
    async with client.ledger_of_entry(request["nonce"]) as ledger:
        assert (await ledger.reverse_entry(**reversal)).replayed
    assert reservations(cluster.conns[1]) == []


# Races


@pytest.mark.usefixtures("verified")
@pytest.mark.parametrize("limit", [1, 3])
async def test_fifty_callers_over_both_partitions_get_exactly_the_limit(
    cluster: Partitions, limit: int
) -> None:
    for conn in cluster.conns:
        define_limited(conn, limit)
    subject = owner_on(1)
    requests = [claim(n % 2, subject, operation="LIMITED") for n in range(50)]
    with Cluster(cluster.path, app="app1", timeout=60) as client, ThreadPoolExecutor(50) as threads:
        found = [
            codes(results)[0]
            for results in threads.map(lambda request: client.record_entries([request]), requests)
        ]
    assert sorted(one or "" for one in found) == [""] * limit + ["claim_limit_reached"] * (
        50 - limit
    )


@pytest.mark.usefixtures("verified")
async def test_same_request_at_the_same_time_takes_one_slot(cluster: Partitions) -> None:
    for conn in cluster.conns:
        define_limited(conn, 5)
    request = claim(0, owner_on(1), operation="LIMITED")
    async with AsyncCluster(cluster.path, app="app1", timeout=60) as client:
        answers = await asyncio.gather(*(client.record_entries([request]) for _ in range(20)))
    entries = {one.entry_id for (one,) in answers if isinstance(one, RecordedEntry)}
    assert len(entries) == 1
    assert reservations(cluster.conns[1]) == [(request["nonce"], True)]


@pytest.mark.usefixtures("verified")
async def test_request_under_way_that_is_refused_takes_nothing_from_the_next(
    cluster: Partitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its slot is given back in a moment, for which the next one waits."""
    monkeypatch.setattr("ledger_py.cluster.claims_async.PATIENCE", 60.0)
    subject = owner_on(1)
    refused = [claim(0, subject, amount=99) for _ in range(20)]
    right = claim(0, subject)
    async with AsyncCluster(cluster.path, app="app1", timeout=60) as client:
        answers = await asyncio.gather(
            *(client.record_entries([one]) for one in [*refused[:10], right, *refused[10:]])
        )
    assert codes([answer[0] for answer in answers]) == [
        *["amount_out_of_bounds"] * 10,
        None,
        *["amount_out_of_bounds"] * 10,
    ]


# Proof


async def test_verify_names_reservations_and_entries_that_lack_each_other(
    client: AsyncCluster, cluster: Partitions
) -> None:
    lost, forged, freed = (claim(0, owner_on(1)) for _ in range(3))
    for request in (lost, freed):
        await record_one(client, request)
    reserve(cluster.conns[1], forged)
    conn = cluster.conns[1]
    settled = {name: forged[name] for name in ("owner_id", "nonce")} | {"outcome": "recorded"}
    rows(conn, "settle_claims", app="app1", claims=Jsonb([settled]))
    for table, column in (("claims", "subject"), ("claim_reservations", "claim_subject")):
        query = f"DELETE FROM ledger.{table} WHERE {column} = %s"
        conn.execute(query.encode(), [lost["claim_subject"]])
    reverse_by_hand(cluster.conns[0], freed["nonce"], free_claim=True)
    found = found_by_verify(cluster)
    assert len(found) == 3
    assert any(lost["nonce"] in line and "not reserved" in line for line in found)
    assert any(forged["nonce"] in line and "without its entry" in line for line in found)
    assert any(freed["nonce"] in line and "without its entry" in line for line in found)
    assert [row["problem"] for conn in cluster.conns for row in rows(conn, "verify")] == []
