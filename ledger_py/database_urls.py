"""Addresses of databases. No message about one repeats a part of it that may be a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict

__all__ = ("plain_database_url",)

_ESCAPES: Final = {"@": "%40", "/": "%2F"}

_MISTAKES: Final = {
    "invalid percent-encoded token": (
        "has a % that is not followed by two hexadecimal digits: write % itself as %25"
    ),
    "forbidden value %00": "must not contain %00",
    "unexpected spaces": "has a space: write it as %20",
    "missing key/value separator": (
        "has a parameter without a value after the ?: write it as in ?sslmode=require"
    ),
    "end of string reached": "has a [ without its ]: an address of IPv6 is written as in [::1]",
    'missing "="': (
        "has a word without a value: write parameters as in host=db.example.org, and put a value "
        "with spaces into single quotes"
    ),
    "unterminated quoted string": (
        "has a single quote without its end: in a value, write a quote as \\' and a backslash as "
        "\\\\"
    ),
}
"""Advice by the beginning of libpq's message."""

_OTHERWISE: Final = (
    "is not an address of a PostgreSQL server, such as postgresql://user:secret@db.example.org/name"
)


def plain_database_url(text: str) -> str:
    """Convert a database address to one that libpq takes.

    Args:
        text: A `postgresql://` address, with or without a driver (`postgresql+asyncpg://`), or
            libpq's `key=value` form.

    Returns:
        The same address without the driver.

    Raises:
        ValueError: It is not an address of a PostgreSQL server. The message says what to do, and
            does not repeat the address, which may hold a password.
    """
    url = re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", text.strip())
    scheme = re.match(r"^([\w+.-]+)://", url)
    if scheme and scheme[1] not in ("postgresql", "postgres"):
        raise ValueError(f"must be a postgresql:// address, not {scheme[1]}://")
    if scheme:
        for character in _unescaped(url.removeprefix(scheme[0])):
            raise ValueError(
                f"has the character {character} in its user name or password: write it as "
                f"{_ESCAPES[character]}"
            )
    try:
        found = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise ValueError(_explained(url, str(error).strip())) from None
    ports = str(found.get("port") or "").split(",")
    if not all(re.fullmatch(r"\d*", port, re.ASCII) for port in ports):
        # Without a host after it, a password counts as the port.
        raise ValueError("has a port that is not a number (a / in a password is written as %2F)")
    return url


def _unescaped(rest: str) -> Iterator[str]:
    """Find characters that end user name and password too early.

    Args:
        rest: The address after `postgresql://`.
    """
    # libpq ends them at the first @, and takes all for the host if a slash comes before it.
    user, at, place = rest.partition("@")
    if "/" in user:
        # In parameters, an @ is allowed.
        if "@" in rest.partition("?")[0]:
            yield "/"
    elif at and "@" in place.partition("?")[0]:
        yield "@"


def _explained(url: str, said: str) -> str:
    """Say what is wrong with an address, without libpq's quotations of it."""
    if url.startswith("postgres") and "@" in url.partition("?")[2]:
        return (
            "has a special character in its user name or password: write @ as %40, / as %2F, ? as "
            "%3F, % as %25, and a space as %20"
        )
    parameter = re.search(r'"([a-z_]+)"$', said)
    # A password may have been taken for the name of a parameter.
    if parameter and "password" not in url:
        if said.startswith("extra key/value separator"):
            return (
                f"has an = in the value of {parameter[1]}: write it as %3D, and spaces as %20, as "
                "in ?options=-c%20search_path%3Dledger"
            )
        if said.startswith(("invalid URI query parameter", "invalid connection option")):
            return f"has an unknown parameter: {parameter[1]}"
    if said.startswith("invalid connection option"):
        return (
            "has an unknown parameter, or a value with spaces: put a value with spaces into single "
            "quotes"
        )
    for beginning, advice in _MISTAKES.items():
        if said.startswith(beginning):
            return advice
    return _OTHERWISE
