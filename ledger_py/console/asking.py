"""What a visitor asks for: parameters of an address, checked, and refusals with words."""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

from litestar import Request

__all__ = ("Refused", "asset_of", "number_of", "owner_of", "text_of", "word_of")

Asked: TypeAlias = Request[Any, Any, Any]

_MAX_LENGTH: Final = 255
_MAX_SEQ: Final = 2**63 - 1


class Refused(Exception):
    """A request that the console does not answer; the page says why.

    Args:
        status: The HTTP status.
        title: What happened, in a few words.
        words: What to do.
    """

    def __init__(self, status: int, title: str, words: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.words = words


def text_of(request: Asked, name: str) -> str:
    """Get a text of at most 255 characters; empty if it is not given."""
    given: str = request.query_params.get(name, "")
    if "\0" in given or "\N{REPLACEMENT CHARACTER}" in given or not _is_encodable(given):
        raise Refused(
            422,
            "No such text",
            f"“{name}” holds characters that no text of the ledger can have.",
        )
    if len(given) > _MAX_LENGTH:
        raise Refused(
            422,
            "Too long",
            f"“{name}” has {len(given)} characters. Owners, nonces and assets have at most"
            f" {_MAX_LENGTH}.",
        )
    return given


def owner_of(request: Asked) -> str:
    """Get the owner whose page is asked for."""
    owner_id = text_of(request, "owner_id")
    if not owner_id:
        raise Refused(422, "Which owner?", "Search for an owner in the box above.")
    return owner_id


def asset_of(request: Asked) -> str | None:
    """Get the asset that is asked for, if one is."""
    asset = text_of(request, "asset")
    if asset and not re.fullmatch(r"[A-Z][A-Z0-9_]{0,62}", asset, re.ASCII):
        raise Refused(
            422, "No such asset", "An asset is a name of capital letters, such as CREDIT."
        )
    return asset or None


def number_of(request: Asked, name: str, default: int, *, most: int = _MAX_SEQ) -> int:
    """Get a whole number from 1 up."""
    given = text_of(request, name)
    if not given:
        return default
    if not re.fullmatch(r"[0-9]{1,19}", given, re.ASCII) or not 1 <= int(given) <= most:
        raise Refused(422, "Out of range", f"“{name}” must be a whole number from 1 to {most}.")
    return int(given)


def word_of(request: Asked, name: str, words: tuple[str, ...]) -> str:
    """Get one of some words; the first if none is given."""
    given = text_of(request, name) or words[0]
    if given not in words:
        raise Refused(422, "Out of range", f"“{name}” must be one of {', '.join(words)}.")
    return given


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
