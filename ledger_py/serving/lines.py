"""The lines that a service's process writes beside those of its requests, as JSON.

They are those of uvicorn, of the pool of connections, of asyncio, warnings of Python, and errors
that nobody caught. The lines of requests are made by `ledger_py.http.logs`, with the same keys.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ("json_app", "json_lines", "name_app", "writes_json")

_log = logging.getLogger("ledger_py")

_LEVELS: Final = {"": logging.WARNING, "ledger_py": logging.INFO, "uvicorn": logging.INFO}
"""The least level of what is written, by logger."""


class _JsonHandler(logging.StreamHandler[Any]):
    """Writes a JSON object for each record to standard error."""

    def __init__(self, app: str) -> None:
        super().__init__(sys.stderr)
        self.app = app

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat()
        line: dict[str, Any] = {
            "timestamp": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "log"),
            "app": self.app,
            "logger": record.name,
            "message": record.getMessage().strip(),
        }
        if record.exc_info:
            line["exception"] = logging.Formatter().formatException(record.exc_info)
        # In ASCII, so that any encoding of the stream will do.
        return json.dumps(line)


def json_app() -> str | None:
    """Return the app that `json_lines` writes for at this time; None outside of it."""
    return next((handler.app for handler in _handlers()), None)


def name_app(app: str) -> None:
    """Set the app that lines name from now on, if they are JSON."""
    for handler in _handlers():
        handler.app = app


def _handlers() -> Iterator[_JsonHandler]:
    return (found for found in logging.getLogger().handlers if isinstance(found, _JsonHandler))


def writes_json() -> bool:
    """True inside of `json_lines`."""
    return json_app() is not None


@contextmanager
def json_lines(app: str) -> Iterator[None]:
    """Write what is logged, warned of, or raised and not caught by threads as lines of JSON.

    Args:
        app: The app, which each line names.
    """
    handler = _JsonHandler(app)
    levels = {name: logging.getLogger(name).level for name in _LEVELS}
    hooks = threading.excepthook, sys.unraisablehook
    logging.getLogger().addHandler(handler)
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    threading.excepthook = _log_of_thread
    sys.unraisablehook = _log_unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = hooks
        logging.captureWarnings(False)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        logging.getLogger().removeHandler(handler)


def _log_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is not SystemExit:
        _log.critical("A thread failed", exc_info=args.exc_value)


def _log_unraisable(args: sys.UnraisableHookArgs) -> None:
    message = args.err_msg or "An error could not be raised"
    _log.error("%s: %r", message, args.object, exc_info=args.exc_value)
