"""What the callers asked for and what they were told: the other half of the books."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ("Asked", "Entry", "Journal")

_FIELDS = ("entry_id", "seq", "owner_id", "app", "operation", "amount", "balance", "nonce")


@dataclass(frozen=True)
class Entry:
    """What identifies an entry, and what a caller builds upon."""

    entry_id: int
    seq: int
    owner_id: str
    app: str
    operation: str
    amount: int
    balance: int
    nonce: str

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Self:
        """Take it out of a row, or of an answer over HTTP."""
        return cls(*(answer[name] for name in _FIELDS))


@dataclass
class Asked:
    """One thing that was asked for, however often.

    Attributes:
        nonce: Its nonce.
        way: How it was asked.
        attempts: How often.
        unanswered: How many of these got no answer, or one that leaves open what has happened.
        entry: What was acknowledged.
        hold: The amount of the hold that was acknowledged.
        refusal: The code of the refusal.
    """

    nonce: str
    way: str
    attempts: int = 0
    unanswered: int = 0
    entry: Entry | None = None
    hold: int | None = None
    refusal: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether the caller may rely on it."""
        return self.entry is not None or self.hold is not None

    @property
    def excluded(self) -> bool:
        """Whether it cannot have happened: it was refused, and no attempt before that is open."""
        return self.refusal is not None and self.unanswered == 0


@dataclass
class Journal:
    """All that was asked for in a run.

    Attributes:
        asked: By nonce.
        wrong: Answers that nobody may get, in words.
        released: The holds whose release was acknowledged.
        causes: Why attempts were left without an answer.
    """

    asked: dict[str, Asked] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    released: set[str] = field(default_factory=set)
    causes: Counter[str] = field(default_factory=Counter)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def new(self, way: str) -> Asked:
        """Begin something new, under a nonce of its own."""
        asked = Asked(nonce=f"{way}-{next(self._numbers)}", way=way)
        self.asked[asked.nonce] = asked
        return asked

    def acknowledge(self, asked: Asked, answer: dict[str, Any]) -> None:
        """Note an entry that a caller was told of: for the same request always the same one."""
        entry = Entry.of(answer)
        if asked.entry is not None and asked.entry != entry:
            self.wrong.append(f"{asked.nonce} was answered with {asked.entry}, then with {entry}")
        asked.entry = entry
        # A refused request does not use its nonce up: asked again, it may succeed.
        asked.refusal = None

    def acknowledged(self, *ways: str) -> int:
        """Count what callers may rely on, of what was asked in one of these ways."""
        return sum(one.acknowledged and one.way in ways for one in self.asked.values())
