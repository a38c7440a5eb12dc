"""The figures of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.faults.checking import Findings
from tests.faults.journal import Journal

__all__ = ("Figures",)


@dataclass
class Figures:
    """The outcome of a run.

    Attributes:
        seconds: Duration of the load.
        callers: The callers, in words.
        longest: Seconds of the longest attempt, by kind of caller.
        journal: The requests and their answers.
        faults: Number of times each fault was caused, or each service replaced.
        findings: The differences between journal and books.
        beside: The answers that owners of other partitions got during the faults of one, by fault.
    """

    seconds: float
    callers: str
    longest: Mapping[str, float]
    journal: Journal
    faults: Counter[str]
    findings: Findings
    beside: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[str]:
        """Format the figures as lines of text."""
        requests = list(self.journal.requests.values())
        attempts = sum(request.attempts for request in requests)
        acknowledged = [request for request in requests if request.acknowledged]
        yield f"load for {self.seconds:.0f} s by {self.callers}"
        yield f"{len(requests)} requests, in {attempts} attempts"
        yield f"  acknowledged {len(acknowledged)}: " + _counts(
            request.way for request in acknowledged
        )
        yield f"  refused {sum(request.refusal is not None for request in requests)}"
        open_ = sum(not request.acknowledged and request.refusal is None for request in requests)
        yield f"  never answered {open_}"
        yield "longest attempt: " + ", ".join(
            f"{kind} {seconds:.2f} s" for kind, seconds in self.longest.items()
        )
        yield f"attempts without an answer {sum(self.journal.causes.values())}"
        for cause, count in self.journal.causes.most_common():
            yield f"  {count:6} {cause}"
        yield f"events {self.faults.total()}: " + ", ".join(
            f"{name} {count}" for name, count in sorted(self.faults.items())
        )
        if self.beside:
            yield f"answered beside them {self.beside.total()}: " + ", ".join(
                f"{name} {count}" for name, count in sorted(self.beside.items())
            )
        yield f"lost {len(self.findings.lost)}"
        yield f"doubled {len(self.findings.doubled)}"
        yield f"other findings {len(self.findings.other)}"
        yield from self.findings.all()[:20]


def _counts(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(Counter(names).items()))
