"""The console logs in as an auditor, and refuses every login that could do more."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import TypeAlias

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger_py.console import console_login, require_auditor
from ledger_py.logins import LoginRefused
from tests.sql.calls import Connection, call

MakeLogin: TypeAlias = Callable[..., str]

_NUMBERS = itertools.count(1)

BEYOND = {
    "superuser": (["ALTER ROLE {} SUPERUSER"], "is a superuser"),
    "operator": (["GRANT ledger_operator TO {}"], "may call ledger.adjust_balance"),
    "an operator who does not inherit": (
        ["ALTER ROLE {} NOINHERIT", "GRANT ledger_operator TO {}"],
        "may call ledger.adjust_balance",
    ),
    "one function": (
        ["GRANT EXECUTE ON FUNCTION ledger.freeze_account TO {}"],
        "may call ledger.freeze_account",
    ),
    "a table": (["GRANT UPDATE ON ledger.accounts TO {}"], "may write ledger.accounts"),
    "a column": (["GRANT UPDATE (metadata) ON ledger.entries TO {}"], "may write ledger.entries"),
    "a table of the inside": (["GRANT INSERT ON ledger_core.nonces TO {}"], "ledger_core.nonces"),
    "all tables": (["GRANT pg_write_all_data TO {}"], "may write ledger"),
    "programs of the server": (
        ["GRANT pg_execute_server_program TO {}"],
        "is a member of pg_execute_server_program",
    ),
}


@pytest.fixture
def make_login(ledger_db: str, conn: Connection) -> Iterator[MakeLogin]:
    """Make a member of ledger_auditor, for which statements are run with its name."""
    roles: list[sql.Identifier] = []

    def make(*statements: str, group: str | None = "ledger_auditor") -> str:
        name = f"ledger_test_{os.getpid()}_login_{next(_NUMBERS)}"
        role = sql.Identifier(name)
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'secret'").format(role))
        roles.append(role)
        if group:
            conn.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), role))
        for statement in statements:
            conn.execute(sql.SQL(statement).format(role))
        return make_conninfo(ledger_db, user=name, password="secret")

    yield make
    for role in roles:
        conn.execute(sql.SQL("DROP OWNED BY {}").format(role))
        conn.execute(sql.SQL("DROP ROLE {}").format(role))


def test_auditor_is_taken(make_login: MakeLogin) -> None:
    url = make_login()
    assert require_auditor(url, operator=False) == conninfo_to_dict(url)["user"]


@pytest.mark.parametrize(("statements", "reason"), BEYOND.values(), ids=BEYOND)
def test_login_that_could_do_more_is_refused(
    make_login: MakeLogin, statements: list[str], reason: str
) -> None:
    url = make_login(*statements)
    with pytest.raises(LoginRefused, match=f"could do more than read: .*{reason}"):
        require_auditor(url, operator=False)


def test_operator_is_taken_if_asked_for(make_login: MakeLogin) -> None:
    require_auditor(make_login("GRANT ledger_operator TO {}"), operator=True)


def test_login_that_may_make_roles_is_refused_where_it_could_join_any(
    make_login: MakeLogin, conn: Connection
) -> None:
    url = make_login("ALTER ROLE {} CREATEROLE")
    if conn.info.server_version < 160000:
        with pytest.raises(LoginRefused, match="may give itself any right"):
            require_auditor(url, operator=False)
    else:
        require_auditor(url, operator=False)


def test_login_of_an_app_is_refused(make_login: MakeLogin, conn: Connection) -> None:
    url = make_login()
    call(conn, "bind_role", role=conninfo_to_dict(url)["user"], app="app1")
    with pytest.raises(LoginRefused, match=r"may call ledger\.capture_hold"):
        require_auditor(url, operator=False)


def test_owner_of_the_ledger_is_refused(ledger_db: str) -> None:
    with pytest.raises(LoginRefused, match="is a superuser, owns the ledger") as refusal:
        require_auditor(ledger_db, operator=False)
    assert str(refusal.value).count("owns the ledger") == 1


def test_login_without_rights_is_told_what_it_needs(make_login: MakeLogin) -> None:
    url = make_login(group=None)
    login = conninfo_to_dict(url)["user"]
    with pytest.raises(LoginRefused, match=f'GRANT "ledger_auditor" TO "{login}";'):
        require_auditor(url, operator=False)


def test_database_without_a_ledger_is_told_apart(empty_db: str) -> None:
    for check in (require_auditor, console_login):
        with pytest.raises(LoginRefused, match="run `ledger migrate` first"):
            check(empty_db, operator=False)


@pytest.mark.parametrize("operator", [False, True])
def test_login_is_made_in_an_embedded_server(
    ledger_db: str, conn: Connection, operator: bool
) -> None:
    login = "ledger_console_operator" if operator else "ledger_console"
    try:
        url = console_login(ledger_db, operator=operator)
        assert console_login(ledger_db, operator=operator) == url
        assert require_auditor(url, operator=operator) == login
        with psycopg.connect(url, autocommit=True) as console:
            assert console.execute("SELECT session_user::text").fetchone() == (login,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                console.execute("RESET ROLE; UPDATE ledger.accounts SET balance = 1")
        if operator:
            with pytest.raises(LoginRefused):
                require_auditor(url, operator=False)
    finally:
        conn.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(login)))
        conn.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))
