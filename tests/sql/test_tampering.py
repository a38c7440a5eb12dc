"""Every change of the tables behind the functions is found, in any column of any row.

The tamperer is a superuser: triggers are off, checks are dropped, and it writes one value at a time
into every column of every table, in rows of every kind. `verify` must name the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from ledger_py.cluster.buckets import bucket_of
from tests.fixtures.clock import Clock
from tests.fixtures.database import Server, new_database
from tests.sql.calls import Connection, Row, call, changed_since, record, rows
from tests.sql.full_books import BEGINNING, fill
from tests.sql.hash_chain import (
    actions_as_stored,
    chained,
    changes_as_stored,
    entries_as_stored,
)
from tests.sql.lifecycle import operate, reverse

TABLES = [
    "accounts",
    "allowance_entries",
    "allowance_events",
    "allowances",
    "app_operations",
    "app_roles",
    "apps",
    "budget_definitions",
    "budget_use",
    "budgets",
    "claim_reservations",
    "claims",
    "entries",
    "hold_events",
    "hold_growths",
    "hold_lots",
    "holds",
    "lot_movements",
    "lots",
    "operation_changes",
    "operations",
    "operator_actions",
]

# A row that names another rule, version or budget is not used, but made anew from the entries.
UNUSED_IF_CHANGED = {"budget_use": {"budget", "spender", "use_id", "version"}}

# Rows of the catalogue that a rollback removes as long as nothing refers to them.
MAY_GO = {"app_operations", "apps", "operations"}

# Values to write into a column, by its type; {} is the present value.
OTHER_VALUES = {
    "bigint": ["{} + 1", "{} - 1", "-{} - 7"],
    "integer": ["{} + 1", "{} - 1"],
    "xid8": ["'1'::xid8", "({}::text::bigint + 1)::text::xid8"],
    "text": ["{} || 'x'", "''"],
    "text[]": ["array_append({}, 'x')", "'{{}}'::text[]"],
    "boolean": ["NOT {}"],
    "bytea": ["set_byte({}, 0, (get_byte({}, 0) + 1) %% 256)", "{} || '\\x00'", "''::bytea"],
    "jsonb": ["'{{\"x\": 1}}'::jsonb", "'null'::jsonb"],
    "interval": ["{} + interval '1 microsecond'"],
    "timestamp with time zone": ["{} + interval '1 us'", "{} - interval '1 us'"],
    "timestamp without time zone": ["{} + interval '1 day'", "{} - interval '1 us'", "'infinity'"],
}
# Values to write in place of NULL.
SOME_VALUE = {
    "bigint": "1",
    "integer": "1",
    "text": "'x'",
    "text[]": "'{CREDIT_SPEND}'",
    "boolean": "true",
    "jsonb": "'{}'",
    "interval": "interval '1 day'",
    "timestamp with time zone": "now()",
}
# Other valid values of a column, which are harder to find than arbitrary ones.
PLAUSIBLE = {
    "app": ["'app2'", "'app1'", "'ledger'"],
    "owner_id": ["'alice'", "'carl'"],
    "asset": ["'TOKEN'"],
    "hold_nonce": ["'not of the lot'"],
    "operation": ["'CONTENT_CREATION'", "'CREDIT_SPEND'", "'CREDIT_ADD'", "'REVERSAL'"],
    "status": ["'open'", "'captured'", "'released'", "'expired'"],
    "subject_kind": ["'owner'", "'claim_subject'"],
    "event": ["'granted'", "'changed'", "'ended'"],
    "kind": ["'granted'", "'raised'", "'carried_over'"],
    "change": ["'defined'", "'retired'", "'budget_defined'", "'budget_dropped'"],
    "action": [
        "'set_min_balance'",
        "'freeze_account'",
        "'unfreeze_account'",
        "'adjust_balance'",
        "'reverse_entry'",
        "'set_budget'",
        "'drop_budget'",
    ],
    "claim_period": ["'ever'", "'day'"],
    "credit_class": ["'free'", "'paid'"],
    "usable_for": ["'{CREDIT_SPEND}'", "'{CONTENT_CREATION}'"],
    "usable_in": ["'{app1}'", "'{app1,app2}'"],
}


@dataclass(frozen=True)
class Change:
    """A value that was written into a column of a row."""

    table: str
    column: str
    value: str
    before: Row
    after: Row

    def is_named_by(self, found: Row) -> bool:
        """Tell whether a discrepancy points to the row: by its owner and number, or its key."""
        return any(self._is(row, found) for row in (self.before, self.after))

    def _is(self, row: Row, found: Row) -> bool:
        if self.table == "operation_changes":
            return bool(found["detail"].get("change_id") == row["change_id"])
        if self.table == "budget_definitions":
            return (
                bool(
                    row["budget"]
                    in {(found["detail"].get(it) or {}).get("budget") for it in ("noted", "found")}
                )
                and found["found_in"] == self.table
            )
        if "owner_id" not in row:
            keys = {row.get("app"), row.get("operation")}
            return bool(keys & {found["detail"].get("app"), found["detail"].get("operation")})
        if found["owner_id"] != row["owner_id"] or found["asset"] != row["asset"]:
            return False
        if self.table == "operator_actions":
            return bool(found["detail"].get("action_seq") == row["action_seq"])
        if self.table in ("hold_events", "allowance_events"):
            return bool(found["detail"].get("event_seq") == row["event_seq"])
        if self.table in ("allowances", "holds", "claim_reservations"):
            return (found["detail"].get("app"), found["detail"].get("nonce")) == (
                row["app"],
                row["nonce"],
            )
        if self.table in ("allowance_entries", "entries", "lots"):
            return bool(found["seq"] == row["seq"])
        return True

    def __str__(self) -> str:
        numbers = ("seq", "action_seq", "change_id", "event_seq")
        keys = ("owner_id", "asset", "app", "operation", *numbers, "nonce", "status")
        row = {key: self.before[key] for key in keys if key in self.before}
        return f"{self.table}.{self.column} = {self.value} of {row}"


@pytest.fixture(scope="module")
def tampered_db(ledger_template: Any, ledger_server: Server) -> Iterator[str]:
    """Full books without triggers and checks; tests write to them and roll back."""
    template = sql.Identifier(ledger_template.template_dbname).as_string(None)
    with new_database(ledger_server, f"TEMPLATE {template}") as url:
        with psycopg.connect(url) as conn:
            fill(conn, Clock(conn, BEGINNING))
            reserve_claims(conn)
            call(conn, "bind_role", role=conn.info.user, app="app1")
        with psycopg.connect(url) as conn:
            for name in TABLES:
                table = sql.Identifier("ledger", name)
                conn.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(table))
                checks = conn.execute(
                    "SELECT conname FROM pg_constraint "
                    "WHERE conrelid = %s::regclass AND contype = 'c'",
                    [f"ledger.{name}"],
                ).fetchall()
                for (check,) in checks:
                    conn.execute(
                        sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                            table, sql.Identifier(check)
                        )
                    )
        yield url


def reserve_claims(conn: Connection) -> None:
    """Make the ledger a partition that keeps everybody but zoë, and reserve claims for her."""
    away = bucket_of("zoë", 65_536)
    kept = f"{{[0,{away}), [{away + 1},65536)}}"
    conn.execute("SELECT ledger_core.keep_buckets('p0', 65536, %s)", [kept])
    claims = [
        {"owner_id": "zoë", "operation": operation, "nonce": f"z-{n}", "claim_subject": "a device"}
        for n, operation in enumerate(["SIGNUP_CREDIT", "THRICE", "THRICE", "DAILY_REWARD"])
    ]
    found = rows(conn, "reserve_claims", app="app1", claims=Jsonb(claims))
    assert [row["code"] for row in found] == [None] * 4
    settled = [{"owner_id": "zoë", "nonce": f"z-{n}", "outcome": "recorded"} for n in (0, 1)]
    rows(conn, "settle_claims", app="app1", claims=Jsonb(settled))


@pytest.fixture
def tamperer(tampered_db: str) -> Iterator[Connection]:
    with psycopg.connect(tampered_db) as conn:
        # Each test verifies hundreds of times.
        conn.execute("SET plan_cache_mode = force_generic_plan")
        yield conn
        conn.rollback()


def discrepancies(conn: Connection, owner_id: str | None = None) -> list[Row]:
    """Give what verify finds, beyond the guards that are switched off.

    Of all, or only of an owner; the owner "" stands for what belongs to nobody.
    """
    if owner_id == "":
        query = "SELECT * FROM ledger_core.verify_range(NULL, '')"
        found = conn.cursor(row_factory=dict_row).execute(query).fetchall()
    else:
        found = rows(conn, "verify", owner_id=owner_id)
    return [row for row in found if "switched off" not in row["problem"]]


def columns_of(conn: Connection, table: str) -> dict[str, str]:
    """Give the columns of a table and their types."""
    found = conn.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [f"ledger.{table}"],
    ).fetchall()
    return dict(found)


def chosen_rows(conn: Connection, table: str, column: str) -> list[Row]:
    """Give rows of every kind, each with its place in the table."""
    kind = {
        "allowance_entries": "kind",
        "allowance_events": "event, seq IS NULL",
        "allowances": "carry_over_most > 0, period IS NULL, next_at < 'infinity'",
        "entries": "operation, hold_nonce IS NULL, reverses_seq IS NULL, sign(peer_seq * amount)",
        "hold_events": "event, app, seq IS NULL",
        "hold_growths": "owner_id, hold_nonce",
        "hold_lots": "owner_id, hold_nonce",
        "holds": "status, app, captured = 0",
        "operator_actions": "owner_id, action_seq",
        "budgets": "owner_id, budget, spender",
        "budget_use": "owner_id, budget, spender",
        "budget_definitions": "budget",
        "operations": "operation",
        "operation_changes": "change, app, rule",
        "claim_reservations": "operation, kept_at IS NULL",
        "claims": "operation, subject_kind, seq = 0",
    }.get(table, "owner_id" if "owner_id" in columns_of(conn, table) else "app")
    query = f"""
        SELECT DISTINCT ON ({kind}, {column} IS NULL)
            to_jsonb(it) || jsonb_build_object('place', ctid)
        FROM ledger.{table} AS it
        ORDER BY {kind}, {column} IS NULL, ctid
    """
    return [row for (row,) in conn.execute(query.encode())]


def tampered(
    conn: Connection, table: str, column: str, kind: str, row: Row, owner_id: str | None
) -> Iterator[tuple[Change, list[Row]]]:
    """Write other values into a column of a row, and give each with what verify says to it.

    Of an owner, if one is given, or of nobody.
    """
    if row[column] is None:
        values = [SOME_VALUE[kind]]
    else:
        old = f"it.{column}"
        values = [value.format(*[old] * value.count("{}")) for value in OTHER_VALUES[kind]]
        values += PLAUSIBLE.get(column, [])
        values.append("NULL")
    for value in values:
        try:
            with conn.transaction(force_rollback=True):
                changed = conn.execute(
                    f"""
                    UPDATE ledger.{table} AS it SET {column} = {value}
                    WHERE ctid = %s AND {column} IS DISTINCT FROM {value}
                    RETURNING to_jsonb(it)
                    """.encode(),
                    [row["place"]],
                ).fetchone()
                if changed:
                    change = Change(table, column, value, row, changed[0])
                    yield change, discrepancies(conn, owner_id)
        except (
            psycopg.errors.NotNullViolation,
            psycopg.errors.UniqueViolation,
            psycopg.errors.DatetimeFieldOverflow,
        ):
            continue  # what the primary keys, NOT NULL and the type still refuse


def test_every_table_is_tampered_with(tx: Connection) -> None:
    present = tx.execute(
        "SELECT relname::text FROM pg_class "
        "WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1"
    ).fetchall()
    assert [name for (name,) in present] == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_every_kind_of_row_is_proved(tamperer: Connection, table: str) -> None:
    missed = []
    for column, kind in columns_of(tamperer, table).items():
        if column in UNUSED_IF_CHANGED.get(table, ()):
            continue
        tried = 0
        for number, row in enumerate(chosen_rows(tamperer, table, column)):
            # That of all verifies nobody's rows and those of each owner, with the same functions.
            of_all = number == 0 or column == "owner_id"
            owner_id = None if of_all else row.get("owner_id", "")
            for change, found in tampered(tamperer, table, column, kind, row, owner_id):
                tried += 1
                if change.column == "only_most" and change.value == "NULL":
                    continue  # The budget is looked up, as if there were others.
                if not any(map(change.is_named_by, found)):
                    missed.append(str(change))
        assert tried, f"{table}.{column} was never written: the books have no row for it"
    assert "\n".join(missed) == ""


# Rows that go, come, or change places


@pytest.mark.parametrize(
    "table",
    [
        name
        for name in TABLES
        if name not in MAY_GO
        and name not in {"app_roles", "budget_definitions", "budget_use", "operation_changes"}
    ],
)
def test_removed_row_is_found(tamperer: Connection, table: str) -> None:
    missed = []
    for row in chosen_rows(tamperer, table, "owner_id"):
        with tamperer.transaction(force_rollback=True):
            tamperer.execute(f"DELETE FROM ledger.{table} WHERE ctid = %s".encode(), [row["place"]])
            # The gap that it leaves is told of the row after it.
            if not any(it["owner_id"] == row["owner_id"] for it in discrepancies(tamperer)):
                missed.append(row)
    assert missed == []


def test_removed_line_of_the_catalogue_journal_is_found(
    tamperer: Connection,
) -> None:
    lines = changes_as_stored(tamperer)
    assert len(lines) > 20
    for line in lines:
        with tamperer.transaction(force_rollback=True):
            tamperer.execute(
                "DELETE FROM ledger.operation_changes WHERE change_id = %s", [line["change_id"]]
            )
            found = discrepancies(tamperer)
            after = {it["detail"].get("change_id") for it in found}
            # Of the last line it is the catalogue that tells: it is not as the line before says.
            named = {it["detail"].get("operation") or it["detail"].get("app") for it in found}
            assert line["change_id"] + 1 in after or {line["operation"], line["app"]} & named


def test_removed_binding_is_found(tamperer: Connection) -> None:
    tamperer.execute("DELETE FROM ledger.app_roles WHERE app = 'app1'")
    found = {(it["found_in"], it["detail"].get("app")) for it in discrepancies(tamperer)}
    assert ("app_roles", "app1") in found


def test_added_binding_is_found(tamperer: Connection) -> None:
    tamperer.execute("INSERT INTO ledger.app_roles (role_name, app) VALUES ('stranger', 'app2')")
    found = {(it["found_in"], it["detail"].get("role_name")) for it in discrepancies(tamperer)}
    assert ("app_roles", "stranger") in found


def test_exchanged_reservations_of_two_holds_are_found(tamperer: Connection) -> None:
    """Both held something of the same lot: its sum is as before."""
    tamperer.execute(
        """
        UPDATE ledger.hold_lots AS it SET amount = other.amount
        FROM ledger.hold_lots AS other
        WHERE it.owner_id = 'gus' AND other.owner_id = 'gus' AND it.lot_seq = other.lot_seq
            AND it.hold_nonce IN ('still open', 'used in part')
            AND other.hold_nonce IN ('still open', 'used in part')
            AND it.hold_nonce <> other.hold_nonce
        """
    )
    found = {it["detail"].get("nonce") for it in discrepancies(tamperer)}
    assert {"still open", "used in part"} <= found


@pytest.mark.parametrize(
    "table",
    [
        "accounts",
        "allowance_entries",
        "allowance_events",
        "allowances",
        "claim_reservations",
        "claims",
        "entries",
        "hold_events",
        "hold_lots",
        "holds",
        "lot_movements",
        "lots",
    ],
)
def test_added_row_is_found(tamperer: Connection, table: str) -> None:
    """A copy of a row for an owner who was never there, or under another number or nonce."""
    columns = columns_of(tamperer, table)
    numbered_by = "event_seq" if table.endswith("_events") else "seq"
    for name, other in (("owner_id", "'stranger'"), (numbered_by, "7777"), ("nonce", "'forged'")):
        if name not in columns or (name == "nonce" and "seq" in columns):
            continue
        as_copied = {column: f"it.{column}" for column in columns} | {name: other}
        if "nonce" in columns:
            as_copied["nonce"] = "'forged'"
        if table == "claims":
            as_copied["slot"] = "it.slot + 100"
        for row in chosen_rows(tamperer, table, name):
            with tamperer.transaction(force_rollback=True):
                added = tamperer.execute(
                    f"""
                    INSERT INTO ledger.{table} ({", ".join(as_copied)})
                    SELECT {", ".join(as_copied.values())} FROM ledger.{table} AS it
                    WHERE ctid = %s
                    RETURNING to_jsonb({table})
                    """.encode(),
                    [row["place"]],
                ).fetchall()[0][0]
                found = discrepancies(tamperer)
                assert any(Change(table, name, other, added, added).is_named_by(it) for it in found)


@pytest.mark.parametrize(
    "swapped", ["amount", "nonce", "recorded_at", "hash", "app, operation", "metadata", "entry_id"]
)
def test_exchanged_values_of_two_entries_are_found(tamperer: Connection, swapped: str) -> None:
    tamperer.execute("ALTER TABLE ledger.entries DROP CONSTRAINT entries_nonce_once_per_app")
    tamperer.execute(
        f"""
        UPDATE ledger.entries AS it SET ({swapped}) = (
            SELECT {swapped} FROM ledger.entries AS other
            WHERE other.owner_id = 'alice' AND other.seq = 3 - it.seq
        )
        WHERE owner_id = 'alice' AND seq IN (1, 2)
        """.encode()
    )
    found = {(it["found_in"], it["owner_id"], it["seq"]) for it in discrepancies(tamperer)}
    assert {("entries", "alice", 1), ("entries", "alice", 2)} <= found


def test_exchanged_entries_are_found(tamperer: Connection) -> None:
    tamperer.execute("ALTER TABLE ledger.entries DROP CONSTRAINT entries_pkey")
    tamperer.execute(
        "UPDATE ledger.entries SET seq = 3 - seq WHERE owner_id = 'alice' AND seq IN (1, 2)"
    )
    found = {(it["problem"], it["seq"]) for it in discrepancies(tamperer) if it["seq"]}
    assert {("hash wrong", 1), ("hash wrong", 2), ("hash wrong", 3)} <= found


def test_only_a_checkpoint_finds_a_newest_entry_removed_cleanly(
    tamperer: Connection,
) -> None:
    checkpoint = call(tamperer, "checkpoint")
    tamperer.execute("DELETE FROM ledger.entries WHERE owner_id = 'owner 1' AND seq = 3")
    tamperer.execute(
        """
        UPDATE ledger.accounts SET
            (balance, last_seq, last_entry_at, head_hash)
            = (SELECT balance_after, seq, recorded_at, hash FROM ledger.entries
               WHERE entries.owner_id = 'owner 1' AND seq = 2)
        WHERE owner_id = 'owner 1'
        """
    )
    assert discrepancies(tamperer) == []
    assert changed_since(tamperer, checkpoint)


# A past that is rewritten as a whole


def rewrite(conn: Connection, owner_id: str, change: str) -> None:
    """Change an account's entries as a whole, with all balances and hashes after it."""
    conn.execute(f"UPDATE ledger.entries SET {change} AND owner_id = '{owner_id}'".encode())
    conn.execute(
        """
        UPDATE ledger.entries SET balance_after = running.total
        FROM (
            SELECT seq, sum(amount) OVER (ORDER BY seq) AS total
            FROM ledger.entries WHERE owner_id = %(owner_id)s
        ) AS running
        WHERE entries.owner_id = %(owner_id)s AND entries.seq = running.seq
        """,
        {"owner_id": owner_id},
    )
    entries = entries_as_stored(conn, owner_id)
    for entry, right in zip(entries, chained(entries), strict=True):
        conn.execute(
            "UPDATE ledger.entries SET hash = %s WHERE owner_id = %s AND seq = %s",
            [right, owner_id, entry["seq"]],
        )
    conn.execute(
        """
        UPDATE ledger.accounts SET (balance, head_hash) = (
            SELECT balance_after, hash FROM ledger.entries
            WHERE owner_id = %(owner_id)s ORDER BY seq DESC LIMIT 1
        )
        WHERE owner_id = %(owner_id)s
        """,
        {"owner_id": owner_id},
    )


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount + 1 WHERE seq = 1",
        "metadata = '{\"forged\": true}' WHERE seq = 2",
        "nonce = 'forged' WHERE seq = 3",
        "recorded_at = recorded_at + interval '1 us' WHERE seq = 3",
    ],
)
def test_only_a_checkpoint_finds_entries_rewritten_with_their_hashes(
    tamperer: Connection, change: str
) -> None:
    checkpoint = call(tamperer, "checkpoint")
    assert changed_since(tamperer, checkpoint) == []
    rewrite(tamperer, "owner 1", change)
    if change.startswith("recorded_at"):
        tamperer.execute(
            "UPDATE ledger.accounts SET last_entry_at = last_entry_at + interval '1 us' "
            "WHERE owner_id = 'owner 1'"
        )
    assert discrepancies(tamperer) == []
    (found,) = changed_since(tamperer, checkpoint)
    assert found["problem"] == "the past has changed since the checkpoint"
    assert found["detail"]["expected"] == checkpoint["digest"]
    assert found["detail"]["found"] != checkpoint["digest"]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("operator_actions", "role_name = 'forged' WHERE action_seq = 1"),
        ("operator_actions", "reason = 'forged' WHERE action = 'freeze_account'"),
        (
            "operator_actions",
            "acted_at = acted_at + interval '1 us' WHERE action = 'set_min_balance'",
        ),
        (
            "operation_changes",
            "changed_by = 'forged' WHERE operation = 'OLD' AND change = 'defined'",
        ),
        (
            "operation_changes",
            "rule = rule || '{\"default_amount\": 7}'"
            " WHERE operation = 'OLD' AND change = 'defined'",
        ),
        ("operation_changes", "changed_at = changed_at + interval '1 us' WHERE change_id = 1"),
    ],
)
def test_only_a_checkpoint_finds_a_journal_rewritten_with_its_hashes(
    tamperer: Connection, table: str, change: str
) -> None:
    checkpoint = call(tamperer, "checkpoint")
    if table == "operator_actions":
        tamperer.execute(f"UPDATE ledger.{table} SET {change} AND owner_id = 'erik'".encode())
        lines = actions_as_stored(tamperer, "erik")
    else:
        tamperer.execute(f"UPDATE ledger.{table} SET {change}".encode())
        lines = changes_as_stored(tamperer)
    assert discrepancies(tamperer)
    for line, right in zip(lines, chained(lines), strict=True):
        tamperer.execute(
            f"UPDATE ledger.{table} SET hash = %s WHERE hash = %s".encode(), [right, line["hash"]]
        )
    assert discrepancies(tamperer) == []
    assert changed_since(tamperer, checkpoint)


def test_only_a_checkpoint_finds_a_journal_cut_off_cleanly(
    tampered_db: str,
) -> None:
    """Henry is frozen, and free again: without the two lines it is as if nothing had been."""
    with psycopg.connect(tampered_db, autocommit=True) as conn:
        operate(conn, "freeze_account", owner_id="henry")
        operate(conn, "unfreeze_account", owner_id="henry")
        checkpoint = call(conn, "checkpoint")
        cut = "DELETE FROM ledger.operator_actions WHERE owner_id = 'henry'"
        with conn.transaction(force_rollback=True):
            conn.execute(cut.encode() + b" AND action_seq = 2")
            assert {it["owner_id"] for it in discrepancies(conn)} == {"henry"}
        conn.execute(cut.encode())
        assert discrepancies(conn) == []
        assert changed_since(conn, checkpoint)
        conn.execute("DELETE FROM ledger.accounts WHERE owner_id = 'henry'")


@pytest.mark.parametrize(
    ("rewritten", "problem"),
    [
        ("amount = -1000 WHERE seq = 2", "overspent"),
        ("recorded_at = recorded_at - interval '1 us' WHERE seq = 2", "recorded_at runs backwards"),
        ("recorded_at = recorded_at + interval '9 years' WHERE seq = 2", "of the future"),
        ("operation = 'TOKENS_USED' WHERE seq = 2", "operation not in the set of the app"),
        ("app = 'app9' WHERE seq = 2", "operation not in the set of the app"),
        ("reverses_seq = 1 WHERE seq = 2", "operation not in the set of the app"),
        (
            "operation = 'REVERSAL', reverses_seq = 1, amount = 1 WHERE seq = 2",
            "reversal beyond its original",
        ),
        (
            "operation = 'REVERSAL', reverses_seq = 1, amount = -1000 WHERE seq = 2",
            "reversal beyond its original",
        ),
        ("operation = 'SIGNUP_CREDIT' WHERE seq = 2", "claim missing"),
        ("expires_at = recorded_at + interval '1 day' WHERE seq = 2", "lot missing"),
        (
            "operation = 'EXPIRY', app = 'ledger' WHERE seq = 2",
            "operation not in the set of the app",
        ),
        (
            "operation = 'ADJUSTMENT', app = 'ledger', metadata = '{}' WHERE seq = 2",
            "adjustment and journal differ",
        ),
        ("hold_nonce = 'never placed' WHERE seq = 2", "hold missing"),
    ],
)
def test_broken_rule_is_found_although_hashes_were_rewritten(
    tamperer: Connection, rewritten: str, problem: str
) -> None:
    rewrite(tamperer, "owner 1", rewritten)
    found = discrepancies(tamperer)
    assert problem in {it["problem"] for it in found}
    assert {it["owner_id"] for it in found} == {"owner 1"}
    assert "hash wrong" not in {it["problem"] for it in found}


def test_missing_claim_of_a_reversed_entry_is_found_unless_freed(
    tamperer: Connection,
) -> None:
    for owner_id, free_claim in (("kept", False), ("freed", True)):
        nonce = record(tamperer, owner_id=owner_id, operation="SIGNUP_CREDIT")["nonce"]
        reverse(tamperer, nonce, free_claim=free_claim)
    assert discrepancies(tamperer) == []
    tamperer.execute("DELETE FROM ledger.claims WHERE owner_id IN ('kept', 'freed')")
    (found,) = discrepancies(tamperer)
    assert (found["problem"], found["owner_id"]) == ("claim missing", "kept")
