"""What a server stands on, and what can go wrong with it: its disk and its clock."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ("ServerClock", "SmallDisk", "server_clock", "small_disk")

_FAKETIME: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
"""The library of Debian's package libfaketime."""


class SmallDisk:
    """A file system of its own in memory, which can be made as small as what it holds.

    Args:
        folder: The folder on which it is mounted.
    """

    _SIZE: Final = 4 * 1024**3

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Leave no room."""
        # The server writes on meanwhile, and a file system cannot be smaller than what it holds.
        for attempts_left in reversed(range(100)):
            status = os.statvfs(self.folder)
            used = (status.f_blocks - status.f_bfree) * status.f_frsize
            try:
                self._mount("remount", used)
            except subprocess.CalledProcessError:
                if not attempts_left:
                    raise
            else:
                return

    def empty(self) -> None:
        """Leave room again."""
        self._mount("remount", self._SIZE)

    def mount(self) -> None:
        """Mount it; only root may.

        Raises:
            subprocess.CalledProcessError: This machine does not permit it.
        """
        self._mount("rw", self._SIZE)

    def unmount(self) -> None:
        """Unmount it, and lose what it holds."""
        subprocess.run(["umount", self.folder], check=True, capture_output=True)

    def _mount(self, how: str, size: int) -> None:
        options = f"{how},size={size},mode=711"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | None]:
    """Mount a small disk on a folder; None where that is not permitted."""
    disk = SmallDisk(folder)
    try:
        disk.mount()
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield disk
    finally:
        disk.unmount()


class ServerClock:
    """The clock of a server that runs under libfaketime, which reads its steps from a file.

    Args:
        file: The file.

    Attributes:
        environment: The variables of the server's environment.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(_FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.step(0)

    def step(self, seconds: int) -> None:
        """Set the clock, within a second, to so many seconds from the right time."""
        self._file.write_text(f"{seconds:+d}")
        self._file.chmod(0o644)


def server_clock(file: Path) -> ServerClock | None:
    """Make a clock that can be stepped; None where libfaketime is not installed."""
    return ServerClock(file) if _FAKETIME.exists() else None
