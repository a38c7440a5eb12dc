"""The log of a service, one line per request.

Lines are JSON, or coloured text by structlog on a terminal. The service has a logger of its own,
and leaves the logging of the process as it is.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

import msgspec
import psycopg
import structlog

from ledger_py.http.problems import Problem, problem_of

if TYPE_CHECKING:
    from litestar.types import Scope

    from ledger_py.settings import LogFormat

__all__ = ("RequestLog", "make_logger")

_STATE_KEY: Final = "request_log"

_LEVELS: Final = {"unavailable": logging.WARNING, "failed": logging.ERROR}


class Logger(Protocol):
    """Writes lines: what happened, and values by name."""

    def log(self, level: int, event: str, **values: Any) -> None:
        """Write a line of a level of the module logging."""

    def info(self, event: str, **values: Any) -> None:
        """Write a line of level INFO."""


def make_logger(log_format: LogFormat = "auto", stream: TextIO | None = None) -> Logger:
    """Make the logger of a service.

    Args:
        log_format: ``json``, ``console``, or ``auto``: console on a terminal, JSON otherwise.
        stream: The target of the lines; standard output if left out.

    Returns:
        The logger.
    """
    stream = stream or sys.stdout
    if log_format == "console" or (log_format == "auto" and stream.isatty()):
        console: Logger = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                # Values as literals, so that no owner can write control characters to the terminal.
                # Tracebacks without local variables, which hold passwords.
                structlog.dev.ConsoleRenderer(
                    repr_native_str=True, exception_formatter=structlog.dev.plain_traceback
                ),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        ).bind()
        return console
    return _JsonLogger(stream)


class _JsonLogger:
    """Writes a JSON object per line.

    structlog's chain of wrappers would take 2.5 µs more a line, 4 % of a request.

    Args:
        stream: The target of the lines.
    """

    _encode = staticmethod(msgspec.json.Encoder(enc_hook=repr).encode)

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream.buffer

    def log(self, level: int, event: str, **values: Any) -> None:
        if (error := values.pop("exc_info", None)) is not None:
            values["exception"] = "".join(traceback.format_exception(error)).rstrip()
        line = {
            "timestamp": datetime.now(UTC),
            "level": logging.getLevelName(level).lower(),
            "event": event,
            **values,
        }
        self._stream.write(self._encode(line) + b"\n")
        self._stream.flush()

    def info(self, event: str, **values: Any) -> None:
        self.log(logging.INFO, event, **values)


class RequestLog:
    """The log line of one request, filled in while the request is answered.

    Args:
        request_id: The id of the request.
        app: The app of the service.
        method: The HTTP method.
        path: The path as it was sent.

    Attributes:
        status: The HTTP status of the answer; None until there is one.
        owner: The owner that the request is about, if any.
        operation: The operation that it asks for.
        nonce: The nonce of the request, or else of the hold that it is about.
        outcome: ``recorded``, ``replayed``, ``answered``, ``dry_run``, or how it failed
            (problems.Outcome).
    """

    __slots__ = (
        "_error",
        "_problem",
        "_started_at",
        "app",
        "method",
        "nonce",
        "operation",
        "outcome",
        "owner",
        "path",
        "request_id",
        "status",
    )

    def __init__(self, *, request_id: str, app: str, method: str, path: str) -> None:
        self._started_at = time.perf_counter_ns()
        self._error: Exception | None = None
        self._problem: Problem | None = None
        self.request_id = request_id
        self.app = app
        self.method = method
        self.path = path
        self.status: int | None = None
        self.owner: str | None = None
        self.operation: str | None = None
        self.nonce: str | None = None
        self.outcome = "answered"

    @classmethod
    def of(cls, scope: Scope) -> RequestLog:
        """Get the log of the request of an ASGI scope."""
        log: RequestLog = scope["state"][_STATE_KEY]
        return log

    def attach(self, scope: Scope) -> None:
        """Put the log where `of` finds it."""
        scope["state"] = {**scope.get("state", {}), _STATE_KEY: self}

    def note(self, about: object) -> None:
        """Take owner, operation and nonce from a path, a body or an answer that has them."""
        # Of a transfer, the sender
        for field in ("from_owner_id", "owner_id"):
            self.owner = getattr(about, field, self.owner)
        self.operation = getattr(about, "operation", self.operation)
        for field in ("allowance_nonce", "hold_nonce", "nonce"):
            self.nonce = getattr(about, field, None) or self.nonce

    def fail(self, error: Exception) -> Problem:
        """Note that the request failed.

        Args:
            error: The exception.

        Returns:
            The problem to answer with.
        """
        self._error = error
        self._problem = problem_of(error)
        self.outcome = self._problem.outcome
        return self._problem

    def write(self, logger: Logger) -> None:
        """Write the line."""
        values: dict[str, Any] = {
            "request_id": self.request_id,
            "app": self.app,
            "method": self.method,
            "path": self.path,
            "status": self.status,
        }
        if self.owner is not None:
            values["owner"] = self.owner
        if self.operation is not None:
            values["operation"] = self.operation
        if self.nonce is not None:
            values["nonce"] = self.nonce
        values["outcome"] = self.outcome
        if self._problem is not None:
            values["code"] = self._problem.type.code
            if "partition" in self._problem.values:
                values["partition"] = self._problem.values["partition"]
        values["duration_ms"] = (time.perf_counter_ns() - self._started_at) // 1000 / 1000
        if self.outcome == "unavailable":
            cause = self._error.__cause__ if self._error else None
            values["reason"] = str(cause if isinstance(cause, psycopg.Error) else self._error)
        elif self.outcome == "failed":
            values["exc_info"] = self._error
        logger.log(_LEVELS.get(self.outcome, logging.INFO), "request", **values)
