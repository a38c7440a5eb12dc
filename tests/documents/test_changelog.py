"""The changelog, the version in pyproject.toml and the kept releases agree."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ledger_py.settings import PROJECT_ROOT
from tests.documents.changelog import UNRELEASED, sections, unready
from tests.migration import released

CHANGELOG = (PROJECT_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_newest_released_section_is_the_version() -> None:
    assert list(sections(CHANGELOG))[:2] == [UNRELEASED, PROJECT["version"]]


def test_every_released_section_has_its_snapshot() -> None:
    kept = [archive.name.removesuffix(".tar.xz") for archive in released.releases()]

    assert [*reversed(kept)] == list(sections(CHANGELOG))[1:]


def test_sql_that_differs_from_the_release_is_announced(tmp_path: Path) -> None:
    newest = sql_of(released.releases()[-1])
    today = sql_of(released.snapshot(tmp_path, "today"))

    assert today == newest or sections(CHANGELOG)[UNRELEASED]


def sql_of(archive: Path) -> dict[str, bytes]:
    files = released.unpack(archive)
    return {name: content for name, content in files.items() if name.endswith(".sql")}


@pytest.mark.parametrize(
    ("changelog", "advice"),
    [
        ("## Unreleased\n\n- New.\n\n## 0.2.0 - 2030-01-01\n\n- Old.\n", "move what is under"),
        ("## Unreleased\n\n## 0.1.0 - 2030-01-01\n\n- Old.\n", "write a section 0.2.0"),
        ("## Unreleased\n\n## 0.2.0 - 2030-01-01\n", "write a section 0.2.0"),
        ("## Unreleased\n\n## 0.2.0 - 2030-01-01\n\n- New.\n", None),
    ],
)
def test_release_needs_its_section_and_nothing_unreleased(
    changelog: str, advice: str | None
) -> None:
    found = unready(changelog, "0.2.0")

    assert found is None if advice is None else advice in str(found)
