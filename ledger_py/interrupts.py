"""Ctrl-C while a command is being loaded, and afterwards."""

# Imported before everything else: without `typing`, which takes long.

from __future__ import annotations

import os
import signal

INTERRUPTED = 128 + signal.SIGINT
"""The exit code by which a shell tells of a process that Ctrl-C ended."""


def end_at_once() -> None:
    """Let Ctrl-C end the process: nothing is open yet that would have to be closed."""
    # Else it is ignored, or somebody's own.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def end_in_order() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: object) -> None:
    os.write(2, b"Ended by Ctrl-C\n")
    os._exit(INTERRUPTED)
