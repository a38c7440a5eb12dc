"""The reference is made from the code, and leaves nothing out."""

from __future__ import annotations

import re

import psycopg
import pytest

from apps.app1.main import app
from ledger_py import api
from ledger_py.cli import main
from ledger_py.errors import ERRORS_BY_SQLSTATE
from ledger_py.http.problems import PROBLEM_TYPES
from ledger_py.settings import example
from tests.documents.reference.pages import FOLDER, PAGES, made


def page(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def headings(name: str) -> set[str]:
    return set(re.findall(r"^#{2,4} (.+)$", page(name), re.MULTILINE))


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_the_code_says(
    name: str, tx: psycopg.Connection, pytestconfig: pytest.Config
) -> None:
    anew = made(name, tx)

    if pytestconfig.getoption("update_examples", default=False):
        (FOLDER / name).write_text(anew, encoding="utf-8")
    assert page(name) == anew, "Out of date; run: make docs"


def test_every_function_is_described(tx: psycopg.Connection) -> None:
    query = "SELECT proname FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace"
    public = {name for (name,) in tx.execute(f"{query} AND prorettype <> 'trigger'::regtype")}

    assert public
    assert public <= headings("sql.md")


def test_every_view_is_described(tx: psycopg.Connection) -> None:
    query = "SELECT viewname FROM pg_views WHERE schemaname = 'ledger'"

    assert {name for (name,) in tx.execute(query)} <= headings("views.md")


def test_every_route_is_described() -> None:
    described = set(re.findall(r"^`[A-Z]+ ([^`]+)`: ", page("http.md"), re.MULTILINE))
    served = {route.path_format for route in app.routes}
    about_itself = re.compile(r"/$|/docs|/redoc|/openapi.json")

    assert {path for path in served if not about_itself.match(path)} <= described


def test_every_public_name_is_described() -> None:
    assert set(api.__all__) <= headings("python.md")


def test_every_command_is_described() -> None:
    shown = {f"ledger {name}" for name, one in main.commands.items() if not one.hidden}

    assert shown <= headings("commands.md")


def test_every_setting_is_described() -> None:
    assert set(re.findall(r"^#(\w+)=", example(), re.MULTILINE)) <= headings("settings.md")


def test_every_refusal_has_its_cause_and_cure() -> None:
    for state, error in ERRORS_BY_SQLSTATE.items():
        _, found, rest = page("refusals.md").partition(f"### {state} {error.code}\n")
        section = rest.partition("\n#")[0]
        assert found
        assert "**Cause.** " in section
        assert "**Cure.** " in section


def test_every_problem_is_described() -> None:
    assert [code for code in PROBLEM_TYPES if code not in page("refusals.md")] == []
