"""The releases in CHANGELOG.md."""

from __future__ import annotations

import re

__all__ = ("UNRELEASED", "sections", "unready")

UNRELEASED = "Unreleased"

_HEADING = re.compile(rf"^## (?:({UNRELEASED})|(\d+\.\d+\.\d+) - \d{{4}}-\d\d-\d\d)$", re.MULTILINE)


def sections(changelog: str) -> dict[str, str]:
    """Read the sections of a changelog in their order, by version or UNRELEASED."""
    headings = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    return {
        heading[1] or heading[2]: changelog[heading.end() : end].strip()
        for heading, end in zip(headings, ends, strict=True)
    }


def unready(changelog: str, version: str) -> str | None:
    """Say what has to be done before a version can be released; None if it can be."""
    found = sections(changelog)
    if found.get(UNRELEASED):
        return f"CHANGELOG.md: move what is under {UNRELEASED} to a section {version} - YYYY-MM-DD"
    if not found.get(version):
        return f"CHANGELOG.md: write a section {version} - YYYY-MM-DD"
    return None
