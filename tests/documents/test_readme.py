"""README.md is true: its examples do what it says, and what it names is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from apps.app1.main import app
from ledger_py.cli import main
from ledger_py.settings import PROJECT_ROOT
from tests.documents.examples import Reader, blocks_of, free_port

README = PROJECT_ROOT / "README.md"


def test_examples(ledger_db: str, port: str, role: str, checkout: Path) -> None:
    instead = {":8000": f":{port}", "8003": free_port(), "billing_service": role}
    with Reader(ledger_db, root=checkout, instead=instead) as reader:
        reader.follow(blocks_of(README))


def test_first_calls_need_no_curl(ledger_db: str, port: str) -> None:
    with Reader(ledger_db, instead={":8000": f":{port}"}, curl=False) as reader:
        reader.follow(blocks_of(README, "Five calls"))


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make on this machine")
def test_commands_without_make_are_those_of_make() -> None:
    made = subprocess.run(
        ["make", "--dry-run", "--always-make", "run"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace("--quiet --disable-pip-version-check ", "")
    commands = blocks_of(README, "Run")[1].text.splitlines()

    assert len(commands) == 4
    assert [command for command in commands if command not in made] == []


def test_every_command_is_listed() -> None:
    listed = re.findall(r"^\| `ledger ([\w-]+)", README.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(listed) == sorted(main.commands)


def test_every_route_is_listed() -> None:
    text = README.read_text(encoding="utf-8")
    listed = set(re.findall(r"`(?:GET|POST) (/[^`?]*)", text))
    served = {route.path_format for route in app.routes}
    about_itself = re.compile(r"/$|/docs|/redoc|/openapi.json|/problems")

    assert listed == {path for path in served if not about_itself.match(path)}


@pytest.mark.parametrize("document", ["README.md", "apps/app2/README.md", "sql/README.md"])
def test_links_and_paths_lead_somewhere(document: str) -> None:
    file = PROJECT_ROOT / document
    text = re.sub(r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    targets = re.findall(r"`make (\w+)`", text)
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")

    assert [link for link in links if not (file.parent / link).exists()] == []
    assert [target for target in targets if f"\n{target}:" not in makefile] == []
