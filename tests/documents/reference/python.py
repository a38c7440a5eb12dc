"""A page about `ledger_py`, made from its docstrings."""

from __future__ import annotations

import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import msgspec

from ledger_py import api
from ledger_py.embedded import database
from ledger_py.errors import ERRORS_BY_SQLSTATE
from ledger_py.http import create_app
from ledger_py.settings import Settings
from ledger_py.testing import Clock
from tests.documents.reference.markdown import bullets, fenced, prose, table
from tests.documents.reference.structs import field_meanings, field_types, plain_type

__all__ = ("OTHERS", "python")

OTHERS: dict[str, Any] = {
    "ledger_py.embedded.database": database,
    "ledger_py.settings.Settings.from_environment": Settings.from_environment,
    "ledger_py.http.create_app": create_app,
    "ledger_py.testing.Clock": Clock,
}
"""What other modules offer to programs."""

_SECTIONS = ("Args", "Returns", "Raises", "Attributes", "Yields")
_ASYNC = {"AsyncLedger": "Ledger", "AsyncOpenHold": "OpenHold"}


def python() -> str:
    """Describe every public name of the package.

    Returns:
        The page, without its beginning.
    """
    parts = ["## ledger_py"]
    structs: list[str] = []
    others: list[str] = []
    for name in api.__all__:
        offered = getattr(api, name)
        is_struct = isinstance(offered, type) and issubclass(offered, msgspec.Struct)
        (structs if is_struct else others).append(name)
    for name in sorted(others, key=lambda one: (one not in ("Ledger", "AsyncLedger"), one)):
        if name in _ASYNC:
            parts += [
                f"### {name}",
                f"The same methods as [{_ASYNC[name]}](#{_ASYNC[name].lower()}), to be awaited.",
            ]
        else:
            parts += _class(name, getattr(api, name), "###")
    parts += [
        "## Structs",
        "What methods return and take. All are `msgspec.Struct` and importable from `ledger_py`.",
    ]
    for name in structs:
        parts += _struct(name, getattr(api, name))
    parts += [
        "## Errors",
        "Subclasses of `LedgerError` in `ledger_py.errors`. [Refusals](refusals.md) has the cause"
        " and the cure of each.",
        bullets(
            (error.__name__, f"[{state} {error.code}](refusals.md#{state.lower()}-{error.code})")
            for state, error in sorted(ERRORS_BY_SQLSTATE.items())
        ),
        "## Other modules",
    ]
    for name, offered in OTHERS.items():
        if isinstance(offered, type):
            parts += _class(name, offered, "###")
        else:
            parts += _callable(name, offered, "###")
    return "\n\n".join(parts)


def _class(name: str, offered: type, level: str) -> Iterator[str]:
    yield f"{level} {name}"
    if not _is_enum(offered):
        yield fenced(f"{name.rpartition('.')[2]}{_signature(offered)}")
    yield from _docstring(offered)
    for method, function in vars(offered).items():
        if not method.startswith("_") and inspect.getdoc(function) and _is_callable(function):
            yield from _callable(
                f"{name.rpartition('.')[2]}.{method}",
                inspect.unwrap(function) if inspect.isfunction(function) else function,
                f"{level}#",
            )
        elif isinstance(function, property) and function.__doc__:
            yield f"{level}# {name.rpartition('.')[2]}.{method}"
            yield from _docstring(function)


def _is_enum(offered: type) -> bool:
    return hasattr(offered, "__members__")


def _is_callable(function: object) -> bool:
    return inspect.isfunction(function) or isinstance(function, (classmethod, staticmethod))


def _callable(name: str, function: Any, level: str) -> Iterator[str]:
    plain = getattr(function, "__func__", function)
    yield f"{level} {name}"
    yield fenced(f"{name.rpartition('.')[2]}{_signature(plain)}")
    yield from _docstring(plain)


def _signature(offered: Any) -> str:
    signature = inspect.signature(offered)
    shown = [one for one in signature.parameters.values() if one.name not in ("self", "cls")]
    lines, keyword_only = [], False
    for one in shown:
        if one.kind is one.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            lines.append("*")
        lines.append(plain_type(str(one)))
    returns = signature.return_annotation
    result = (
        "" if returns is signature.empty else f" -> {plain_type(inspect.formatannotation(returns))}"
    )
    one_line = f"({', '.join(lines)}){result}"
    if len(one_line) <= 80:
        return one_line
    return "(\n" + "".join(f"    {line},\n" for line in lines) + f"){result}"


def _struct(name: str, offered: type[msgspec.Struct]) -> Iterator[str]:
    yield f"### {name}"
    yield from _docstring(offered)
    types, meanings = field_types(offered), field_meanings(offered)
    yield table(
        ("field", "type", "meaning"),
        [
            (f"`{name}`", f"`{types[name]}`".replace("|", "\\|"), meanings.get(name, ""))
            for name in offered.__struct_fields__
        ],
    )


def _docstring(offered: Any) -> Iterator[str]:
    text = inspect.getdoc(offered) or ""
    section = ""
    block: list[str] = []
    for line in [*text.splitlines(), "End:"]:
        if (name := line.removesuffix(":")) in (*_SECTIONS, "End") and line.endswith(":"):
            yield from _section(section, "\n".join(block))
            section, block = name, []
        else:
            block.append(line)


def _section(section: str, text: str) -> Iterator[str]:
    text = textwrap.dedent(text).strip("\n")
    if not text.strip():
        return
    if section in ("", "Returns", "Yields"):
        if section:
            text = f"Returns: {text}"
        for code, paragraphs in itertools.groupby(
            text.split("\n\n"), lambda one: one.startswith("    ")
        ):
            if code:
                yield fenced(textwrap.dedent("\n\n".join(paragraphs)))
            else:
                yield from (prose(" ".join(one.split())).replace("::", ":") for one in paragraphs)
        return
    items: list[tuple[str, str]] = []
    for line in text.splitlines():
        found = re.match(r"([\w.*]+): ?(.*)", line)
        if found:
            items.append((found[1], prose(found[2])))
        elif items:
            name, meaning = items[-1]
            items[-1] = (name, f"{meaning} {prose(line.strip())}".strip())
    yield {"Args": "Arguments:", "Raises": "Raises:", "Attributes": "Attributes:"}[section]
    yield bullets(items)
