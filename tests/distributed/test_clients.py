"""`Cluster` and `AsyncCluster`; each test runs with both."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from ledger_py import AsyncCluster, RecordedEntry, Refusal
from ledger_py.cluster import files, setup
from ledger_py.errors import (
    HoldNotFound,
    InsufficientBalance,
    InvalidRequest,
    OtherPartition,
    PartitionUnavailable,
    UnknownApp,
    WrongPartition,
)
from tests.client.clients import sync_cluster
from tests.deployment.moving import server
from tests.distributed.clusters import (
    Partitions,
    away,
    close_for_move,
    described,
    owner_on,
    paused,
)
from tests.fixtures.database import Server, new_database
from tests.sql.calls import balance, new_nonce, record, rows, scalar
from tests.sql.lifecycle import place

pytestmark = pytest.mark.anyio

Open = Callable[..., AsyncCluster]


@pytest.fixture(params=[AsyncCluster, sync_cluster], ids=["async", "sync"])
def open_cluster(request: pytest.FixtureRequest) -> Open:
    return cast(Open, request.param)


@pytest.fixture
async def client(open_cluster: Open, cluster: Partitions) -> AsyncIterator[AsyncCluster]:
    async with open_cluster(cluster.path, app="app1", timeout=2) as opened:
        yield opened


def add(owner_id: str, amount: int = 1, **fields: Any) -> dict[str, Any]:
    plain = {"owner_id": owner_id, "operation": "CREDIT_ADD", "nonce": new_nonce()}
    return plain | {"amount": amount} | fields


async def record_one(client: AsyncCluster, owner_id: str, **fields: Any) -> RecordedEntry:
    async with client.ledger_for(owner_id) as ledger:
        return await ledger.record_entry(**add(owner_id, **fields))


async def partition_of(client: AsyncCluster, owner_id: str) -> str:
    found: Any = client.partition_of(owner_id)
    return cast(str, found if isinstance(found, str) else await found)


def codes(results: list[RecordedEntry | Refusal]) -> list[str | None]:
    return [result.code if isinstance(result, Refusal) else None for result in results]


# One owner


async def test_owner_is_recorded_on_its_partition(
    client: AsyncCluster, cluster: Partitions
) -> None:
    for number, conn in enumerate(cluster.conns):
        owner = owner_on(number)
        assert await partition_of(client, owner) == f"p{number}"
        assert (await record_one(client, owner)).balance == 1
        assert balance(conn, owner) == 1


async def test_block_that_raises_is_rolled_back(client: AsyncCluster, cluster: Partitions) -> None:
    owner = owner_on(0)
    with pytest.raises(ZeroDivisionError):
        async with client.ledger_for(owner) as ledger:
            await ledger.record_entry(**add(owner))
            raise ZeroDivisionError
    assert balance(cluster.conns[0], owner) == 0


async def test_tables_of_the_caller_commit_with_the_entry(
    client: AsyncCluster, cluster: Partitions
) -> None:
    cluster.conns[0].execute("CREATE TABLE public.orders (number integer)")
    owner = owner_on(0)
    async with client.ledger_for(owner) as ledger:
        await ledger.conn.execute("INSERT INTO public.orders VALUES (7)")
        await ledger.record_entry(**add(owner))
    assert scalar(cluster.conns[0], "SELECT number FROM public.orders") == 7


async def test_other_partitions_are_served_while_one_is_away(
    client: AsyncCluster, cluster: Partitions
) -> None:
    here, there = owner_on(0), owner_on(1)
    await record_one(client, there)
    with away(cluster.urls[1]):
        with pytest.raises((PartitionUnavailable, psycopg.OperationalError)):
            await record_one(client, there)
        with pytest.raises(PartitionUnavailable) as raised:
            await record_one(client, there)
        assert raised.value.detail == {"partition": "p1"}
        assert (await record_one(client, here)).balance == 1
    assert (await record_one(client, there)).balance == 2


async def test_file_is_read_anew_when_a_partition_does_not_keep_the_owner(
    client: AsyncCluster, cluster: Partitions, ledger_server: Server
) -> None:
    owner = owner_on(3, of=4)
    with new_database(ledger_server) as url:
        after = setup.add(cluster.file, "p2", url, (range(12, 16),), report=lambda _line: None)
        files.write(cluster.path, after)
        with pytest.raises(WrongPartition):
            await record_one(client, owner)
        assert await partition_of(client, owner) == "p2"
        assert (await record_one(client, owner)).balance == 1
        await client.close()


async def test_moved_partition_is_found_by_its_new_address(
    client: AsyncCluster, cluster: Partitions
) -> None:
    """Even if the old one is not there any more to say so."""
    owner = owner_on(1)
    await record_one(client, owner)
    old = cluster.file.partition("p1")
    broken = files.Partition(name="p1", url="postgresql://127.0.0.1:1/gone", kept=old.kept)
    files.write(cluster.path, cluster.file.with_partition(broken))
    with away(old.url), pytest.raises((PartitionUnavailable, psycopg.OperationalError)):
        await record_one(client, owner)
    files.write(cluster.path, cluster.file.with_partition(old))
    assert (await record_one(client, owner)).balance == 2


async def test_unreadable_file_leaves_the_last_one_in_force(
    client: AsyncCluster, cluster: Partitions
) -> None:
    cluster.path.write_text("buckets =")
    with pytest.raises(WrongPartition):
        async with client.ledger_for(owner_on(0)) as ledger:
            await ledger.balance(owner_id=owner_on(1))
    assert (await record_one(client, owner_on(0))).balance == 1


# Holds and reversals, of which only a nonce is known


async def test_hold_is_found_without_its_owner(client: AsyncCluster, cluster: Partitions) -> None:
    owner = owner_on(1)
    record(cluster.conns[1], owner_id=owner)
    hold = place(cluster.conns[1], 4, owner_id=owner)["nonce"]
    async with client.ledger_of_hold(hold) as ledger:
        entry = await ledger.capture_hold(hold_nonce=hold, nonce=new_nonce())
    assert (entry.owner_id, entry.amount) == (owner, -4)


async def test_hold_that_is_nowhere_is_refused_by_the_ledger(client: AsyncCluster) -> None:
    with pytest.raises(HoldNotFound):
        async with client.ledger_of_hold("unknown") as ledger:
            await ledger.release_hold(hold_nonce="unknown")


async def test_hold_nonce_that_is_none_is_refused_by_its_name(client: AsyncCluster) -> None:
    async with client.ledger_of_hold("a\0b") as ledger:
        with pytest.raises(InvalidRequest, match="hold_nonce"):
            await ledger.release_hold(hold_nonce="a\0b")


async def test_hold_of_the_same_nonce_on_two_partitions_needs_its_owner(
    client: AsyncCluster, cluster: Partitions
) -> None:
    for number, conn in enumerate(cluster.conns):
        record(conn, owner_id=owner_on(number))
        owner = owner_on(number)
        record(conn, owner_id=owner)
        place(conn, 1, owner_id=owner, nonce="same")
    with pytest.raises(InvalidRequest) as raised:
        async with client.ledger_of_hold("same"):
            pass
    assert raised.value.detail["field"] == "hold_nonce"


async def test_hold_that_may_be_on_a_partition_that_is_away_is_not_called_unknown(
    client: AsyncCluster, cluster: Partitions
) -> None:
    with away(cluster.urls[1]), pytest.raises(PartitionUnavailable):
        async with client.ledger_of_hold("unknown"):
            pass


async def test_entry_is_reversed_without_its_owner(
    client: AsyncCluster, cluster: Partitions
) -> None:
    owner = owner_on(1)
    record(cluster.conns[1], owner_id=owner, nonce="original")
    # Of another app, which is none of its business.
    record(cluster.conns[0], owner_id=owner_on(0), nonce="original", app="app2")
    async with client.ledger_of_entry("original") as ledger:
        await ledger.reverse_entry(nonce=new_nonce(), original_nonce="original")
    assert balance(cluster.conns[1], owner) == 0


async def test_allowance_is_ended_without_its_owner(
    client: AsyncCluster, cluster: Partitions
) -> None:
    owner, plan = owner_on(1), new_nonce()
    async with client.ledger_for(owner) as ledger:
        await ledger.grant_allowance(
            owner_id=owner, operation="CREDIT_ADD", nonce=plan, amount=4, period="year"
        )
    async with client.ledger_of_allowance(plan) as ledger:
        ended = await ledger.end_allowance(allowance_nonce=plan)
    assert (ended.owner_id, ended.status) == (owner, "ended")
    assert balance(cluster.conns[1], owner) == 4


# Transfers


def gift(sender: str, receiver: str, **fields: Any) -> dict[str, Any]:
    return add(sender, 4, to_owner_id=receiver, operation="CREDIT_GIFT", **fields)


async def test_credits_go_over_on_the_partition_of_both(
    client: AsyncCluster, cluster: Partitions
) -> None:
    sender, receiver, nonce = owner_on(1), owner_on(1), new_nonce()
    record(cluster.conns[1], owner_id=sender)
    async with client.ledger_for(sender) as ledger:
        await ledger.transfer_credits(
            from_owner_id=sender,
            to_owner_id=receiver,
            operation="CREDIT_GIFT",
            nonce=nonce,
            amount=4,
        )
    assert [balance(cluster.conns[1], owner) for owner in (sender, receiver)] == [6, 4]
    async with client.ledger_of_entry(nonce) as ledger:
        await ledger.reverse_entry(nonce=new_nonce(), original_nonce=nonce)
    assert [balance(cluster.conns[1], owner) for owner in (sender, receiver)] == [10, 0]


async def test_owner_of_another_partition_receives_nothing(
    client: AsyncCluster, cluster: Partitions
) -> None:
    sender, receiver = owner_on(0), owner_on(1)
    record(cluster.conns[0], owner_id=sender)
    with pytest.raises(OtherPartition) as raised:
        async with client.ledger_for(sender) as ledger:
            await ledger.transfer_credits(
                from_owner_id=sender,
                to_owner_id=receiver,
                operation="CREDIT_GIFT",
                nonce="far",
                amount=4,
            )
    assert raised.value.detail == {"owner_ids": [sender, receiver]}
    items = [gift(sender, receiver), gift(sender, owner_on(0)), add(receiver)]
    assert codes(await client.record_entries(items)) == ["other_partition", None, None]
    with pytest.raises(OtherPartition):
        await client.record_entries([gift(sender, receiver)], atomic=True)
    assert balance(cluster.conns[0], sender) == 6
    assert balance(cluster.conns[1], receiver) == 1


# Batches


async def test_batch_is_answered_in_the_order_of_its_items(
    client: AsyncCluster, cluster: Partitions
) -> None:
    owners = [owner_on(number % 2) for number in range(20)]
    items = [add(owner, at + 1) for at, owner in enumerate(owners)]
    items[7]["amount"] = -1
    results = await client.record_entries(items)
    assert codes(results) == [None] * 7 + ["amount_out_of_bounds"] + [None] * 12
    for at, result in enumerate(results):
        if isinstance(result, Refusal):
            assert result.position == 8
        else:
            assert (result.owner_id, result.amount) == (owners[at], at + 1)
            assert balance(cluster.conns[at % 2], owners[at]) == at + 1
    again = await client.record_entries(json.dumps(items).encode())
    assert all(isinstance(one, Refusal) or one.replayed for one in again)


@pytest.mark.parametrize(
    "items", [[], [{"owner_id": 7}], ["text"], [{}], [None, {"owner_id": "alice"}]]
)
async def test_malformed_items_are_refused_as_by_a_ledger(
    client: AsyncCluster, items: list[Any]
) -> None:
    results = await client.record_entries(items)
    assert codes(results) == ["invalid_request"] * len(items)


async def test_batch_that_is_none_is_refused_as_by_a_ledger(client: AsyncCluster) -> None:
    for document in (b"{}", b"[1", b"7", b"[" + b",".join([b"{}"] * 10_001) + b"]"):
        with pytest.raises(InvalidRequest):
            await client.record_entries(document)


async def test_refusal_of_a_whole_batch_is_raised(open_cluster: Open, cluster: Partitions) -> None:
    async with open_cluster(cluster.path, app="unknown") as client:
        with pytest.raises(UnknownApp):
            await client.record_entries([add(owner_on(0)), add(owner_on(1))])


async def test_atomic_batch_over_partitions_is_refused(
    client: AsyncCluster, cluster: Partitions
) -> None:
    with pytest.raises(OtherPartition) as raised:
        await client.record_entries([add(owner_on(0)), add(owner_on(1))], atomic=True)
    assert raised.value.detail == {"partitions": ["p0", "p1"]}
    for conn in cluster.conns:
        assert scalar(conn, "SELECT count(*) FROM ledger.entries") == 0


async def test_atomic_batch_of_one_partition_is_recorded(client: AsyncCluster) -> None:
    items = [add(owner_on(1)), add(owner_on(1))]
    assert codes(await client.record_entries(items, atomic=True)) == [None, None]


async def test_batch_cut_in_the_middle_is_completed_by_the_same_batch(
    client: AsyncCluster, cluster: Partitions
) -> None:
    items = [add(owner_on(number % 2)) for number in range(10)]
    await client.record_entries([add(owner_on(0)), add(owner_on(1))])
    with away(cluster.urls[1]):
        results = await client.record_entries(items)
        assert codes(results) == [None, "partition_unavailable"] * 5
        assert [one.position for one in results if isinstance(one, Refusal)] == [2, 4, 6, 8, 10]
        error = next(one for one in results if isinstance(one, Refusal)).error
        assert isinstance(error, PartitionUnavailable)
        assert error.detail == {"partition": "p1"}
    results = await client.record_entries(items)
    assert [isinstance(one, RecordedEntry) and one.replayed for one in results] == [True, False] * 5


async def test_batch_reaches_a_partition_that_has_taken_buckets_meanwhile(
    client: AsyncCluster, cluster: Partitions, ledger_server: Server
) -> None:
    owners = [owner_on(3, of=4), owner_on(0), owner_on(3, of=4)]
    with new_database(ledger_server) as url:
        after = setup.add(cluster.file, "p2", url, (range(12, 16),), report=lambda _line: None)
        files.write(cluster.path, after)
        items = [add(owner) for owner in owners] + [add(owners[0], -1)]
        results = await client.record_entries(items)
        assert codes(results) == [None, None, None, "amount_out_of_bounds"]
        assert [one.position for one in results if isinstance(one, Refusal)] == [4]
        await client.close()


async def test_atomic_batch_reaches_the_partition_that_has_taken_its_buckets_meanwhile(
    client: AsyncCluster, cluster: Partitions, ledger_server: Server
) -> None:
    owner = owner_on(3, of=4)
    with new_database(ledger_server) as url:
        after = setup.add(cluster.file, "p2", url, (range(12, 16),), report=lambda _line: None)
        with pytest.raises(WrongPartition):
            await client.record_entries([add(owner)], atomic=True)
        files.write(cluster.path, after)
        results = await client.record_entries([add(owner), add(owner)], atomic=True)
        assert codes(results) == [None, None]
        await client.close()


async def test_batch_tells_what_others_recorded_although_a_move_takes_too_long(
    open_cluster: Open, cluster: Partitions
) -> None:
    close_for_move(cluster.conns[1])
    async with open_cluster(cluster.path, app="app1", timeout=0.2) as client:
        results = await client.record_entries([add(owner_on(0)), add(owner_on(1))])
        assert codes(results) == [None, "partition_unavailable"]
        with pytest.raises(PartitionUnavailable):
            await client.record_entries([add(owner_on(1))], atomic=True)


@pytest.mark.parametrize("stopped", ["backends", "server"])
async def test_batch_ends_although_a_partition_says_nothing(
    open_cluster: Open, folder: Path, ledger_db: str, stopped: str
) -> None:
    """One that is stopped holds its connections open, and takes new ones but for an answer."""
    with server(folder / "there") as there:
        path = folder / "cluster.toml"
        files.write(path, described(ledger_db, there))
        setup.init(files.read(path), report=lambda _line: None)
        items = [add(owner_on(number % 2)) for number in range(4)]
        async with open_cluster(path, app="app1", timeout=1, answers_within=0.5) as client:
            await client.record_entries([add(owner_on(1))])
            with paused(there, only_backends=stopped == "backends"):
                results = await client.record_entries(items)
                # A new connection has a backend of its own.
                left = [None, "partition_unavailable"] if stopped == "server" else [None, None]
                assert codes(results) == left * 2
            # The lost connections are closed by now, or the next call finds out.
            again = await client.record_entries(items)
            assert codes(again) == [None] * 4
        with psycopg.connect(there) as conn:
            assert scalar(conn, "SELECT count(*) FROM ledger.entries") == 3


@contextmanager
def losing_the_first_attempt(url: str, owner_id: str) -> Iterator[None]:
    """Lock an account until a caller who waits for it has lost the session."""
    find = (
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'ledger-app1'"
        " AND wait_event_type = 'Lock'"
    )
    with (
        psycopg.connect(url, autocommit=True) as watcher,
        psycopg.connect(url) as blocker,
        ThreadPoolExecutor(1) as threads,
    ):
        blocker.execute("SELECT FROM ledger.accounts WHERE owner_id = %s FOR UPDATE", [owner_id])

        def lose() -> None:
            while not watcher.execute(find).fetchall():
                watcher.execute("SELECT pg_sleep(0.005)")
            blocker.rollback()

        lost = threads.submit(lose)
        yield
        lost.result(timeout=60)


@pytest.mark.parametrize("atomic", [False, True])
async def test_refusal_does_not_hide_a_lost_batch(
    client: AsyncCluster, cluster: Partitions, *, atomic: bool
) -> None:
    owner = owner_on(1)
    await client.record_entries([add(owner)])
    spend = add(owner, -5, operation="CREDIT_SPEND")
    items = [spend] if atomic else [spend, add(owner), add(owner, operation="NONE")]
    with losing_the_first_attempt(cluster.urls[1], owner):
        if atomic:
            with pytest.raises(PartitionUnavailable):
                await client.record_entries(items, atomic=True)
        else:
            results = await client.record_entries(items)
            assert codes(results) == ["partition_unavailable", None, "unknown_operation"]
            assert cast(Refusal, results[0]).detail == {"partition": "p1"}
    if atomic:
        with pytest.raises(InsufficientBalance):
            await client.record_entries(items, atomic=True)
    else:
        results = await client.record_entries(items)
        assert codes(results) == ["insufficient_balance", None, "unknown_operation"]


async def test_session_that_ended_while_idle_is_no_lost_attempt(
    client: AsyncCluster, cluster: Partitions
) -> None:
    owner = owner_on(1)
    await client.record_entries([add(owner)])
    cluster.conns[1].execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'ledger-app1'"
    )
    results = await client.record_entries([add(owner, -5, operation="CREDIT_SPEND")])
    assert codes(results) == ["insufficient_balance"]


# The feed


async def test_feed_has_every_entry_once_in_the_order_of_its_partition(
    client: AsyncCluster, cluster: Partitions
) -> None:
    items = [add(owner_on(number % 2)) for number in range(30)]
    results = await client.record_entries(items)
    assert codes(results) == [None] * 30
    seen: list[str] = []
    cursor: str | None = None
    while page := await client.entries_after(cursor, max_rows=8):
        assert len(page) <= 8
        # Any entry of a page is a place to go on from.
        cursor = page[len(page) // 2].cursor
        seen += [entry.nonce for entry in page[: len(page) // 2 + 1]]
    assert sorted(seen) == sorted(item["nonce"] for item in items)
    for conn in cluster.conns:
        mine = [row["nonce"] for row in rows(conn, "entries_after")]
        assert [nonce for nonce in seen if nonce in set(mine)] == mine


async def test_late_commit_on_one_partition_holds_only_that_one_up(
    client: AsyncCluster, cluster: Partitions
) -> None:
    late, other = owner_on(0), owner_on(1)
    conn = cluster.conns[0]
    with conn.transaction():
        record(conn, owner_id=late, nonce="late")
        await record_one(client, other, nonce="soon")
    assert {entry.nonce for entry in await client.entries_after()} == {"late", "soon"}


async def test_feed_of_others_goes_on_while_a_partition_is_away(
    client: AsyncCluster, cluster: Partitions
) -> None:
    await client.record_entries([add(owner_on(0), nonce="here"), add(owner_on(1), nonce="there")])
    with away(cluster.urls[1]):
        (entry,) = await client.entries_after()
        assert entry.nonce == "here"
        with pytest.raises(PartitionUnavailable):
            await client.entries_after(entry.cursor)
    (entry,) = await client.entries_after(entry.cursor)
    assert entry.nonce == "there"
    assert await client.entries_after(entry.cursor) == []


@pytest.mark.parametrize(
    "cursor", ["", "p0", "p0:1-2-3-x,", "p9:1-2-3-00000000", "p0:x;p1:y", "p0:\0", 7]
)
async def test_malformed_cursor_is_refused(client: AsyncCluster, cursor: Any) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await client.entries_after(cursor)
    assert raised.value.detail["field"] == "cursor"


@pytest.mark.parametrize("max_rows", [-1, 0, 1, 10_001, None, "7", 2**31])
async def test_size_of_a_page_leaves_room_for_every_partition(
    client: AsyncCluster, max_rows: Any
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        await client.entries_after(max_rows=max_rows)
    assert raised.value.detail["field"] == "max_rows"
