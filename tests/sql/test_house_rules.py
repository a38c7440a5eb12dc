"""The rules of sql/README.md, checked in the catalogue of a migrated database.

They are rules and not lists, so they apply to new objects as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
import pytest

from ledger_py.settings import PROJECT_ROOT
from tests.sql.calls import Connection

SQL = PROJECT_ROOT / "sql"

# Without the tables that yoyo creates in ledger_core.
OURS = "nspname IN ('ledger', 'ledger_core') AND pg_class.relname !~ '^_?yoyo_'"

# Without owner_id on purpose: a payment must not be credited to two owners.
NONCE_ONCE_PER_APP = ["app", "nonce"]
# The subject of a slot need not be the owner.
NOT_KEYED_BY_OWNER = ["claims"]


@pytest.fixture(scope="module")
def catalogue(shared_ledger_db: str) -> Iterator[Connection]:
    """A connection to a migrated database that only reads."""
    with psycopg.connect(shared_ledger_db, autocommit=True) as connection:
        connection.read_only = True
        yield connection


def found(conn: Connection, query: str) -> list[str]:
    """Run a query of one column."""
    return [str(name) for (name,) in conn.execute(query.encode()).fetchall()]


# Functions

FUNCTIONS = """
    pg_proc
    INNER JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname IN ('ledger', 'ledger_core')
"""
TRIGGER_FUNCTIONS = f"{FUNCTIONS} AND prorettype = 'trigger'::regtype"


def test_public_functions_are_security_definer(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"SELECT pg_proc.oid::regprocedure FROM {FUNCTIONS} "
        "AND nspname = 'ledger' AND NOT prosecdef",
    )
    assert breaches == []


def test_security_definer_functions_pin_the_search_path(catalogue: Connection) -> None:
    """A trigger at commit runs with the search path of the caller, unless it has its own."""
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure FROM {FUNCTIONS}
        AND (prosecdef OR nspname = 'ledger' OR prorettype = 'trigger'::regtype)
        AND 'search_path=pg_catalog, pg_temp' <> ALL (coalesce(proconfig, '{{}}'))
        """,
    )
    assert breaches == []


def test_functions_that_avoid_scans_do_not_compile(catalogue: Connection) -> None:
    """Where a scan cannot be avoided, PostgreSQL 15 takes the plan for dear enough to compile."""
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure FROM {FUNCTIONS}
        AND 'enable_seqscan=off' = ANY (proconfig) AND 'jit=off' <> ALL (proconfig)
        """,
    )
    assert breaches == []


def test_functions_that_lock_rows_catch_nothing(catalogue: Connection) -> None:
    """Who waits for a row that an inner subtransaction locked waits for the whole transaction."""
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure FROM {FUNCTIONS}
        AND prosrc ~ '\\mFOR (NO KEY )?UPDATE\\M' AND prosrc ~ '\\mEXCEPTION\\s+WHEN\\M'
        """,
    )
    assert breaches == []


def test_functions_have_no_overloads(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"SELECT format('%s.%s', nspname, proname) FROM {FUNCTIONS} "
        "GROUP BY nspname, proname HAVING count(*) > 1",
    )
    assert breaches == []


def test_functions_name_all_their_parameters(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure FROM {FUNCTIONS}
        AND prokind = 'f' AND pronargs > 0 AND (proargnames IS NULL OR '' = ANY(proargnames))
        """,
    )
    assert breaches == []


def test_public_has_no_rights(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure::text
        FROM {FUNCTIONS} AND EXISTS (
            SELECT 1 FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0
        )
        UNION ALL
        SELECT pg_class.oid::regclass::text
        FROM pg_class
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname IN ('ledger', 'ledger_core') AND EXISTS (
            SELECT 1 FROM aclexplode(relacl) WHERE grantee = 0
        )
        UNION ALL
        SELECT nspname FROM pg_namespace
        WHERE nspname IN ('ledger', 'ledger_core') AND EXISTS (
            SELECT 1 FROM aclexplode(nspacl) WHERE grantee = 0
        )
        """,
    )
    assert breaches == []


def test_internal_schema_is_open_to_its_owner_only(catalogue: Connection) -> None:
    """Whoever reads a view executes its functions, and some views say what is in force now."""
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure::text
        FROM {FUNCTIONS} AND nspname = 'ledger_core' AND proname <> 'clock' AND EXISTS (
            SELECT 1 FROM aclexplode(proacl) WHERE grantee <> proowner
        )
        UNION ALL
        SELECT pg_class.oid::regclass::text
        FROM pg_class
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = 'ledger_core' AND EXISTS (
            SELECT 1 FROM aclexplode(relacl) WHERE grantee <> relowner
        )
        UNION ALL
        SELECT nspname FROM pg_namespace
        WHERE nspname = 'ledger_core' AND EXISTS (
            SELECT 1 FROM aclexplode(nspacl) WHERE grantee <> nspowner
        )
        """,
    )
    assert breaches == []


def test_every_public_function_is_granted_to_a_role(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure FROM {FUNCTIONS} AND nspname = 'ledger'
        AND NOT EXISTS (SELECT 1 FROM aclexplode(proacl) WHERE grantee <> proowner)
        """,
    )
    assert breaches == []


def test_functions_do_not_return_a_row_type_of_a_table(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure FROM {FUNCTIONS} AND EXISTS (
            SELECT 1 FROM pg_type
            INNER JOIN pg_class ON pg_class.oid = typrelid
            WHERE pg_type.oid = prorettype AND relkind <> 'c'
        )
        """,
    )
    assert breaches == []


def test_functions_on_tables_of_owners_are_plpgsql_or_inlined(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure FROM {FUNCTIONS}
        AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
        AND NOT (proretset AND provolatile <> 'v' AND proconfig IS NULL)
        AND EXISTS (
            SELECT 1 FROM ({PER_OWNER_TABLES}) AS tables
            WHERE coalesce(prosrc, '') ~ ('ledger\\.' || tables.relname || '\\M')
        )
        """,
    )
    assert breaches == []


def test_bodies_resolve_names_of_parameters_as_columns(catalogue: Connection) -> None:
    """A name may be that of a column and of a parameter; the body says which it means."""
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure FROM {FUNCTIONS} AND nspname = 'ledger'
        AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
        AND pronargs > 0 AND prosrc ~ '\\m(FROM|JOIN|INTO|UPDATE)\\s+ledger\\.'
        AND prosrc !~ '^\\s*#variable_conflict use_column'
        """,
    )
    assert breaches == []


def test_everything_asks_the_one_clock(catalogue: Connection) -> None:
    texts = catalogue.execute(
        f"""
        SELECT format('%s.%s', nspname, proname), prosrc FROM {FUNCTIONS}
        UNION ALL
        SELECT pg_class.oid::regclass::text, pg_get_viewdef(pg_class.oid)
        FROM pg_class INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {OURS} AND relkind IN ('v', 'm')
        """.encode()
    ).fetchall()
    other_clocks = re.compile(
        r"\b(now\s*\(|((clock|statement|transaction)_timestamp|timeofday"
        r"|current_(timestamp|time|date)|localtime(stamp)?)\b)",
        re.IGNORECASE,
    )
    assert [name for name, text in texts if other_clocks.search(_without_texts(text))] == [
        "ledger_core.clock"
    ]


def test_asking_the_clock_costs_no_call(catalogue: Connection) -> None:
    plan = found(catalogue, "EXPLAIN (VERBOSE, COSTS OFF) SELECT ledger_core.clock()")
    assert plan == ["Result", "  Output: clock_timestamp()"]


def test_functions_do_not_wait_for_advisory_locks(catalogue: Connection) -> None:
    """Any login may hold one."""
    breaches = found(
        catalogue,
        f"""
        SELECT pg_proc.oid::regprocedure FROM {FUNCTIONS}
        AND coalesce(prosrc, '') ~ '\\mpg_advisory_'
        """,
    )
    assert breaches == []


# Triggers


def test_triggers_fire_in_every_replication_role(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        """
        SELECT tgname FROM pg_trigger
        INNER JOIN pg_class ON pg_class.oid = tgrelid
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname IN ('ledger', 'ledger_core') AND NOT tgisinternal AND tgenabled <> 'A'
        """,
    )
    assert breaches == []


def test_triggers_only_raise(catalogue: Connection) -> None:
    bodies = catalogue.execute(
        f"SELECT pg_proc.oid::regprocedure::text, prosrc FROM {TRIGGER_FUNCTIONS}".encode()
    ).fetchall()
    assert bodies
    writing = re.compile(
        r"\b(insert\s+into|update\s+\w|delete\s+from|merge\s+into|truncate|copy|execute"
        r"|notify|pg_notify|nextval|setval|set_config)\b|\bnew\.\w+\s*:=",
        re.IGNORECASE,
    )
    breaches = [name for name, body in bodies if writing.search(_without_texts(body))]
    assert breaches == []


def test_triggers_do_not_depend_on_the_name_of_their_table(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"SELECT pg_proc.oid::regprocedure FROM {TRIGGER_FUNCTIONS} "
        "AND prosrc ~* '\\mtg_(table_name|relname|relid)\\M'",
    )
    assert breaches == []


def test_every_protected_table_has_a_trigger(catalogue: Connection) -> None:
    """Functions delete from two tables, so these have none: reservations and bindings."""
    breaches = found(
        catalogue,
        f"""
        SELECT relname FROM pg_class
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {OURS} AND nspname = 'ledger' AND relkind = 'r'
        AND relname NOT IN ('hold_lots', 'app_roles', 'budget_use')
        AND NOT EXISTS (
            -- Bit 5 of tgtype: it fires on TRUNCATE.
            SELECT 1 FROM pg_trigger
            WHERE tgrelid = pg_class.oid AND NOT tgisinternal AND tgtype & 32 <> 0
        )
        """,
    )
    assert breaches == []


# Comments


def test_everything_has_a_comment(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT format('function %s', pg_proc.oid::regprocedure)
        FROM {FUNCTIONS} AND obj_description(pg_proc.oid, 'pg_proc') IS NULL
        UNION ALL
        -- Sequences that belong to an identity column are part of their table.
        SELECT format('relation %s', pg_class.oid::regclass)
        FROM pg_class
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {OURS} AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
            AND obj_description(pg_class.oid, 'pg_class') IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'i'
            )
        UNION ALL
        SELECT format('type %s', pg_type.oid::regtype)
        FROM pg_type
        INNER JOIN pg_namespace ON pg_namespace.oid = typnamespace
        LEFT JOIN pg_class ON pg_class.oid = typrelid
        WHERE nspname IN ('ledger', 'ledger_core') AND typelem = 0
            AND (typrelid = 0 OR relkind = 'c')
            AND obj_description(pg_type.oid, 'pg_type') IS NULL
        UNION ALL
        SELECT format('trigger %s', tgname)
        FROM pg_trigger
        INNER JOIN pg_class ON pg_class.oid = tgrelid
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname IN ('ledger', 'ledger_core') AND NOT tgisinternal
            AND obj_description(pg_trigger.oid, 'pg_trigger') IS NULL
        UNION ALL
        SELECT format('schema %s', nspname) FROM pg_namespace
        WHERE nspname IN ('ledger', 'ledger_core')
            AND obj_description(oid, 'pg_namespace') IS NULL
        UNION ALL
        SELECT format('column %s.%I', pg_class.oid::regclass, attname)
        FROM pg_attribute
        INNER JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'c')
            AND attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL
        """,
    )
    assert breaches == []


def test_every_comment_on_columns_is_that_of_a_column(catalogue: Connection) -> None:
    text = (SQL / "comments/columns.sql").read_text(encoding="utf-8")
    lines = text[text.index("(VALUES") : text.index(") AS known")]
    unused = catalogue.execute(
        f"""
        SELECT known.relations, known.name FROM {lines}) AS known (relations, name, meaning)
        WHERE NOT EXISTS (
            SELECT 1 FROM pg_attribute
            INNER JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace = 'ledger'::regnamespace AND attname = known.name
                AND col_description(attrelid, attnum) = known.meaning
                AND coalesce(relname = ANY (string_to_array(known.relations, ' ')), TRUE)
        )
        """.encode()
    ).fetchall()
    assert unused == []


def test_function_comments_name_the_refusals_of_the_body(
    catalogue: Connection,
) -> None:
    codes: dict[str, str] = dict(
        catalogue.execute("SELECT code, sqlstate FROM ledger.error_codes").fetchall()
    )
    functions = catalogue.execute(
        "SELECT pg_proc.oid::regprocedure::text, prosrc, obj_description(pg_proc.oid, 'pg_proc') "
        f"FROM {FUNCTIONS} AND nspname = 'ledger'".encode()
    ).fetchall()
    breaches = [
        (name, codes[code])
        for name, body, comment in functions
        for code in re.findall(r"ledger_core\.refuse\(\s*'(\w+)'", body)
        if codes[code] not in comment
    ]
    assert breaches == []


# Tables

PER_OWNER_TABLES = f"""
    SELECT pg_class.oid, relname FROM pg_class
    INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
    INNER JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'owner_id'
    WHERE {OURS} AND relkind IN ('r', 'p')
"""


def test_owner_id_is_text_and_not_null(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT tables.relname FROM ({PER_OWNER_TABLES}) AS tables
        INNER JOIN pg_attribute ON attrelid = tables.oid AND attname = 'owner_id'
        WHERE NOT attnotnull OR atttypid <> 'text'::regtype
        """,
    )
    assert breaches == []


def test_keys_of_tables_of_owners_begin_with_the_owner(catalogue: Connection) -> None:
    keys = catalogue.execute(
        f"""
        SELECT tables.relname, indisprimary, array(
            SELECT attname::text FROM unnest(indkey::smallint[]) WITH ORDINALITY AS k (number, at)
            INNER JOIN pg_attribute ON attrelid = tables.oid AND attnum = k.number
            ORDER BY k.at
        )
        FROM ({PER_OWNER_TABLES}) AS tables
        INNER JOIN pg_index ON indrelid = tables.oid
        WHERE indisunique
        """.encode()
    ).fetchall()
    breaches = [
        (table, columns)
        for table, primary, columns in keys
        if columns[0] != "owner_id"
        and table not in NOT_KEYED_BY_OWNER
        and (primary or columns != NONCE_ONCE_PER_APP)
    ]
    assert breaches == []


def test_tables_of_owners_have_a_primary_key(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT relname FROM ({PER_OWNER_TABLES}) AS tables
        WHERE NOT EXISTS (SELECT 1 FROM pg_index WHERE indrelid = tables.oid AND indisprimary)
        """,
    )
    assert breaches == []


def test_tables_of_owners_have_no_foreign_keys(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT conname FROM pg_constraint
        INNER JOIN ({PER_OWNER_TABLES}) AS tables ON tables.oid IN (conrelid, confrelid)
        WHERE contype = 'f'
        """,
    )
    assert breaches == []


def test_text_keys_compare_bytes(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT DISTINCT format('%s.%s', relname, attname)
        FROM pg_index
        INNER JOIN pg_class ON pg_class.oid = indrelid
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        INNER JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey::smallint[])
        WHERE {OURS} AND atttypid = 'text'::regtype AND attcollation <> '"C"'::regcollation
        """,
    )
    assert breaches == []


def test_key_columns_compare_bytes_in_every_table(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        WITH columns AS (
            SELECT relname, attname, attcollation, EXISTS (
                SELECT 1 FROM pg_index
                WHERE indrelid = attrelid AND attnum = ANY(indkey::smallint[])
            ) AS is_key
            FROM pg_attribute
            INNER JOIN pg_class ON pg_class.oid = attrelid
            INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE {OURS} AND relkind = 'r' AND atttypid = 'text'::regtype
                -- role_name is a key in the catalogue and a word in the journal of operators.
                AND attname <> 'role_name'
        )
        SELECT format('%s.%s', relname, attname) FROM columns
        WHERE attcollation <> '"C"'::regcollation
            AND attname IN (SELECT attname FROM columns WHERE is_key)
        """,
    )
    assert breaches == []


def test_constraints_and_indexes_are_named_in_the_migrations(catalogue: Connection) -> None:
    files = [
        *PROJECT_ROOT.glob("migrations/*.sql"),
        PROJECT_ROOT / "ledger_py/migrate/state.py",
        PROJECT_ROOT / "ledger_py/migrate/code.py",
        PROJECT_ROOT / "ledger_py/migrate/losses.py",
    ]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in files)
    named = set(
        re.findall(r"\b(?:CONSTRAINT|INDEX(?: CONCURRENTLY)?(?: IF NOT EXISTS)?) (\w+)", texts)
    )
    present = found(
        catalogue,
        # Since PostgreSQL 18, NOT NULL is a constraint with a name; that need not be ours.
        f"""
        SELECT conname FROM pg_constraint
        INNER JOIN pg_class ON pg_class.oid = conrelid
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {OURS} AND contype NOT IN ('n', 't')
        UNION
        SELECT index.relname FROM pg_index
        INNER JOIN pg_class AS index ON index.oid = indexrelid
        INNER JOIN pg_class ON pg_class.oid = indrelid
        INNER JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
        WHERE {OURS}
        """,
    )
    assert sorted(set(present) - named) == []


def test_constraints_do_not_have_default_names(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT conname FROM pg_constraint
        INNER JOIN pg_class ON pg_class.oid = conrelid
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {OURS} AND contype IN ('c', 'u', 'x') AND conname ~ '_(check|key|excl)\\d*$'
        """,
    )
    assert breaches == []


# Files


def test_functions_and_files_correspond(catalogue: Connection) -> None:
    present = found(catalogue, f"SELECT format('%s.%s', nspname, proname) FROM {FUNCTIONS}")
    inside = SQL / "functions" / "core"
    files = {
        f"{'ledger_core' if inside in path.parents else 'ledger'}.{path.stem}": path
        for path in (SQL / "functions").rglob("*.sql")
    }
    assert sorted(files) == sorted(present)
    assert _objects_by_file(files.values()) == {path: [name] for name, path in files.items()}


def test_views_and_files_correspond(catalogue: Connection) -> None:
    present = found(
        catalogue,
        f"""
        SELECT format('%s.%s', nspname, relname) FROM pg_class
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {OURS} AND relkind IN ('v', 'm')
        """,
    )
    inside = SQL / "views" / "core"
    files = {
        f"{'ledger_core' if inside in path.parents else 'ledger'}.{path.stem}": path
        for path in (SQL / "views").rglob("*.sql")
    }
    assert sorted(files) == sorted(present)
    assert _objects_by_file(files.values()) == {path: [name] for name, path in files.items()}


def test_triggers_and_files_correspond(catalogue: Connection) -> None:
    present = found(
        catalogue,
        f"""
        SELECT tgname FROM pg_trigger
        INNER JOIN pg_class ON pg_class.oid = tgrelid
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {OURS} AND NOT tgisinternal
        """,
    )
    files = {path.stem: path for path in (SQL / "triggers").rglob("*.sql")}
    assert sorted(files) == sorted(present)
    assert _objects_by_file(files.values()) == {path: [name] for name, path in files.items()}


def test_triggers_are_named_after_their_table(catalogue: Connection) -> None:
    breaches = found(
        catalogue,
        f"""
        SELECT tgname FROM pg_trigger
        INNER JOIN pg_class ON pg_class.oid = tgrelid
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE {OURS} AND NOT tgisinternal AND NOT starts_with(tgname, relname || '_')
        """,
    )
    assert breaches == []


def _objects_by_file(paths: Iterable[Path]) -> dict[Path, list[str]]:
    """List the objects that each file creates."""
    create = re.compile(
        r"^\s*CREATE (?:OR REPLACE )?(?:CONSTRAINT )?(?:MATERIALIZED )?"
        r"(?:FUNCTION|PROCEDURE|AGGREGATE|VIEW|TRIGGER) ([\w.]+)",
        re.MULTILINE,
    )
    return {path: create.findall(path.read_text(encoding="utf-8")) for path in paths}


def _without_texts(body: str) -> str:
    """Remove the comments and string literals from a function's body."""
    return re.sub(r"--[^\n]*|'(?:[^']|'')*'", " ", body)
