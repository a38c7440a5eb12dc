"""`requirements.lock` satisfies `pyproject.toml` and contains no local path."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ledger_py.settings import PROJECT_ROOT

LOCK = (PROJECT_ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"].values()
WANTED = [
    *PROJECT["project"]["dependencies"],
    *(line for extra in EXTRAS for line in extra if not line.startswith("shared-ledger[")),
    *PROJECT["dependency-groups"]["dev"],
]


def locked_versions() -> dict[str, str]:
    return dict(re.findall(r"(?m)^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)", LOCK))


@pytest.mark.parametrize("line", [*WANTED, *PROJECT["build-system"]["requires"]])
def test_every_requirement_is_locked(line: str) -> None:
    wanted = Requirement(line)

    assert wanted.specifier.contains(locked_versions()[canonicalize_name(wanted.name)])


def test_every_package_has_hashes() -> None:
    packages = re.split(r"(?m)^(?=\w)", LOCK)[1:]

    assert len(packages) == len(locked_versions())
    assert all("--hash=sha256:" in package for package in packages)


def test_lock_contains_no_path_or_address() -> None:
    assert not re.search(r"://|^-|file:|(?<!\w)/", LOCK, re.MULTILINE)
