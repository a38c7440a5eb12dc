"""A page about every setting, made from `Settings`."""

from __future__ import annotations

import re

from ledger_py.settings import example
from tests.documents.reference.markdown import prose

__all__ = ("settings",)


def settings() -> str:
    """Describe every setting: its name in the environment, its default, its meaning.

    Returns:
        The page, without its beginning.
    """
    _, *told = example().strip().split("\n\n")
    parts = ["## All settings"]
    for one in told:
        *comment, assignment = one.splitlines()
        found = re.fullmatch(r"#(\w+)=(.*)", assignment)
        assert found, assignment
        meaning = " ".join(line.removeprefix("# ") for line in comment)
        default = f"Default: `{found[2]}`." if found[2] else "Default: empty."
        parts += [f"### {found[1]}", f"{prose(meaning)}", default]
    return "\n\n".join(parts)
