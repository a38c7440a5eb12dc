"""Provides other versions of the project, to measure in the same run."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ledger_py.settings import PROJECT_ROOT
from tests.fixtures.processes import environment

__all__ = ("THIS", "Version", "module_command", "version")


class Version(msgspec.Struct, frozen=True):
    """A version of the project.

    Attributes:
        name: Name in the results; empty for the version of this module.
        root: Folder of the project.
    """

    name: str
    root: Path

    def label(self, name: str) -> str:
        """Add the version to a label."""
        return f"{name}, at {self.name}" if self.name else name


THIS = Version("", PROJECT_ROOT)


@contextmanager
def version(name: str) -> Iterator[Version]:
    """Provide another version.

    Args:
        name: A folder with the project, or a git revision.

    Yields:
        The version. The files of a revision are temporary.

    Raises:
        ValueError: The name is neither.
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
    version: Version, module: str, *arguments: str, settings: dict[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Make the command that runs a module of a version, and its environment.

    Args:
        version: The version; its folder must be the working directory.
        module: The module.
        arguments: Command line arguments.
        settings: Environment variables, besides those of this process without the ledger's.

    Returns:
        The command and its environment, as subprocess takes them.
    """
    command = [sys.executable, "-m", module, *arguments]
    return command, environment(PYTHONPATH=str(version.root), **settings)
