"""Services of two apps are replaced one by one under load, and no request fails."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.deployment.pooler import PGBOUNCER
from tests.faults.figures import Figures
from tests.faults.rolling import roll
from tests.migration import released


def assert_that_nothing_failed(figures: Figures) -> None:
    lines = "\n".join(figures.lines())
    assert figures.findings.all() == [], lines
    assert figures.journal.causes == Counter(), lines


@pytest.mark.parametrize("archive", released.releases(), ids=lambda archive: archive.name)
def test_services_of_a_release_are_replaced_by_those_of_today(
    archive: Path, tmp_path: Path
) -> None:
    release = released.write(archive, tmp_path)

    assert_that_nothing_failed(roll(release=release, seed=1, report=print))


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
def test_services_are_replaced_through_a_pooler() -> None:
    assert_that_nothing_failed(roll(pooled=True, seed=1, report=print))
