"""Answers that stream: holds that grow, budgets of users, debts, prices by quantity."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import TupleRow

from apps.app2.answers import STEP, Chunk, limit_users, stream_answer
from apps.app2.operations import App2Operation
from ledger_py import Ledger, RecordedEntry
from ledger_py.errors import BudgetExceeded, HoldClosed, InsufficientBalance
from tests.fixtures.clock import Clock

BUDGET = 2000
"""The tokens that a user may use in a day."""


@pytest.fixture
def clock(conn: psycopg.Connection[TupleRow]) -> Clock:
    return Clock(conn, "2030-01-15T12:00:00Z")


@pytest.fixture
def ledger(
    conn: psycopg.Connection[TupleRow],
    clock: Clock,  # noqa: ARG001 (in effect before the ledger is used)
) -> Iterator[Ledger]:
    """The ledger of app2; the team has bought 3000 credits, and each of its users has a budget."""
    ledger = Ledger(conn, app="app2")
    ledger.record_entry(
        owner_id="team", operation=App2Operation.CREDIT_ADD, nonce="bought", amount=3000
    )
    limit_users(ledger, owner_id="team", most=BUDGET, actor="olga", reason="as agreed")
    yield ledger
    assert conn.execute("SELECT * FROM ledger.verify()").fetchall() == []


def ask(
    ledger: Ledger,
    tokens: list[int],
    *,
    user: str = "ann",
    question_id: str = "q",
    sent: list[str] | None = None,
) -> RecordedEntry | None:
    """Ask for an answer in chunks of so many tokens."""

    heard: list[str] = [] if sent is None else sent

    def chunks() -> Iterator[Chunk]:
        for number, count in enumerate(tokens):
            yield Chunk(text=f"{number}", tokens=count)

    return stream_answer(
        ledger,
        owner_id="team",
        user=user,
        question_id=question_id,
        chunks=chunks,
        send=heard.append,
    )


def take(ledger: Ledger, left: int) -> None:
    """Spend all credits of the team but so many."""
    ledger.record_entry(
        owner_id="team",
        operation=App2Operation.CREDIT_SPEND,
        nonce="elsewhere",
        amount=left - available(ledger),
    )


def available(ledger: Ledger) -> int:
    return ledger.balance(owner_id="team").available


def test_answer_costs_the_tokens_it_took(ledger: Ledger) -> None:
    paid = ask(ledger, [50] * 3)

    assert paid is not None
    assert (paid.amount, paid.quantity, paid.spender, paid.overdrawn) == (-150, 150, "ann", None)
    assert available(ledger) == 2850


def test_empty_answer_costs_nothing(ledger: Ledger) -> None:
    assert ask(ledger, []) is None
    assert available(ledger) == 3000


def test_a_step_costs_as_many_credits_as_it_has_tokens(ledger: Ledger) -> None:
    (rule,) = (rule for rule in ledger.operations_of() if rule.operation == "TOKENS_USED")

    assert (rule.unit_amount, rule.unit_size) == (-1, 1)


def test_hold_grows_while_the_answer_streams(ledger: Ledger) -> None:
    held = []

    def chunks() -> Iterator[Chunk]:
        for _ in range(10):
            held.append(ledger.balance(owner_id="team").held)
            yield Chunk(text="…", tokens=50)

    stream_answer(
        ledger, owner_id="team", user="ann", question_id="q", chunks=chunks, send=lambda _: None
    )

    assert held == [STEP] * 4 + [2 * STEP] * 4 + [3 * STEP] * 2
    assert available(ledger) == 2500


def test_answer_ends_when_the_credits_are_used_up(ledger: Ledger) -> None:
    take(ledger, left=250)
    sent: list[str] = []

    paid = ask(ledger, [50] * 10, sent=sent)

    assert paid is not None
    assert (len(sent), paid.amount) == (4, -200)


def test_answer_ends_at_the_budget_of_its_user(ledger: Ledger, clock: Clock) -> None:
    sent: list[str] = []

    paid = ask(ledger, [50] * 100, sent=sent)

    assert paid is not None
    assert paid.amount == -BUDGET
    with pytest.raises(BudgetExceeded) as refusal:
        ask(ledger, [50], question_id="another")
    assert refusal.value.detail["budget"] == "tokens-a-day"
    assert ask(ledger, [50], user="bob", question_id="of bob") is not None
    clock.forward(hours=12)
    assert ask(ledger, [50], question_id="tomorrow") is not None


def test_large_last_chunk_leaves_a_debt_that_later_credits_fill(ledger: Ledger) -> None:
    take(ledger, left=STEP)

    paid = ask(ledger, [150, 120])

    assert paid is not None
    assert (paid.amount, paid.balance, paid.overdrawn) == (-270, -70, True)
    with pytest.raises(InsufficientBalance):
        ask(ledger, [1], question_id="another")
    more = ledger.record_entry(
        owner_id="team", operation=App2Operation.CREDIT_ADD, nonce="more", amount=100
    )
    assert more.balance == 30


def test_more_than_the_debt_allowed_is_not_charged(ledger: Ledger) -> None:
    take(ledger, left=STEP)

    paid = ask(ledger, [149, 500])

    assert paid is not None
    assert (paid.amount, paid.balance) == (-STEP, 0)


def test_interrupted_answer_costs_nothing_and_can_be_asked_again(ledger: Ledger) -> None:
    def chunks() -> Iterator[Chunk]:
        yield Chunk(text="…", tokens=180)
        raise TimeoutError

    with pytest.raises(TimeoutError):
        stream_answer(
            ledger, owner_id="team", user="ann", question_id="q", chunks=chunks, send=lambda _: None
        )

    assert available(ledger) == 3000
    assert ask(ledger, [50], question_id="q again") is not None


def test_answer_is_paid_once(ledger: Ledger) -> None:
    ask(ledger, [50])
    with pytest.raises(HoldClosed) as refusal:
        ask(ledger, [50])

    assert refusal.value.detail["status"] == "captured"
    assert available(ledger) == 2950
