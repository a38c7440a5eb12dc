"""A request repeated under its nonce gets the first answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.clock import Clock
from tests.sql.calls import (
    Connection,
    call,
    entries,
    new_nonce,
    record,
    refused,
    scalar,
    spend,
)

AT = "2099-01-01T00:00:00Z"
FULL: dict[str, Any] = {
    "operation": "CREDIT_ADD",
    "amount": 3,
    "metadata": {"order": 1},
    "expires_at": AT,
    "claim_subject": "device",
}


def test_same_request_again_gets_the_first_answer(tx: Connection) -> None:
    first = record(tx, nonce="n", **FULL)
    again = record(tx, nonce="n", **FULL)
    assert first["replayed"] is False
    assert again == first | {"replayed": True}


def test_retry_settles_what_is_due(tx: Connection, clock: Clock) -> None:
    record(tx, amount=10, expires_at=clock.ahead(hours=1))
    first = spend(tx, 1, nonce="n")
    clock.forward(hours=1)
    assert spend(tx, 1, nonce="n") == first | {"replayed": True}
    assert [entry["operation"] for entry in entries(tx)] == [
        *("CREDIT_ADD", "CREDIT_SPEND", "EXPIRY")
    ]


def test_plan_made_while_no_nonce_was_taken_goes_on_by_key(conn: Connection) -> None:
    def read_in_full() -> int:
        conn.execute("SELECT pg_stat_force_next_flush()")
        return int(
            scalar(
                conn,
                "SELECT seq_tup_read FROM pg_stat_all_tables "
                "WHERE relid = 'ledger_core.nonces'::regclass",
            )
        )

    conn.execute("VACUUM")
    before = read_in_full()
    for _ in range(20):
        record(conn)
    assert read_in_full() == before


@pytest.mark.parametrize("fields", [{"amount": 10}, FULL], ids=["plain", "with options"])
def test_replay_changes_nothing(tx: Connection, fields: dict[str, Any]) -> None:
    record(tx, nonce="n", **fields)
    before = account_and_lots(tx)
    record(tx, nonce="n", **fields)
    assert account_and_lots(tx) == before
    assert len(entries(tx)) == 1


def test_replay_answers_with_the_balance_of_that_time(tx: Connection) -> None:
    record(tx, nonce="n", amount=10)
    spend(tx, 4)
    assert record(tx, nonce="n", amount=10)["balance"] == 10


def test_account_records_on_after_a_replay_of_its_first_entry(tx: Connection) -> None:
    record(tx, nonce="n", amount=10)
    record(tx, nonce="n", amount=10)
    assert spend(tx, 1)["seq"] == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"operation": "SIGNUP_CREDIT"},
        {"amount": 4},
        {"amount": None},
        {"metadata": {"order": 2}},
        {"metadata": {}},
        {"metadata": None},
        {"expires_at": "2099-01-01T00:00:00.000001Z"},
        {"expires_at": None},
        {"claim_subject": "other device"},
        {"claim_subject": None},
        {"owner_id": "bob"},
    ],
    ids=str,
)
def test_different_request_under_a_used_nonce_is_refused(
    tx: Connection, changed: dict[str, Any]
) -> None:
    record(tx, nonce="n", **FULL)
    before = account_and_lots(tx)
    with refused(tx, "LG201") as refusal:
        record(tx, nonce="n", **FULL | changed)
    assert refusal.detail == {"app": "app1", "nonce": "n"}
    assert account_and_lots(tx) == before


@pytest.mark.parametrize(
    "added", [{"metadata": {}}, {"expires_at": AT}, {"claim_subject": "device"}], ids=str
)
def test_request_with_more_fields_than_the_first_is_refused(
    tx: Connection, added: dict[str, Any]
) -> None:
    record(tx, nonce="n", amount=3)
    with refused(tx, "LG201"):
        record(tx, nonce="n", amount=3, **added)


def test_missing_amount_without_a_default_is_a_different_request(tx: Connection) -> None:
    record(tx, app="app1", amount=10)
    record(tx, app="app2", operation="TOKENS_USED", nonce="n", amount=-2)
    with refused(tx, "LG201"):
        record(tx, app="app2", operation="TOKENS_USED", nonce="n")


def test_equal_metadata_written_differently_is_the_same_request(tx: Connection) -> None:
    record(tx, nonce="n", metadata='{"a": 1, "b": 2.0}')
    assert record(tx, nonce="n", metadata='{"b": 2, "a": 1, "a": 1}')["replayed"] is True


def test_amount_left_out_is_the_same_as_the_default(tx: Connection) -> None:
    record(tx, nonce="defaulted")
    record(tx, nonce="named", amount=10)
    assert record(tx, nonce="defaulted", amount=10)["replayed"] is True
    assert record(tx, nonce="named")["replayed"] is True


def test_amount_other_than_the_default_taken_is_a_different_request(tx: Connection) -> None:
    record(tx, nonce="n")
    with refused(tx, "LG201"):
        record(tx, nonce="n", amount=11)


def test_nonces_of_apps_are_independent(tx: Connection) -> None:
    record(tx, app="app1", nonce="n", amount=1)
    entry = record(tx, app="app2", nonce="n", amount=1)
    assert (entry["seq"], entry["replayed"]) == (2, False)


def test_nonces_that_differ_in_case_only_are_different(tx: Connection) -> None:
    record(tx, nonce="n")
    assert record(tx, nonce="N")["replayed"] is False


def test_nonce_of_another_owner_leaves_the_second_owner_untouched(tx: Connection) -> None:
    record(tx, owner_id="alice", nonce="n", amount=1)
    record(tx, owner_id="bob", amount=7)
    with refused(tx, "LG201"):
        record(tx, owner_id="bob", nonce="n", amount=1)
    entry = spend(tx, 7, owner_id="bob")
    assert (entry["seq"], entry["balance"]) == (2, 0)


def test_nonce_of_another_owner_uses_up_no_claim(tx: Connection) -> None:
    record(tx, owner_id="alice", nonce="n")
    with refused(tx, "LG201"):
        record(tx, owner_id="bob", nonce="n", operation="SIGNUP_CREDIT")
    assert record(tx, owner_id="bob", operation="SIGNUP_CREDIT")["seq"] == 1


@pytest.mark.parametrize(
    ("sqlstate", "wrong"),
    [
        ("LG001", {"metadata": "[]"}),
        ("LG002", {"amount": 0}),
        ("LG102", {"operation": "NO_SUCH"}),
        ("LG103", {"operation": "TOKENS_USED"}),
        ("LG301", {"operation": "CREDIT_SPEND", "amount": -1}),
    ],
)
def test_refused_request_does_not_use_up_its_nonce(
    tx: Connection, sqlstate: str, wrong: dict[str, Any]
) -> None:
    nonce = new_nonce()
    with refused(tx, sqlstate):
        record(tx, nonce=nonce, **wrong)
    assert record(tx, nonce=nonce, amount=5)["replayed"] is False


def test_spend_is_replayed_when_no_credits_are_left(tx: Connection) -> None:
    record(tx, amount=10)
    first = spend(tx, 10, nonce="n")
    assert spend(tx, 10, nonce="n") == first | {"replayed": True}


def test_claim_is_replayed_when_its_limit_is_reached(tx: Connection) -> None:
    first = record(tx, operation="SIGNUP_CREDIT", nonce="n")
    assert record(tx, operation="SIGNUP_CREDIT", nonce="n") == first | {"replayed": True}


def test_entry_is_replayed_on_a_frozen_account(tx: Connection) -> None:
    record(tx, nonce="n")
    tx.execute("UPDATE ledger.accounts SET frozen_at = clock_timestamp()")
    assert record(tx, nonce="n")["replayed"] is True


def test_entry_is_replayed_after_its_expiry(tx: Connection) -> None:
    past = "2001-01-01T00:00:00Z"
    record(tx, nonce="n", expires_at=AT)
    tx.execute("ALTER TABLE ledger.entries DISABLE TRIGGER entries_append_only")
    tx.execute("UPDATE ledger.entries SET expires_at = %s", [past])
    assert record(tx, nonce="n", expires_at=past)["replayed"] is True


def test_expiry_that_the_operation_set_is_not_part_of_the_request(tx: Connection) -> None:
    first = record(tx, app="app2", operation="PLAN_ALLOWANCE", nonce="n")
    again = record(tx, app="app2", operation="PLAN_ALLOWANCE", nonce="n")
    assert again == first | {"replayed": True}


def test_expiry_unlike_that_of_the_operation_is_a_different_request(tx: Connection) -> None:
    record(tx, app="app2", operation="PLAN_ALLOWANCE", nonce="n")
    with refused(tx, "LG201"):
        record(tx, app="app2", operation="PLAN_ALLOWANCE", nonce="n", expires_at="2099-01-01Z")


# The rule changes between request and retry


def test_retry_is_replayed_after_the_default_changed(tx: Connection) -> None:
    first = record(tx, nonce="n")
    redefine_credit_add(tx, default_amount=20, min_amount=1, max_amount=100)
    assert record(tx, nonce="n") == first | {"replayed": True}


def test_missing_amount_equals_an_explicit_current_default(
    tx: Connection,
) -> None:
    record(tx, nonce="n", amount=10)
    redefine_credit_add(tx, default_amount=20, min_amount=1, max_amount=100)
    with refused(tx, "LG201"):
        record(tx, nonce="n")


def test_retry_is_replayed_after_the_bounds_changed(tx: Connection) -> None:
    first = record(tx, nonce="n", amount=500)
    redefine_credit_add(tx, default_amount=20, min_amount=1, max_amount=100)
    assert record(tx, nonce="n", amount=500) == first | {"replayed": True}


def test_retry_is_replayed_after_the_operation_was_retired(tx: Connection) -> None:
    first = record(tx, operation="CONTENT_ACCESS", nonce="n")
    call(tx, "retire_operation", operation="CONTENT_ACCESS")
    again = record(tx, operation="CONTENT_ACCESS", nonce="n")
    assert again == first | {"replayed": True}


def test_retry_is_replayed_after_the_operation_got_a_claim_limit(tx: Connection) -> None:
    first = record(tx, nonce="n", amount=10)
    redefine_credit_add(tx, default_amount=10, claim_limit=1, claim_period="ever")
    assert record(tx, nonce="n", amount=10) == first | {"replayed": True}


def test_different_request_that_the_rule_refuses_is_a_conflict(tx: Connection) -> None:
    record(tx, nonce="n", amount=500)
    redefine_credit_add(tx, default_amount=20, min_amount=1, max_amount=100)
    with refused(tx, "LG201"):
        record(tx, nonce="n", amount=600)


def redefine_credit_add(tx: Connection, **rule: Any) -> None:
    call(tx, "define_operation", operation="CREDIT_ADD", description="Credits", shared=True, **rule)


def account_and_lots(tx: Connection) -> list[Any]:
    return [
        # As JSON: psycopg does not read the time infinity.
        tx.execute("SELECT to_jsonb(accounts) FROM ledger.accounts ORDER BY owner_id").fetchall(),
        tx.execute("SELECT to_jsonb(lots) FROM ledger.lots ORDER BY owner_id, seq").fetchall(),
    ]
