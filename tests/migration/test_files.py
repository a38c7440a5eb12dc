"""The rules for SQL files: names, header lines, load order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger_py.migrate import MigrationError, Project
from tests.migration.projects import Files, small_project


def test_files_of_this_project_follow_the_rules() -> None:
    project = Project()

    assert project.broken_rules() == []
    assert project.core.files
    assert project.code


def test_small_project_follows_the_rules(tmp_path: Path) -> None:
    assert small_project(tmp_path).project.broken_rules() == []


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            lambda files: files.migration("2_more", "SELECT 1;", depends="0001_schema"),
            "migrations/2_more.sql is not named NNNN_what.sql",
        ),
        (
            lambda files: files.migration("0001_things", "SELECT 1;", app="toys"),
            "apps/toys/migrations/0001_things.sql is not named toys_NNNN_what.sql",
        ),
        (
            lambda files: files.migration("0002_more", "SELECT 1;"),
            "migrations/0002_more.sql depends on nothing: name the one before it",
        ),
        (
            lambda files: files.migration("0002_more", "SELECT 1;", depends="0003_next"),
            "migrations/0002_more.sql depends on 0003_next, which is not there",
        ),
        (
            lambda files: (files.root / "migrations/0001_schema.rollback.sql").unlink(),
            "migrations/0001_schema.sql has no 0001_schema.rollback.sql beside it",
        ),
        (
            lambda files: (files.root / "migrations/0001_schema.sql").write_text("SELECT 1;"),
            "migrations/0001_schema.sql has no line '-- depends: …' at its head",
        ),
        (
            lambda files: (files.root / "migrations/0009_x.rollback.sql").write_text(""),
            "migrations/0009_x.rollback.sql is neither a migration nor the rollback of one",
        ),
        (
            lambda files: (files.root / "migrations/0002_script.py").write_text(""),
            "migrations/0002_script.py is neither a migration nor the rollback of one",
        ),
    ],
)
def test_violated_rule_is_named(
    tmp_path: Path, damage: Callable[[Files], object], sentence: str
) -> None:
    files = small_project(tmp_path)

    damage(files)

    assert sentence in files.project.broken_rules()


def test_migration_cannot_depend_on_a_later_one(tmp_path: Path) -> None:
    files = small_project(tmp_path)
    files.migration("0002_more", "SELECT 1;", depends="0003_next")
    files.migration("0003_next", "SELECT 1;", depends="0001_schema")

    assert files.project.broken_rules() == [
        "migrations/0002_more.sql depends on 0003_next, which comes after it"
    ]


def test_apps_cannot_share_the_name_of_a_migration(tmp_path: Path) -> None:
    files = small_project(tmp_path)
    files.migration("toys_0001_things", "SELECT 1;", app="games")

    assert (
        "apps/toys/migrations/toys_0001_things.sql has the same name as "
        "apps/games/migrations/toys_0001_things.sql"
    ) in files.project.broken_rules()


def test_code_is_loaded_by_folder_and_name(tmp_path: Path) -> None:
    files = Files(tmp_path)
    for name in (
        "privileges/a",
        "comments/a",
        "triggers/a",
        "views/a",
        "functions/b",
        "functions/a",
    ):
        files.code(name, "SELECT 1;")

    names = [file.name for file in files.project.code]

    assert names == [
        "functions/a",
        "functions/b",
        "views/a",
        "triggers/a",
        "comments/a",
        "privileges/a",
    ]


def test_required_code_is_loaded_first(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.code("functions/a", "-- About it.\n-- requires: views/v functions/core/c\nSELECT 1;")
    files.code("functions/core/c", "SELECT 1;")
    files.code("views/u", "SELECT 1;")
    files.code("views/v", "-- requires: views/w\nSELECT 1;")
    files.code("views/w", "SELECT 1;")

    names = [file.name for file in files.project.code]

    assert names == ["views/w", "views/v", "functions/core/c", "functions/a", "views/u"]


def test_circular_requirement_is_refused(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.code("functions/a", "-- requires: views/v\nSELECT 1;")
    files.code("views/v", "-- requires: functions/a\nSELECT 1;")

    with pytest.raises(MigrationError, match=r"functions/a -> views/v -> functions/a"):
        _ = files.project.code


def test_missing_requirement_is_refused(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.code("functions/a", "-- requires: views/v\nSELECT 1;")

    with pytest.raises(MigrationError, match=r"sql/functions/a.sql requires views/v"):
        _ = files.project.code


def test_code_outside_the_loaded_folders_is_refused(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.code("procedures/a", "SELECT 1;")

    with pytest.raises(MigrationError, match=r"sql/procedures/a.sql would not be loaded"):
        _ = files.project.code


def test_line_endings_do_not_change_a_checksum(tmp_path: Path) -> None:
    files = small_project(tmp_path)
    before = files.project
    checksums = (before.core.files[0].checksum, before.code_checksum)
    for path in tmp_path.rglob("*.sql"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    after = files.project

    assert (after.core.files[0].checksum, after.code_checksum) == checksums


def test_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    files = small_project(tmp_path)
    files.migration("0002_more", "SELECT 1;").write_bytes(b"-- depends: 0001_schema \xff")

    with pytest.raises(MigrationError, match=r"0002_more.sql is not UTF-8"):
        files.project.broken_rules()
