"""The settings: read from the environment and from a `.env` file, and only when asked for.

`.env.example` explains each of them to whoever runs the ledger; the names there and the table
`_READERS` below are held equal by a test.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self

import msgspec
import psycopg
from dotenv import dotenv_values
from psycopg.conninfo import conninfo_to_dict

PROJECT_ROOT: Final = Path(__file__).resolve().parent.parent
"""The checkout: the folder with `sql/`, `migrations/` and `apps/`."""

LogFormat = Literal["auto", "json", "console"]

MIN_POOL_SIZE: Final = 2
"""A service records on one connection, and needs at least another one for everything else."""

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


class SettingsError(ValueError):
    """A setting that cannot be used; the message begins with its name."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set from outside. Times are seconds, sizes are bytes."""

    database_url: str | None = None
    """The PostgreSQL server to use; None means the embedded one."""
    data_dir: Path | None = None
    """Where the embedded server keeps its data; None means the default place."""
    host: str = "127.0.0.1"
    port: int = 8000
    pool_size: int = 10
    """Connections that a service opens at most; at least MIN_POOL_SIZE."""
    pool_timeout: float = 5.0
    """How long a request waits for a free connection."""
    statement_timeout: float = 10.0
    lock_timeout: float = 5.0
    idle_in_transaction_timeout: float = 15.0
    max_body: int = 8 * 1024 * 1024
    """The largest request body that is read."""
    log_format: LogFormat = "auto"
    migrate_on_start: bool = True

    def __post_init__(self) -> None:
        """Refuse what no service could keep to, also where it was not read from outside."""
        if self.pool_size < MIN_POOL_SIZE:
            raise SettingsError(f"LEDGER_POOL_SIZE: must be at least {MIN_POOL_SIZE}")

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, *, dotenv: Path | None = None
    ) -> Self:
        """Read the settings.

        Args:
            environ: Where to look first; the process's environment if left out.
            dotenv: The file to look in second; if left out, `.env` of the working directory or
                else of the checkout.

        Returns:
            The settings; what is set nowhere, or set to nothing, has its default.

        Raises:
            SettingsError: A value cannot be used; the message names the setting.
        """
        given = dict(_read_dotenv(dotenv))
        given.update(os.environ if environ is None else environ)
        values: dict[str, Any] = {}
        for name, (field, reader) in _READERS.items():
            text = given.get(name, "").strip()
            if text:
                try:
                    values[field] = reader(text)
                except ValueError as error:
                    raise SettingsError(f"{name}: {error}") from None
        return cls(**values)


def plain_database_url(text: str) -> str:
    """Turn a database address into one that libpq takes.

    Args:
        text: A `postgresql://` address, also one written for another library
            (`postgresql+asyncpg://`), or libpq's `key=value` form.

    Returns:
        The same address without the name of a driver.

    Raises:
        ValueError: It is not an address of a PostgreSQL server. The message does not repeat the
            address, which may hold a password.
    """
    url = re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", text.strip())
    scheme = re.match(r"^([\w+.-]+)://", url)
    if scheme and scheme[1] not in ("postgresql", "postgres"):
        raise ValueError(f"must be a postgresql:// address, not {scheme[1]}://")
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        # Of libpq's messages this one is known to repeat no part of a password.
        reason = str(error).strip()
        if not reason.startswith("invalid URI query parameter"):
            reason = "in a password, special characters are written as in %20"
        raise ValueError(f"is not an address of a PostgreSQL server ({reason})") from None
    return url


def _read_dotenv(path: Path | None) -> dict[str, str]:
    candidates = [Path.cwd() / ".env", PROJECT_ROOT / ".env"] if path is None else [path]
    for candidate in candidates:
        if candidate.is_file():
            # Not interpolated: a password may well contain "${".
            found = dotenv_values(candidate, interpolate=False, encoding="utf-8")
            return {name: value for name, value in found.items() if value is not None}
    return {}


def _integer(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\d+", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {text!r}")
        return int(text)

    return read


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) or not 0 < float(text) <= 86_400:
        raise ValueError(
            f"must be a number of seconds, above 0 and at most 86400 (as in 2.5), not {text!r}"
        )
    return float(text)


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"must be true or false, not {text!r}")


def _log_format(text: str) -> str:
    if text not in ("auto", "json", "console"):
        raise ValueError(f"must be auto, json or console, not {text!r}")
    return text


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


# name in the environment -> field of Settings, reader of its text
_READERS: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "DATABASE_URL": ("database_url", plain_database_url),
    "LEDGER_DATA_DIR": ("data_dir", _path),
    "LEDGER_HOST": ("host", str),
    "LEDGER_PORT": ("port", _integer(0, 65_535)),
    "LEDGER_POOL_SIZE": ("pool_size", _integer(MIN_POOL_SIZE, 1_000)),
    "LEDGER_POOL_TIMEOUT": ("pool_timeout", _seconds),
    "LEDGER_STATEMENT_TIMEOUT": ("statement_timeout", _seconds),
    "LEDGER_LOCK_TIMEOUT": ("lock_timeout", _seconds),
    "LEDGER_IDLE_IN_TRANSACTION_TIMEOUT": ("idle_in_transaction_timeout", _seconds),
    "LEDGER_MAX_BODY": ("max_body", _integer(1_024, 1_073_741_824)),
    "LEDGER_LOG_FORMAT": ("log_format", _log_format),
    "LEDGER_MIGRATE_ON_START": ("migrate_on_start", _boolean),
}
