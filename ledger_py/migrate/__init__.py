"""Brings a database up to date: history from `migrations/` and the apps, code from `sql/`.

Under one advisory lock and in this order: the pending files of `migrations/`, all of `sql/` in one
transaction, the pending files of each app's `migrations/`. It can be run again, and by many
processes at once.
"""

from ledger_py.migrate.errors import MigrationError
from ledger_py.migrate.files import Project
from ledger_py.migrate.readiness import ensure_current, missing_files_async
from ledger_py.migrate.roles import role_script
from ledger_py.migrate.runner import migrate, rollback
from ledger_py.migrate.state import FileState, FileStatus, status

__all__ = [
    "FileState",
    "FileStatus",
    "MigrationError",
    "Project",
    "ensure_current",
    "migrate",
    "missing_files_async",
    "role_script",
    "rollback",
    "status",
]
