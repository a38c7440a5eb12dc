"""Words of messages to people."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger_py.structs import FeedLag

NO_LEDGER: Final = "This database holds no ledger yet: run `ledger migrate` first"

PLAIN_PRIORITY: Final = 100
"""The priority of credits whose operation names none."""

_FEED_WAITS_AFTER: Final = 1
"""Seconds that entries do not wait for the transactions of others in everyday traffic."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Put a number before its noun: `1 entry`, `2 entries`.

    Args:
        number: The number.
        noun: The noun for one of them.
        plural: The noun for any other number; by default `noun` with an s.

    Returns:
        The number and the noun.
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def feed_wait(lag: FeedLag) -> str | None:
    """Say which transaction holds the change feed up, without what others gave as names.

    Args:
        lag: The lag of the feed.

    Returns:
        The end of a sentence about the feed; None if it is not held up.
    """
    if lag.seconds_behind < _FEED_WAITS_AFTER:
        return None
    if lag.prepared is not None:
        cause = "a prepared transaction"
    elif lag.pid is not None:
        cause = f"transaction of pid {lag.pid}"
    else:
        cause = "a transaction that cannot be seen from here"
    if lag.began_at is not None and lag.waiting_since is not None:
        now = lag.waiting_since + timedelta(seconds=lag.seconds_behind)
        cause += f" (open for {round((now - lag.began_at).total_seconds())} s)"
    return f"waiting for {cause}, {lag.seconds_behind} s behind"


def quoted(text: str) -> str:
    """Quote a text of a user as JSON does, so that no terminal is misled by it.

    Args:
        text: Any text.

    Returns:
        A JSON string without control characters, marks that change the direction of writing, or
        anything else that is not visible.
    """
    return escaped(json.dumps(text, ensure_ascii=False))


def escaped(encoded: str) -> str:
    """Escape what is not visible within the strings of JSON; its meaning stays.

    Args:
        encoded: A JSON document, in one line or in many.
    """
    return "".join(
        one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in encoded
    )


def use_of(
    credit_class: str | None,
    priority: int | None,
    usable_for: Sequence[str] | None,
    usable_in: Sequence[str] | None,
) -> str:
    """Say what credits are and what they are for; nothing if they are like any others."""
    said = [
        credit_class,
        f"for {', '.join(usable_for)}" if usable_for else None,
        f"in {', '.join(usable_in)}" if usable_in else None,
        None if priority in (None, PLAIN_PRIORITY) else f"priority {priority}",
    ]
    return ", ".join(filter(None, said))
