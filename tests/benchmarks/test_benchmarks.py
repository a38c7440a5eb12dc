"""The benchmarks run, each for a moment; how fast anything is, is not tested."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.cases import all_cases
from tests.benchmarks.measuring import Case, Effort, measure
from tests.benchmarks.profile import profile
from tests.benchmarks.report import write
from tests.benchmarks.workbench import Workbench, run_settings, workbench

_MOMENT = Effort(rounds=1, seconds=0.01, warm_up=0, sizes=(20_000,), depth=1_000, loaded=1_000)
_CASES = all_cases(_MOMENT)


@pytest.fixture(scope="module")
def bench(server_url: str) -> Iterator[Workbench]:
    with workbench(server_url) as prepared:
        yield prepared


@pytest.mark.parametrize("case", _CASES, ids=[case.name for case in _CASES])
def test_every_case_gives_a_figure_for_each_of_its_rows(
    case: Case, bench: Workbench, server_url: str, tmp_path: Path
) -> None:
    outcomes = measure(case, bench, _MOMENT, report=lambda _line: None)

    assert [outcome.label for outcome in outcomes] == [row.label for row in case.rows]
    assert all(math.isfinite(outcome.figure) for outcome in outcomes)
    write(tmp_path, run_settings(server_url, "of a test"), outcomes)
    for name in ("results.md", "results.svg"):
        assert outcomes[0].label in (tmp_path / name).read_text()


def test_the_profile_names_the_functions_that_record(bench: Workbench) -> None:
    single, batches = profile(bench, _MOMENT, report=lambda _line: None).split("\n\n")

    assert "| `ledger.record_entry` | 1 |" in single
    assert "| `ledger_core.append_entry` | 1 |" in single
    assert "`ledger_core.record_plain_entries`" in batches
