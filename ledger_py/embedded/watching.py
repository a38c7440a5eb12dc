"""Starts an embedded server again that died."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from ledger_py.embedded.errors import EmbeddedError

__all__ = ("Tell", "Watch")

Tell = Callable[[str, str | None], None]
"""Takes a line for the log, and why the database is away, or None when it is back."""

_LOOK_EVERY: Final = 0.5
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
"""Seconds between two starts: twice as long after each that did not last for a minute."""


class Watch:
    """A thread that looks whether the server is alive, and starts it again if it is not.

    Args:
        lives: Tells whether the server is alive.
        start: Starts the server unless it runs; returns whether it had to.
        tell: Is told what happens, in this thread.
    """

    def __init__(self, *, lives: Callable[[], bool], start: Callable[[], bool], tell: Tell) -> None:
        self._lives = lives
        self._start = start
        self._tell = tell
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="embedded-server", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.0
        started_at = -_LONGEST_PAUSE
        while not self._stopped.wait(_LOOK_EVERY):
            if self._lives():
                continue
            if time.monotonic() - started_at >= _LONGEST_PAUSE:
                pause = 0.0
            died_at = time.monotonic()
            self._tell("The embedded PostgreSQL died", "died, and is being started again")
            while not self._stopped.wait(pause):
                pause = min(max(_FIRST_PAUSE, 2 * pause), _LONGEST_PAUSE)
                try:
                    by_this = self._start()
                except (EmbeddedError, OSError) as error:
                    why = getattr(error, "brief", "the log says why")
                    line = f"The embedded PostgreSQL is tried again in {pause:g} s. {error}"
                    self._tell(line, f"died, and does not start again: {why}")
                    continue
                started_at = time.monotonic()
                by = "" if by_this else " by another process"
                took = started_at - died_at
                line = f"The embedded PostgreSQL was started again{by} after {took:.1f} s"
                self._tell(line, None)
                break
