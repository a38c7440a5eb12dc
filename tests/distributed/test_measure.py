"""The measurement of partitions produces its figures; the figures themselves are not judged."""

from __future__ import annotations

from tests.distributed.measure import CASES, measure


def test_every_case_has_figures() -> None:
    found = measure(rounds=1, calls=100)
    assert found.keys() == CASES.keys()
    assert all(figures.plain > 0 and figures.partition > 0 for figures in found.values())
