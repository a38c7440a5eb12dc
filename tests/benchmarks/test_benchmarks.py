"""Smoke tests of the benchmarks. They do not test how fast anything is."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest
from click.testing import CliRunner

from ledger_py.settings import PROJECT_ROOT
from tests.benchmarks.__main__ import main
from tests.benchmarks.cases import all_cases
from tests.benchmarks.measuring import Case, Effort, measure
from tests.benchmarks.picture import PANELS, picture
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


_STAND_IN = """
    CREATE TABLE pgledger_accounts (
        id text PRIMARY KEY, name text, currency text, balance numeric,
        allow_negative_balance boolean, allow_positive_balance boolean,
        created_at timestamptz, updated_at timestamptz
    );
    CREATE FUNCTION pgledger_create_transfer(
        from_account_id text, to_account_id text, amount numeric
    ) RETURNS SETOF text LANGUAGE sql RETURN of_vendor(from_account_id);
"""


@pytest.fixture
def pgledger(tmp_path: Path) -> Path:
    """A stand-in for a copy of pgledger's repository."""
    folder = tmp_path / "pgledger"
    (folder / "vendor" / "some").mkdir(parents=True)
    (folder / "vendor" / "some" / "function.sql").write_text(
        "CREATE FUNCTION of_vendor(id text) RETURNS text LANGUAGE sql RETURN id;"
    )
    (folder / "pgledger.sql").write_text(_STAND_IN)
    return folder


@pytest.mark.parametrize("name", ["single-8", "single-1", "hot"])
def test_pgledger_is_measured_in_the_same_run(bench: Workbench, pgledger: Path, name: str) -> None:
    (case,) = [case for case in all_cases(_MOMENT, pgledger) if case.name == name]

    _, beside = measure(case, [bench], _MOMENT, report=lambda _line: None)

    assert beside.label.endswith(", beside pgledger")
    assert beside.floor_measured is not None
    assert beside.floor_measured.rate > 0


def test_folder_without_pgledger_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--pgledger", str(tmp_path), "--list"])

    assert (result.exit_code, "no copy of pgledger" in result.stderr) == (2, True)


def test_every_bar_of_the_picture_is_measured() -> None:
    """pgledger is, where a copy is given."""
    measured = {
        (case.name, name)
        for case in all_cases(_MOMENT, Path())
        for row in case.rows
        for name in (row.contender, row.floor)
    }

    assert {(bar.case, bar.contender) for panel in PANELS for bar in panel.bars} <= measured


def test_picture_shows_rates_beside_their_floors() -> None:
    outcomes = [
        outcome(case="life-1000", contender="plain", floor="COPY", rates=(49_960, 99_000)),
        outcome(case="life-1000", contender="plain", floor="COPY", rates=(1, 1)),
        outcome(case="http", contender="POST, life", floor="POST", rates=(8_001, 15_870)),
        outcome(case="memory", contender="POST", floor=None, rates=(1, 1)),
    ]
    settings = dict.fromkeys(
        ("cores", "server_version", "fsync", "effort", "load average before"), "1.0"
    )

    svg = ElementTree.fromstring(picture({"settings": settings, "outcomes": outcomes}))

    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[4:-2] == [
        *("Batches of 1 000, entries a second", "COPY", "99 000"),
        *("record_entries, plain spends", "50 000"),
        *("POST /ledger, 32 connections, requests a second", "plain spends", "15 900"),
        *("ordinary life", "8 000"),
    ]
    widths = [float(bar.attrib["width"]) for bar in svg if bar.get("rx") == "2"]
    assert [round(width / max(widths), 2) for width in widths] == [1, 0.5, 1, 0.5]


def outcome(
    *, case: str, contender: str, floor: str | None, rates: tuple[float, float]
) -> dict[str, Any]:
    measured, least = rates
    return {
        "case": case,
        "contender": contender,
        "measured": {"rate": measured},
        "floor": floor,
        "floor_measured": {"rate": least} if floor else None,
    }


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
    assert "`ledger_core.record_plain_batch`" in batches
