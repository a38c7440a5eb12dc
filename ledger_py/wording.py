"""Words of messages to people."""

from __future__ import annotations


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
