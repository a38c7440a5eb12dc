"""Compares the files of a project with what is installed in a database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

import msgspec
import psycopg

from ledger_py.migrate import records
from ledger_py.migrate.database import open_connection
from ledger_py.migrate.errors import MigrationError
from ledger_py.migrate.files import CODE, Project


class FileState(Enum):
    """How a file stands to the database."""

    APPLIED = "applied"
    PENDING = "pending"
    """Not applied yet; for `sql/`: what is installed is another text."""
    EDITED = "edited"
    """Applied, but the file has been changed since."""
    MISSING = "missing"
    """Applied, but the file is not here."""


class FileStatus(msgspec.Struct, frozen=True):
    """The state of one migration, or of `sql/` as a whole."""

    path: str
    state: FileState
    installed_at: datetime | None


def compare(project: Project, installed: Mapping[str, records.InstalledFile]) -> list[FileStatus]:
    """Compare files with a record of what is installed.

    Args:
        project: the files.
        installed: what is installed, by path.

    Returns:
        The state of each migration in order, of `sql/`, and of what is installed without a file.
    """
    found = []
    for file in project.migrations:
        record = installed.get(file.path)
        if record is None:
            state = FileState.PENDING
        elif record.checksum != file.checksum:
            state = FileState.EDITED
        else:
            state = FileState.APPLIED
        found.append(FileStatus(file.path, state, record.installed_at if record else None))
    code = installed.get(CODE)
    current = code is not None and code.checksum == project.code_checksum
    code_state = FileState.APPLIED if current else FileState.PENDING
    code_status = FileStatus(CODE, code_state, code.installed_at if code else None)
    found.insert(len(project.core.files), code_status)
    known = {CODE, *(file.path for file in project.migrations)}
    found += [
        FileStatus(path, FileState.MISSING, installed[path].installed_at)
        for path in sorted(installed.keys() - known)
    ]
    return found


def status(url: str, *, project: Project | None = None) -> list[FileStatus]:
    """Tell which files are applied to a database, pending, edited or missing.

    Args:
        url: the database; any role that may use the ledger will do.
        project: the files; those of this checkout if left out.

    Returns:
        The state of each file, in the order in which they are applied.

    Raises:
        MigrationError: the database cannot be read.
    """
    try:
        with open_connection(url) as conn:
            return compare(project or Project(), records.read(conn))
    except psycopg.Error as error:
        raise MigrationError(f"The state cannot be read: {str(error).strip()}") from error
