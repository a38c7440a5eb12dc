"""The programs that read OpenAPI documents: generators of clients, and linters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ("CLIENTS", "NODE_MODULES", "PYTHON", "run")

CLIENTS: Final = Path(__file__).with_name("clients")

NODE_MODULES: Final = Path(sys.prefix, "npm", "node_modules")
"""What npm has installed; make leaves it out where npm cannot get its packages."""

_BIN: Final = Path(sys.prefix, "schemathesis", "bin")

PYTHON: Final = _BIN / "python"
"""The Python that the generator of Python clients, and Node, are installed for."""


def run(*command: str | Path, folder: Path) -> None:
    """Run a program.

    Args:
        command: The program and its arguments.
        folder: Where it runs.

    Raises:
        AssertionError: It did not succeed; the message holds what it printed.
    """
    path = os.pathsep.join([str(NODE_MODULES / ".bin"), str(_BIN), os.environ["PATH"]])
    # Redocly would otherwise look for a newer version, and report that it was used.
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **quiet, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} exited with {done.returncode}:\n{done.stdout}"
