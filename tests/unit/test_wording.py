"""Words of messages to people."""

from __future__ import annotations

import pytest

from ledger_py.wording import counted


@pytest.mark.parametrize(
    ("number", "noun", "plural", "words"),
    [
        (0, "file", None, "0 files"),
        (1, "file", None, "1 file"),
        (2, "file", None, "2 files"),
        (1, "entry", "entries", "1 entry"),
        (10_000, "entry", "entries", "10000 entries"),
    ],
)
def test_noun_agrees_with_its_number(
    number: int, noun: str, plural: str | None, words: str
) -> None:
    assert counted(number, noun, plural) == words
