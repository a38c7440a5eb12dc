"""Get notified as soon as the process is asked to stop.

A server finishes the answers in progress before it tells its application. An endless answer has to
know earlier.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

__all__ = ("called_on_stop",)

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def called_on_stop(callback: Callable[[], None]) -> Iterator[None]:
    """Call a function in the running event loop when the process receives SIGTERM or SIGINT.

    The server's own handlers are called as before. Outside the main thread, where no signals
    arrive, nothing is done.

    Args:
        callback: The function.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    previous: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(callback)
        previous[number](number, frame)

    handled = [number for number in _SIGNALS if callable(previous[number])]
    for number in handled:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, previous[number])
