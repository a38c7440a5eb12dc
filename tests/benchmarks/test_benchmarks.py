"""Smoke tests of the benchmarks. They do not test how fast anything is."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ledger_py.settings import PROJECT_ROOT
from tests.benchmarks.cases import all_cases
from tests.benchmarks.measuring import Case, Effort, measure
from tests.benchmarks.profile import profile
from tests.benchmarks.report import write
from tests.benchmarks.versions import version
from tests.benchmarks.workbench import Workbench, run_settings, workbench

_MOMENT = Effort(
    rounds=1, seconds=0.01, warm_up=0, sizes=(20_000,), depth=1_000, loaded=1_000, requests=100
)
_CASES = all_cases(_MOMENT)


@pytest.fixture(scope="module")
def bench(server_url: str) -> Iterator[Workbench]:
    with workbench(server_url) as prepared:
        yield prepared


@pytest.mark.parametrize("case", _CASES, ids=[case.name for case in _CASES])
def test_every_case_has_a_figure_for_each_of_its_rows(
    case: Case, bench: Workbench, server_url: str, tmp_path: Path
) -> None:
    outcomes = measure(case, [bench], _MOMENT, report=lambda _line: None)

    assert [outcome.label for outcome in outcomes] == [row.label for row in case.rows]
    assert all(math.isfinite(outcome.figure) for outcome in outcomes)
    write(tmp_path, run_settings(server_url, "of a test"), outcomes)
    for name in ("results.md", "results.svg"):
        assert outcomes[0].label in (tmp_path / name).read_text()


def test_other_version_is_measured_in_the_same_run(
    bench: Workbench, server_url: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    for name in ("ledger_py", "sql", "migrations", "apps", "tests"):
        shutil.copytree(PROJECT_ROOT / name, copy / name)
    shutil.copy(PROJECT_ROOT / "pyproject.toml", copy)
    (copy / "sql/functions/core/of_the_copy.sql").write_text(
        "CREATE FUNCTION ledger_core.of_the_copy() RETURNS integer LANGUAGE sql RETURN 1;"
    )

    with version(str(copy)) as other, workbench(server_url, other) as other_bench:
        outcomes = measure(_CASES[0], [bench, other_bench], _MOMENT, report=lambda _line: None)
        with other_bench.database() as database, psycopg.connect(database.url) as conn:
            answer = conn.execute("SELECT ledger_core.of_the_copy()").fetchone()

    label = _CASES[0].rows[0].label
    assert [outcome.label for outcome in outcomes] == [label, f"{label}, at copy"]
    assert answer == (1,)


def test_unknown_version_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"), version("no-such-version"):
        pass


def test_profile_names_the_functions_that_record(bench: Workbench) -> None:
    single, batches = profile(bench, _MOMENT, report=lambda _line: None).split("\n\n")

    assert "| `ledger.record_entry` | 1 |" in single
    assert "| `ledger_core.write_entry` | 1 |" in single
    assert "`ledger_core.record_plain_items`" in batches
