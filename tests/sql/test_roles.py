"""Privileges, tested by roles that log in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.concurrency.callers import wait_until_blocked
from tests.sql.calls import (
    Connection,
    balance,
    call,
    fails,
    record,
    rows,
    scalar,
    spend,
)
from tests.sql.conftest import LogIn

DENIED = "42501"


def tables(conn: Connection) -> list[sql.Identifier]:
    """List the tables of schema ledger."""
    found = conn.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'r'"
    ).fetchall()
    return [sql.Identifier("ledger", name) for (name,) in found]


# Applications


def test_bound_role_records_for_its_app(log_in: LogIn) -> None:
    app1 = log_in("app1")
    record(app1, app="app1", amount=10)
    assert spend(app1, 4, app="app1")["balance"] == 6


def test_bound_role_cannot_record_for_another_app(log_in: LogIn) -> None:
    app1 = log_in("app1")
    with fails(app1, "LG401") as refusal:
        record(app1, app="app2")
    assert refusal.detail == {"app": "app2", "role": app1.info.user}


def test_refusal_for_another_app_reveals_nothing_about_its_entries(
    log_in: LogIn, conn: Connection
) -> None:
    record(conn, app="app2", nonce="n", amount=10)
    with fails(log_in("app1"), "LG401"):
        record(log_in("app1"), app="app2", nonce="n", amount=10)


def test_role_may_be_bound_to_several_apps(log_in: LogIn) -> None:
    both = log_in("app1", "app2")
    record(both, app="app1")
    assert record(both, app="app2")["seq"] == 2


def test_binding_again_changes_nothing(log_in: LogIn, conn: Connection) -> None:
    app1 = log_in("app1")
    call(conn, "bind_role", role=app1.info.user, app="app1")
    assert scalar(conn, "SELECT count(*) FROM ledger.app_roles") == 1
    assert record(app1)["seq"] == 1


def test_unbound_role_cannot_record(log_in: LogIn, conn: Connection) -> None:
    both = log_in("app1", "app2")
    record(both)
    call(conn, "unbind_role", role=both.info.user, app="app1")
    with fails(both, "LG401"):
        record(both)
    assert record(both, app="app2")["seq"] == 2


def test_role_without_bindings_cannot_execute_functions(log_in: LogIn, conn: Connection) -> None:
    app1 = log_in("app1")
    balance(app1)
    call(conn, "unbind_role", role=app1.info.user, app="app1")
    with fails(app1, DENIED):
        balance(app1)


def test_unbinding_again_changes_nothing(log_in: LogIn, conn: Connection) -> None:
    app1 = log_in("app1")
    for _ in range(2):
        call(conn, "unbind_role", role=app1.info.user, app="app1")
    noted = conn.execute(
        "SELECT change FROM ledger.operation_changes WHERE role_name = %s ORDER BY change_id",
        [app1.info.user],
    ).fetchall()
    assert noted == [("bound",), ("unbound",)]
    assert rows(conn, "verify") == []


def test_dropped_login_can_be_unbound(conn: Connection) -> None:
    """Else a new role of the same name could act for the app."""
    conn.execute("CREATE ROLE ledger_test_leaver LOGIN")
    call(conn, "bind_role", role="ledger_test_leaver", app="app1")
    conn.execute("DROP ROLE ledger_test_leaver")
    call(conn, "unbind_role", role="ledger_test_leaver", app="app1")
    assert scalar(conn, "SELECT count(*) FROM ledger.app_roles") == 0
    assert rows(conn, "verify") == []


@pytest.mark.parametrize(
    ("role", "app", "sqlstate"),
    [(None, "app1", "LG001"), ("", "app1", "LG001"), ("r", None, "LG101"), ("r", "app9", "LG101")],
)
def test_malformed_unbinding_is_refused(
    conn: Connection, role: str | None, app: str | None, sqlstate: str
) -> None:
    with fails(conn, sqlstate):
        call(conn, "unbind_role", role=role, app=app)


def test_membership_alone_allows_no_app(log_in: LogIn) -> None:
    with fails(log_in(member_of="ledger_app"), "LG401") as refusal:
        record(log_in(member_of="ledger_app"))
    assert refusal.detail["app"] == "app1"


def test_role_without_privileges_cannot_execute_functions(log_in: LogIn) -> None:
    stranger = log_in()
    with fails(stranger, DENIED):
        balance(stranger)
    with fails(stranger, DENIED):
        record(stranger)


def test_set_role_counts_as_the_role(log_in: LogIn, ledger_db: str) -> None:
    app1 = log_in("app1")
    with psycopg.connect(ledger_db, autocommit=True) as owner:
        owner.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(app1.info.user)))
        assert record(owner, app="app1")["seq"] == 1
        with fails(owner, "LG401"):
            record(owner, app="app2")


def test_group_of_all_apps_is_bound_to_none(log_in: LogIn) -> None:
    app1 = log_in("app1")
    app1.execute("SET ROLE ledger_app")
    with fails(app1, "LG401"):
        record(app1)


def test_role_cannot_become_the_owner_or_another_app(log_in: LogIn, conn: Connection) -> None:
    app1, app2 = log_in("app1"), log_in("app2")
    for other in (conn, app2):
        with fails(app1, DENIED):
            app1.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(other.info.user)))
        with fails(app1, DENIED):
            app1.execute(
                sql.SQL("SET SESSION AUTHORIZATION {}").format(sql.Identifier(other.info.user))
            )


def test_app_reads_every_account(log_in: LogIn, conn: Connection) -> None:
    record(conn, app="app2", amount=10)
    app1 = log_in("app1")
    assert balance(app1) == 10
    assert len(rows(app1, "entries_of", owner_id="alice")) == 1
    assert rows(app1, "operations_of", app="app2")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM {}",
        "INSERT INTO {} DEFAULT VALUES",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "LOCK TABLE {} IN ACCESS SHARE MODE",
        "DROP TABLE {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
    ],
)
@pytest.mark.parametrize("member_of", [None, "ledger_app"])
def test_app_has_no_access_to_any_table(
    log_in: LogIn, conn: Connection, statement: str, member_of: str | None
) -> None:
    app1 = log_in("app1", member_of=member_of)
    for table in tables(conn):
        with fails(app1, DENIED):
            app1.execute(sql.SQL(statement).format(table))


def test_app_cannot_update_any_table(log_in: LogIn, conn: Connection) -> None:
    app1 = log_in("app1")
    columns = conn.execute(
        """
        SELECT relname, attname FROM pg_attribute
        INNER JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'r' AND attnum = 2
        """
    ).fetchall()
    for table, column in columns:
        update = sql.SQL("UPDATE {} SET {column} = {column}").format(
            sql.Identifier("ledger", table), column=sql.Identifier(column)
        )
        with fails(app1, DENIED):
            app1.execute(update)


def test_app_cannot_reach_internal_objects(log_in: LogIn) -> None:
    app1 = log_in("app1")
    for statement in (
        "SELECT nextval('ledger_core.entry_ids')",
        "SELECT ledger_core.is_key('alice')",
        "SELECT ledger_core.lock_account('alice', 'CREDIT')",
        "SELECT ledger_core.settle('alice', 'CREDIT', now())",
        "SELECT * FROM ledger_core.installed_files",
    ):
        with fails(app1, DENIED):
            app1.execute(statement.encode())


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("register_app", {"app": "app3", "description": "Third"}),
        ("define_operation", {"operation": "BONUS", "description": "x", "default_amount": 5}),
        ("allow_operation", {"app": "app1", "operation": "TOKENS_USED"}),
        ("retire_operation", {"operation": "CONTENT_ACCESS"}),
        ("bind_role", {"role": "ledger_app", "app": "app2"}),
    ],
)
@pytest.mark.parametrize("group", ["ledger_app", "ledger_auditor"])
def test_only_operators_manage(
    log_in: LogIn, group: str, function: str, arguments: dict[str, Any]
) -> None:
    with fails(log_in(member_of=group), DENIED):
        call(log_in(member_of=group), function, **arguments)


def test_objects_of_an_app_cannot_shadow_those_of_the_ledger(
    log_in: LogIn, conn: Connection
) -> None:
    """The functions' search path has temporary objects of the caller last."""
    app1 = log_in("app1")
    app1.execute("CREATE TEMP TABLE accounts (owner_id text, asset text, balance bigint)")
    app1.execute("CREATE TEMP VIEW clock_timestamp AS SELECT '2001-01-01Z'::timestamptz")
    app1.execute(
        "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$"
    )
    app1.execute("SET search_path = pg_temp, pg_catalog")
    record(app1, amount=10)
    assert balance(conn) == 10
    assert scalar(conn, "SELECT length(hash) FROM ledger.entries") == 32
    assert scalar(app1, "SELECT count(*) FROM pg_temp.accounts") == 0


# Auditors


def test_auditor_reads_every_table_and_view(log_in: LogIn, conn: Connection) -> None:
    record(conn, amount=10, expires_at="2099-01-01T00:00:00Z")
    auditor = log_in(member_of="ledger_auditor")
    relations = conn.execute(
        "SELECT relname FROM pg_class "
        "WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'v')"
    ).fetchall()
    for (name,) in relations:
        auditor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier("ledger", name)))
    assert balance(auditor) == 10


def test_auditor_records_nothing(log_in: LogIn) -> None:
    with fails(log_in(member_of="ledger_auditor"), DENIED):
        record(log_in(member_of="ledger_auditor"))


# Auditors and operators


@pytest.mark.parametrize("group", ["ledger_app", "ledger_auditor", "ledger_operator"])
def test_no_group_may_write_a_table(conn: Connection, group: str) -> None:
    found = conn.execute(
        """
        SELECT relname, privilege
        FROM pg_class
        CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS privilege
        WHERE relnamespace IN ('ledger'::regnamespace, 'ledger_core'::regnamespace)
            AND relkind IN ('r', 'v') AND has_table_privilege(%s, pg_class.oid, privilege)
        """,
        [group],
    ).fetchall()
    assert found == []


@pytest.mark.parametrize("group", ["ledger_app", "ledger_auditor", "ledger_operator"])
def test_no_group_may_create_objects_in_the_schemas(conn: Connection, group: str) -> None:
    for schema in ("ledger", "ledger_core"):
        assert not scalar(conn, "SELECT has_schema_privilege(%s, %s, 'CREATE')", group, schema)
    assert not scalar(conn, "SELECT has_schema_privilege(%s, 'ledger_core', 'USAGE')", group)


def test_no_group_can_log_in(conn: Connection) -> None:
    found = conn.execute(
        "SELECT rolname FROM pg_roles WHERE rolcanlogin "
        "AND rolname IN ('ledger_app', 'ledger_auditor', 'ledger_operator')"
    ).fetchall()
    assert found == []


# Operators


def test_operator_manages_and_is_named_in_the_history(log_in: LogIn) -> None:
    operator = log_in(member_of="ledger_operator")
    call(operator, "register_app", app="app3", description="Third")
    call(
        operator,
        "define_operation",
        operation="BONUS",
        description="A bonus",
        default_amount=5,
        shared=True,
    )
    by = scalar(
        operator,
        "SELECT changed_by FROM ledger.operation_changes "
        "WHERE operation = 'BONUS' AND change = 'defined'",
    )
    assert by == operator.info.user


def test_operator_binds_roles(log_in: LogIn) -> None:
    operator = log_in(member_of="ledger_operator")
    newcomer = log_in()
    call(operator, "bind_role", role=newcomer.info.user, app="app1")
    assert record(newcomer)["app"] == "app1"


def test_operator_may_bind_itself_and_is_named(log_in: LogIn, conn: Connection) -> None:
    operator = log_in(member_of="ledger_operator")
    call(operator, "bind_role", role=operator.info.user, app="app1")
    assert record(operator)["app"] == "app1"
    assert scalar(conn, "SELECT role_name FROM ledger.app_roles") == operator.info.user


def test_operator_gets_the_error_of_incomplete_sets_at_commit(log_in: LogIn) -> None:
    operator = log_in(member_of="ledger_operator")
    with fails(operator, "LG904"):
        call(operator, "allow_operation", app="app1", operation="CREDIT_ADD", max_amount=2 * 10**9)


def test_operator_records_for_no_app(log_in: LogIn) -> None:
    operator = log_in(member_of="ledger_operator")
    with pytest.raises(psycopg.Error) as raised:
        record(operator)
    assert raised.value.sqlstate in (DENIED, "LG401")


def test_checks_at_commit_never_run_code_of_an_operator(log_in: LogIn, conn: Connection) -> None:
    """With any search path at commit, no function outside the ledger is called."""
    operator = log_in(member_of="ledger_operator")
    name = sql.Identifier(operator.info.user)
    conn.execute(sql.SQL("CREATE SCHEMA AUTHORIZATION {}").format(name))
    operator.execute("CREATE TABLE ran (as_role name)")
    operator.execute(
        """
        CREATE FUNCTION trap(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO ran VALUES (current_user);
            RETURN false;
        END
        $$
        """
    )
    operator.execute("CREATE OPERATOR < (FUNCTION = trap, LEFTARG = bigint, RIGHTARG = bigint)")
    operator.execute(sql.SQL("SET search_path = {}, pg_catalog").format(name))
    call(operator, "allow_operation", app="app1", operation="CREDIT_ADD", max_amount=50)
    assert operator.execute("SELECT as_role FROM ran").fetchall() == []


# The owner of the ledger


def test_owner_records_for_every_app(conn: Connection) -> None:
    record(conn, app="app1")
    assert record(conn, app="app2")["seq"] == 2


# Budgets


def limit(conn: Connection, app: str | None = "app1", **rule: Any) -> dict[str, Any]:
    plain = {"owner_id": "alice", "budget": "limit", "most": 5, "period": "day", "app": app}
    return call(conn, "set_budget", **plain | rule, actor="olga", reason="agreed")


def test_login_sets_budgets_of_its_app_only_where_it_may(log_in: LogIn, conn: Connection) -> None:
    app1 = log_in("app1")
    with fails(app1, "LG401"):
        limit(app1)
    call(conn, "bind_role", role=app1.info.user, app="app1", may_set_budgets=True)
    assert limit(app1)["most"] == 5
    for app in ("app2", None):
        with fails(app1, "LG401"):
            limit(app1, app, budget="another")
    call(app1, "drop_budget", owner_id="alice", budget="limit", actor="olga", reason="over")


@pytest.mark.parametrize("app", ["app2", None])
def test_login_cannot_touch_budgets_that_limit_more_than_its_app(
    log_in: LogIn, conn: Connection, app: str | None
) -> None:
    app1 = log_in("app1")
    call(conn, "bind_role", role=app1.info.user, app="app1", may_set_budgets=True)
    limit(conn, app)
    rule = {"budget": "of-all", "most": 5, "period": "day", "app": app}
    call(conn, "define_budget", **rule)
    for budget in ("limit", "of-all"):
        with fails(app1, "LG401"):
            limit(app1, budget=budget, most=1000)
    with fails(app1, "LG401"):
        call(app1, "drop_budget", owner_id="alice", budget="limit", actor="olga", reason="over")


def test_login_of_an_app_cannot_define_budgets_of_everybody(log_in: LogIn) -> None:
    with fails(log_in("app1"), DENIED):
        call(log_in("app1"), "define_budget", budget="of-all", most=5, period="day")


@pytest.mark.parametrize("function", ["set_budget", "drop_budget"])
def test_login_that_waited_cannot_lift_what_an_operator_has_set_meanwhile(
    log_in: LogIn, conn: Connection, function: str
) -> None:
    app1 = log_in("app1")
    call(conn, "bind_role", role=app1.info.user, app="app1", may_set_budgets=True)
    limit(app1)
    lifted: dict[str, Any] = {"owner_id": "alice", "budget": "limit"}
    if function == "set_budget":
        lifted |= {"most": 1000, "period": "day", "app": "app1"}

    def lift() -> None:
        call(app1, function, **lifted, actor="app", reason="more")

    with psycopg.connect(conn.info.dsn) as observer, ThreadPoolExecutor(1) as thread:
        with conn.transaction():
            limit(conn, None, most=1)
            waiting = thread.submit(lift)
            wait_until_blocked(observer, app1)
        with pytest.raises(psycopg.Error) as refusal:
            waiting.result()
    assert refusal.value.sqlstate == "LG401"
    (budget,) = rows(conn, "budgets_of", owner_id="alice")
    assert (budget["most"], budget["app"]) == (1, None)
