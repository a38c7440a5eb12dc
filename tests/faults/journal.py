"""The callers' record of their requests and answers, to compare with the books."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ("Entry", "Journal", "Request")

FIELDS = ("entry_id", "seq", "owner_id", "app", "operation", "amount", "balance", "nonce")


@dataclass(frozen=True)
class Entry:
    """The fields of an entry that a caller relies on."""

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
        """Convert a row or an HTTP response."""
        return cls(*(answer[name] for name in FIELDS))


@dataclass
class Request:
    """A request with all its attempts.

    Attributes:
        nonce: Its nonce.
        way: The kind of call, as "http-batch".
        attempts: Number of attempts.
        unanswered: Number of attempts without an answer, or with an unknown outcome.
        entry: The acknowledged entry.
        hold: The amount of the acknowledged hold, as it was placed.
        growth: The amount of the acknowledged growth of a hold.
        refusal: The code of the refusal.
    """

    nonce: str
    way: str
    attempts: int = 0
    unanswered: int = 0
    entry: Entry | None = None
    hold: int | None = None
    growth: int | None = None
    refusal: str | None = None

    @property
    def acknowledged(self) -> bool:
        """True if an entry, a hold or a growth was acknowledged."""
        return any(known is not None for known in (self.entry, self.hold, self.growth))

    @property
    def excluded(self) -> bool:
        """True if refused, and no attempt can have been recorded unnoticed."""
        return self.refusal is not None and self.unanswered == 0


@dataclass
class Journal:
    """All requests of a run.

    Attributes:
        requests: By nonce.
        wrong: Descriptions of answers that must not occur.
        released: Nonces of holds whose release was acknowledged.
        causes: Number of unanswered attempts by cause.
    """

    requests: dict[str, Request] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    released: set[str] = field(default_factory=set)
    causes: Counter[str] = field(default_factory=Counter)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def new(self, way: str) -> Request:
        """Add a request with a new nonce."""
        request = Request(nonce=f"{way}-{next(self._numbers)}", way=way)
        self.requests[request.nonce] = request
        return request

    def acknowledge(self, request: Request, answer: dict[str, Any]) -> None:
        """Note an acknowledged entry; all answers to a request must name the same one."""
        entry = Entry.of(answer)
        if request.entry is not None and request.entry != entry:
            self.wrong.append(
                f"{request.nonce} was answered with {request.entry}, then with {entry}"
            )
        request.entry = entry
        # A refused request does not use its nonce up: a retry may succeed.
        request.refusal = None

    def acknowledged(self, *ways: str) -> int:
        """Count the acknowledged requests of some kinds."""
        return sum(
            request.acknowledged and request.way in ways for request in self.requests.values()
        )
