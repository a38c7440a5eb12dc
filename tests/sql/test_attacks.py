"""Attacks by login roles, and the errors they get.

Each attack is made by a login of the group that is named, on a connection of its own; the SQLSTATE
says who refused it: 42501 PostgreSQL, for want of a right; LG401 the ledger, for want of a binding.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeAlias

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.fixtures.database import Server, new_database
from tests.sql.calls import (
    Connection,
    call,
    entries,
    fails,
    record,
    rows,
    scalar,
    spend,
)
from tests.sql.conftest import LogIn
from tests.sql.lifecycle import item, place, record_batch

DENIED = "42501"
GROUPS = ("ledger_app", "ledger_auditor", "ledger_operator")

Attacker: TypeAlias = Connection

# All properties of the ledger's objects that a role could have changed.
FINGERPRINT = """
    SELECT md5(string_agg(object, E'\\n' ORDER BY object)) FROM (
        SELECT format('%s %s %s %s', oid::regprocedure, proowner, proacl, md5(prosrc)) AS object
        FROM pg_proc WHERE pronamespace IN ('ledger'::regnamespace, 'ledger_core'::regnamespace)
        UNION ALL
        SELECT format('%s %s %s', oid::regclass, relowner, relacl)
        FROM pg_class WHERE relnamespace IN ('ledger'::regnamespace, 'ledger_core'::regnamespace)
        UNION ALL
        SELECT format('%s %s %s', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger
        UNION ALL
        SELECT format('%s %s %s', nspname, nspowner, nspacl) FROM pg_namespace
        WHERE nspname IN ('ledger', 'ledger_core', 'public')
    ) AS objects
"""


class Logins:
    """Login roles of one database, dropped with it."""

    def __init__(self, url: str, owner: Connection) -> None:
        self._url = url
        self._owner = owner
        self._open: dict[tuple[str, ...], Connection] = {}

    def bound_to(self, app: str) -> Connection:
        """Return the connection of a login that is bound to an app."""
        return self._login("ledger_app", app)

    def member_of(self, group: str) -> Connection:
        """Return the connection of a login in a group. A member of ledger_app is bound to app1."""
        return self.bound_to("app1") if group == "ledger_app" else self._login(group)

    def _login(self, group: str, *apps: str) -> Connection:
        if (group, *apps) not in self._open:
            name = f"ledger_attack_{os.getpid()}_{len(self._open)}"
            role = sql.Identifier(name)
            self._owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, name))
            self._owner.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), role))
            for app in apps:
                call(self._owner, "bind_role", role=name, app=app)
            address = make_conninfo(self._url, user=name, password=name)
            self._open[group, *apps] = psycopg.connect(address, autocommit=True)
        return self._open[group, *apps]

    def drop(self) -> None:
        for connection in self._open.values():
            role = sql.Identifier(connection.info.user)
            connection.close()
            self._owner.execute(sql.SQL("DROP OWNED BY {}").format(role))
            self._owner.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture(scope="module")
def attacked_db(ledger_template: Any, ledger_server: Server) -> Iterator[str]:
    """The database of all attacks. None of them may change it."""
    template = sql.Identifier(ledger_template.template_dbname).as_string(None)
    with new_database(ledger_server, f"TEMPLATE {template}") as url:
        yield url


@pytest.fixture(scope="module")
def owner(attacked_db: str) -> Iterator[Connection]:
    """A connection of the owner. After the tests, the books must be unchanged."""
    with psycopg.connect(attacked_db, autocommit=True) as conn:
        record(conn, amount=100, nonce="first", expires_at="2099-01-01T00:00:00Z")
        record(conn, app="app2", amount=10, nonce="of app2")
        spend(conn, 30)
        place(conn, 5, nonce="held", expires_in="300 days")
        place(conn, 5, app="app2", nonce="held by app2", expires_in="300 days")
        before = call(conn, "checkpoint")
        installed = scalar(conn, FINGERPRINT)
        yield conn
        # Only bindings of logins, which are noted, may have been added.
        kept = {name: before[name] for name in ("horizon", "digest")}
        assert rows(conn, "verify_checkpoint", **kept) == []
        assert call(conn, "checkpoint")["entries"] == before["entries"]
        assert rows(conn, "verify") == []
        assert scalar(conn, FINGERPRINT) == installed


@pytest.fixture(scope="module")
def logins(attacked_db: str, owner: Connection) -> Iterator[Logins]:
    logins = Logins(attacked_db, owner)
    yield logins
    logins.drop()


@pytest.fixture(scope="module", params=GROUPS)
def attacker(logins: Logins, request: pytest.FixtureRequest) -> Attacker:
    """A login of each group. The one of ledger_app is bound to app1."""
    return logins.member_of(request.param)


@pytest.fixture
def app1(logins: Logins) -> Attacker:
    """A login of app1."""
    return logins.bound_to("app1")


def relations(conn: Connection, kinds: str = "{r,v}") -> list[str]:
    found = conn.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = ANY(%s) "
        "AND relnamespace IN ('ledger'::regnamespace, 'ledger_core'::regnamespace)",
        [kinds],
    ).fetchall()
    assert found
    return [name for (name,) in found]


def attack(conn: Attacker, statement: str, sqlstate: str = DENIED) -> None:
    with fails(conn, sqlstate):
        conn.execute(statement.encode())


# The tables


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {} DEFAULT VALUES",
        "INSERT INTO {} OVERRIDING SYSTEM VALUE SELECT * FROM {}",
        "UPDATE {} SET {column} = {column}",
        "DELETE FROM {}",
        "MERGE INTO {} AS it USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
        "TRUNCATE {}",
        "COPY {} FROM STDIN",
        "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE {} IN SHARE MODE",
        "DROP TABLE {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "ALTER TABLE {} DISABLE TRIGGER USER",
        "ALTER TABLE {} ADD COLUMN planted text",
        "ALTER TABLE {} ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE {} OWNER TO CURRENT_USER",
        "ALTER TABLE {} SET SCHEMA pg_temp",
        "ALTER TABLE {} RENAME TO other",
        "CREATE TRIGGER planted BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION "
        "suppress_redundant_updates_trigger()",
        "CREATE RULE planted AS ON INSERT TO {} DO INSTEAD NOTHING",
        "CREATE INDEX planted ON {} (({column}))",
        "CREATE POLICY planted ON {}",
        "CREATE STATISTICS planted ON {column}, {column} FROM {}",
        "CREATE TEMP TABLE child () INHERITS ({})",
        "COMMENT ON TABLE {} IS 'planted'",
        "REINDEX TABLE {}",
        "CLUSTER {}",
    ],
)
def test_no_table_can_be_changed(attacker: Attacker, owner: Connection, statement: str) -> None:
    for name in relations(owner, "{r}"):
        column = scalar(
            owner,
            "SELECT quote_ident(attname) FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0 AND attidentity = '' LIMIT 1",
            name,
        )
        attack(attacker, statement.replace("{}", name).replace("{column}", column))


@pytest.mark.parametrize("statement", ["VACUUM {}", "ANALYZE {}"])
def test_maintenance_of_a_table_is_skipped_with_a_warning(
    attacker: Attacker, owner: Connection, statement: str
) -> None:
    warnings: list[str] = []
    attacker.add_notice_handler(lambda notice: warnings.append(str(notice.severity)))
    for name in relations(owner, "{r}"):
        if name.startswith("ledger."):
            attacker.execute(statement.format(name).encode())
            assert warnings.pop() == "WARNING"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {} DEFAULT VALUES",
        "DELETE FROM {}",
        "DROP VIEW {}",
        "CREATE OR REPLACE VIEW {} AS SELECT 1",
        "ALTER VIEW {} OWNER TO CURRENT_USER",
        "ALTER VIEW {} SET (security_invoker = true)",
    ],
)
def test_no_view_can_be_written(attacker: Attacker, owner: Connection, statement: str) -> None:
    for name in relations(owner, "{v}"):
        with pytest.raises(psycopg.Error) as raised:
            attacker.execute(statement.format(name).encode())
        # 55000: the view is not updatable, which PostgreSQL checks before privileges.
        assert raised.value.sqlstate in (DENIED, "55000"), name


@pytest.mark.parametrize("statement", ["SELECT nextval('{}')", "SELECT setval('{}', 1)"])
def test_no_sequence_can_be_moved(attacker: Attacker, owner: Connection, statement: str) -> None:
    for name in relations(owner, "{S}"):
        attack(attacker, statement.format(name))


@pytest.mark.parametrize("statement", ["SELECT * FROM {}", "COPY {} TO STDOUT", "TABLE {}"])
def test_application_reads_no_table_or_view(
    app1: Attacker, owner: Connection, statement: str
) -> None:
    for name in relations(owner):
        if not (statement.startswith("COPY") and name in relations(owner, "{v}")):
            attack(app1, statement.format(name))


def test_nobody_reads_internal_objects(attacker: Attacker, owner: Connection) -> None:
    for name in relations(owner):
        if name.startswith("ledger_core."):
            attack(attacker, f"SELECT * FROM {name}")


# The roles

BECOME = [
    "SET ROLE {}",
    "SET LOCAL ROLE {}",
    "SET SESSION AUTHORIZATION {}",
    "SELECT set_config('role', '{}', false)",
    "SELECT set_config('role', '{}', true)",
    "SELECT set_config('session_authorization', '{}', false)",
    "DO $$ BEGIN PERFORM set_config('role', '{}', true); END $$",
    "GRANT {} TO CURRENT_USER",
    "ALTER ROLE {} PASSWORD 'known'",
    "ALTER ROLE {} SET search_path = public",
    "REASSIGN OWNED BY {} TO CURRENT_USER",
    "DROP OWNED BY {}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT ALL ON TABLES TO PUBLIC",
]


@pytest.mark.parametrize("statement", BECOME)
def test_nobody_becomes_the_owner_or_another_application(
    attacker: Attacker, owner: Connection, logins: Logins, statement: str
) -> None:
    for other in (owner.info.user, logins.bound_to("app2").info.user):
        attack(attacker, statement.replace("{}", other))


@pytest.mark.parametrize("group", GROUPS)
def test_nobody_becomes_a_group_without_membership(
    attacker: Attacker, owner: Connection, group: str
) -> None:
    if scalar(owner, "SELECT pg_has_role(%s, %s, 'MEMBER')", attacker.info.user, group):
        return
    attack(attacker, f"SET ROLE {group}")
    attack(attacker, f"SELECT set_config('role', '{group}', false)")


def test_function_of_the_attacker_cannot_run_as_another_role(
    attacker: Attacker, owner: Connection
) -> None:
    """PostgreSQL checks the role of `SET role` in a declaration when the function runs."""
    declare = f"""
        CREATE FUNCTION pg_temp.as_owner() RETURNS bigint LANGUAGE sql
        SET role = '{owner.info.user}' AS $$ SELECT count(*) FROM pg_catalog.pg_authid $$
    """
    with fails(attacker, DENIED):
        attacker.execute(declare.encode())  # some releases check at once
        attacker.execute("SELECT pg_temp.as_owner()")


def test_role_of_the_session_cannot_be_forged_in_a_setting(
    attacker: Attacker, logins: Logins
) -> None:
    other = logins.bound_to("app2").info.user
    attacker.execute(f"SET SESSION ledger.role = '{other}'".encode())
    attacker.execute(f"SET SESSION application_name = '{other}'".encode())
    with pytest.raises(psycopg.Error) as raised:
        record(attacker, app="app2")
    assert raised.value.sqlstate in (DENIED, "LG401")


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER ROLE CURRENT_USER SUPERUSER",
        "ALTER ROLE CURRENT_USER CREATEROLE",
        "ALTER ROLE CURRENT_USER REPLICATION",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "ALTER ROLE CURRENT_USER SET session_replication_role = replica",
        "CREATE ROLE planted",
        "GRANT ledger_operator TO CURRENT_USER",
        "GRANT ledger_app TO PUBLIC",
        "GRANT pg_write_all_data TO CURRENT_USER",
        "GRANT pg_read_all_data TO CURRENT_USER",
        "GRANT USAGE ON SCHEMA ledger_core TO CURRENT_USER",
        "SET session_replication_role = replica",
        "SELECT set_config('session_replication_role', 'replica', false)",
        "SET allow_system_table_mods = on",
        "SET zero_damaged_pages = on",
        "SET log_statement = 'none'",
        "ALTER SYSTEM SET fsync = off",
        "ALTER DATABASE {database} SET search_path = public",
        "ALTER DATABASE {database} OWNER TO CURRENT_USER",
        "UPDATE pg_catalog.pg_trigger SET tgenabled = 'D'",
        "UPDATE pg_catalog.pg_proc SET prosecdef = false",
        "DELETE FROM pg_catalog.pg_trigger",
        "SELECT * FROM pg_catalog.pg_authid",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT lo_import('/etc/passwd')",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/planted'",
        "LOAD 'plpgsql'; LOAD '/tmp/planted.so'",
        "CREATE FUNCTION pg_temp.planted() RETURNS void LANGUAGE c AS 'planted'",
        "CREATE EXTENSION dblink",
        "CREATE EVENT TRIGGER planted ON sql_drop EXECUTE FUNCTION event_trigger_in()",
        "CREATE PUBLICATION planted FOR TABLE ledger.entries",
        "CREATE SUBSCRIPTION planted CONNECTION '' PUBLICATION planted WITH (connect = false)",
        "SELECT pg_create_logical_replication_slot('planted', 'test_decoding')",
        "SELECT pg_switch_wal()",
        "SELECT pg_stat_reset()",
        "CREATE SERVER planted FOREIGN DATA WRAPPER planted",
    ],
)
def test_no_privilege_can_be_obtained(attacker: Attacker, statement: str) -> None:
    statement = statement.replace("{database}", attacker.info.dbname)
    with pytest.raises(psycopg.Error) as raised:
        attacker.execute(statement.encode())
    # 0A000, 42704, 42883: refused earlier, because this server does not have the object.
    assert raised.value.sqlstate in (DENIED, "0A000", "42704", "42883"), raised.value


def test_names_in_function_bodies_cannot_be_redirected(log_in: LogIn) -> None:
    """Not even before PL/pgSQL is loaded, when PostgreSQL does not know its settings yet."""
    app1 = log_in("app1")
    with suppress(psycopg.errors.InsufficientPrivilege):
        app1.execute("SET plpgsql.variable_conflict = 'use_variable'")
    app1.execute("DO $$ BEGIN END $$")
    assert scalar(app1, "SHOW plpgsql.variable_conflict") == "error"
    attack(app1, "SET plpgsql.variable_conflict = 'use_variable'")


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT ALL ON ALL TABLES IN SCHEMA ledger TO CURRENT_USER",
        "GRANT ALL ON ledger.entries TO CURRENT_USER",
        "GRANT CREATE ON SCHEMA ledger TO CURRENT_USER",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger TO CURRENT_USER",
    ],
)
def test_grant_on_objects_of_others_has_no_effect(
    attacker: Attacker, owner: Connection, statement: str
) -> None:
    """PostgreSQL raises a warning for a role with some of the privileges, else an error."""
    before = scalar(owner, FINGERPRINT)
    with suppress(psycopg.errors.InsufficientPrivilege):
        attacker.execute(statement.encode())
    assert scalar(owner, FINGERPRINT) == before


def test_sessions_of_the_owner_cannot_be_ended(attacker: Attacker, owner: Connection) -> None:
    for function in ("pg_terminate_backend", "pg_cancel_backend"):
        attack(attacker, f"SELECT {function}({owner.info.backend_pid})")


# The functions


def functions(conn: Connection, schema: str) -> list[tuple[str, str]]:
    """Return the functions of a schema, and a call of each with nulls."""
    found = conn.execute(
        """
        SELECT
            pg_proc.oid::regprocedure::text,
            format('SELECT %%s(%%s)', pg_proc.oid::regproc, (
                SELECT string_agg(format('NULL::%%s', format_type(type, NULL)), ', ' ORDER BY n)
                FROM unnest(proargtypes::oid[]) WITH ORDINALITY AS types (type, n)
            ))
        FROM pg_proc
        WHERE pronamespace = %s::regnamespace AND prorettype <> 'trigger'::regtype AND prokind = 'f'
        """,
        [schema],
    ).fetchall()
    assert found
    return [(name, statement) for name, statement in found]


def test_internal_functions_cannot_be_called(attacker: Attacker, owner: Connection) -> None:
    for _, statement in functions(owner, "ledger_core"):
        attack(attacker, statement)


MAY_CALL = {
    "ledger_app": """
        allowances_of balance balance_at balance_parts budgets_of capture_hold change_allowance
        claim_outcomes claims_of drop_budget end_allowance entries_after entries_of expire_credits
        extend_hold feed_lag find forecast grant_allowance grow_hold
        holds_of installed_files kept_buckets lots_of operations_of place_hold
        record_entries record_entry release_hold reserve_claims reverse_entry set_budget
        settle_claims statement statement_by_spender timeline transfer_credits unsettled_claims
    """,
    "ledger_auditor": """
        allowances_of balance balance_at balance_parts budgets_of checkpoint claims_of entries_after
        entries_of
        feed_lag find forecast holds_of installed_files kept_buckets liability lots_of note_proof
        operations_of statement statement_by_spender subject_data timeline verify verify_checkpoint
        verify_range verify_ranges
    """,
    "ledger_operator": """
        adjust_balance allow_operation allowances_of balance balance_at balance_parts
        begin_generation bind_role
        budgets_of checkpoint claims_of define_budget define_operation drop_budget
        end_allowance_by_hand entries_after entries_of expire_credits feed_lag find forecast
        freeze_account holds_of installed_files kept_buckets liability lots_of move_account
        note_proof operations_of
        register_app retire_operation reverse_by_hand set_budget set_min_balance statement
        statement_by_spender subject_data timeline unbind_role undefine_budget unfreeze_account
        verify
        verify_checkpoint verify_range verify_ranges
    """,
}


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_may_call_its_own_functions_and_no_others(
    logins: Logins, owner: Connection, group: str
) -> None:
    login = logins.member_of(group)
    allowed = set(MAY_CALL[group].split())
    for name, statement in functions(owner, "ledger"):
        called = re.sub(r"^ledger\.(\w+)\(.*", r"\1", name)
        if called in allowed:
            assert scalar(owner, "SELECT has_function_privilege(%s, %s, 'EXECUTE')", group, name)
        else:
            attack(login, statement)


FUNCTION_CHANGES = [
    "CREATE OR REPLACE FUNCTION ledger.balance(owner_id text, asset text) RETURNS int "
    "LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION ledger.planted() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DROP FUNCTION ledger.record_entry",
    "ALTER FUNCTION ledger.record_entry SECURITY INVOKER",
    "ALTER FUNCTION ledger.record_entry SET search_path = public",
    "ALTER FUNCTION ledger.record_entry RENAME TO other",
    "ALTER FUNCTION ledger.record_entry OWNER TO CURRENT_USER",
    "ALTER FUNCTION ledger_core.refuse_change() RENAME TO other",
    "DROP SCHEMA ledger CASCADE",
    "ALTER SCHEMA ledger RENAME TO other",
    "ALTER SCHEMA ledger OWNER TO CURRENT_USER",
    "DROP TYPE ledger.entry_row CASCADE",
    "ALTER TYPE ledger.entry_row ADD ATTRIBUTE planted text",
]
CREATIONS = [
    "CREATE TABLE {}.planted (x int)",
    "CREATE VIEW {}.planted AS SELECT 1",
    "CREATE FUNCTION {}.planted() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OPERATOR {}.+ (FUNCTION = int8pl, LEFTARG = bigint, RIGHTARG = bigint)",
    "CREATE TYPE {}.planted AS (x int)",
    "CREATE DOMAIN {}.text AS pg_catalog.text",
    "CREATE SEQUENCE {}.planted",
    'CREATE COLLATION {}.planted FROM "C"',
]


@pytest.mark.parametrize("statement", FUNCTION_CHANGES)
def test_no_function_type_or_schema_can_be_changed(attacker: Attacker, statement: str) -> None:
    attack(attacker, statement)


@pytest.mark.parametrize("schema", ["ledger", "ledger_core", "public", "pg_catalog"])
@pytest.mark.parametrize("statement", CREATIONS)
def test_nothing_can_be_created_in_a_schema_of_others(
    attacker: Attacker, statement: str, schema: str
) -> None:
    attack(attacker, statement.replace("{}", schema))


def test_no_schema_can_be_created(attacker: Attacker) -> None:
    attack(attacker, "CREATE SCHEMA planted")


# Other applications

AS_ANOTHER: dict[str, Callable[[Connection], object]] = {
    "record_entry": lambda conn: record(conn, app="app2"),
    "a replay": lambda conn: record(conn, app="app2", amount=10, nonce="of app2"),
    "record_entries": lambda conn: record_batch(conn, [item(1)], app="app2"),
    "place_hold": lambda conn: place(conn, 1, app="app2"),
    "capture_hold": lambda conn: call(
        conn, "capture_hold", app="app2", hold_nonce="held by app2", nonce="x"
    ),
    "release_hold": lambda conn: call(conn, "release_hold", app="app2", hold_nonce="held by app2"),
    "extend_hold": lambda conn: call(
        conn, "extend_hold", app="app2", hold_nonce="held by app2", expires_in="1 day"
    ),
    "grow_hold": lambda conn: call(
        conn, "grow_hold", app="app2", hold_nonce="held by app2", nonce="x", by=1
    ),
    "reverse_entry": lambda conn: call(
        conn, "reverse_entry", app="app2", nonce="x", original_nonce="of app2"
    ),
}


@pytest.mark.parametrize("attempt", AS_ANOTHER)
def test_application_cannot_act_as_another(app1: Attacker, attempt: str) -> None:
    with fails(app1, "LG401") as refusal:
        AS_ANOTHER[attempt](app1)
    assert refusal.detail["app"] == "app2"


def test_application_cannot_touch_holds_and_entries_of_another(logins: Logins) -> None:
    app2 = logins.bound_to("app2")
    with fails(app2, "LG105"):
        call(app2, "release_hold", app="app2", hold_nonce="held")
    with fails(app2, "LG104"):
        call(app2, "reverse_entry", app="app2", nonce="x", original_nonce="first")


def test_application_cannot_record_as_the_ledger_itself(app1: Attacker) -> None:
    with fails(app1, "LG101"):
        record(app1, app="ledger")
    for operation in ("ADJUSTMENT", "EXPIRY", "REVERSAL"):
        with fails(app1, "LG102"):
            record(app1, operation=operation, amount=1)


# Objects that shadow names


@pytest.fixture
def shadows(log_in: LogIn, conn: Connection) -> Connection:
    """A login of app1 with a schema of its own, first in its search path."""
    app1 = log_in("app1")
    name = sql.Identifier(app1.info.user)
    conn.execute(sql.SQL("CREATE SCHEMA AUTHORIZATION {}").format(name))
    conn.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(name))
    app1.execute("CREATE TABLE ran (what text)")
    app1.execute(sql.SQL("SET search_path = {}, public, pg_catalog").format(name))
    return app1


SHADOWED_FUNCTIONS = [
    ("clock_timestamp", "", "timestamptz"),
    ("sha256", "bytea", "bytea"),
    ("length", "text", "integer"),
    ("int8send", "bigint", "bytea"),
    ("decode", "text, text", "bytea"),
    ("replace", "text, text, text", "text"),
    ("hashtextextended", "text, bigint", "bigint"),
    ("pg_has_role", "name, name, text", "boolean"),
    ("current_setting", "text", "text"),
]
SHADOWED_OPERATORS = [
    ("=", "text", "text", "boolean"),
    ("=", "name", "name", "boolean"),
    ("=", "bigint", "bigint", "boolean"),
    ("<", "bigint", "bigint", "boolean"),
    ("<=", "timestamptz", "timestamptz", "boolean"),
    ("+", "bigint", "bigint", "bigint"),
    ("-", "bigint", "bigint", "bigint"),
    ("||", "bytea", "bytea", "bytea"),
    ("||", "text", "text", "text"),
    ("~", "text", "text", "boolean"),
]


def use_everything(app1: Connection) -> None:
    """Call the functions of applications, with the attacker's search path."""
    for name in ("one", "two"):
        record(app1, owner_id="mallory", nonce=name, expires_at="2099-01-01T00:00:00Z")
    record(app1, owner_id="mallory", operation="DAILY_REWARD", nonce="daily")
    spend(app1, 3, owner_id="mallory", nonce="spent")
    place(app1, 4, owner_id="mallory", nonce="trap")
    call(app1, "capture_hold", app="app1", hold_nonce="trap", nonce="caught", amount=2)
    call(app1, "reverse_entry", app="app1", nonce="back", original_nonce="spent")
    call(
        app1,
        "record_entries",
        app="app1",
        entries='[{"owner_id":"m","operation":"CREDIT_ADD","nonce":"b"}]',
    )
    call(app1, "expire_credits")
    for reading in ("balance", "entries_of", "holds_of"):
        rows(app1, reading, owner_id="mallory")
    rows(app1, "entries_after")
    with fails(app1, "LG301"):
        spend(app1, 10_000, owner_id="mallory")
    with fails(app1, "LG401"):
        record(app1, app="app2")
    with fails(app1, "LG302"):
        record(app1, owner_id="mallory", operation="DAILY_REWARD")


@pytest.mark.parametrize("schema", ["own", "public", "pg_temp"])
def test_planted_functions_are_never_called(
    shadows: Connection, conn: Connection, schema: str
) -> None:
    place_of = {"own": shadows.info.user}.get(schema, schema)
    for name, arguments, returns in SHADOWED_FUNCTIONS:
        shadows.execute(
            f"""
            CREATE FUNCTION {place_of}.{name}({arguments}) RETURNS {returns}
            LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO {shadows.info.user}.ran VALUES (current_user);
                RETURN NULL;
            END $$
            """.encode()
        )
    shadows.execute(f"SET search_path = {place_of}, pg_catalog".encode())
    use_everything(shadows)
    assert scalar(shadows, f"SELECT count(*) FROM {shadows.info.user}.ran") == 0
    assert rows(conn, "verify") == []


@pytest.mark.parametrize("schema", ["own", "public"])
def test_planted_operators_are_never_used(
    shadows: Connection, conn: Connection, schema: str
) -> None:
    place_of = {"own": shadows.info.user}.get(schema, schema)
    for n, (operator, left, right, returns) in enumerate(SHADOWED_OPERATORS):
        shadows.execute(
            f"""
            CREATE FUNCTION {place_of}.trap{n}({left}, {right}) RETURNS {returns}
            LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO {shadows.info.user}.ran VALUES (current_user);
                RETURN NULL;
            END $$
            """.encode()
        )
        shadows.execute(
            f"CREATE OPERATOR {place_of}.{operator} "
            f"(FUNCTION = {place_of}.trap{n}, LEFTARG = {left}, RIGHTARG = {right})".encode()
        )
    shadows.execute(f"SET search_path = {place_of}, pg_catalog".encode())
    use_everything(shadows)
    shadows.execute("SET search_path = pg_catalog")
    assert scalar(shadows, f"SELECT count(*) FROM {shadows.info.user}.ran") == 0
    assert rows(conn, "verify") == []


@pytest.mark.parametrize("schema", ["own", "public", "pg_temp"])
def test_planted_tables_and_types_are_never_used(
    shadows: Connection, conn: Connection, schema: str
) -> None:
    place_of = {"own": shadows.info.user}.get(schema, schema)
    for name in relations(conn):
        if name.startswith("ledger."):
            table = name.removeprefix("ledger.")
            shadows.execute(f"CREATE TABLE {place_of}.{table} (owner_id text, app text)".encode())
    for name in ("text", "bigint", "jsonb", "timestamptz"):
        shadows.execute(f'CREATE DOMAIN {place_of}."{name}" AS integer'.encode())
    shadows.execute(f"SET search_path = {place_of}, pg_catalog".encode())
    use_everything(shadows)
    for name in ("accounts", "entries", "app_roles"):
        assert scalar(shadows, f"SELECT count(*) FROM {place_of}.{name}") == 0
    assert rows(conn, "verify") == []


def test_argument_with_a_cast_of_the_attacker_runs_as_the_attacker(
    shadows: Connection, conn: Connection
) -> None:
    shadows.execute(
        """
        CREATE TYPE mine AS (x int);
        CREATE FUNCTION trap(mine) RETURNS text LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO ran VALUES (current_user);
            RETURN 'mallory';
        END $$;
        CREATE CAST (mine AS text) WITH FUNCTION trap(mine) AS IMPLICIT
        """
    )
    shadows.execute("SELECT * FROM ledger.balance(owner_id => ROW(1)::mine)")
    assert scalar(shadows, "SELECT what FROM ran") == shadows.info.user
    assert len(entries(conn, "mallory")) == 0
    shadows.execute("DROP CAST (mine AS text)")


# Auditors


def test_auditor_reads_only_the_ledger(logins: Logins, owner: Connection) -> None:
    auditor = logins.member_of("ledger_auditor")
    owner.execute("CREATE TABLE public.customers (name text)")
    owner.execute("CREATE SCHEMA shop CREATE TABLE orders (x int)")
    attack(auditor, "SELECT * FROM public.customers")
    attack(auditor, "SELECT * FROM shop.orders")
    assert auditor.execute("SELECT count(*) FROM ledger.entries").fetchone() == (3,)


def test_auditor_cannot_lock_writers_out(logins: Logins, owner: Connection) -> None:
    auditor = logins.member_of("ledger_auditor")
    for statement in (
        "SELECT * FROM ledger.accounts FOR UPDATE",
        "SELECT * FROM ledger.accounts FOR KEY SHARE",
        "SELECT * FROM ledger.entries FOR SHARE",
    ):
        attack(auditor, statement)
    with auditor.transaction():
        auditor.execute("LOCK TABLE ledger.accounts, ledger.entries IN ACCESS SHARE MODE")
        with owner.transaction(force_rollback=True):
            record(owner)


# The operator


def test_operator_cannot_touch_the_past(logins: Logins) -> None:
    operator = logins.member_of("ledger_operator")
    for function, arguments in (
        ("record_entry", {"app": "app1", "owner_id": "a", "operation": "CREDIT_ADD", "nonce": "x"}),
        ("reverse_entry", {"app": "app1", "nonce": "x", "original_nonce": "first"}),
    ):
        with fails(operator, DENIED):
            call(operator, function, **arguments)


@pytest.mark.parametrize("role", ["ledger_app", "public", "x; DROP TABLE ledger.apps", 'a"b', ""])
def test_operator_binds_only_login_roles_that_exist(
    logins: Logins, owner: Connection, role: str
) -> None:
    operator = logins.member_of("ledger_operator")
    before = scalar(owner, "SELECT count(*) FROM ledger.app_roles")
    with pytest.raises(psycopg.Error):
        call(operator, "bind_role", role=role, app="app1")
    assert scalar(owner, "SELECT count(*) FROM ledger.app_roles") == before
