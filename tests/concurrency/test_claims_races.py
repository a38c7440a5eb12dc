"""Claim limits under concurrent claims."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from tests.concurrency.callers import all_at_once, connections, outcomes, wait_until_blocked
from tests.sql.calls import Connection, Row, balance, new_nonce, record, scalar
from tests.sql.lifecycle import define_limited, item, place, record_batch, reverse


def claims(conn: Connection) -> int:
    found: int = scalar(conn, "SELECT count(*) FROM ledger.claims")
    return found


def test_200_callers_of_two_apps_claim_one_daily_reward(ledger_db: str, conn: Connection) -> None:
    calls = [partial(record, app=app, operation="DAILY_REWARD") for app in ("app1", "app2")]
    answers = all_at_once(ledger_db, calls * 100)
    assert outcomes(answers) == {"recorded": 1, "LG302": 199}
    assert (balance(conn), claims(conn)) == (1, 1)


def test_limit_applies_per_app_with_scope_owner_and_app(ledger_db: str, conn: Connection) -> None:
    define_limited(conn, 2, claim_scope="owner_and_app")
    calls = [partial(record, app=app, operation="LIMITED") for app in ("app1", "app2")]
    assert outcomes(all_at_once(ledger_db, calls * 25)) == {"recorded": 4, "LG302": 46}


def test_claim_retried_by_50_callers_takes_one_slot(ledger_db: str, conn: Connection) -> None:
    define_limited(conn, 5)
    answers = all_at_once(ledger_db, [partial(record, operation="LIMITED", nonce="n")] * 50)
    assert outcomes(answers) == {"recorded": 1, "replayed": 49}
    assert claims(conn) == 1


def test_subject_limit_applies_across_50_owners(ledger_db: str, conn: Connection) -> None:
    calls = [
        partial(record, operation="SIGNUP_CREDIT", owner_id=f"owner-{n}", claim_subject="device")
        for n in range(50)
    ]
    assert outcomes(all_at_once(ledger_db, calls)) == {"recorded": 1, "LG302": 49}
    assert scalar(conn, "SELECT count(*) FROM ledger.accounts") == 1


def test_batches_and_single_calls_share_the_claim_limit(ledger_db: str, conn: Connection) -> None:
    define_limited(conn, 7)

    def claim_five(caller: Connection) -> Row:
        results = record_batch(caller, [item(operation="LIMITED") for _ in range(5)])
        assert {result["code"] for result in results} <= {None, "claim_limit_reached"}
        return {"replayed": False}

    answers = all_at_once(ledger_db, [claim_five, partial(record, operation="LIMITED")] * 10)
    assert outcomes(answers).keys() <= {"recorded", "LG302"}
    assert (balance(conn), claims(conn)) == (7, 7)


def test_freed_claim_is_claimed_at_most_once(ledger_db: str, conn: Connection) -> None:
    for n in range(10):
        owner_id, nonce = f"owner-{n}", new_nonce()
        record(conn, owner_id=owner_id, operation="SIGNUP_CREDIT", nonce=nonce)
        free = partial(reverse, original_nonce=nonce, free_claim=True)
        claim = partial(record, owner_id=owner_id, operation="SIGNUP_CREDIT")
        answers = all_at_once(ledger_db, [free, claim, claim, claim])
        assert isinstance(answers[0], dict)
        assert outcomes(answers[1:])["recorded"] <= 1
        assert balance(conn, owner_id) == 3 * outcomes(answers[1:])["recorded"]


def claim_singly(conn: Connection, owner_id: str, nonce: str) -> str:
    """Claim with the nonce as subject too, and return the SQLSTATE of a refusal."""
    claim = {"owner_id": owner_id, "operation": "SIGNUP_CREDIT", "claim_subject": nonce}
    try:
        record(conn, nonce=nonce, **claim)
    except psycopg.Error as error:
        return error.sqlstate or str(error)
    return ""


def claim_when_something_is_due(conn: Connection, owner_id: str, nonce: str) -> str:
    record(conn, owner_id=owner_id)
    place(conn, 1, owner_id=owner_id, expires_in="1 microsecond")
    return claim_singly(conn, owner_id, nonce)


def claim_in_a_batch(conn: Connection, owner_id: str, nonce: str) -> str:
    claim = {"owner_id": owner_id, "operation": "SIGNUP_CREDIT", "claim_subject": nonce}
    try:
        (result,) = record_batch(conn, [claim | {"nonce": nonce}])
    except psycopg.Error as error:
        return error.sqlstate or str(error)
    return result["code"] or ""


@pytest.mark.parametrize("claim", [claim_when_something_is_due, claim_in_a_batch])
def test_owners_with_one_nonce_and_one_subject_do_not_wait_for_each_other(
    ledger_db: str, conn: Connection, claim: Callable[[Connection, str, str], str]
) -> None:
    with connections(ledger_db, 3) as (holder, alice, bob), ThreadPoolExecutor(2) as threads:
        for n in range(10):
            nonce = new_nonce()
            with holder.transaction(force_rollback=True):
                holder.execute("INSERT INTO ledger_core.nonces VALUES ('app1', %s)", [nonce])
                answers = [
                    threads.submit(claim_singly, alice, f"alice-{n}", nonce),
                    threads.submit(claim, bob, f"bob-{n}", nonce),
                ]
                wait_until_blocked(conn, alice)
                wait_until_blocked(conn, bob)
            refusals = {"LG201", "LG302", "nonce_conflict", "claim_limit_reached"}
            assert {answer.result() for answer in answers} <= refusals | {""}
            assert scalar(conn, "SELECT count(*) FROM ledger.entries WHERE nonce = %s", nonce) == 1
