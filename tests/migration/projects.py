"""Small projects of SQL files, for tests of the runner that need no ledger."""

from __future__ import annotations

from pathlib import Path

from ledger_py.migrate import Project


class Files:
    """SQL files below a folder, and methods to write more."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def project(self) -> Project:
        """The files as they are now."""
        return Project(self.root)

    def migration(
        self, name: str, text: str, *, undo: str = "SELECT 1;", depends: str = "", app: str = ""
    ) -> Path:
        """Write a migration and its rollback file; return the path of the migration."""
        folder = self.root / "apps" / app / "migrations" if app else self.root / "migrations"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.rollback.sql").write_text(undo, encoding="utf-8")
        path = folder / f"{name}.sql"
        path.write_text(f"-- A test.\n-- depends: {depends}\n\n{text}\n", encoding="utf-8")
        return path

    def code(self, name: str, text: str) -> Path:
        """Write a file of `sql/`, named as in `functions/one`."""
        path = self.root / "sql" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
        return path


def small_project(root: Path) -> Files:
    """Write a project with a table, a function on it, and an app with a row in it."""
    files = Files(root)
    files.migration(
        "0001_schema",
        "CREATE SCHEMA ledger;\n\nCREATE TABLE ledger.things (thing text PRIMARY KEY);",
        undo="DROP TABLE ledger.things;\nDROP SCHEMA ledger;",
    )
    files.code(
        "functions/count_things",
        "CREATE OR REPLACE FUNCTION ledger.count_things() RETURNS bigint LANGUAGE sql\n"
        "AS $$ SELECT count(*) FROM ledger.things; $$;",
    )
    files.migration(
        "toys_0001_things",
        "INSERT INTO ledger.things VALUES ('toy; 100 % :fun');",
        undo="DELETE FROM ledger.things;",
        app="toys",
    )
    return files
