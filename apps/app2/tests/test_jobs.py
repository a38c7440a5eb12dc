"""Jobs of the assistant: their cost on success, failure and interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from apps.app2.jobs import LONGEST_JOB, Answer, refund_job, run_job
from apps.app2.operations import App2Operation
from ledger_py import Ledger, RecordedEntry
from ledger_py.errors import (
    AmountOutOfBounds,
    EntryNotFound,
    HoldClosed,
    InsufficientBalance,
)
from tests.fixtures.clock import Clock


class Broken(Exception):
    """Raised by a job that fails."""


@pytest.fixture
def clock(conn: psycopg.Connection[TupleRow]) -> Clock:
    return Clock(conn, "2030-01-15T12:00:00Z")


@pytest.fixture
def ledger(
    conn: psycopg.Connection[TupleRow],
    clock: Clock,  # noqa: ARG001 (in effect before the ledger is used)
) -> Iterator[Ledger]:
    """The ledger of app2; ann has a plan: 1000 from 15 January, and 1000 from 15 February."""
    ledger = Ledger(conn, app="app2")
    ledger.grant_allowance(
        owner_id="ann", operation=App2Operation.PLAN_ALLOWANCE, nonce="plan of ann"
    )
    yield ledger
    assert conn.execute("SELECT * FROM ledger.verify()").fetchall() == []


def run(
    ledger: Ledger,
    job_id: str = "job",
    *,
    most_tokens: int = 400,
    work: Callable[[int], Answer] | None = None,
    deliver: Callable[[str], None] = lambda _: None,
) -> RecordedEntry:
    """Run a job of ann, by default one that uses 150 tokens."""
    return run_job(
        ledger,
        owner_id="ann",
        job_id=job_id,
        most_tokens=most_tokens,
        work=work or (lambda _: Answer(text="42", tokens=150)),
        deliver=deliver,
    )


def fail(_: object) -> Any:
    raise Broken


def available(ledger: Ledger) -> int:
    return ledger.balance(owner_id="ann").available


def operations(ledger: Ledger) -> list[str]:
    """Return the operations recorded after the allowance, in order."""
    return [entry.operation for entry in reversed(ledger.entries_of(owner_id="ann"))][1:]


def test_job_costs_the_tokens_it_used(ledger: Ledger) -> None:
    payment = run(ledger)

    assert (payment.operation, payment.amount, payment.balance) == ("TOKENS_USED", -150, 850)
    assert available(ledger) == 850


def test_hold_of_a_running_job_is_visible_to_other_connections(
    ledger: Ledger, ledger_db: str
) -> None:
    def look(_: int) -> Answer:
        with psycopg.connect(ledger_db) as other:
            assert available(Ledger(other, app="app1")) == 600
        return Answer(text="42", tokens=1)

    run(ledger, work=look)


def test_work_receives_its_token_limit(ledger: Ledger) -> None:
    run(ledger, work=lambda most_tokens: Answer(text="42", tokens=most_tokens))

    assert available(ledger) == 600


def test_answer_is_delivered_after_payment(ledger: Ledger) -> None:
    delivered = []

    def deliver(text: str) -> None:
        delivered.append((text, available(ledger)))

    run(ledger, deliver=deliver)

    assert delivered == [("42", 850)]


def test_work_is_not_started_without_credits(ledger: Ledger) -> None:
    with pytest.raises(InsufficientBalance):
        run(ledger, most_tokens=1001, work=lambda _: pytest.fail("the work was done"))


def test_concurrent_jobs_do_not_share_credits(ledger: Ledger) -> None:
    def run_another(_: int) -> Answer:
        with pytest.raises(InsufficientBalance):
            run(ledger, "another", most_tokens=601)
        return Answer(text="42", tokens=1)

    run(ledger, work=run_another)


def test_failed_job_costs_nothing(ledger: Ledger) -> None:
    with pytest.raises(Broken):
        run(ledger, work=fail)

    assert operations(ledger) == []
    assert available(ledger) == 1000


def test_work_without_tokens_is_not_paid(ledger: Ledger) -> None:
    with pytest.raises(AmountOutOfBounds):
        run(ledger, work=lambda _: Answer(text="42", tokens=0))

    assert available(ledger) == 1000


def test_work_beyond_its_limit_is_paid_from_what_is_available(ledger: Ledger) -> None:
    payment = run(ledger, work=lambda _: Answer(text="42", tokens=401))

    assert (payment.amount, payment.overdrawn) == (-401, False)
    assert available(ledger) == 599


def test_work_beyond_what_is_available_leaves_a_debt(ledger: Ledger) -> None:
    payment = run(ledger, most_tokens=1000, work=lambda _: Answer(text="42", tokens=1100))

    assert (payment.balance, payment.overdrawn) == (-100, True)


def test_work_beyond_the_debt_allowed_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InsufficientBalance):
        run(ledger, most_tokens=1000, work=lambda _: Answer(text="42", tokens=1101))

    assert available(ledger) == 1000


def test_undelivered_answer_is_refunded(ledger: Ledger) -> None:
    with pytest.raises(Broken):
        run(ledger, deliver=fail)

    assert operations(ledger) == ["TOKENS_USED", "REVERSAL"]
    assert available(ledger) == 1000


def test_refunded_credits_keep_their_expiry(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(Broken):
        run(ledger, deliver=fail)
    balance = ledger.balance(owner_id="ann")

    assert balance.next_expiry_amount == 1000
    assert balance.next_expiry_at == clock.ahead(days=31)


def test_repeated_refund_is_replayed(ledger: Ledger) -> None:
    run(ledger)

    assert not refund_job(ledger, job_id="job").replayed
    assert refund_job(ledger, job_id="job").replayed
    assert available(ledger) == 1000


def test_unpaid_job_cannot_be_refunded(ledger: Ledger) -> None:
    with pytest.raises(EntryNotFound):
        refund_job(ledger, job_id="job")


def test_job_is_paid_once(ledger: Ledger) -> None:
    run(ledger)
    with pytest.raises(HoldClosed) as refusal:
        run(ledger)

    assert refusal.value.detail["status"] == "captured"
    assert available(ledger) == 850


def test_interrupted_job_can_be_retried(ledger: Ledger) -> None:
    ledger.place_hold(
        owner_id="ann",
        operation=App2Operation.TOKENS_USED,
        nonce="job",
        quantity=400,
        expires_in=LONGEST_JOB,
    )

    run(ledger)

    assert available(ledger) == 850


def test_hold_of_an_interrupted_job_expires(ledger: Ledger, clock: Clock) -> None:
    ledger.place_hold(
        owner_id="ann",
        operation=App2Operation.TOKENS_USED,
        nonce="job",
        quantity=400,
        expires_in=LONGEST_JOB,
    )
    assert available(ledger) == 600

    clock.forward(minutes=15)

    assert available(ledger) == 1000


def test_allowance_is_spent_before_bought_credits(ledger: Ledger, clock: Clock) -> None:
    ledger.record_entry(owner_id="ann", operation=App2Operation.CREDIT_ADD, nonce="bought")
    run(ledger)
    assert available(ledger) == 860

    clock.forward(days=31)

    assert available(ledger) == 1010


def test_allowance_is_renewed_to_the_microsecond_and_does_not_stack(
    ledger: Ledger, clock: Clock
) -> None:
    run(ledger)
    clock.set(clock.ahead(days=31) - timedelta(microseconds=1))
    assert available(ledger) == 850

    clock.forward(microseconds=1)

    assert available(ledger) == 1000


def test_held_credits_do_not_expire_during_a_job(ledger: Ledger, clock: Clock) -> None:
    clock.set(clock.ahead(days=31) - timedelta(minutes=1))

    def take_two_minutes(_: int) -> Answer:
        clock.forward(minutes=2)
        return Answer(text="42", tokens=150)

    run(ledger, work=take_two_minutes)

    assert operations(ledger) == ["EXPIRY", "PLAN_ALLOWANCE", "TOKENS_USED", "EXPIRY"]
    assert available(ledger) == 1000


def test_plan_ends_with_the_period_that_is_paid_for(ledger: Ledger, clock: Clock) -> None:
    ledger.end_allowance(allowance_nonce="plan of ann")
    run(ledger)
    assert available(ledger) == 850

    clock.forward(days=31)

    assert available(ledger) == 0
