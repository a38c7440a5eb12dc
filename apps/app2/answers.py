"""Answers of the assistant that stream: nobody knows beforehand how many tokens they take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Final

import msgspec

from apps.app2.operations import App2Operation
from ledger_py import Ledger, RecordedEntry
from ledger_py.errors import BudgetExceeded, InsufficientBalance
from ledger_py.structs import Budget

STEP: Final = 200
"""The tokens to reserve at first, and the credits by which the hold grows: one for each token."""

LARGEST_CHUNK: Final = 50
"""The most tokens that a chunk usually has."""

LONGEST_ANSWER: Final = timedelta(minutes=5)
"""The hold of an interrupted answer expires after this time."""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer.

    Attributes:
        text: The text.
        tokens: The number of tokens it took.
    """

    text: str
    tokens: int


def limit_users(ledger: Ledger, *, owner_id: str, most: int, actor: str, reason: str) -> Budget:
    """Limit what each user of an owner may spend on the assistant in a day (UTC).

    Args:
        ledger: The ledger of app2, on a login that may set budgets.
        owner_id: The owner whose credits the users spend.
        most: The credits that each of them may spend.
        actor: Who says so.
        reason: Why.

    Returns:
        The budget.

    Raises:
        InvalidRequest: A value is invalid.
        NotAuthorized: The login may not set budgets.
    """
    return ledger.set_budget(
        owner_id=owner_id,
        budget="tokens-a-day",
        most=most,
        period="day",
        app="app2",
        operation=App2Operation.TOKENS_USED,
        spender="*",
        actor=actor,
        reason=reason,
    )


def stream_answer(
    ledger: Ledger,
    *,
    owner_id: str,
    user: str,
    question_id: str,
    chunks: Callable[[], Iterator[Chunk]],
    send: Callable[[str], None],
) -> RecordedEntry | None:
    """Stream an answer, and charge its owner for the tokens it took.

    The hold grows while the answer streams, so that nobody needs credits for the longest answer
    that is possible. The answer ends early when the credits of the owner or the budget of the user
    are used up. A last chunk that is larger than expected leaves a debt within the bounds of the
    operation.

    Args:
        ledger: The ledger of app2, on a connection in autocommit mode: while the answer streams,
            others must see the hold, and no lock may be held.
        owner_id: The owner who pays.
        user: The member of the owner whose budget counts.
        question_id: The caller's own id for the question, which is paid at most once.
        chunks: Begins the answer, and makes one chunk after the other.
        send: Sends a text to the user.

    Returns:
        The entry that pays for the answer; None for an empty answer, which costs nothing.

    Raises:
        InsufficientBalance: The owner has too few credits to begin.
        BudgetExceeded: The user has used up the budget of the day.
        HoldClosed: The question was answered before; ``status`` in the detail tells how it ended.
        LedgerError: Any other refusal of place_hold, grow_hold and capture_hold.
        Exception: An exception of the chunks or the sending; nothing was paid.
    """
    with ledger.hold(
        owner_id=owner_id,
        operation=App2Operation.TOKENS_USED,
        nonce=question_id,
        quantity=STEP,
        spender=user,
        expires_in=LONGEST_ANSWER,
    ) as hold:
        used, reserved = 0, STEP
        for chunk in chunks():
            send(chunk.text)
            used += chunk.tokens
            if used + LARGEST_CHUNK > reserved:
                try:
                    hold.grow(STEP)
                except (InsufficientBalance, BudgetExceeded):
                    break
                reserved += STEP
        if used == 0:
            return None
        try:
            return hold.capture(quantity=used, beyond="debt", nonce=f"{question_id}:payment")
        except (InsufficientBalance, BudgetExceeded):
            # More than the debt that is allowed is not the owner's fault.
            return hold.capture(nonce=f"{question_id}:payment")
