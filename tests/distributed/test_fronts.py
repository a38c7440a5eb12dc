"""A front answers as the partitions do, and says what it does not have."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from ledger_py import Cluster, Ledger, Refusal
from ledger_py.cli import main
from ledger_py.cluster import catalogue, moving, proof
from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.fronts import installing
from ledger_py.cluster.fronts.interface import read_interface
from ledger_py.cluster.fronts.routing import Route, route_of, route_of_relation
from ledger_py.errors import OtherPartition, PartitionUnavailable
from ledger_py.migrate import MigrationError, migrate
from tests.deployment.moving import server
from tests.distributed.clusters import away, owner_on, paused
from tests.distributed.fronts import AUDITOR, LOGIN, OPERATOR, RunningFront, running_front
from tests.distributed.test_moving import two_servers
from tests.fixtures.database import Server, new_database
from tests.http.running import make_service, running
from tests.sql.calls import Connection, balance, call, new_nonce, record, rows, scalar, spend
from tests.sql.lifecycle import capture, item, place, record_batch, release, reverse

ANSWERS_WITHIN: Final = 10
"""Seconds after which a call that should be bounded has hung."""


@contextmanager
def connected(url: str, user: str) -> Iterator[Connection]:
    with psycopg.connect(make_conninfo(url, user=user), autocommit=True) as conn:
        yield conn


@pytest.fixture
def caller(shared_front: RunningFront) -> Iterator[Connection]:
    """A connection to the front."""
    with connected(shared_front.front.url, LOGIN) as conn:
        yield conn


@pytest.fixture
def direct(shared_front: RunningFront) -> Iterator[list[Connection]]:
    """A connection of the same login to each partition."""
    first, second = shared_front.cluster.urls
    with connected(first, LOGIN) as one, connected(second, LOGIN) as other:
        yield [one, other]


def test_front_has_every_function_and_view_of_a_ledger(shared_front: RunningFront) -> None:
    here = read_interface(shared_front.cluster.conns[0])
    with psycopg.connect(shared_front.front.url, autocommit=True) as conn:
        there = scalar(
            conn,
            "SELECT jsonb_object_agg(proname, jsonb_build_array(pg_get_function_arguments(oid),"
            " pg_get_function_result(oid), obj_description(oid, 'pg_proc')))"
            " FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace",
        )
        views = scalar(
            conn,
            "SELECT jsonb_object_agg(relname, (SELECT jsonb_agg(format_type(atttypid, atttypmod)"
            " ORDER BY attnum) FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0))"
            " FROM pg_class WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'v'",
        )
    assert there == {one.name: [one.parameters, one.result, one.comment] for one in here.functions}
    assert views.keys() == {one.name for one in here.relations} | {"error_codes"}
    for one in here.relations:
        assert views[one.name] == [column.type for column in one.columns]


def test_what_a_front_refuses_says_what_to_do_instead(shared_front: RunningFront) -> None:
    here = read_interface(shared_front.cluster.conns[0])
    with connected(shared_front.front.url, OPERATOR) as conn:
        for function in here.functions:
            if route_of(function) is not Route.NONE or "ledger_operator" not in function.roles:
                continue
            given = sql.SQL(", ").join([sql.NULL] * len(function.names))
            query = sql.SQL("SELECT * FROM ledger.{}({})").format(
                sql.Identifier(function.name), given
            )
            with pytest.raises(psycopg.errors.FeatureNotSupported) as raised:
                conn.execute(query)
            assert function.name in str(raised.value)
            assert raised.value.diag.message_hint
        for relation in here.relations:
            if route_of_relation(relation) is Route.NONE:
                with pytest.raises(psycopg.errors.FeatureNotSupported, match=relation.name):
                    conn.execute(
                        sql.SQL("SELECT * FROM ledger.{}").format(sql.Identifier(relation.name))
                    )
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="verify"):
            rows(conn, "verify")


# One owner


@pytest.mark.parametrize("number", [0, 1])
def test_owner_is_recorded_on_its_partition(
    caller: Connection, direct: list[Connection], number: int
) -> None:
    owner = owner_on(number)
    entry = record(caller, owner_id=owner, amount=7, metadata={"price": 1.50}, nonce="n" + owner)
    again = record(caller, owner_id=owner, amount=7, metadata={"price": 1.50}, nonce="n" + owner)
    assert again == entry | {"replayed": True}
    assert (
        record(direct[number], owner_id=owner, amount=7, metadata={"price": 1.5}, nonce="n" + owner)
        == again
    )
    assert balance(direct[number], owner) == 7


@pytest.mark.parametrize("number", [0, 1])
def test_what_is_read_is_what_the_partition_says(
    caller: Connection, direct: list[Connection], number: int
) -> None:
    owner = owner_on(number)
    for amount in (5, 6):
        record(caller, owner_id=owner, amount=amount)
    record(caller, owner_id=owner, expires_at="2100-01-01T00:00:00.000001Z", metadata={"n": 1e-300})
    record(caller, owner_id=owner, operation="CONTEST_PRIZE")
    hold = place(caller, 3, owner_id=owner)
    capture(caller, hold["nonce"], 1)
    rows(
        caller,
        "grant_allowance",
        app="app1",
        owner_id=owner,
        operation="CREDIT_ADD",
        nonce=f"{owner}'s plan",
        amount=4,
        starts_at="2100-01-01",
        occurrences=2,
    )
    asked: list[tuple[str, dict[str, Any]]] = [
        ("allowances_of", {}),
        ("balance", {}),
        ("balance", {"for_app": "app1", "for_operation": "CREDIT_SPEND"}),
        ("balance_at", {"at": "2020-01-01"}),
        ("balance_parts", {}),
        ("claims_of", {}),
        ("entries_of", {"max_rows": 2}),
        ("forecast", {"until": "2101-01-01"}),
        ("holds_of", {}),
        ("lots_of", {}),
        ("statement", {"since": "2020-01-01"}),
        ("timeline", {}),
    ]
    for function, arguments in asked:
        there = rows(caller, function, owner_id=owner, **arguments)
        here = rows(direct[number], function, owner_id=owner, **arguments)
        for row in (*there, *here):
            row.pop("next_eligible_at", None)  # It is the time of the call.
        assert (function, there) == (function, here)
        assert there, function
    assert rows(caller, "operations_of", app="app2") == rows(direct[1], "operations_of", app="app2")
    assert rows(caller, "installed_files") == rows(direct[0], "installed_files")


def said_by(conn: Connection, function: str, arguments: dict[str, Any]) -> list[str | None]:
    with pytest.raises(psycopg.Error) as raised:
        rows(conn, function, **arguments)
    diag = raised.value.diag
    return [diag.sqlstate, diag.message_primary, diag.message_detail, diag.message_hint]


@pytest.mark.parametrize("number", [0, 1])
def test_refusals_are_those_of_the_partition(
    caller: Connection, direct: list[Connection], number: int
) -> None:
    owner = owner_on(number)
    one = {"app": "app1", "owner_id": owner, "operation": "CREDIT_SPEND", "nonce": "r" + owner}
    record(direct[number], owner_id=owner, amount=1, nonce="taken " + owner)
    asked: list[tuple[str, dict[str, Any]]] = [
        ("record_entry", one | {"amount": -2}),
        ("record_entry", one | {"amount": 2}),
        ("record_entry", one | {"amount": -(2**60)}),
        ("record_entry", one | {"operation": "NONE"}),
        ("record_entry", one | {"app": "app2"}),
        ("record_entry", one | {"app": None}),
        ("record_entry", one | {"nonce": "taken " + owner, "amount": -1}),
        ("record_entry", one | {"nonce": ""}),
        ("place_hold", one | {"amount": 2}),
        ("capture_hold", {"app": "app1", "hold_nonce": "none", "nonce": "c", "owner_id": owner}),
        ("balance", {"owner_id": owner, "asset": "none"}),
        ("entries_of", {"owner_id": owner, "max_rows": 100_000}),
        ("operations_of", {"app": "app9"}),
        ("record_entries", {"app": "app2", "entries": Jsonb([])}),
        ("record_entries", {"app": "app1", "entries": Jsonb({"a": 1})}),
        ("record_entries", {"app": "app1", "entries": None}),
        ("record_entries", {"app": "app1", "entries": Jsonb([{}] * 10_001)}),
        ("find", {"text": "", "max_rows": 3}),
        ("release_hold", {"app": "app1", "hold_nonce": "no such hold"}),
        ("reverse_entry", {"app": "app1", "nonce": "n", "original_nonce": "no such entry"}),
        ("release_hold", {"app": "app1", "hold_nonce": "x" * 256}),
    ]
    for function, arguments in asked:
        there = said_by(caller, function, arguments)
        assert (arguments, there) == (arguments, said_by(direct[number], function, arguments))


def test_owner_is_required_as_on_a_partition(caller: Connection, direct: list[Connection]) -> None:
    one = {"app": "app1", "owner_id": None, "operation": "CREDIT_ADD", "nonce": "n"}
    assert said_by(caller, "record_entry", one) == said_by(direct[0], "record_entry", one)


def test_refusals_cost_no_connection(shared_front: RunningFront, caller: Connection) -> None:
    owner = owner_on(0)
    query = (
        "SELECT array_agg(pid ORDER BY pid) FROM pg_stat_activity WHERE usename = 'ledger_front'"
    )
    record(caller, owner_id=owner)
    before = scalar(shared_front.cluster.conns[0], query)
    for _ in range(10):
        with pytest.raises(psycopg.Error):
            spend(caller, 1000, owner_id=owner)
    assert scalar(shared_front.cluster.conns[0], query) == before


def test_callers_over_the_front_and_directly_spend_no_credit_twice(
    shared_front: RunningFront,
) -> None:
    owner = owner_on(1)
    urls = [shared_front.url(), make_conninfo(shared_front.cluster.urls[1], user=LOGIN)]
    with connected(urls[0], LOGIN) as conn:
        record(conn, owner_id=owner, amount=20)

    def spend_ten(url: str) -> int:
        with connected(url, LOGIN) as conn:
            spent = 0
            for _ in range(10):
                results = record_batch(conn, [item(-1, owner_id=owner, operation="CREDIT_SPEND")])
                spent += results[0]["code"] is None
            return spent

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend_ten, urls * 4)) == 20
    assert balance(shared_front.cluster.conns[1], owner) == 0


# The session of the caller


def test_lock_timeout_of_the_caller_holds(shared_front: RunningFront, caller: Connection) -> None:
    owner = owner_on(0)
    record(caller, owner_id=owner)
    caller.execute("SET lock_timeout = '50ms'")
    conn = shared_front.cluster.conns[0]
    with conn.transaction():
        record(conn, owner_id=owner)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            record(caller, owner_id=owner)
    assert record(caller, owner_id=owner)["balance"] == 30


def test_read_only_session_writes_nothing(caller: Connection) -> None:
    owner = owner_on(0)
    caller.execute("SET default_transaction_read_only = on")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        record(caller, owner_id=owner)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        record_batch(caller, [item(1, owner_id=owner)])
    assert balance(caller, owner) == 0


def test_dry_run_of_the_client_keeps_nothing(caller: Connection) -> None:
    ledger = Ledger(caller, app="app1")
    first, second = owner_on(0), owner_on(1)
    requests = [item(4, owner_id=first), item(5, owner_id=second)]
    with ledger.dry_run():
        assert (
            ledger.record_entry(owner_id=first, operation="CREDIT_ADD", nonce="dry").balance == 10
        )
        results = ledger.record_entries(requests)
        assert [it.balance for it in results if not isinstance(it, Refusal)] == [4, 5]
    assert [balance(caller, owner) for owner in (first, second)] == [0, 0]
    results = ledger.record_entries(requests)
    assert [it.replayed for it in results if not isinstance(it, Refusal)] == [False, False]


# By nonce


def test_hold_is_found_by_its_nonce(caller: Connection) -> None:
    for number in (0, 1):
        owner = owner_on(number)
        record(caller, owner_id=owner)
        hold = place(caller, 5, owner_id=owner)
        assert capture(caller, hold["nonce"], 1, final=False)["balance"] == 9
        assert capture(caller, hold["nonce"], 1, final=False, owner_id=owner)["balance"] == 8
        assert release(caller, hold["nonce"])["status"] == "released"
        entry = record(caller, owner_id=owner)
        assert reverse(caller, entry["nonce"])["amount"] == -10


def test_allowance_is_found_by_its_nonce(caller: Connection) -> None:
    plan = {"app": "app1", "operation": "CREDIT_ADD", "amount": 6}
    for number in (0, 1):
        owner, nonce = owner_on(number), new_nonce()
        rows(caller, "grant_allowance", **plan, owner_id=owner, nonce=nonce)
        of_plan = {"app": "app1", "allowance_nonce": nonce}
        more = {"nonce": new_nonce(), "amount": 8, "from_next_period": False}
        (changed,) = rows(caller, "change_allowance", **of_plan, **more)
        assert (changed["owner_id"], changed["amount"]) == (owner, 8)
        (ended,) = rows(caller, "end_allowance", **of_plan, forfeit=True)
        assert (ended["status"], balance(caller, owner)) == ("ended", 0)


def test_allowance_is_ended_by_hand_where_its_owner_is(
    caller: Connection, shared_front: RunningFront
) -> None:
    plan = {"app": "app1", "operation": "CREDIT_ADD", "amount": 6}
    by_hand = {"app": "app1", "actor": "Ann", "reason": "Because"}
    with connected(shared_front.front.url, OPERATOR) as operator:
        for number in (0, 1):
            owner, nonce = owner_on(number), new_nonce()
            rows(caller, "grant_allowance", **plan, owner_id=owner, nonce=nonce)
            (ended,) = rows(operator, "end_allowance_by_hand", allowance_nonce=nonce, **by_hand)
            assert (ended["owner_id"], ended["status"]) == (owner, "ended")


def test_nonce_of_two_owners_needs_the_owner(caller: Connection) -> None:
    nonce = new_nonce()
    for number in (0, 1):
        owner = owner_on(number)
        record(caller, owner_id=owner)
        place(caller, 5, owner_id=owner, nonce=nonce)
    with pytest.raises(psycopg.Error) as raised:
        release(caller, nonce)
    assert raised.value.sqlstate == "LG001"
    assert "p0 and p1" in str(raised.value.diag.message_detail)
    assert (
        call(caller, "release_hold", app="app1", hold_nonce=nonce, owner_id=owner)["owner_id"]
        == owner
    )


# Transfers


def gift(sender: str, receiver: str, **more: Any) -> dict[str, Any]:
    plain = {"from_owner_id": sender, "to_owner_id": receiver, "operation": "CREDIT_GIFT"}
    return plain | {"app": "app1", "nonce": f"{sender}'s gift", "amount": 4} | more


@pytest.mark.parametrize("number", [0, 1])
def test_credits_go_over_on_the_partition_of_both(
    caller: Connection, direct: list[Connection], number: int
) -> None:
    sender, receiver = owner_on(number), owner_on(number)
    record(caller, owner_id=sender, amount=3, expires_at="2100-01-01T00:00:00Z")
    record(caller, owner_id=sender)
    moved = rows(caller, "transfer_credits", **gift(sender, receiver))
    assert [it["amount"] for it in moved] == [-4, 3, 1]
    again = rows(direct[number], "transfer_credits", **gift(sender, receiver))
    assert again == [it | {"replayed": True} for it in moved]
    assert reverse(caller, f"{sender}'s gift")["amount"] == 4
    assert [balance(caller, owner) for owner in (sender, receiver)] == [13, 0]


@pytest.mark.parametrize("number", [0, 1])
def test_owner_of_another_partition_receives_nothing(
    caller: Connection, direct: list[Connection], number: int
) -> None:
    sender, receiver = owner_on(number), owner_on(1 - number)
    record(caller, owner_id=sender)
    there = said_by(caller, "transfer_credits", gift(sender, receiver))
    assert there == said_by(direct[number], "transfer_credits", gift(sender, receiver))
    assert there[0] == "LG310"
    for wrong in ({"from_owner_id": None}, {"amount": 5000}, {"operation": "CREDIT_SPEND"}):
        request = gift(sender, owner_on(number)) | wrong
        on = 0 if request["from_owner_id"] is None else number
        said = said_by(caller, "transfer_credits", request)
        assert said == said_by(direct[on], "transfer_credits", request)
    results = record_batch(
        caller,
        [
            item(4, owner_id=sender, to_owner_id=receiver, operation="CREDIT_GIFT"),
            item(4, owner_id=sender, to_owner_id=owner_on(number), operation="CREDIT_GIFT"),
        ],
    )
    assert [it["code"] for it in results] == ["other_partition", None]
    assert [balance(caller, owner) for owner in (sender, receiver)] == [6, 0]
    with pytest.raises(OtherPartition) as raised:
        Ledger(caller, app="app1").transfer_credits(
            from_owner_id=sender,
            to_owner_id=receiver,
            operation="CREDIT_GIFT",
            nonce="far",
            amount=1,
        )
    assert raised.value.detail == {"owner_ids": [sender, receiver]}


def test_dry_transfer_moves_nothing(caller: Connection) -> None:
    sender, receiver = owner_on(1), owner_on(1)
    record(caller, owner_id=sender)
    caller.execute("SET ledger.dry_run = on")
    moved = rows(caller, "transfer_credits", **gift(sender, receiver))
    assert [it["balance"] for it in moved] == [6, 4]
    caller.execute("RESET ledger.dry_run")
    assert [balance(caller, owner) for owner in (sender, receiver)] == [10, 0]


# Batches


def test_results_of_a_batch_are_in_the_order_of_its_items(caller: Connection) -> None:
    owners = [owner_on(number % 2) for number in range(6)]
    items = [item(number + 1, owner_id=owner) for number, owner in enumerate(owners)]
    spending = item(-100, owner_id=owners[2], operation="CREDIT_SPEND")
    results = record_batch(caller, [*items, spending, {"no": "item"}])
    assert [it["position"] for it in results] == list(range(1, 9))
    assert [it["balance"] for it in results[:6]] == [1, 2, 3, 4, 5, 6]
    assert [it["code"] for it in results[6:]] == ["insufficient_balance", "invalid_request"]
    again = record_batch(caller, items)
    assert [it["replayed"] for it in again] == [True] * 6
    assert record_batch(caller, []) == []


def test_atomic_batch_is_for_the_owners_of_one_partition(caller: Connection) -> None:
    first, second = owner_on(0), owner_on(1)
    with pytest.raises(psycopg.Error) as raised:
        record_batch(caller, [item(1, owner_id=first), item(1, owner_id=second)], atomic=True)
    assert raised.value.sqlstate == "LG310"
    spending = item(-9, owner_id=first, operation="CREDIT_SPEND")
    with pytest.raises(psycopg.Error) as raised:
        record_batch(caller, [item(1, owner_id=first), spending], atomic=True)
    assert raised.value.sqlstate == "LG301"
    assert balance(caller, first) == balance(caller, second) == 0


# Claim subjects of another partition than the owner's


def claim(owner: str, subject: str, **fields: Any) -> dict[str, Any]:
    return item(owner_id=owner, operation="SIGNUP_CREDIT", claim_subject=subject, **fields)


@pytest.fixture
def subject(request: pytest.FixtureRequest) -> str:
    return owner_on(request.param)


subjects = pytest.mark.parametrize("subject", [0, 1], indirect=True)


@subjects
def test_subject_is_limited_over_the_owners_of_all_partitions(
    shared_front: RunningFront, caller: Connection, subject: str
) -> None:
    owners = [owner_on(0), owner_on(1)]
    first = claim(owners[0], subject)
    assert record(caller, **first)["replayed"] is False
    assert record(caller, **first)["replayed"] is True
    for owner in (owners[1], owner_on(0)):
        with pytest.raises(psycopg.Error) as raised:
            record(caller, **claim(owner, subject))
        assert raised.value.sqlstate == "LG302"
        assert "claim_subject" in str(raised.value.diag.message_detail)
    with Cluster(shared_front.cluster.path, app="app1") as cluster:
        refused = cluster.record_entries([claim(owners[1], subject)])
    assert [it.code for it in refused if isinstance(it, Refusal)] == ["claim_limit_reached"]


@subjects
def test_refused_claim_gives_its_subject_back(caller: Connection, subject: str) -> None:
    for number in (0, 1):
        owner = owner_on(number)
        with pytest.raises(psycopg.Error) as raised:
            record(caller, **claim(owner, subject, amount=99))
        assert raised.value.sqlstate == "LG002"
    assert record(caller, **claim(owner_on(0), subject))["balance"] == 3


@subjects
def test_items_of_a_batch_claim_for_subjects_anywhere(caller: Connection, subject: str) -> None:
    owners = [owner_on(0), owner_on(1), owner_on(0)]
    batch = [
        item(1, owner_id=owners[0]),
        *(claim(owner, subject) for owner in owners),
        {"claim_subject": subject},
    ]
    results = record_batch(caller, batch)
    assert [it["position"] for it in results] == [1, 2, 3, 4, 5]
    refused = [it["code"] for it in results]
    assert refused == [None, None, "claim_limit_reached", "claim_limit_reached", "invalid_request"]
    again = record_batch(caller, batch[:2])
    assert [it["replayed"] for it in again] == [True, True]
    other = owner_on(0)
    with pytest.raises(psycopg.Error) as raised:
        record_batch(caller, [claim(owner, other) for owner in owners[:2]], atomic=True)
    assert raised.value.sqlstate == "LG310"


@subjects
def test_dry_claim_reserves_nothing(caller: Connection, subject: str) -> None:
    ledger = Ledger(caller, app="app1")
    for number in (0, 1):
        with ledger.dry_run():
            assert ledger.record_entry(**claim(owner_on(number), subject)).balance == 3
    assert record(caller, **claim(owner_on(1), subject))["balance"] == 3


def test_callers_of_a_front_and_of_partitions_claim_as_often_as_they_may(
    shared_front: RunningFront,
) -> None:
    subject = owner_on(1)

    def try_three(number: int) -> int:
        claims = [claim(owner_on(at % 2), subject) for at in range(3)]
        if number % 2:
            with Cluster(shared_front.cluster.path, app="app1") as cluster:
                found = cluster.record_entries(claims)
            return sum(not isinstance(it, Refusal) for it in found)
        with connected(shared_front.front.url, LOGIN) as conn:
            return sum(it["code"] is None for it in record_batch(conn, claims))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_three, range(8))) == 1


def test_subject_whose_partition_is_away_refuses_only_its_claims(front: RunningFront) -> None:
    here, there = owner_on(0), owner_on(1)
    with connected(front.front.url, LOGIN) as conn:
        claims = [claim(here, there), claim(here, owner_on(0))]
        with away(front.cluster.urls[1]):
            results = record_batch(conn, claims)
            assert [it["code"] for it in results] == ["partition_unavailable", None]
            assert results[0]["detail"] == {"partition": "p1"}
            with pytest.raises(psycopg.Error) as raised:
                record(conn, **claims[0])
            assert raised.value.sqlstate == "LG906"
        _until_served(conn, there)
        record(conn, **claims[0] | {"owner_id": owner_on(0)})
    assert list(proof.problems(front.cluster.file, report=lambda _line: None)) == []


# All owners


def test_feed_has_every_entry_once_in_the_order_of_its_partition(front: RunningFront) -> None:
    with connected(front.front.url, LOGIN) as conn:
        owners = [owner_on(number % 2) for number in range(10)]
        for _ in range(3):
            for owner in owners:
                record(conn, owner_id=owner, amount=1)
        read: list[Any] = []
        cursor = None
        while page := rows(conn, "entries_after", cursor=cursor, max_rows=8):
            cursor = page[-1]["cursor"]
            read += page
        assert len({(it["owner_id"], it["seq"]) for it in read}) == len(read) == 30
        # Any row's cursor goes on after it.
        middle = read[13]["cursor"]
        rest: list[Any] = []
        while page := rows(conn, "entries_after", cursor=middle, max_rows=100):
            middle = page[-1]["cursor"]
            rest += page
        seen = [(it["owner_id"], it["seq"]) for it in read[14:]]
        assert sorted((it["owner_id"], it["seq"]) for it in rest) == sorted(seen)
        for owner in owners:
            assert [it["seq"] for it in read if it["owner_id"] == owner] == [1, 2, 3]


@pytest.mark.parametrize("cursor", ["", "p0", "p9:1-1-1-00", "1-2-3-00", "p0:x", "p0:1,p0:1"])
def test_cursor_of_no_feed_is_refused(caller: Connection, cursor: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        rows(caller, "entries_after", cursor=cursor)
    assert raised.value.sqlstate == "LG001"


def test_page_has_room_for_every_partition(caller: Connection) -> None:
    with pytest.raises(psycopg.Error) as raised:
        rows(caller, "entries_after", max_rows=1)
    assert "number of partitions" in str(raised.value.diag.message_detail)


def test_sums_are_those_of_all_partitions(front: RunningFront) -> None:
    with connected(front.front.url, LOGIN) as conn:
        for number in (0, 1):
            owner = owner_on(number)
            record(conn, owner_id=owner, amount=10)
            spend(conn, 3, owner_id=owner)
            rows(conn, "transfer_credits", **gift(owner, owner_on(number)))
    with connected(front.front.url, AUDITOR) as conn:
        (total,) = conn.execute(
            "SELECT issued, spent, transferred, balances, ties FROM ledger.trial_balance"
        )
        assert total == (20, -6, 0, 14, True)
        (owed,) = rows(conn, "liability", since="2020-01-01", by="ever")
        assert (owed["issued"], owed["spent"], owed["closing"]) == (20, -6, 14)
        assert owed["transferred"] == 0
        used = conn.execute(
            "SELECT operation, entry_count, owners FROM ledger.app_usage ORDER BY 1"
        )
        assert used.fetchall() == [
            ("CREDIT_ADD", 2, 2),
            ("CREDIT_GIFT", 4, 4),
            ("CREDIT_SPEND", 2, 2),
        ]
        assert rows(conn, "verify", owner_id=owner) == []
        assert call(conn, "feed_lag")["transactions"] == 0
        assert [it["owner_id"] for it in rows(conn, "find", text="owner", max_rows=1)]
        assert len(rows(conn, "find", text="owner")) == 4
        apps = conn.execute("SELECT app FROM ledger.apps ORDER BY app").fetchall()
        assert apps == [("app1",), ("app2",)]
        for relation in ("app_prices", "operation_sets", "operation_changes", "app_roles"):
            assert conn.execute(f"SELECT * FROM ledger.{relation}".encode()).rowcount


def test_expiry_reaches_all_partitions(front: RunningFront) -> None:
    with connected(front.front.url, LOGIN) as conn:
        owners = [owner_on(0), owner_on(1), owner_on(1)]
        for owner in owners:
            record(conn, owner_id=owner, amount=5, expires_at="2100-01-01")
        assert rows(conn, "expire_credits") == [{"expire_credits": 0}]


# Rights


def test_caller_acts_for_the_apps_of_its_own_role(shared_front: RunningFront) -> None:
    owner = owner_on(0)
    with connected(shared_front.front.url, LOGIN) as conn:
        with pytest.raises(psycopg.Error) as raised:
            record(conn, owner_id=owner, app="app2")
        assert raised.value.sqlstate == "LG401"
        for statement in (
            f"SELECT ledger_front.place('{owner}')",
            "SELECT ledger_front.record_entry(0, 'x', '0', FALSE, 'app1', 'o', 'o', 'n')",
            "SELECT * FROM ledger.trial_balance",
            "SELECT ledger.freeze_account('x', 'y', 'z')",
            "CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plproxy AS $$ CLUSTER 'ledger'; $$",
            "CREATE USER MAPPING FOR CURRENT_USER SERVER ledger",
            "SET ROLE postgres",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement.encode())
    with connected(shared_front.front.url, OPERATOR) as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            record(conn, owner_id=owner)
        rows(conn, "freeze_account", owner_id=owner_on(0), actor="me", reason="why")
    with (
        psycopg.connect(shared_front.front.url, autocommit=True) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="set role"),
    ):
        balance(conn, owner)


def test_login_of_fronts_reaches_the_doors_only(shared_front: RunningFront) -> None:
    with connected(shared_front.cluster.urls[0], "ledger_front") as conn:
        for statement in (
            "SELECT * FROM ledger.balance('x')",
            "SELECT * FROM ledger.entries",
            "CREATE TABLE ledger_door.mine ()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement.encode())


def test_change_of_the_catalogue_lets_a_front_act_for_a_new_login(front: RunningFront) -> None:
    owner = owner_on(1)
    file = front.cluster.file
    with connected(front.front.url, LOGIN) as conn:
        with pytest.raises(psycopg.Error):
            record(conn, app="app2", owner_id=owner)
        catalogue.change(file, f"SELECT ledger.bind_role('{LOGIN}', 'app2')")
        installing.renew(file, report=lambda _line: None)
        assert record(conn, app="app2", owner_id=owner)["balance"] == 10


# Partitions that are away


def test_owners_of_other_partitions_are_served_while_one_is_away(front: RunningFront) -> None:
    here, there = owner_on(0), owner_on(1)
    with connected(front.front.url, LOGIN) as conn:
        for owner in (here, there):
            record(conn, owner_id=owner, amount=1)
        hold = place(conn, 1, owner_id=here)
        with away(front.cluster.urls[1]):
            for _ in range(2):
                with pytest.raises(psycopg.Error) as raised:
                    record(conn, owner_id=there)
                assert raised.value.sqlstate == "LG906"
                assert raised.value.diag.message_detail == '{"partition": "p1"}'
            assert record(conn, owner_id=here, amount=1)["balance"] == 2
            batch = [item(1, owner_id=there), item(1, owner_id=here)]
            results = record_batch(conn, batch)
            assert [it["code"] for it in results] == ["partition_unavailable", None]
            assert [it["position"] for it in results] == [1, 2]
            assert results[0]["detail"] == {"partition": "p1"}
            # The front has sent every part twice. The first time may still be under way.
            batch += [
                item(-9, owner_id=here, operation="CREDIT_SPEND"),
                item(1, owner_id=here, nonce=""),
            ]
            results = record_batch(conn, batch)
            assert [it["code"] for it in results[2:]] == [
                "partition_unavailable",
                "invalid_request",
            ]
            assert (results[2]["position"], results[2]["detail"]) == (3, {"partition": "p0"})
            with pytest.raises(psycopg.Error) as raised:
                record_batch(conn, batch[:1], atomic=True)
            assert raised.value.sqlstate == "LG906"
            assert {it["owner_id"] for it in rows(conn, "entries_after")} == {here}
            assert release(conn, hold["nonce"])["status"] == "released"
            with pytest.raises(psycopg.Error) as raised:
                release(conn, "nowhere")
            assert raised.value.sqlstate == "LG906"
            assert len(rows(conn, "operations_of", app="app1")) > 3
        _until_served(conn, there)
        results = record_batch(conn, batch)
        assert [it["replayed"] for it in results[:2]] == [False, True]
        assert [it["code"] for it in results[2:]] == ["insufficient_balance", "invalid_request"]


def test_catalogue_is_read_from_any_partition(front: RunningFront) -> None:
    with away(front.cluster.urls[0]), connected(front.front.url, LOGIN) as conn:
        assert len(rows(conn, "operations_of", app="app1")) > 3
        assert rows(conn, "installed_files")


def test_silent_partition_is_given_up(front: RunningFront) -> None:
    """PL/Proxy alone would wait for ever, and could not even be cancelled."""
    here, there = owner_on(0), owner_on(1)
    with (
        connected(front.front.url, LOGIN) as conn,
        connected(front.front.url, LOGIN) as other,
    ):
        record(conn, owner_id=there)
        conn.execute(f"SET statement_timeout = '{ANSWERS_WITHIN}s'".encode())
        with paused(front.cluster.urls[1], only_backends=True):
            with pytest.raises(psycopg.Error) as raised:
                record(conn, owner_id=there, nonce="again")
            assert raised.value.sqlstate == "LG906"
            assert record(other, owner_id=here)["balance"] == 10
        _until_served(conn, there)
        record(conn, owner_id=there, nonce="again")
    assert balance(front.cluster.conns[1], there) >= 20


def _until_served(conn: Connection, owner: str) -> None:
    """Wait until the pooler connects again, which it tries every second."""
    for _ in range(200):
        if served(conn, owner):
            return
        scalar(conn, "SELECT pg_sleep(0.05)")
    pytest.fail("the partition is not served again")


def served(conn: Connection, owner: str) -> bool:
    with suppress(psycopg.Error):
        balance(conn, owner)
        return True
    return False


def test_client_knows_the_refusal_of_a_front(front: RunningFront) -> None:
    with connected(front.front.url, LOGIN) as conn, away(front.cluster.urls[1]):
        with pytest.raises(PartitionUnavailable) as raised:
            Ledger(conn, app="app1").balance(owner_id=owner_on(1))
        assert raised.value.detail == {"partition": "p1"}


# A service


def test_service_on_a_front_answers_as_on_a_ledger(front: RunningFront) -> None:
    here, there = owner_on(0), owner_on(1)
    service = make_service(front.url(), pool_timeout=1.0)
    with running(service) as http:
        assert http.get("/health/ready").json()["checks"]["feed"] == "ok"
        one = item(4, owner_id=here)
        answers = [http.post("/ledger", json=one) for _ in range(2)]
        assert [it.status_code for it in answers] == [201, 200]
        refused = http.post("/ledger", json=item(-9, owner_id=here, operation="CREDIT_SPEND"))
        assert (refused.status_code, refused.json()["available"]) == (402, 4)
        dry = http.post("/ledger?dry_run=true", json=item(4, owner_id=here)).json()
        assert (dry["balance"], dry["dry_run"]) == (8, True)
        batch = {"entries": [item(1, owner_id=there), item(1, owner_id=here)]}
        assert [
            it["balance"] for it in http.post("/ledger/batch", json=batch).json()["results"]
        ] == [1, 5]
        hold = {"owner_id": there, "operation": "CREDIT_SPEND", "nonce": new_nonce(), "amount": 1}
        assert http.post("/ledger/holds", json=hold).status_code == 201
        captured = http.post(f"/ledger/holds/{hold['nonce']}/capture", json={"nonce": new_nonce()})
        assert (captured.status_code, captured.json()["balance"]) == (201, 0)
        assert len(http.get(f"/ledger/{there}/entries").json()["entries"]) == 2
        with away(front.cluster.urls[1]):
            answer = http.post("/ledger", json=item(1, owner_id=there))
            assert (answer.status_code, answer.json()["code"]) == (503, "partition_unavailable")
            assert http.post("/ledger", json=item(1, owner_id=here)).status_code == 201
            ready = http.get("/health/ready")
            assert ready.status_code == 200
            assert ready.json()["checks"]["feed"] != "ok"


# Making and renewing


def test_front_is_renewed_only_if_something_differs(front: RunningFront) -> None:
    assert "f0: is up to date" in front.make()
    with connected(front.front.url, LOGIN) as conn:
        record(conn, owner_id=owner_on(0))
        front.cluster.conns[0].execute(
            "CREATE FUNCTION ledger_door.old() RETURNS int LANGUAGE sql RETURN 1"
        )
        front.cluster.conns[0].execute("COMMENT ON FUNCTION ledger.balance IS 'What is there'")
        assert "f0: asks the partitions" in front.make()
        assert balance(conn, owner_on(0)) == 0
    assert scalar(front.cluster.conns[0], "SELECT to_regprocedure('ledger_door.old()')") is None


def test_new_password_takes_the_old_one_away(front: RunningFront) -> None:
    before = (front.folder / "userlist.txt").read_text()
    front.make(new_password=True)
    assert (front.folder / "userlist.txt").read_text() != before
    assert (front.folder / "userlist.txt").stat().st_mode & 0o077 == 0
    front.pooler.stop()
    front.pooler.url = make_conninfo(
        front.pooler.url, password=(front.folder / "userlist.txt").read_text().split('"')[3]
    )
    front.pooler.start()
    with connected(front.front.url, LOGIN) as conn:
        record(conn, owner_id=owner_on(1))


def test_ledger_is_made_no_front_and_front_no_ledger(front: RunningFront) -> None:
    with pytest.raises(MigrationError, match="cluster migrate"):
        migrate(front.front.url)
    with pytest.raises(ClusterError, match="f9"):
        installing.make(
            front.cluster.file, "f9", pooler=None, new_password=False, report=lambda _line: None
        )


def test_partition_with_doors_verifies(front: RunningFront) -> None:
    with connected(front.front.url, LOGIN) as conn:
        record(conn, owner_id=owner_on(0))
    for partition in front.cluster.conns:
        assert rows(partition, "verify") == []


def test_command_makes_a_front(front: RunningFront, tmp_path: Path) -> None:
    told = CliRunner().invoke(
        main,
        ["cluster", "front", "f0", "--file", str(front.cluster.path), "--pgbouncer", str(tmp_path)],
    )
    assert told.exit_code == 0, told.output
    assert "f0: is up to date" in told.output
    assert "p1 = " in (tmp_path / "pgbouncer.ini").read_text()


def test_status_says_whether_a_front_is_up_to_date(front: RunningFront) -> None:
    def status() -> tuple[int, str]:
        told = CliRunner().invoke(main, ["cluster", "status", "--file", str(front.cluster.path)])
        return told.exit_code, told.output

    code, said = status()
    assert "f0: a front" in said
    assert "up to date" in said
    front.cluster.conns[0].execute("COMMENT ON FUNCTION ledger.balance IS 'What is there'")
    code, said = status()
    assert (code, "is not as the partitions are" in said) == (1, True)
    with psycopg.connect(front.front.url, autocommit=True) as conn:
        conn.execute("DROP SCHEMA ledger_front CASCADE")
    code, said = status()
    assert (code, "ledger cluster front f0" in said) == (1, True)


def test_front_follows_a_partition_that_moves(front_server_url: str, folder: Path) -> None:
    with (
        two_servers(server, folder) as (cluster, elsewhere),
        new_database(Server(front_server_url)) as database,
        running_front(cluster, database, folder) as front,
        connected(front.front.url, LOGIN) as conn,
    ):
        here, there = owner_on(0), owner_on(1)
        for owner in (here, there):
            record(conn, owner_id=owner)
        with psycopg.connect(elsewhere, autocommit=True) as admin:
            admin.execute(f"CREATE ROLE {LOGIN} LOGIN".encode())
        moving.move(cluster.path, "p1", elsewhere, report=lambda _line: None)
        with pytest.raises(psycopg.Error) as raised:
            record(conn, owner_id=there)
        assert raised.value.sqlstate == "LG906"
        front.make()
        front.pooler.stop()
        front.pooler.start()
        _until_served(conn, there)
        _until_served(conn, here)
        assert record(conn, owner_id=there)["balance"] == 20
        assert record(conn, owner_id=here)["balance"] == 20
