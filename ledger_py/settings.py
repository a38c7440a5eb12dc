"""The settings: read from the environment and from a `.env` file, and only when asked for.

A setting is stated once, as a field of `Settings`: its name in the environment follows from the
field's, and `.env.example` is written by `python -m ledger_py.settings` (`make format`).
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args, get_type_hints

import msgspec
from dotenv import dotenv_values

from ledger_py.database_urls import plain_database_url

_PACKAGE: Final = Path(__file__).resolve().parent
_INSTALLED: Final = (_PACKAGE / "migrations").is_dir()

SQL_ROOT: Final = _PACKAGE if _INSTALLED else _PACKAGE.parent
"""The folder with `sql/` and `migrations/`: the checkout, or the package if it came as a wheel."""

PROJECT_ROOT: Final = Path.cwd() if _INSTALLED else _PACKAGE.parent
"""The checkout with `apps/` and `.env`; for an installed package, the working directory."""

LogFormat = Literal["auto", "json", "console"]
PreparedStatements = Literal["auto", "on", "off"]

MIN_POOL_SIZE: Final = 2
"""A service records on one connection, and needs at least another one for everything else."""

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


class SettingsError(ValueError):
    """A setting that cannot be used; the message begins with its name."""


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


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {', '.join(words[:-1])} or {words[-1]}, not {text!r}")
        return text

    return read


def _prefix(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", text, re.ASCII) or "/." in text:
        raise ValueError(
            "must be a path of letters, digits and -._~ that begins with a slash (as in /credits),"
            f" not {text!r}"
        )
    return text.rstrip("/")


def _hosts(text: str) -> tuple[str, ...]:
    names = tuple(name for name in re.split(r"[\s,]+", text.lower()) if name)
    for name in names:
        if not re.fullmatch(
            r"\*|((\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:\d+)?", name, re.ASCII
        ):
            raise ValueError(
                "must be names or addresses of hosts with commas between them (as in"
                f" ledger.example.org, *.internal), not {name!r}"
            )
    return names


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


class _Setting(msgspec.Struct, frozen=True):
    read: Callable[[str], Any]
    """Parses the text, or raises ValueError."""
    meaning: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. Times are in seconds, sizes in bytes."""

    database_url: Annotated[
        str | None,
        _Setting(
            plain_database_url,
            "The PostgreSQL server (15 or later) that holds the ledger, such as"
            " postgresql://ledger_owner:secret@db.example.org:5432/ledger (an address for"
            " SQLAlchemy, postgresql+asyncpg://..., will do). If empty, the project starts a"
            " PostgreSQL 18 of its own.",
        ),
    ] = None
    read_database_url: Annotated[
        str | None,
        _Setting(
            plain_database_url,
            "A standby of that server (streaming replication), on which services answer what they"
            " read; docs/how-to/standbys.md says what callers see. If empty, or if the standby is"
            " away, everything is read from DATABASE_URL.",
        ),
    ] = None
    read_max_age: Annotated[
        float,
        _Setting(
            _seconds,
            "Seconds by which an answer of the standby may be old. If it is further behind, the"
            " server of DATABASE_URL answers.",
        ),
    ] = 10.0
    cluster: Annotated[
        Path | None,
        _Setting(
            _path,
            "The file of the cluster, if the owners are shared out over several servers"
            " (docs/partitions.md). Services then use these instead of DATABASE_URL, each with a"
            " pool of LEDGER_POOL_SIZE connections.",
        ),
    ] = None
    data_dir: Annotated[
        Path | None,
        _Setting(
            _path,
            "The folder where the embedded server keeps its data between runs. If empty:"
            " .ledger-data in the checkout or, for root with a checkout that other accounts cannot"
            " enter, a folder in /var/lib/shared-ledger. To start afresh, stop everything and"
            " remove the folder.",
        ),
    ] = None
    app_dir: Annotated[
        Path | None,
        _Setting(
            _path,
            "A folder of apps outside of this repository: NAME/main.py with the service `app`, and"
            " NAME/migrations/. Apps of installed packages are found by their entry point.",
        ),
    ] = None
    host: Annotated[
        str,
        _Setting(
            str,
            "The address that a service listens on. There is no authentication: on any address but"
            " 127.0.0.1, everyone who can reach it can record entries.",
        ),
    ] = "127.0.0.1"
    port: Annotated[int, _Setting(_integer(0, 65_535), "The port that a service listens on.")] = (
        8000
    )
    hosts: Annotated[
        tuple[str, ...],
        _Setting(
            _hosts,
            "The hosts by which callers reach a service, with commas between them, beside loopback"
            " names and the address that it listens on, such as ledger.example.org, *.internal. A"
            " request for another host is refused, so that no page of another site can reach the"
            " service. *: any host.",
        ),
    ] = ()
    root_path: Annotated[
        str,
        _Setting(
            _prefix,
            "The path under which a proxy serves the service, such as /credits; the proxy may strip"
            " it from addresses or pass it on. If empty: addresses begin with /.",
        ),
    ] = ""
    pool_size: Annotated[
        int,
        _Setting(
            _integer(MIN_POOL_SIZE, 1_000),
            "The most database connections of one service process: one that records entries, and at"
            f" least one for everything else, so at least {MIN_POOL_SIZE}. With READ_DATABASE_URL,"
            " up to one less than that to the standby as well.",
        ),
    ] = 10
    pool_timeout: Annotated[
        float,
        _Setting(
            _seconds,
            "Seconds that a request waits for a free connection before the answer is 503.",
        ),
    ] = 5.0
    statement_timeout: Annotated[
        float,
        _Setting(
            _seconds,
            "Seconds after which the server cancels a statement. This and the next two limits apply"
            " to services, not to `ledger migrate` or `ledger psql`.",
        ),
    ] = 10.0
    lock_timeout: Annotated[
        float, _Setting(_seconds, "Seconds that a statement may wait for a lock.")
    ] = 5.0
    idle_in_transaction_timeout: Annotated[
        float, _Setting(_seconds, "Seconds that a transaction may be idle.")
    ] = 15.0
    prepared_statements: Annotated[
        PreparedStatements,
        _Setting(
            _one_of(*get_args(PreparedStatements)),
            "Whether services prepare statements. auto: unless there is a pooler between service"
            " and server; on: also then, for a pooler that keeps prepared statements apart; off:"
            " never.",
        ),
    ] = "auto"
    console_timeout: Annotated[
        float,
        _Setting(
            _seconds,
            "Seconds after which the server cancels a statement of a page of `ledger console`.",
        ),
    ] = 5.0
    max_body: Annotated[
        int,
        _Setting(
            _integer(1_024, 1_073_741_824),
            "Bytes of the largest request body that is read; a larger one is refused with 413.",
        ),
    ] = 8 * 1024 * 1024
    max_bodies: Annotated[
        int,
        _Setting(
            _integer(65_536, 1_099_511_627_776),
            "Bytes of request bodies that one service process holds at once; bodies of up to 64 KiB"
            " are not counted. A larger one waits for room as long as for a connection"
            " (LEDGER_POOL_TIMEOUT), and then the answer is 503.",
        ),
    ] = 64 * 1024 * 1024
    log_format: Annotated[
        LogFormat,
        _Setting(
            _one_of(*get_args(LogFormat)),
            "json: one JSON object per line; console: coloured text; auto: console on a terminal,"
            " else json.",
        ),
    ] = "auto"
    migrate_on_start: Annotated[
        bool,
        _Setting(
            _boolean,
            "true: a service brings the database up to date when it starts. If several versions of"
            " the code share a database, set it to false and run `ledger migrate` as a step of the"
            " release.",
        ),
    ] = True
    test_clock: Annotated[
        bool,
        _Setting(
            _boolean,
            "true: services start on a database whose clock a test sets (ledger_py.testing), which"
            " they refuse otherwise.",
        ),
    ] = False

    def __post_init__(self) -> None:
        if self.cluster is not None and self.read_database_url is not None:
            raise SettingsError("READ_DATABASE_URL: cannot be used with LEDGER_CLUSTER")
        if self.pool_size < MIN_POOL_SIZE:
            raise SettingsError(f"LEDGER_POOL_SIZE: must be at least {MIN_POOL_SIZE}")

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"Settings({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # Of what may hold a password, logs and tracebacks tell only that it is set.
        return [
            (name, "..." if name.endswith("database_url") and value is not None else value)
            for name, value in msgspec.structs.asdict(self).items()
        ]

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, *, dotenv: Path | None = None
    ) -> Self:
        """Read the settings.

        Args:
            environ: Read first; default: the environment of the process.
            dotenv: The file to read second; default: `.env` in the working directory, or else in
                the checkout.

        Returns:
            The settings; one that is not set, or set to nothing, has its default.

        Raises:
            SettingsError: A value cannot be used; the message names the setting.
        """
        given = dict(_read_dotenv(dotenv))
        given.update(os.environ if environ is None else environ)
        values: dict[str, Any] = {}
        for name, field, setting in _settings():
            text = given.get(name, "").strip()
            if text:
                try:
                    values[field.name] = setting.read(text)
                except ValueError as error:
                    raise SettingsError(f"{name}: {error}") from None
        return cls(**values)


def log_format() -> str:
    """Return the format of log lines as it is set, to report by it that a setting is wrong."""
    name = "LEDGER_LOG_FORMAT"
    found = os.environ.get(name, "").strip() or (_read_dotenv(None).get(name) or "").strip()
    return found or Settings().log_format


def example() -> str:
    """Return the text of `.env.example`: every setting, its meaning and its default."""
    parts = [
        "# Settings of the Shared Ledger. Copy this file to `.env` and change what you need, or set"
        " the same\n# names in the environment, which wins over the file. The values shown are the"
        " defaults.\n# Written by `make format` from ledger_py/settings.py.\n"
    ]
    for name, field, setting in _settings():
        meaning = textwrap.fill(
            setting.meaning,
            width=100,
            initial_indent="# ",
            subsequent_indent="# ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        parts.append(f"{meaning}\n#{name}={_shown(field.default)}\n")
    return "\n".join(parts)


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    if isinstance(default, tuple):
        return ", ".join(default)
    return "" if default is None else str(default)


def _settings() -> Iterator[tuple[str, msgspec.structs.FieldInfo, _Setting]]:
    """Give each setting with its name in the environment."""
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        name = field.name.upper()
        (setting,) = hints[field.name].__metadata__
        yield name if name.endswith("DATABASE_URL") else f"LEDGER_{name}", field, setting


def _read_dotenv(path: Path | None) -> dict[str, str]:
    candidates = [Path.cwd() / ".env", PROJECT_ROOT / ".env"] if path is None else [path]
    for candidate in candidates:
        if candidate.is_file():
            # Not interpolated: a password may contain "${".
            found = dotenv_values(candidate, interpolate=False, encoding="utf-8")
            return {name: value for name, value in found.items() if value is not None}
    return {}


if __name__ == "__main__":
    sys.stdout.write(example())
