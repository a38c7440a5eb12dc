"""Logins without the rights that they need: the message holds the statement that gives them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger_py.cli import main
from tests.http.running import make_service, running
from tests.http.test_startup import refusal_of
from tests.sql.calls import Connection

_NUMBERS = itertools.count(1)

Login = Callable[..., tuple[str, str]]


@pytest.fixture
def login(ledger_db: str, conn: Connection) -> Iterator[Login]:
    """Make a login with an odd name; return it, and the address of the database for it."""
    made: list[sql.Identifier] = []

    def make(*apps: str, group: str | None = None) -> tuple[str, str]:
        name = f'it\'s "odd" {next(_NUMBERS)} of {conn.info.dbname}'
        made.append(sql.Identifier(name))
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(made[-1]))
        for app in apps:
            conn.execute("SELECT ledger.bind_role(role => %s, app => %s)", [name, app])
        if group:
            conn.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), made[-1]))
        return name, make_conninfo(ledger_db, user=name, password="secret")

    yield make
    for role in made:
        conn.execute(sql.SQL("DROP OWNED BY {}").format(role))
        conn.execute(sql.SQL("DROP ROLE {}").format(role))


def run(url: str, *arguments: str) -> str:
    """Run a command that must fail, and return its message."""
    settings = {"DATABASE_URL": url, "LEDGER_LOG_FORMAT": "console"}
    result = CliRunner(env=settings).invoke(main, arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    return result.stderr


def follow(conn: Connection, message: str, **placeholders: str) -> None:
    """Run the statement in a message, as the operator would copy it."""
    found = re.search(r"(?:SELECT|GRANT) .*?;", message)
    assert found, message
    statement = found[0]
    for name, value in placeholders.items():
        statement = statement.replace(name, value)
    conn.execute(statement.encode())


@pytest.mark.parametrize("apps", [[], ["app2"]], ids=["unbound", "bound to another app"])
def test_service_of_a_login_that_is_not_bound_says_how_to_bind_it(
    conn: Connection, login: Login, apps: list[str]
) -> None:
    name, url = login(*apps)

    for migrates in (True, False):
        message = refusal_of(make_service(url, migrate_on_start=migrates))
        assert f"The login {name} may not act for app1" in message
    follow(conn, message)
    with running(make_service(url)) as api:
        entry = {"owner_id": "alice", "operation": "CREDIT_ADD", "nonce": "n"}
        assert api.post("/ledger", json=entry).status_code == 201


def test_serve_says_how_to_bind_the_login(login: Login) -> None:
    name, url = login()

    message = run(url, "serve", "app1", "--port", "0")

    assert f"The login {name} may not act for app1" in message
    assert "SELECT ledger.bind_role(role => 'it''s \"odd\"" in message


def test_auditor_cannot_serve(login: Login) -> None:
    name, url = login(group="ledger_auditor")

    assert f"The login {name} may not act for app1" in refusal_of(make_service(url))


def test_ready_names_a_login_that_was_unbound(conn: Connection, login: Login) -> None:
    name, url = login("app1")
    with running(make_service(url)) as api:
        assert api.get("/health/ready").status_code == 200
        conn.execute("SELECT ledger.unbind_role(role => %s, app => 'app1')", [name])
        response = api.get("/health/ready")
        assert (response.status_code, response.json()["code"]) == (503, "not_ready")
        message = response.json()["checks"]["login"]
        assert f"The login {name} may not act for app1" in message
        follow(conn, message)
        assert api.get("/health/ready").status_code == 200


def test_status_says_which_rights_there_are(conn: Connection, login: Login) -> None:
    name, url = login()

    message = run(url, "status")

    assert f"The login {name} has no rights in this ledger" in message
    assert "GRANT" in message
    follow(conn, message, APP="app1")
    assert CliRunner(env={"DATABASE_URL": url}).invoke(main, ["status"]).exit_code == 0


@pytest.mark.parametrize(
    ("command", "group"),
    [
        (["verify"], "ledger_auditor"),
        (["checkpoint"], "ledger_auditor"),
        (["export", "FILE"], "ledger_auditor"),
        (["settle"], "ledger_operator"),
    ],
)
def test_command_says_which_group_the_login_needs(
    conn: Connection,
    login: Login,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    group: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    name, url = login()

    message = run(url, *command)

    assert f"The login {name} may not do this: it is not a member of {group}" in message
    assert list(tmp_path.iterdir()) == []
    follow(conn, message)
    assert CliRunner(env={"DATABASE_URL": url}).invoke(main, command).exit_code == 0


@pytest.mark.parametrize("command", ["migrate", "rollback"])
def test_migrations_need_the_owner(login: Login, command: str) -> None:
    _, url = login()

    assert "run `ledger migrate` as the owner" in run(url, command)


def test_right_that_was_taken_from_a_member_is_named(conn: Connection, login: Login) -> None:
    name, url = login(group="ledger_auditor")
    with psycopg.connect(url) as audit:
        audit.execute("SELECT count(*) FROM ledger.entries")
    conn.execute(sql.SQL("REVOKE ledger_auditor FROM {}").format(sql.Identifier(name)))

    assert "GRANT" in run(url, "verify")
