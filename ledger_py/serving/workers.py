"""Several processes that serve on the same sockets, and the process that keeps them running.

uvicorn's own supervisor resets the connections that are made while its workers stop, ends well if
the application does not start, and ends all workers if one cannot be replaced at once.
"""

from __future__ import annotations

import logging
import logging.config
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing.connection import Connection, wait
from typing import Final

from uvicorn.config import LOGGING_CONFIG

from ledger_py.serving import lines
from ledger_py.serving.listening import Listener, refuse_connections
from ledger_py.serving.server import DRAIN_WITHIN, STARTUP_FAILURE, Server, announce

__all__ = ("Supervisor",)

_SPAWN: Final = multiprocessing.get_context("spawn")

_PAUSE: Final = 1.0
"""Seconds before a worker that did not start is tried again."""

_KILLED_AFTER: Final = DRAIN_WITHIN + 10.0
"""Seconds after which a worker that was told to stop and has not, is killed."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

_log = logging.getLogger("uvicorn.error")


class Supervisor:
    """Runs workers until SIGTERM or Ctrl-C.

    A worker that ends is replaced. If one cannot start in the beginning, all are stopped.

    Args:
        target: The application in uvicorn's notation.
        listener: The bound sockets to listen on.
        count: The number of workers.
    """

    def __init__(self, target: str, listener: Listener, count: int) -> None:
        if not lines.writes_json():
            logging.config.dictConfig(LOGGING_CONFIG)
        self._target = target
        self._listener = listener
        self._count = count
        self._workers: list[_Worker] = []
        self._has_served = False

    def run(self) -> None:
        """Serve.

        Raises:
            SystemExit: The application did not start.
        """
        with _caught_signals() as signals:
            self._workers = [self._start() for _ in range(self._count)]
            failed = not self._keep_running(signals)
            # A connection made after the workers have stopped accepting would be reset.
            refuse_connections(self._listener.sockets)
            self._stop(signals)
        if failed:
            sys.exit(STARTUP_FAILURE)

    def _start(self) -> _Worker:
        return _Worker(self._target, self._listener)

    def _keep_running(self, signals: socket.socket) -> bool:
        """Replace workers that end, until a signal comes.

        Returns:
            False if a worker did not start in the beginning.
        """
        while True:
            starting = [worker.pipe for worker in self._workers if not worker.serves]
            ends = [worker.sentinel for worker in self._workers]
            ready = wait([signals, *starting, *ends])
            if signals in ready:
                signals.recv(64)  # or it would be passed on to the workers
                return True
            for worker in self._workers:
                worker.serves = worker.serves or worker.says_it_serves()
            if not self._has_served and all(worker.serves for worker in self._workers):
                self._has_served = True
                announce(self._listener)
            for number, worker in enumerate(self._workers):
                if worker.sentinel not in ready:
                    continue
                if not self._has_served:
                    return False
                _log.warning("Worker %d ended (%s); another one is started", *worker.end())
                if not worker.serves:
                    wait([signals], _PAUSE)
                self._workers[number] = self._start()

    def _stop(self, signals: socket.socket) -> None:
        """Stop the workers and wait for them. Later signals are passed on to them."""
        for worker in self._workers:
            worker.signal(signal.SIGTERM)
        # While requests are completed, callers are refused and the next service can start.
        self._listener.close()
        deadline = time.monotonic() + _KILLED_AFTER
        while alive := [worker.sentinel for worker in self._workers if worker.is_alive()]:
            left = deadline - time.monotonic()
            numbers: list[int] = [signal.SIGKILL] if left <= 0 else []
            if signals in wait([signals, *alive], max(left, 0.1)):
                numbers += signals.recv(64)
            for number in numbers:
                for worker in self._workers:
                    worker.signal(number)


class _Worker:
    """A process that serves.

    Attributes:
        sentinel: Is ready when the process has ended.
        pipe: Is ready when the process serves.
        serves: The process has said that it serves.
    """

    def __init__(self, target: str, listener: Listener) -> None:
        self.serves = False
        self.pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(
            target=_work, args=(target, listener, theirs, lines.json_app())
        )
        # Ctrl-C goes to all processes of a terminal. It would print a traceback during the start.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            theirs.close()
        self.sentinel = self._process.sentinel

    def says_it_serves(self) -> bool:
        with suppress(EOFError, OSError):
            return self.pipe.poll() and bool(self.pipe.recv())
        return False

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def signal(self, number: int) -> None:
        if self._process.is_alive() and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def end(self) -> tuple[int | None, str]:
        """Return the number of the process that has ended, and how it ended."""
        self._process.join()
        self.pipe.close()
        code = self._process.exitcode or 0
        return self._process.pid, signal.Signals(-code).name if code < 0 else f"code {code}"


def _work(target: str, listener: Listener, supervisor: Connection, json_app: str | None) -> None:
    """Serve, as a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until the server is there
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with lines.json_lines(json_app) if json_app is not None else nullcontext():
        threading.Thread(
            target=_stop_without, args=(supervisor, listener), daemon=True, name="supervisor"
        ).start()
        try:
            Server(target, listener, lambda: supervisor.send(True), alone=False).run(
                listener.sockets
            )
        except Exception:
            # multiprocessing would print the traceback.
            _log.critical("The worker failed", exc_info=True)
            sys.exit(STARTUP_FAILURE)


def _stop_without(supervisor: Connection, listener: Listener) -> None:
    """Stop this process when its supervisor has gone."""
    with suppress(OSError, EOFError):
        supervisor.recv()
    refuse_connections(listener.sockets)
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _caught_signals() -> Iterator[socket.socket]:
    """Catch signals.

    Yields:
        A socket from which their numbers can be read.
    """
    ours, pythons = socket.socketpair()
    with ours, pythons:
        pythons.setblocking(False)
        previous_fd = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
        previous = [(number, signal.signal(number, lambda *_: None)) for number in _SIGNALS]
        try:
            yield ours
        finally:
            for number, handler in previous:
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous_fd)
