"""Other versions of the project, to be measured beside this one in the same run."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ledger_py.settings import PROJECT_ROOT

__all__ = ("THIS", "Version", "module_command", "version")


class Version(msgspec.Struct, frozen=True):
    """A version of the project.

    Attributes:
        name: What to call it; nothing for the one that this module belongs to.
        root: The folder with its files.
    """

    name: str
    root: Path

    def label(self, name: str) -> str:
        """Say of which version a thing is."""
        return f"{name}, at {self.name}" if self.name else name


THIS = Version("", PROJECT_ROOT)


@contextmanager
def version(name: str) -> Iterator[Version]:
    """Provide another version.

    Args:
        name: A folder that holds one, or a commit by any name that git knows.

    Yields:
        The version; the files of a commit are there for the time.

    Raises:
        ValueError: It is neither.
    """
    if Path(name, "sql").is_dir():
        yield Version(Path(name).name, Path(name).resolve())
        return
    packed = subprocess.run(
        ["git", "archive", "--format=tar", name], cwd=PROJECT_ROOT, capture_output=True, check=False
    )
    if packed.returncode != 0:
        raise ValueError(f"{name} is neither a folder with the project nor a commit of it.")
    with tempfile.TemporaryDirectory(prefix="ledger-version-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Version(name, Path(folder))


def module_command(
    version: Version, module: str, *arguments: str, environment: dict[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Give the command that runs a module of a version, and its environment.

    Args:
        version: Whose; its folder has to be the working directory.
        module: The module.
        arguments: What it is given.
        environment: Settings besides those of this process, of which the ledger's are left out.

    Returns:
        The command and its environment, as subprocess takes them.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("LEDGER_")}
    command = [sys.executable, "-m", module, *arguments]
    return command, {**inherited, "PYTHONPATH": str(version.root), **environment}
