"""Jobs of the assistant, paid by the tokens they used; a failed job costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec

from apps.app2.operations import App2Operation
from ledger_py import Ledger, RecordedEntry

LONGEST_JOB = timedelta(minutes=15)
"""The hold of an interrupted job expires after this time."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of the assistant.

    Attributes:
        text: The answer.
        tokens: The number of tokens it took: at least 1.
    """

    text: str
    tokens: int


def run_job(
    ledger: Ledger,
    *,
    owner_id: str,
    job_id: str,
    most_tokens: int,
    work: Callable[[int], Answer],
    deliver: Callable[[str], None],
) -> RecordedEntry:
    """Run a job and charge its owner for the tokens it used, if the answer is delivered.

    While the job runs, the most that it may use is held, so that no other job spends the same
    credits. If the work fails, the hold is released. If the answer cannot be delivered, the payment
    is reversed.

    Args:
        ledger: The ledger of app2, on a connection in autocommit mode: while the job runs, others
            must see the hold, and no lock may be held.
        owner_id: The owner who pays.
        job_id: The caller's own id for the job. It is paid at most once, however often it is tried.
        most_tokens: The most tokens that the job may use.
        work: Does the job; takes ``most_tokens``.
        deliver: Delivers the text.

    Returns:
        The entry that pays for the job.

    Raises:
        InsufficientBalance: The owner has less than the job may use, and no work was done; or the
            work used more, and the rest exceeds what is available and the operation's ``max_debt``.
        HoldClosed: The job has run before; ``status`` in the detail tells how it ended.
        AmountOutOfBounds: The work used no tokens; it was not paid.
        LedgerError: Any other refusal of place_hold and capture_hold.
        Exception: An exception of the work or the delivery; nothing was paid.
    """
    with ledger.hold(
        owner_id=owner_id,
        operation=App2Operation.TOKENS_USED,
        nonce=job_id,
        quantity=most_tokens,
        expires_in=LONGEST_JOB,
    ) as hold:
        answer = work(most_tokens)
        payment = hold.capture(quantity=answer.tokens, beyond="debt", nonce=_payment_of(job_id))
    try:
        deliver(answer.text)
    except Exception:
        refund_job(ledger, job_id=job_id)
        raise
    return payment


def refund_job(ledger: Ledger, *, job_id: str) -> RecordedEntry:
    """Reverse the payment of a job. Repeating it changes nothing.

    Args:
        ledger: The ledger of app2.
        job_id: The job.

    Returns:
        The reversal. The credits are back in their lots, with the same expiry.

    Raises:
        EntryNotFound: The job has not been paid.
        LedgerError: Any other refusal of reverse_entry.
    """
    return ledger.reverse_entry(nonce=f"{job_id}:refund", original_nonce=_payment_of(job_id))


def _payment_of(job_id: str) -> str:
    return f"{job_id}:payment"
