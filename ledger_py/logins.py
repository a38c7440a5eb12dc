"""Messages for logins that lack a right, with the exact statement that grants it."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

__all__ = ("LoginRefused", "lacks_group", "lacks_rights", "not_bound")


class LoginRefused(RuntimeError):
    """The login of a command can do too little or too much; the message says what to do."""


def not_bound(conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any], app: str) -> str:
    """Describe a login that may not act for an app."""
    login = conn.info.user
    bind = sql.SQL("SELECT ledger.bind_role(role => {}, app => {});").format(
        sql.Literal(login), sql.Literal(app)
    )
    return (
        f"The login {login} may not act for {app}. Run as the owner of the ledger or as an operator"
        f" (`ledger psql`): {bind.as_string()}"
    )


def lacks_group(conn: psycopg.Connection[Any], group: str) -> str:
    """Describe a login that is not a member of a group, such as ``ledger_auditor``."""
    login = conn.info.user
    return (
        f"The login {login} may not do this: it is not a member of {group}. Run as an administrator"
        f" of the server: {_grant(group, login)}"
    )


def lacks_rights(conn: psycopg.Connection[Any]) -> str:
    """Describe a login that has no rights in the ledger at all, where the app is not known."""
    login = conn.info.user
    bind = sql.SQL("SELECT ledger.bind_role(role => {}, app => 'APP');").format(sql.Literal(login))
    return (
        f"The login {login} has no rights in this ledger. To let it serve APP (app1, …), run as the"
        f" owner of the ledger or as an operator (`ledger psql`): {bind.as_string()} To let it only"
        f" read: {_grant('ledger_auditor', login)}"
    )


def _grant(group: str, login: str) -> str:
    statement = sql.SQL("GRANT {} TO {};").format(sql.Identifier(group), sql.Identifier(login))
    return statement.as_string()
