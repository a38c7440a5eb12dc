"""A ledger that is a partition keeps some buckets, and refuses owners of others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_py.cluster.buckets import bucket_of
from tests.distributed.clusters import close_for_move
from tests.fixtures.clock import Clock
from tests.sql.calls import (
    Connection,
    balance,
    call,
    fails,
    has_compiled,
    new_nonce,
    record,
    refused,
    rows,
    scalar,
    spend,
)
from tests.sql.lifecycle import adjust, capture, item, place, record_batch

BUCKETS = 16
ALICE, BOB = bucket_of("alice", BUCKETS), bucket_of("bob", BUCKETS)


def keep(conn: Connection, kept: str, *, buckets: int = BUCKETS, name: str = "p0") -> None:
    """Make the ledger a partition that keeps some buckets, written as a multirange."""
    conn.execute("SELECT ledger_core.keep_buckets(%s, %s, %s)", [name, buckets, kept])


def keep_alice(conn: Connection) -> None:
    """Make the ledger a partition that keeps alice, and not bob."""
    keep(conn, f"{{[{ALICE},{ALICE}]}}")


# Buckets


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    owners=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    exponent=st.integers(0, 16),
)
def test_python_and_sql_agree_on_buckets(tx: Connection, owners: list[str], exponent: int) -> None:
    buckets = 2**exponent
    found = tx.execute(
        "SELECT ledger_core.bucket(owner, %s)"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS owners (owner, number) ORDER BY number",
        [buckets, owners],
    ).fetchall()
    assert [bucket for (bucket,) in found] == [bucket_of(owner, buckets) for owner in owners]


def test_buckets_never_change(tx: Connection) -> None:
    known = {"alice": 0x2BD8, "bob": 0x81B6, "": 58288, "zoë": 10066, "𝄞": 58393}
    assert {owner: bucket_of(owner, 65_536) for owner in known} == known
    for owner, bucket in known.items():
        assert scalar(tx, "SELECT ledger_core.bucket(%s, 65536)", owner) == bucket


# A plain ledger


def test_plain_ledger_keeps_every_owner(tx: Connection) -> None:
    assert rows(tx, "kept_buckets") == []
    assert scalar(tx, "SELECT ledger_core.keeps_owner('anybody')")
    assert record(tx, owner_id="anybody")["seq"] == 1


# A partition


def test_partition_says_what_it_keeps(tx: Connection) -> None:
    keep(tx, "{[0,3], [8,8]}")
    mine = scalar(tx, "SELECT kept::text FROM ledger.kept_buckets()")
    assert mine == "{[0,4),[8,9)}"
    assert scalar(tx, "SELECT partition_name FROM ledger.kept_buckets()") == "p0"
    assert scalar(tx, "SELECT buckets FROM ledger.kept_buckets()") == BUCKETS


def test_owner_of_its_own_bucket_is_served(tx: Connection, clock: Clock) -> None:
    keep_alice(tx)
    assert record(tx, amount=5)["balance"] == 5
    assert spend(tx, 2)["balance"] == 3
    assert balance(tx) == 3
    assert clock


WRITES: dict[str, Callable[[Connection], object]] = {
    "record_entry": lambda conn: record(conn, owner_id="bob"),
    "record_entry with an expiry": lambda conn: record(
        conn, owner_id="bob", expires_at="2040-01-01Z"
    ),
    "a claim": lambda conn: record(conn, owner_id="bob", operation="DAILY_REWARD"),
    "place_hold": lambda conn: place(conn, 1, owner_id="bob"),
    "adjust_balance": lambda conn: adjust(conn, 1, owner_id="bob"),
    "set_min_balance": lambda conn: call(
        conn, "set_min_balance", owner_id="bob", min_balance=-1, actor="a", reason="r"
    ),
    "freeze_account": lambda conn: call(
        conn, "freeze_account", owner_id="bob", actor="a", reason="r"
    ),
}
READS: dict[str, Callable[[Connection], object]] = {
    "balance": lambda conn: rows(conn, "balance", owner_id="bob"),
    "balance_at": lambda conn: rows(conn, "balance_at", owner_id="bob", at="2020-01-01Z"),
    "entries_of": lambda conn: rows(conn, "entries_of", owner_id="bob"),
    "holds_of": lambda conn: rows(conn, "holds_of", owner_id="bob"),
    "lots_of": lambda conn: rows(conn, "lots_of", owner_id="bob"),
    "claims_of": lambda conn: rows(conn, "claims_of", owner_id="bob"),
    "statement": lambda conn: rows(conn, "statement", owner_id="bob", since="2020-01-01Z"),
    "timeline": lambda conn: rows(conn, "timeline", owner_id="bob"),
    "forecast": lambda conn: rows(conn, "forecast", owner_id="bob"),
}


@pytest.mark.parametrize("name", WRITES | READS)
def test_owner_of_another_partition_is_refused(tx: Connection, name: str) -> None:
    """Reads too: zeros would hide the credits that the owner has elsewhere."""
    keep_alice(tx)
    with refused(tx, "LG311") as refusal:
        (WRITES | READS)[name](tx)
    assert refusal.detail == {"owner_id": "bob", "bucket": BOB, "partition": "p0"}
    assert scalar(tx, "SELECT count(*) FROM ledger.accounts WHERE owner_id = 'bob'") == 0


@pytest.mark.parametrize("size", [1, 3, 20])
def test_batch_refuses_items_of_another_partition_alone(tx: Connection, size: int) -> None:
    keep_alice(tx)
    items = [item(1, owner_id=owner) for _ in range(size) for owner in ("alice", "bob")]
    found = record_batch(tx, items)
    assert [row["code"] for row in found] == [None, "wrong_partition"] * size
    assert balance(tx) == size


def test_atomic_batch_with_an_owner_of_another_partition_records_nothing(tx: Connection) -> None:
    keep_alice(tx)
    with refused(tx, "LG311") as refusal:
        record_batch(tx, [item(1, owner_id="alice"), item(1, owner_id="bob")], atomic=True)
    assert refusal.detail["position"] == 2
    assert balance(tx) == 0


@pytest.mark.parametrize("behind", [0, 5], ids=["clock right", "clock behind"])
def test_batch_is_refused_as_a_whole_while_the_partition_moves(
    tx: Connection, clock: Clock, behind: int
) -> None:
    """Also where its items are recorded singly, as those of an account of the future are."""
    keep_alice(tx)
    record(tx)
    clock.forward(seconds=-behind)
    close_for_move(tx)
    with refused(tx, "LG311") as refusal:
        record_batch(tx, [item(operation="DAILY_REWARD", amount=None) for _ in range(40)])
    assert refusal.detail == {"partition": "p0", "moved": True}


def test_refused_request_leaves_its_nonce_free(tx: Connection) -> None:
    keep_alice(tx)
    nonce = new_nonce()
    with refused(tx, "LG311"):
        record(tx, owner_id="bob", nonce=nonce)
    keep(tx, f"{{[0,{BUCKETS - 1}]}}")
    assert record(tx, owner_id="bob", nonce=nonce)["replayed"] is False


# Becoming a partition


def test_ledger_with_owners_of_other_buckets_cannot_become_the_partition(tx: Connection) -> None:
    record(tx, owner_id="bob")
    with refused(tx, "LG001") as refusal:
        keep_alice(tx)
    assert refusal.detail["field"] == "kept"
    assert rows(tx, "kept_buckets") == []


@pytest.mark.parametrize(
    ("kept", "buckets", "name"),
    [
        ("{[0,1]}", 3, "p0"),
        ("{[0,1]}", 0, "p0"),
        ("{[0,1]}", 131_072, "p0"),
        ("{}", 2, "p0"),
        ("{[0,2]}", 2, "p0"),
        ("{[-1,0]}", 2, "p0"),
        ("{[0,1]}", 2, "P 0"),
        ("{[0,1]}", 2, ""),
    ],
)
def test_malformed_partition_is_refused(tx: Connection, kept: str, buckets: int, name: str) -> None:
    with fails(tx, "23514"):
        keep(tx, kept, buckets=buckets, name=name)


def test_ledger_is_one_partition_only(tx: Connection) -> None:
    keep(tx, "{[0,15]}")
    keep(tx, "{[0,7]}", name="p1")
    assert [row["partition_name"] for row in rows(tx, "kept_buckets")] == ["p1"]


def test_verify_names_owners_of_other_partitions(tx: Connection) -> None:
    record(tx, owner_id="bob", amount=4)
    tx.execute(
        "INSERT INTO ledger_core.kept_buckets (partition_name, buckets, kept)"
        " VALUES ('p0', %s, int4multirange(int4range(%s, %s)))",
        [BUCKETS, ALICE, ALICE + 1],
    )
    (found,) = rows(tx, "verify")
    assert (found["problem"], found["owner_id"]) == ("owner of another partition", "bob")
    assert found["detail"] == {"bucket": BOB, "kept": f"{{[{ALICE},{ALICE + 1})}}"}


def test_nothing_is_compiled_for_calls_on_a_partition(fresh_tx: Connection) -> None:
    """Compiling would take a hundred times as long as the call."""
    keep_alice(fresh_tx)
    record(fresh_tx, expires_at="2100-01-01")
    record(fresh_tx, operation="SIGNUP_CREDIT")
    record_batch(fresh_tx, [item(1), item(-1, operation="CREDIT_SPEND"), item(1, owner_id="bob")])
    hold = place(fresh_tx, 1)
    capture(fresh_tx, hold["nonce"])
    assert not has_compiled(fresh_tx)
