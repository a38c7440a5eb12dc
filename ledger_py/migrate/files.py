"""The SQL files of a project, their order, and the rules for them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from ledger_py.apps import AppError, find_apps
from ledger_py.migrate.errors import MigrationError
from ledger_py.settings import SQL_ROOT

CODE_FOLDERS: Final = ("functions", "views", "triggers", "comments", "privileges", "dropped")
"""The folders of `sql/`, in the order in which they are loaded."""

_OF_FRONTS: Final = "fronts"
"""The folder of what `ledger cluster front` loads, which is no part of a ledger."""

CODE: Final = "sql/"
"""The name under which `sql/` as a whole is recorded."""

_CREATES: Final = re.compile(
    r"\bCREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|AGGREGATE|VIEW) (?P<name>\w+\.\w+)"
)
_CREATES_TRIGGER: Final = re.compile(
    r"\bCREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER (?P<name>\w+)\s[^;]*?"
    r"\bON (?P<table>\w+\.\w+)"
)
_DEPENDS: Final = re.compile(r"^--\s*depends:(.*)$")
_REQUIRES: Final = re.compile(r"^--\s*requires:(.*)$")


class MigrationFile(msgspec.Struct, frozen=True):
    """A file of `migrations/` or of an app's `migrations/`."""

    id: str
    """The name without its suffix; unique in the project, and recorded by yoyo."""
    path: str
    """As in a checkout, such as `apps/app1/migrations/NAME.sql`; recorded with the checksum."""
    file: Path
    checksum: str
    depends: tuple[str, ...] | None
    """The ids on its `-- depends:` line; None without such a line."""


class CodeFile(msgspec.Struct, frozen=True):
    """A file of `sql/`."""

    name: str
    """Relative to `sql/`, without the suffix, as in `functions/balance`."""
    file: Path
    requires: tuple[str, ...]
    checksum: str
    creates: tuple[str, ...]
    """The functions, views and triggers that it creates: with their schema, or with their table."""
    drops: bool
    """True if it drops something, so that files that require it must run again."""


class MigrationFolder(msgspec.Struct, frozen=True):
    """A folder of migrations; `app` is None for the ledger's own."""

    app: str | None
    folder: Path
    files: tuple[MigrationFile, ...]

    def path_of(self, name: str) -> str:
        """Return what is recorded for a file, the same wherever the app's repository is."""
        return f"{_place(self.app)}/{name}"


class Project:
    """The SQL files of the ledger and of its apps; read at first use, then cached.

    Args:
        root: The folder with `sql/` and `migrations/`; that of this version if left out.
        apps: The folder of migrations of each app. If left out: those of all apps that are found
            or, with `root`, those below its folder `apps/`.

    Attributes:
        root: The folder with `sql/` and `migrations/`.
    """

    def __init__(self, root: Path | None = None, *, apps: Mapping[str, Path] | None = None) -> None:
        self.root = root or SQL_ROOT
        if apps is None and root is not None:
            apps = {path.parent.name: path for path in root.glob("apps/*/migrations")}
        self._apps = apps

    @cached_property
    def core(self) -> MigrationFolder:
        """The ledger's own migrations."""
        return self._migration_folder(None, self.root / "migrations")

    @cached_property
    def apps(self) -> tuple[MigrationFolder, ...]:
        """The migrations of each app that has any, ordered by the app's name."""
        if self._apps is None:
            try:
                self._apps = {app.name: app.migrations for app in find_apps().values()}
            except AppError as error:
                raise MigrationError(str(error)) from error
        folders = sorted((name, path) for name, path in self._apps.items() if path.is_dir())
        return tuple(self._migration_folder(name, path) for name, path in folders)

    @property
    def migrations(self) -> tuple[MigrationFile, ...]:
        """All migrations, in the order in which they are applied."""
        return tuple(file for folder in (self.core, *self.apps) for file in folder.files)

    def migrations_for(self, app: str | None) -> tuple[MigrationFile, ...]:
        """List the migrations that one app needs.

        Args:
            app: Its name, or None for all apps.

        Returns:
            The ledger's own and those of that app.
        """
        if app is None:
            return self.migrations
        folders = [self.core, *(folder for folder in self.apps if folder.app == app)]
        return tuple(file for folder in folders for file in folder.files)

    @cached_property
    def code(self) -> tuple[CodeFile, ...]:
        """The files of `sql/` in the order in which they are loaded.

        Folder by folder (`CODE_FOLDERS`), each with its sub-folders by name. Files that a line
        `-- requires: folder/name [folder/name …]` at the head of a file names are loaded before it.

        Raises:
            MigrationError: A file is in none of these folders, requires one that does not exist, or
                requires itself through others.
        """
        files: dict[str, CodeFile] = {}
        for folder in CODE_FOLDERS:
            for path in sorted((self.root / "sql" / folder).rglob("*.sql")):
                name = path.relative_to(self.root / "sql").with_suffix("").as_posix()
                text = _read(path)
                requires = tuple(
                    word
                    for line in _header(text, _REQUIRES)
                    for word in re.split(r"[,\s]+", line)
                    if word
                )
                files[name] = CodeFile(
                    name, path, requires, _checksum(text), _created(text), "DROP " in text
                )
        loaded_from = {file.file for file in files.values()}
        for path in sorted((self.root / "sql").rglob("*.sql")):
            if (
                path not in loaded_from
                and path.relative_to(self.root / "sql").parts[0] != _OF_FRONTS
            ):
                raise MigrationError(
                    f"{self._relative(path)} would not be loaded: files of sql/ are in one of the "
                    f"folders {', '.join(CODE_FOLDERS)}"
                )
        return tuple(_in_order(files))

    @cached_property
    def code_checksum(self) -> str:
        """The fingerprint of `sql/` as a whole."""
        lines = sorted(f"{file.name} {file.checksum}\n" for file in self.code)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def broken_rules(self) -> list[str]:
        """Check the rules for migrations that yoyo does not check.

        Returns:
            A sentence per violation.
        """
        found: list[str] = []
        seen: dict[str, str] = {}
        for folder in (self.core, *self.apps):
            prefix = f"{folder.app}_" if folder.app else ""
            known = {file.id for file in folder.files} | {file.id for file in self.core.files}
            names = {path.name for path in folder.folder.glob("*")}
            applied = {f"{file.id}.sql" for file in folder.files}
            undo = {f"{file.id}.rollback.sql" for file in folder.files}
            found += [
                f"{folder.path_of(name)} is neither a migration nor the rollback of one"
                for name in sorted(names - applied - undo)
            ]
            for file in folder.files:
                if not re.fullmatch(rf"{prefix}\d{{4}}_[a-z0-9_]+", file.id):
                    found.append(f"{file.path} is not named {prefix}NNNN_what.sql")
                if f"{file.id}.rollback.sql" not in names:
                    found.append(f"{file.path} has no {file.id}.rollback.sql beside it")
                if file.id in seen:
                    found.append(f"{file.path} has the same name as {seen[file.id]}")
                if file.depends is None:
                    found.append(f"{file.path} has no line '-- depends: …' at its head")
                for name in file.depends or ():
                    if name not in known:
                        found.append(f"{file.path} depends on {name}, which is not there")
                    elif name in seen or name == file.id:
                        continue
                    else:
                        found.append(f"{file.path} depends on {name}, which comes after it")
                if folder.files[0] is not file and not file.depends:
                    found.append(f"{file.path} depends on nothing: name the one before it")
                seen[file.id] = file.path
        return found

    def _migration_folder(self, app: str | None, folder: Path) -> MigrationFolder:
        files = []
        for path in sorted(folder.glob("*.sql")):
            if not path.name.endswith(".rollback.sql"):
                text = _read(path)
                lines = _header(text, _DEPENDS)
                depends = tuple(" ".join(lines).split()) if lines else None
                name = f"{_place(app)}/{path.name}"
                files.append(MigrationFile(path.stem, name, path, _checksum(text), depends))
        return MigrationFolder(app, folder, tuple(files))

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _place(app: str | None) -> str:
    return f"apps/{app}/migrations" if app else "migrations"


def _read(path: Path) -> str:
    try:
        # Text mode turns any newline into "\n": a checkout on Windows has the same checksums.
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MigrationError(f"{path} is not UTF-8: {error}") from None


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _created(text: str) -> tuple[str, ...]:
    objects = [match["name"] for match in _CREATES.finditer(text)]
    triggers = [f"{match['table']}.{match['name']}" for match in _CREATES_TRIGGER.finditer(text)]
    return (*objects, *triggers)


def _header(text: str, pattern: re.Pattern[str]) -> list[str]:
    """Return the values of the lines that match, among the comment lines at the head of a file."""
    found = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("--"):
            break
        match = pattern.match(line)
        if match:
            found.append(match[1])
    return found


def _in_order(files: dict[str, CodeFile]) -> list[CodeFile]:
    ordered: dict[str, CodeFile] = {}

    def load(name: str, asked_by: tuple[str, ...]) -> None:
        if name in ordered:
            return
        if name in asked_by:
            circle = " -> ".join((*asked_by[asked_by.index(name) :], name))
            raise MigrationError(f"Files of sql/ require each other in a circle: {circle}")
        if name not in files:
            raise MigrationError(f"sql/{asked_by[-1]}.sql requires {name}, which is not there")
        for required in files[name].requires:
            load(required, (*asked_by, name))
        ordered[name] = files[name]

    for name in files:
        load(name, ())
    return list(ordered.values())
