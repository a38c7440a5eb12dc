"""Values as the pages show them: amounts, times, and texts that others wrote."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from markupsafe import Markup, escape

from ledger_py.wording import use_of

__all__ = (
    "address",
    "amount",
    "brief",
    "lines",
    "moment",
    "plain",
    "relative",
    "said",
    "signed",
    "use",
)

_THIN: Final = "\N{NARROW NO-BREAK SPACE}"
_MINUS: Final = "\N{MINUS SIGN}"

_BRIEF: Final = 60

_USE: Final = ("credit_class", "priority", "usable_for", "usable_in")

_PLAIN: Final = re.compile(r"(?:[!-~]| (?=[!-~]))*", re.ASCII)
"""ASCII with no blank at the end and no two in a row, which is nearly every text."""

_JOINER: Final = "\N{ZERO WIDTH JOINER}"
_EMOJI_STYLE: Final = "\N{VARIATION SELECTOR-16}"

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
_HIDDEN_LETTERS: Final = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0))
)
"""Characters that no font shows, although Unicode calls them letters, marks or symbols."""

_UNITS: Final = (
    ("year", timedelta(days=365)),
    ("month", timedelta(days=30)),
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
)


def amount(number: int) -> str:
    """Group the digits of a number by thin spaces."""
    return f"{number:,}".replace(",", _THIN).replace("-", _MINUS)


def signed(number: int) -> str:
    """Show a number with its sign; none for zero."""
    return f"+{amount(number)}" if number > 0 else amount(number)


def plain(value: object) -> str:
    """Show a value of a journal: yes and no, numbers grouped, members by name."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return amount(value)
        case None:
            return "none"
        case dict():
            said = {name: it for name, it in value.items() if it is not None}
            return ", ".join(f"{name.replace('_', ' ')} {plain(it)}" for name, it in said.items())
    return str(value)


def use(row: Mapping[str, Any]) -> str:
    """Say what credits of a row are and what they are for; nothing if they are like any others."""
    return use_of(*(row[name] for name in _USE))


def brief(text: str) -> str:
    """Shorten a text of several lines to the beginning of one."""
    line = " ".join(text.split())
    return line if len(line) <= _BRIEF else f"{line[:_BRIEF]}…"


def moment(at: datetime | None, *, now: datetime | None = None) -> Markup:
    """Show a time in UTC, with the time from now as its title."""
    if at is None:
        return Markup("\N{EN DASH}")
    at = at.astimezone(UTC)
    shown = Markup('<time datetime="{}" title="{}">{}</time>')
    return shown.format(
        at.isoformat().replace("+00:00", "Z"),
        relative(at, now=now),
        f"{at:%Y-%m-%d} {at:%H:%M:%S}",
    )


def relative(at: datetime, *, now: datetime | None = None) -> str:
    """Say how far a time is from now, in its largest unit: `in 3 days`, `2 hours ago`."""
    distance = at - (now or datetime.now(UTC))
    past = distance < timedelta(0)
    distance = abs(distance)
    for unit, length in _UNITS:
        if distance >= length:
            number = distance // length
            span = f"{number} {unit}{'' if number == 1 else 's'}"
            return f"{span} ago" if past else f"in {span}"
    return "now"


def said(text: str) -> Markup:
    """Show a text that somebody sent, so that none of its characters can deceive.

    It is escaped and keeps its direction to itself. Characters that would be invisible, or would
    change the order of others, are named.
    """
    return Markup('<bdi class="said">{}</bdi>').format(_visible(text))


def lines(text: str) -> Markup:
    """Show a JSON document that is laid out in lines, as `said` shows a text."""
    return Markup("\n").join(
        Markup("{}{}").format(line[: len(line) - len(line.lstrip(" "))], said(line.lstrip(" ")))
        for line in text.split("\n")
    )


def _visible(text: str) -> Markup:
    if _PLAIN.fullmatch(text) and not text.startswith(" "):
        return escape(text)
    shown = []
    for position, character in enumerate(text):
        if _is_hidden(text, position):
            name = unicodedata.name(character, "no name")
            shown.append(
                Markup('<span class="hidden" title="{}">{}</span>').format(
                    name, f"U+{ord(character):04X}"
                )
            )
        else:
            shown.append(escape(character))
    return Markup("").join(shown)


def address(page: str, **values: object) -> str:
    """Write the address of a page, with those parameters that have a value."""
    given = "&".join(
        # A text with half of a surrogate pair cannot come from the database.
        f"{name}={quote(str(value), safe='')}"
        for name, value in values.items()
        if value is not None
    )
    return f"{page}?{given}" if given else page


def _is_hidden(text: str, position: int) -> bool:
    character = text[position]
    if character == " ":
        return position in (0, len(text) - 1) or text[position - 1] == " "
    if character.isascii():
        return not character.isprintable()
    if character == _EMOJI_STYLE:
        return not _is_picture(text[:position][-1:])
    if character == _JOINER:
        before = text[:position].rstrip(_EMOJI_STYLE)[-1:]
        return not (_is_picture(before) and _is_picture(text[position + 1 : position + 2]))
    if unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
        return True
    return unicodedata.category(character) in _HIDDEN_CATEGORIES or character in _HIDDEN_LETTERS


def _is_picture(character: str) -> bool:
    return character != "" and unicodedata.category(character) in ("So", "Sk", "Sm", "Po")
