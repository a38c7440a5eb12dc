"""Markdown that the forge and the site show alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ("MARK", "bullets", "fenced", "linked", "prose", "table", "with_made_part")

MARK = "<!-- From here on made from the code: `make docs` writes it. -->"
"""The line that divides a page: what is above is written by hand."""

_REFUSAL = re.compile(r"\b(LG\d{3})\b")


def prose(text: str) -> str:
    """Show plain text: names with underscores and angle brackets mean nothing else here.

    Args:
        text: The text; parts between backquotes are code already.

    Returns:
        The text in Markdown.
    """
    parts = re.split(r"(`+[^`]+`+)", text.replace("``", "`"))
    parts[::2] = [re.sub(r"([*<>|\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def linked(text: str, codes: dict[str, str]) -> str:
    """Link every SQLSTATE of the ledger to its place on the page of refusals.

    Args:
        text: Markdown.
        codes: The code of each SQLSTATE.

    Returns:
        The text with links.
    """
    return _REFUSAL.sub(
        lambda found: (
            f"[{found[1]}](refusals.md#{found[1].lower()}-{codes[found[1]]})"
            if found[1] in codes
            else found[1]
        ),
        text,
    )


def fenced(text: str) -> str:
    """Show a text as it is."""
    return f"```text\n{text.rstrip()}\n```"


def bullets(items: Iterable[tuple[str, str]]) -> str:
    """List names with what they mean."""
    return "\n".join(
        f"* `{name}`: {meaning}" if meaning else f"* `{name}`" for name, meaning in items
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table; a cell is one line of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace(chr(10), ' ') for cell in line)} |" for line in lines
    )


def with_made_part(page: str, made: str) -> str:
    """Put what was made below what is written by hand.

    Args:
        page: The page as it is.
        made: What was made from the code.

    Returns:
        The page as it should be.
    """
    by_hand, mark, _ = page.partition(MARK)
    assert mark, f"there is no line {MARK}"
    return f"{by_hand}{MARK}\n\n{made.strip()}\n"
