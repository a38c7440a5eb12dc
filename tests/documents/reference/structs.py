"""What the fields of a struct are and mean."""

from __future__ import annotations

import re
from typing import Any, Final, get_type_hints

import msgspec

from tests.documents.reference.markdown import prose

__all__ = ("field_meanings", "field_types", "plain_type")

_MODULE: Final = re.compile(
    r"\b(?:ledger_py|collections|contextlib|datetime|typing|psycopg|pathlib|litestar)"
    r"(?:\.\w+)*\.(?=[A-Z]|datetime|timedelta)"
)


def field_meanings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the description of each field, as Markdown."""
    found = msgspec.json.schema(struct)["$defs"][struct.__name__]
    return {
        name: prose(" ".join(one.get("description", "").split()))
        for name, one in found.get("properties", {}).items()
    }


def field_types(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the type of each field in the words of Python."""
    return {name: plain_type(_named(hint)) for name, hint in get_type_hints(struct).items()}


def plain_type(annotation: str) -> str:
    """Leave out the modules of an annotation, and what differs from run to run."""
    annotation = _MODULE.sub("", annotation)
    annotation = re.sub(r"<function \w+ at 0x[0-9a-f]+>", "…", annotation)
    annotation = re.sub(r"\bOptional\[(.+)\]", r"\1 | None", annotation)
    return annotation.replace("'", "").replace("NoneType", "None")


def _named(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) and "[" not in str(hint) else str(hint)
