"""Releases, kept to test upgrades from them: `make release-snapshot`.

A release is an archive of its SQL and its Python, and of a script that records data. Its services
run in today's environment. `released.sha256` lists the released migrations, which must not be
edited any more.
"""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ledger_py.settings import PROJECT_ROOT
from tests.documents.changelog import unready

__all__ = ("DATA", "checksums", "releases", "snapshot", "unpack", "write")

DATA: Final = "release_data.sql"
"""The name of the script in an archive."""

_HERE: Final = Path(__file__).parent
_FOLDER: Final = _HERE / "released"
_LIST: Final = _FOLDER / "released.sha256"
_PATTERNS: Final = (
    *("migrations/*.sql", "apps/*/migrations/*.sql", "sql/**/*.sql"),
    *("ledger_py/**/*.py", "apps/*/*.py"),
)


def releases() -> list[Path]:
    """List the archives, oldest first."""
    return sorted(_FOLDER.glob("*.tar.xz"), key=_version)


def _version(archive: Path) -> list[int]:
    return [int(number) for number in archive.name.removesuffix(".tar.xz").split(".")]


def checksums() -> dict[str, str]:
    """Read the list of the released migrations (for `sha256sum --check`): SHA-256 by path."""
    lines = _LIST.read_text(encoding="utf-8").splitlines() if _LIST.exists() else []
    pairs = (line.split("  ", maxsplit=1) for line in lines)
    return {path: checksum for checksum, path in pairs}


def checksum(content: bytes) -> str:
    """Compute the checksum of a file as in the list."""
    return hashlib.sha256(content).hexdigest()


def snapshot(folder: Path, version: str, root: Path = PROJECT_ROOT) -> Path:
    """Write the archive of a release, reproducibly.

    Args:
        folder: The folder of the archive.
        version: The version, which names the archive.
        root: The project.

    Returns:
        The archive.
    """
    archive = folder / f"{version}.tar.xz"
    with tarfile.open(archive, "w:xz", format=tarfile.PAX_FORMAT) as tar:
        for name, content in _files(root):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return archive


def _files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(path for pattern in _PATTERNS for path in root.glob(pattern)):
        yield path.relative_to(root).as_posix(), path.read_bytes()
    yield DATA, (_HERE / DATA).read_bytes()


def write(archive: Path, folder: Path) -> Path:
    """Write the files of a release into a folder, and return the folder."""
    for name, content in unpack(archive).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    # Or `apps` of today, which is a package, would go before the release's.
    (folder / "apps/__init__.py").touch()
    return folder


def unpack(archive: Path) -> dict[str, bytes]:
    """Return the files of a release by path."""
    with tarfile.open(archive) as tar:
        found = ((member.name, tar.extractfile(member)) for member in tar.getmembers())
        return {name: content.read() for name, content in found if content is not None}


def is_migration(path: str) -> bool:
    """Whether a file of a release is a migration, which must not change."""
    return "migrations" in path.split("/")


def _write_list(listed: Iterable[tuple[str, str]]) -> None:
    _LIST.write_text("".join(f"{found}  {path}\n" for path, found in listed), encoding="utf-8")


def main() -> None:
    """Freeze the tree as the release of the version in pyproject.toml."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version: str = project["project"]["version"]
    if (_FOLDER / f"{version}.tar.xz").exists():
        sys.exit(
            f"{version} is there already. Raise the version in pyproject.toml; or, if nobody has "
            f"it yet, delete released/{version}.tar.xz and its lines in released.sha256 first."
        )
    advice = unready((PROJECT_ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if advice is not None:
        sys.exit(advice)
    _FOLDER.mkdir(exist_ok=True)
    archive = snapshot(_FOLDER, version)
    migrations = {
        path: checksum(content) for path, content in unpack(archive).items() if is_migration(path)
    }
    listed = checksums()
    edited = [path for path, found in listed.items() if migrations.get(path) != found]
    if edited:
        archive.unlink()
        sys.exit(f"Released, and edited or deleted since: {', '.join(edited)}")
    _write_list(sorted({**listed, **migrations}.items()))
    sys.stdout.write(f"{archive.relative_to(PROJECT_ROOT)}: {archive.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
