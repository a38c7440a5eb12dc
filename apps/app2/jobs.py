"""Jobs of the assistant: paid by the tokens that they used, and not at all when they fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec

from apps.app2.operations import App2Operation
from ledger_py import Ledger, RecordedEntry

LONGEST_JOB = timedelta(minutes=15)
"""After this time the tokens of a job that was cut off are free again."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the assistant came up with.

    Attributes:
        text: The answer.
        tokens: How many tokens it took: at least 1.
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
    """Run a job and let its owner pay what it used, if the answer arrives.

    The most that the job may use is held while it runs, so that no other job counts on the same
    credits. If the work fails, the hold is released; if the answer cannot be delivered, what was
    paid is given back.

    Args:
        ledger: The ledger of app2, on a connection in autocommit mode: the hold must be there for
            everybody while the job runs, and locks must not.
        owner_id: Who pays.
        job_id: The caller's own id for the job: it is paid at most once, however often it is tried.
        most_tokens: How many tokens the job may use.
        work: Does the job within that many tokens.
        deliver: Hands the text over.

    Returns:
        The entry that pays for the job.

    Raises:
        InsufficientBalance: The owner has less than the job may use; no work was done.
        HoldClosed: The job has been run before; ``status`` in the detail says how it ended.
        AmountOutOfBounds: The work took more than it was allowed, or nothing; it was not paid.
        LedgerError: Every other refusal of place_hold and capture_hold.
        Exception: What the work or the delivery raised; nothing was paid.
    """
    with ledger.hold(
        owner_id=owner_id,
        operation=App2Operation.TOKENS_USED,
        nonce=job_id,
        amount=most_tokens,
        expires_in=LONGEST_JOB,
    ) as hold:
        answer = work(most_tokens)
        payment = hold.capture(answer.tokens, nonce=_payment_of(job_id))
    try:
        deliver(answer.text)
    except Exception:
        refund_job(ledger, job_id=job_id)
        raise
    return payment


def refund_job(ledger: Ledger, *, job_id: str) -> RecordedEntry:
    """Give back what was paid for a job. The second time changes nothing.

    Args:
        ledger: The ledger of app2.
        job_id: The job.

    Returns:
        The reversal. The credits are back where they came from, with the same expiry.

    Raises:
        EntryNotFound: The job has not been paid.
        LedgerError: Every other refusal of reverse_entry.
    """
    return ledger.reverse_entry(nonce=f"{job_id}:refund", original_nonce=_payment_of(job_id))


def _payment_of(job_id: str) -> str:
    return f"{job_id}:payment"
