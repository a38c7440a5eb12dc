"""Batches: many entries in one call."""

from __future__ import annotations

import random
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    MAX_AMOUNT,
    Connection,
    Row,
    balance,
    call,
    entries,
    new_nonce,
    record,
    refused,
    rows,
    scalar,
    spend,
)
from tests.sql.hash_chain import chained, entries_as_stored
from tests.sql.lifecycle import item, operate, place, record_batch, spendable

# The columns of an entry in the answers of record_entry and record_entries.
ENTRY = [
    *("entry_id", "seq", "owner_id", "asset", "app", "operation", "amount", "balance", "nonce"),
    *("metadata", "expires_at", "hold_nonce", "reverses_seq", "recorded_at", "replayed"),
    *("spender", "quantity", "overdrawn"),
]


pytestmark = pytest.mark.usefixtures("clock")


def codes(results: list[Row]) -> list[str | None]:
    return [result["code"] for result in results]


def accounts(tx: Connection) -> list[str]:
    return [name for (name,) in tx.execute("SELECT owner_id FROM ledger.accounts ORDER BY 1")]


def spending(amount: int, **fields: Any) -> Row:
    return item(-amount, operation="CREDIT_SPEND", **fields)


# Results


def test_result_of_an_item_is_its_position_and_its_entry(tx: Connection) -> None:
    record(tx, amount=10)
    request = item(5, nonce="n", metadata={"order": 1})
    (result,) = record_batch(tx, [request])
    again = record(tx, **request)
    assert result == {name: again[name] for name in ENTRY} | {
        "position": 1,
        "replayed": False,
        "spender": None,
        "quantity": None,
        "overdrawn": None,
        "code": None,
        "message": None,
        "detail": None,
        "hint": None,
    }


def test_results_come_in_the_order_of_the_items(tx: Connection) -> None:
    items = [item(owner_id=owner_id) for owner_id in ("carol", "alice", "bob", "alice")]
    results = record_batch(tx, items)
    assert [result["position"] for result in results] == [1, 2, 3, 4]
    assert [result["nonce"] for result in results] == [it["nonce"] for it in items]
    assert [result["seq"] for result in results] == [1, 1, 1, 2]


def test_refusal_of_an_item_equals_that_of_the_call(tx: Connection) -> None:
    record(tx, amount=10)
    (result,) = record_batch(tx, [spending(11)])
    with refused(tx, "LG301") as refusal:
        spend(tx, 11)
    assert result == dict.fromkeys(ENTRY) | {
        "position": 1,
        "code": "insufficient_balance",
        "message": refusal.message,
        "detail": refusal.detail,
        "hint": refusal.hint,
    }


def test_refusal_of_an_item_does_not_affect_others(tx: Connection) -> None:
    results = record_batch(tx, [item(10), spending(11), spending(10)])
    assert codes(results) == [None, "insufficient_balance", None]
    assert [entry["amount"] for entry in entries(tx)] == [10, -10]


def test_replayed_item_is_marked(tx: Connection) -> None:
    first = record(tx, amount=5, nonce="n")
    (result,) = record_batch(tx, [item(5, nonce="n")])
    assert result["replayed"] is True
    assert {name: result[name] for name in ENTRY} == first | {"replayed": True}


def test_repeated_batch_gets_the_first_answers(tx: Connection) -> None:
    items = [item(10), spending(3), item(operation="DAILY_REWARD"), item(owner_id="bob")]
    first = record_batch(tx, items)
    again = record_batch(tx, items)
    assert again == [result | {"replayed": True} for result in first]


def test_refused_item_does_not_use_up_its_nonce(tx: Connection) -> None:
    record_batch(tx, [spending(1, nonce="n")])
    assert codes(record_batch(tx, [item(1, nonce="n")])) == [None]


# Equal to calls in sequence


def test_items_of_an_owner_are_recorded_in_order(tx: Connection) -> None:
    results = record_batch(tx, [item(10), spending(4), spending(7), spending(6)])
    assert [result["balance"] for result in results] == [10, 6, None, 0]
    assert [result["seq"] for result in results] == [1, 2, None, 3]


def test_missing_amount_or_null_is_the_default(tx: Connection) -> None:
    results = record_batch(tx, [item(), item() | {"amount": None}])
    assert [result["amount"] for result in results] == [10, 10]


def test_null_fields_equal_missing_fields(tx: Connection) -> None:
    nulls = dict.fromkeys(["amount", "metadata", "expires_at", "claim_subject"])
    assert codes(record_batch(tx, [item() | nulls])) == [None]
    (entry,) = entries(tx)
    assert entry["metadata"] is None


def test_item_has_all_the_fields_of_the_call(tx: Connection, clock: Clock) -> None:
    request = item(
        operation="SIGNUP_CREDIT",
        amount=3,
        metadata={"a": 1},
        expires_at=clock.ahead(hours=1).isoformat(),
        claim_subject="device",
    )
    (result,) = record_batch(tx, [request])
    assert result["expires_at"] == clock.ahead(hours=1)
    assert (entries(tx)[0]["claim_subject"], result["metadata"]) == ("device", {"a": 1})
    assert record(tx, **request)["replayed"] is True


def test_same_item_twice_is_recorded_once(tx: Connection) -> None:
    request = item(5)
    results = record_batch(tx, [request, item(1), request])
    assert [result["replayed"] for result in results] == [False, False, True]
    assert results[2]["entry_id"] == results[0]["entry_id"]
    assert balance(tx) == 6


def test_repeated_nonce_belongs_to_the_first_item(tx: Connection) -> None:
    results = record_batch(tx, [item(5, nonce="n"), item(6, nonce="n")])
    assert codes(results) == [None, "nonce_conflict"]


def test_repeated_nonce_belongs_to_the_first_item_even_if_a_claim(tx: Connection) -> None:
    record(tx, owner_id="bob")
    results = record_batch(
        tx, [item(operation="SIGNUP_CREDIT", nonce="n"), item(owner_id="bob", nonce="n")]
    )
    assert codes(results) == [None, "nonce_conflict"]


def test_repeated_nonce_belongs_to_the_first_item_even_of_a_new_owner(
    tx: Connection,
) -> None:
    owners = [f"owner-{n}" for n in range(20)]
    for owner_id in owners:
        record(tx, owner_id=owner_id)
    results = record_batch(
        tx,
        [item(owner_id="new", nonce="n"), item(owner_id="owner-0", nonce="n")]
        + [item(owner_id=owner_id) for owner_id in owners],
    )
    assert codes(results)[:2] == [None, "nonce_conflict"]


def test_nonce_of_a_refused_item_can_be_used_by_a_later_item(tx: Connection) -> None:
    results = record_batch(tx, [spending(1, nonce="n"), item(1, nonce="n")])
    assert codes(results) == ["insufficient_balance", None]


def test_claim_of_a_batch_is_recorded_once(tx: Connection) -> None:
    results = record_batch(tx, [item(operation="DAILY_REWARD") for _ in range(3)])
    assert codes(results) == [None, "claim_limit_reached", "claim_limit_reached"]


def test_subject_of_a_batch_is_limited_over_its_owners_in_order(tx: Connection) -> None:
    results = record_batch(
        tx,
        [
            item(operation="SIGNUP_CREDIT", owner_id=owner_id, claim_subject="device")
            for owner_id in ("carol", "alice")
        ],
    )
    assert codes(results) == [None, "claim_limit_reached"]


def test_credits_of_an_item_can_expire(tx: Connection, clock: Clock) -> None:
    record_batch(tx, [item(10, expires_at="2030-01-01T14:00:00+01:00"), spending(4)])
    clock.forward(hours=1)
    assert balance(tx) == 0


def test_item_spends_what_expires_first(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    record_batch(tx, [item(10), spending(12)])
    clock.forward(hours=1)
    assert balance(tx) == 8


def test_item_leaves_what_holds_reserve(tx: Connection) -> None:
    record(tx, amount=10)
    place(tx, 4)
    assert codes(record_batch(tx, [spending(7), spending(6)])) == ["insufficient_balance", None]
    assert spendable(tx) == (4, 4, 0)


def test_item_may_go_down_to_the_floor(tx: Connection) -> None:
    operate(tx, "set_min_balance", min_balance=-5)
    assert codes(record_batch(tx, [spending(5), spending(1)])) == [None, "insufficient_balance"]


def test_frozen_account_is_refused_without_the_others(tx: Connection) -> None:
    operate(tx, "freeze_account")
    results = record_batch(tx, [item(owner_id="bob"), item()])
    assert codes(results) == [None, "account_frozen"]


def let_any_amount_be_added(tx: Connection) -> None:
    call(
        tx,
        "define_operation",
        operation="CREDIT_ADD",
        description="Credits",
        shared=True,
        min_amount=1,
        max_amount=MAX_AMOUNT,
    )


def test_balance_of_an_item_cannot_pass_2_to_the_53_less_1(tx: Connection) -> None:
    record(tx)
    let_any_amount_be_added(tx)
    results = record_batch(tx, [item(MAX_AMOUNT - 11), item(2), item(1)])
    assert codes(results) == [None, "amount_out_of_bounds", None]


def test_items_whose_sum_exceeds_bigint_are_answered_one_by_one(tx: Connection) -> None:
    record(tx, amount=5)
    let_any_amount_be_added(tx)
    results = record_batch(tx, [item(MAX_AMOUNT) for _ in range(1_100)] + [item(2)])
    assert codes(results) == ["amount_out_of_bounds"] * 1_100 + [None]
    assert balance(tx) == 7


def test_assets_of_an_owner_are_counted_apart(tx: Connection) -> None:
    for name, amount in (("TOKEN_ADD", 5), ("TOKEN_SPEND", -5)):
        description = "Tokens"
        rule = {"operation": name, "default_amount": amount, "asset": "TOKEN"}
        call(tx, "define_operation", description=description, **rule)
        call(tx, "allow_operation", app="app1", operation=name)
    results = record_batch(
        tx, [item(10), item(operation="TOKEN_ADD"), item(operation="TOKEN_SPEND"), spending(10)]
    )
    assert [(result["asset"], result["balance"]) for result in results] == [
        ("CREDIT", 10),
        ("TOKEN", 5),
        ("TOKEN", 0),
        ("CREDIT", 0),
    ]


OWNERS = ["alice", "bob", "carol", "new", "newer"]


def random_item(rng: random.Random, nonces: list[str]) -> Row:
    """Make an item of a random kind, valid or malformed, with a new or used nonce."""
    nonce = rng.choice(nonces) if rng.random() < 0.15 else new_nonce()
    nonces.append(nonce)
    request = item(owner_id=rng.choice(OWNERS), nonce=nonce)
    kind = rng.randrange(14)
    if kind < 4:
        request["amount"] = rng.randint(1, 20)
    elif kind < 9:
        request |= {"operation": "CREDIT_SPEND", "amount": -rng.randint(1, 30)}
    elif kind == 9:
        request |= {"amount": 7, "expires_at": "2030-01-02T00:00:00Z"}
    elif kind == 10:
        request["operation"] = "DAILY_REWARD"
    elif kind == 11:
        request |= {"operation": "SIGNUP_CREDIT", "claim_subject": rng.choice("xy")}
    elif kind == 12:
        request["operation"] = rng.choice(["CONTENT_ACCESS", "CONTENT_CREATION"])
    else:
        request |= rng.choice(
            [
                {"amount": 0},
                {"operation": "NO_SUCH"},
                {"metadata": []},
                {"amount": 3},
                {"nonce": ""},
            ]
        )
    return request


def one_by_one(tx: Connection, items: list[Row]) -> list[Row]:
    """Make the single calls that a batch stands for, and return its expected results."""
    results = []
    for position, request in enumerate(items, 1):
        arguments = dict(request)
        if "metadata" in arguments:
            arguments["metadata"] = Jsonb(arguments["metadata"])
        try:
            with tx.transaction():
                entry = call(tx, "record_entry", app="app1", **arguments)
            results.append({"position": position, "code": None, "detail": None} | entry)
        except psycopg.Error as error:
            code, detail = tx.execute(
                "SELECT code, %s::jsonb FROM ledger.error_codes WHERE sqlstate = %s",
                [error.diag.message_detail, error.sqlstate],
            ).fetchall()[0]
            refusal = {"position": position, "code": code, "detail": detail}
            results.append(dict.fromkeys(ENTRY) | refusal)
    return results


def comparable(results: list[Row]) -> list[Row]:
    """Remove arbitrary numbers, and fields that one_by_one does not return."""
    left_out = {"entry_id", "message", "hint"}
    return [{k: v for k, v in result.items() if k not in left_out} for result in results]


@pytest.mark.parametrize("seed", range(12))
def test_batch_equals_the_calls_in_sequence(tx: Connection, clock: Clock, seed: int) -> None:
    rng = random.Random(seed)
    for owner_id in ("alice", "bob", "carol"):
        record(tx, owner_id=owner_id, amount=20)
    record(tx, owner_id="carol", amount=9, expires_at=clock.ahead(hours=1))
    place(tx, 6, owner_id="bob", nonce="h", expires_in="90 minutes")
    clock.forward(hours=rng.randint(0, 2))
    nonces = ["h", record(tx, owner_id="bob")["nonce"]]
    items = [random_item(rng, nonces) for _ in range(rng.choice([5, 40, 120]))]

    with tx.transaction(force_rollback=True):
        expected = one_by_one(tx, items)
        expected_balances = [spendable(tx, owner_id) for owner_id in OWNERS]
    results = record_batch(tx, items)
    assert comparable(results) == comparable(expected)
    assert [spendable(tx, owner_id) for owner_id in OWNERS] == expected_balances


# Atomic


def test_atomic_batch_records_all(tx: Connection) -> None:
    results = record_batch(tx, [item(10), item(owner_id="bob"), spending(10)], atomic=True)
    assert codes(results) == [None, None, None]


@pytest.mark.parametrize("slow", [False, True], ids=["plain", "mixed"])
def test_atomic_batch_records_none_when_one_is_refused(tx: Connection, slow: bool) -> None:
    record(tx, owner_id="bob", amount=1)
    items = [item(10), item(owner_id="bob"), spending(11), item(1), spending(12)]
    if slow:
        items[1]["operation"] = "DAILY_REWARD"
    before = (accounts(tx), entries(tx, "bob"))
    with refused(tx, "LG301") as refusal:
        record_batch(tx, items, atomic=True)
    assert refusal.detail == {
        "owner_id": "alice",
        "asset": "CREDIT",
        "available": 10,
        "required": 11,
        "min_balance": 0,
        "position": 3,
    }
    assert (accounts(tx), entries(tx, "bob")) == before
    assert scalar(tx, "SELECT count(*) FROM ledger.claims") == 0


def test_first_of_several_refusals_is_the_one_raised(tx: Connection) -> None:
    items = [item(), spending(1, owner_id="bob"), item(operation="NO_SUCH"), item(0)]
    with refused(tx, "LG301") as refusal:
        record_batch(tx, items, atomic=True)
    assert refusal.detail["position"] == 2


def test_refused_atomic_batch_can_be_repeated(tx: Connection) -> None:
    items = [item(10), spending(11)]
    with refused(tx, "LG301"):
        record_batch(tx, items, atomic=True)
    record(tx, amount=1)
    results = record_batch(tx, items, atomic=True)
    assert [result["replayed"] for result in results] == [False, False]


def test_malformed_item_of_an_atomic_batch_is_named(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        record_batch(tx, [item(), 7], atomic=True)
    assert refusal.detail == {"field": "entries", "reason": "must be JSON objects", "position": 2}


def test_replays_do_not_refuse_an_atomic_batch(tx: Connection) -> None:
    record(tx, amount=10, nonce="n")
    results = record_batch(tx, [item(10, nonce="n"), spending(10)], atomic=True)
    assert [result["replayed"] for result in results] == [True, False]


# Refusals of the whole batch


@pytest.mark.parametrize(
    "entries_given", [None, Jsonb(None), Jsonb({}), Jsonb("[]"), Jsonb(1), Jsonb(True)], ids=str
)
def test_batch_is_an_array(tx: Connection, entries_given: Any) -> None:
    with refused(tx, "LG001") as refusal:
        call(tx, "record_entries", app="app1", entries=entries_given)
    assert refusal.detail["field"] == "entries"


def test_empty_batch_has_no_results(tx: Connection) -> None:
    assert record_batch(tx, []) == []


def test_batch_of_an_unknown_app_is_refused(tx: Connection) -> None:
    with refused(tx, "LG101") as refusal:
        record_batch(tx, [item()], app="app9")
    assert refusal.detail == {"app": "app9"}


def test_batch_has_at_most_10000_items(tx: Connection) -> None:
    with refused(tx, "LG001") as refusal:
        record_batch(tx, [item()] * 10_001)
    assert refusal.detail["field"] == "entries"


def test_batch_of_10000_items_is_recorded(tx: Connection) -> None:
    items = [item(1, owner_id=f"owner-{n % 5000}") for n in range(10_000)]
    results = record_batch(tx, items)
    assert set(codes(results)) == {None}
    assert [result["seq"] for result in results] == [1] * 5000 + [2] * 5000


# Malformed items


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("owner_id", None),
        ("owner_id", ""),
        pytest.param("owner_id", "o" * 256, id="owner_id-long"),
        ("owner_id", 7),
        ("owner_id", ["alice"]),
        ("operation", None),
        ("operation", 7),
        ("operation", {}),
        ("nonce", None),
        ("nonce", ""),
        pytest.param("nonce", "n" * 256, id="nonce-long"),
        ("nonce", 7),
        ("nonce", True),
        ("amount", "7"),
        ("amount", 7.5),
        ("amount", True),
        ("amount", []),
        ("amount", 2**63),
        ("amount", -(2**63) - 1),
        pytest.param("amount", 10**400, id="amount-huge"),
        ("metadata", []),
        ("metadata", "text"),
        ("metadata", 7),
        ("metadata", False),
        ("metadata", {"k": "x" * 16384}),
        ("expires_at", 7),
        ("expires_at", ""),
        ("expires_at", "tomorrow"),
        ("expires_at", "infinity"),
        ("expires_at", "2099-01-01"),
        ("expires_at", "2099-01-01T00:00:00"),
        ("expires_at", "2099-02-29T00:00:00Z"),
        ("expires_at", "2099-01-01T24:00:00Z"),
        ("expires_at", "2099-01-01T00:00:00+99:00"),
        ("expires_at", "2001-01-01T00:00:00Z"),
        ("claim_subject", 7),
        ("claim_subject", ""),
        ("ammount", 7),
        ("app", "app2"),
    ],
)
def test_malformed_item_is_refused_with_the_field_and_no_other(
    tx: Connection, field: str, value: Any
) -> None:
    results = record_batch(tx, [item(), item() | {field: value}, item()])
    assert codes(results) == [None, "invalid_request", None]
    assert results[1]["detail"]["field"] == field
    assert results[1]["message"]
    assert results[1]["hint"]


@pytest.mark.parametrize("value", [None, 7, "text", [], True, [item()]], ids=str)
def test_item_is_an_object(tx: Connection, value: Any) -> None:
    results = record_batch(tx, [value, item()])
    assert codes(results) == ["invalid_request", None]
    assert results[0]["detail"] == {"field": "entries", "reason": "must be JSON objects"}


def test_number_written_with_a_fraction_is_not_an_integer(tx: Connection) -> None:
    text = '[{"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n", "amount": 7.0}]'
    (result,) = rows(tx, "record_entries", app="app1", entries=text)
    assert (result["code"], result["detail"]["field"]) == ("invalid_request", "amount")


@pytest.mark.parametrize("field", ["owner_id", "operation", "nonce"])
def test_item_without_a_required_field_is_refused(tx: Connection, field: str) -> None:
    request = item()
    del request[field]
    (result,) = record_batch(tx, [request])
    assert (result["code"], result["detail"]["field"]) == ("invalid_request", field)


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("amount_out_of_bounds", {"amount": 0}),
        ("amount_out_of_bounds", {"amount": -(10**17)}),
        ("amount_out_of_bounds", {"amount": 2**63 - 1}),
        ("amount_out_of_bounds", {"amount": -(2**63)}),
        ("unknown_operation", {"operation": "NO_SUCH"}),
        ("operation_not_allowed", {"operation": "TOKENS_USED"}),
    ],
)
def test_item_outside_the_rule_is_refused(tx: Connection, code: str, wrong: Row) -> None:
    record(tx)
    assert codes(record_batch(tx, [item() | wrong, item()])) == [code, None]


def test_refused_items_create_no_accounts(tx: Connection) -> None:
    record_batch(tx, [spending(1, owner_id="bob"), item(0, owner_id="carol"), item()])
    assert accounts(tx) == ["alice"]


# Plain and slow items, few and many owners


def test_plain_and_slow_items_of_an_owner_keep_their_order(tx: Connection) -> None:
    record(tx, amount=1)
    results = record_batch(
        tx,
        [
            spending(1),
            item(operation="DAILY_REWARD"),
            spending(1),
            item(operation="SIGNUP_CREDIT"),
            spending(4),
            spending(3),
        ],
    )
    assert [result["balance"] for result in results] == [0, 1, 0, 3, None, 0]


def test_slow_items_of_one_owner_do_not_affect_items_of_others(tx: Connection) -> None:
    for owner_id in ("alice", "bob"):
        record(tx, owner_id=owner_id, amount=5)
    items = [item(operation="DAILY_REWARD"), spending(5, owner_id="bob"), spending(6)]
    results = record_batch(tx, items)
    assert [result["balance"] for result in results] == [6, 0, 0]


@pytest.mark.parametrize("known", [0, 1, 299, 300], ids="{} known".format)
def test_many_new_owners_get_their_accounts(tx: Connection, known: int) -> None:
    owners = [f"owner-{n}" for n in range(300)]
    for owner_id in owners[:known]:
        record(tx, owner_id=owner_id, amount=1)
    results = record_batch(tx, [item(2, owner_id=owner_id) for owner_id in owners])
    assert [result["balance"] for result in results] == [3] * known + [2] * (300 - known)


def test_thousand_items_of_one_owner_are_recorded(tx: Connection) -> None:
    record(tx, amount=5)
    items = [spending(2) if n % 2 else item(2) for n in range(1000)]
    results = record_batch(tx, items)
    assert [result["seq"] for result in results] == list(range(2, 1002))
    assert {result["balance"] for result in results} == {5, 7}
    found = entries_as_stored(tx, "alice")
    assert [entry["hash"] for entry in found] == chained(found)


def test_items_of_one_owner_are_refused_once_credits_run_out(tx: Connection) -> None:
    record(tx, amount=100)
    results = record_batch(tx, [spending(1) for _ in range(200)])
    assert codes(results) == [None] * 100 + ["insufficient_balance"] * 100
    assert balance(tx) == 0


def test_entries_of_a_batch_are_stored_like_single_entries(tx: Connection) -> None:
    record(tx, amount=10)
    record_batch(tx, [item(1), item(metadata={"a": [1]}), item(operation="DAILY_REWARD")])
    record_batch(tx, [item(), spending(2, owner_id="bob"), item(3, owner_id="bob")])
    for owner_id in ("alice", "bob"):
        found = entries_as_stored(tx, owner_id)
        assert [entry["hash"] for entry in found] == chained(found)
    with tx.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT nonce, amount_defaulted FROM ledger.entries WHERE amount = 10")
        assert [row["amount_defaulted"] for row in cursor] == [False, True, True]


@pytest.mark.parametrize("size", [1, 10, 100, 1_000])
def test_mixed_batch_on_tables_that_were_never_analyzed_compares_nothing_with_all(
    conn: Connection, size: int
) -> None:
    """Its first plans are made on empty tables. Rows read grow with the items, not their square."""
    owners = [f"owner-{n}" for n in range(size)]
    until = Clock(conn).ahead(hours=1).isoformat()
    tables = "ARRAY['accounts', 'lots', 'entries', 'claims', 'nonces', 'holds']"
    read = (
        "SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables"
        f" WHERE relname = ANY ({tables})"
    )
    with conn.transaction():
        record_batch(conn, [item(owner_id=owner_id, expires_at=until) for owner_id in owners])
        before = scalar(conn, read)
        items = [spending(1, owner_id=owner_id) for owner_id in owners]
        items += [item(operation="DAILY_REWARD", owner_id=owner_id) for owner_id in owners]
        assert set(codes(record_batch(conn, items))) == {None}
        assert scalar(conn, read) - before < 20 * len(items) + 200


def test_ten_thousand_spends_from_lots_of_one_owner_read_each_lot_once(
    tx: Connection, clock: Clock
) -> None:
    for hours in (1, 2, 3):
        record(tx, amount=5_000, expires_at=clock.ahead(hours=hours))
    read = (
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'lots'"
    )
    before = scalar(tx, read)
    results = record_batch(tx, [spending(1) for _ in range(10_000)])
    assert [result["balance"] for result in results] == list(range(14_999, 4_999, -1))
    assert scalar(tx, read) - before < 20


# In the caller's transaction


def test_batch_is_rolled_back_with_the_transaction_of_the_caller(tx: Connection) -> None:
    items = [item(10), item(operation="DAILY_REWARD")]
    with tx.transaction(force_rollback=True):
        record_batch(tx, items)
    assert accounts(tx) == []
    assert [result["replayed"] for result in record_batch(tx, items)] == [False, False]


def test_batch_sees_what_its_transaction_did_before(tx: Connection) -> None:
    record(tx, amount=3)
    place(tx, 1)
    results = record_batch(tx, [spending(3), spending(2)])
    assert codes(results) == ["insufficient_balance", None]


def test_refused_items_do_not_end_the_callers_transaction(ledger_db: str) -> None:
    with psycopg.connect(ledger_db) as caller:
        caller.execute("CREATE TABLE orders (order_id integer)")
        caller.execute("INSERT INTO orders VALUES (1)")
        record_batch(caller, [item(10), spending(11), item(7) | {"nonce": 7}])
        caller.commit()
        assert scalar(caller, "SELECT count(*) FROM orders") == 1
        assert balance(caller) == 10
