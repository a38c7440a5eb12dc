"""`verify` finds nothing in books written by the functions, and finds missing guards."""

from __future__ import annotations

from itertools import accumulate

import psycopg
import pytest
from psycopg import sql

from tests.fixtures.clock import Clock
from tests.sql.calls import Connection, Row, call, record, refused, rows, scalar
from tests.sql.full_books import BEGINNING, activities, fill
from tests.sql.lifecycle import item, operate, place, record_batch


@pytest.fixture
def clock(tx: Connection) -> Clock:
    return Clock(tx, BEGINNING)


def problems(conn: Connection, owner_id: str | None = None) -> list[tuple[str, str, str | None]]:
    """Return the findings of verify as problem, table and owner."""
    found = rows(conn, "verify", owner_id=owner_id)
    return [(row["problem"], row["found_in"], row["owner_id"]) for row in found]


# Consistent books


def test_verify_finds_nothing_after_each_kind_of_activity(tx: Connection, clock: Clock) -> None:
    for activity in activities(tx, clock):
        assert (activity, rows(tx, "verify")) == (activity, [])


def test_verify_finds_nothing_for_any_owner_of_full_books(tx: Connection, clock: Clock) -> None:
    fill(tx, clock)
    for (owner_id,) in tx.execute("SELECT DISTINCT owner_id FROM ledger.accounts").fetchall():
        assert rows(tx, "verify", owner_id=owner_id) == []


def test_empty_ledger_and_unknown_owner_are_right(tx: Connection) -> None:
    assert rows(tx, "verify") == []
    assert rows(tx, "verify", owner_id="nobody") == []


@pytest.mark.parametrize("owner_id", ["", "x" * 256])
def test_malformed_owner_is_refused(tx: Connection, owner_id: str) -> None:
    with refused(tx, "LG001") as refusal:
        rows(tx, "verify", owner_id=owner_id)
    assert refusal.detail["field"] == "owner_id"


def test_claims_under_a_former_rule_are_accepted(tx: Connection) -> None:
    rule = {"operation": "BONUS", "description": "x", "default_amount": 1, "claim_limit": 3}
    call(tx, "define_operation", claim_period="day", claim_scope="owner", **rule)
    call(tx, "allow_operation", app="app1", operation="BONUS")
    record(tx, operation="BONUS")
    record(tx, operation="BONUS")
    call(tx, "define_operation", claim_period="month", claim_scope="owner_and_app", **rule)
    record(tx, operation="BONUS")
    call(tx, "define_operation", **{name: rule[name] for name in list(rule)[:3]})
    record(tx, operation="BONUS")
    assert rows(tx, "verify") == []


def test_entry_that_waited_while_its_rule_got_a_limit_is_accepted(tx: Connection) -> None:
    """The entry follows the rule that it read before it waited for the account."""
    call(tx, "define_operation", operation="BONUS", description="x", default_amount=1)
    call(tx, "allow_operation", app="app1", operation="BONUS")
    clock = Clock(tx, scalar(tx, "SELECT clock_timestamp() + interval '1 hour'"))
    record(tx, operation="BONUS")
    call(
        tx,
        "define_operation",
        operation="BONUS",
        description="x",
        default_amount=1,
        claim_limit=1,
        claim_period="ever",
    )
    clock.forward(minutes=1)
    assert rows(tx, "verify") == []


def test_nonce_of_a_hold_and_an_entry_is_found(tx: Connection) -> None:
    record(tx, nonce="n", amount=10)
    place(tx, 1, nonce="h")
    tx.execute("UPDATE ledger.holds SET nonce = 'n'")
    assert ("nonce used by a hold and an entry", "holds", "alice") in problems(tx)


def test_hold_whose_nonce_another_could_take_is_found(tx: Connection) -> None:
    record(tx, amount=10)
    place(tx, 1, nonce="h")
    assert problems(tx) == []
    tx.execute("ALTER TABLE ledger_core.nonces DISABLE TRIGGER USER")
    tx.execute("DELETE FROM ledger_core.nonces WHERE nonce = 'h'")
    assert ("nonce not taken", "holds", "alice") in problems(tx)


# Scope


def test_verify_of_one_owner_skips_others_and_the_catalogue(tx: Connection) -> None:
    record(tx, owner_id="alice")
    record(tx, owner_id="bob")
    tx.execute("UPDATE ledger.accounts SET balance = balance + 1")
    tx.execute("ALTER TABLE ledger.entries DISABLE TRIGGER entries_append_only")
    assert problems(tx, "alice") == [("balance wrong", "accounts", "alice")]
    assert len(problems(tx)) == 3


# Ranges


def short_ranges(conn: Connection) -> None:
    """Let a range have about ten entries."""
    conn.execute(
        "CREATE OR REPLACE FUNCTION ledger_core.entries_per_range() RETURNS integer"
        " LANGUAGE sql IMMUTABLE AS 'SELECT 10'"
    )


@pytest.fixture
def owners(tx: Connection) -> list[str]:
    """Owners of several ranges, in order. One of them has more entries than a range should."""
    short_ranges(tx)
    owners = [f"{number:02}" for number in range(12)]
    record_batch(tx, [item(1, owner_id=owner_id) for owner_id in owners])
    record_batch(tx, [item(1, owner_id=owners[9]) for _ in range(40)])
    return owners


def test_ranges_are_consecutive_and_about_equal(tx: Connection, owners: list[str]) -> None:
    ranges = [tuple(row.values()) for row in rows(tx, "verify_ranges")]
    assert sorted(ranges, key=lambda row: row[0] or "") == [
        (None, owners[2], 3),
        (owners[2], owners[4], 2),
        (owners[4], owners[7], 3),
        (owners[7], owners[9], 2),
        (owners[9], None, 2),
    ]


def test_first_and_large_ranges_are_begun_before_others(tx: Connection, owners: list[str]) -> None:
    ends = [row["until_owner"] for row in rows(tx, "verify_ranges")]
    assert ends == [owners[2], owners[9], owners[4], owners[7], None]


def test_empty_ledger_is_one_range(tx: Connection) -> None:
    assert rows(tx, "verify_ranges") == [{"after_owner": None, "until_owner": None, "accounts": 0}]


def test_owner_of_several_assets_is_in_one_range(tx: Connection, owners: list[str]) -> None:
    for number in range(20):
        tx.execute(
            "INSERT INTO ledger.accounts SELECT (jsonb_populate_record(accounts,"
            " jsonb_build_object('asset', 'A' || %s))).* FROM ledger.accounts"
            " WHERE owner_id = %s AND asset = 'CREDIT'",
            [number, owners[1]],
        )
    ends = [row["until_owner"] for row in rows(tx, "verify_ranges")]
    assert len(ends) == len(set(ends))
    assert sum(row["accounts"] for row in rows(tx, "verify_ranges")) == len(owners) + 20


@pytest.mark.parametrize("last_seq", [-(2**63), -1, 2**63 - 1])
def test_ranges_cover_all_accounts_whatever_was_written(
    tx: Connection, owners: list[str], last_seq: int
) -> None:
    tx.execute("SET LOCAL session_replication_role = replica")
    for (name,) in tx.execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'ledger.accounts'::regclass"
        " AND contype = 'c'"
    ).fetchall():
        tx.execute(
            sql.SQL("ALTER TABLE ledger.accounts DROP CONSTRAINT {}").format(sql.Identifier(name))
        )
    tx.execute(
        "UPDATE ledger.accounts SET last_seq = %s WHERE owner_id = ANY(%s)",
        [last_seq, [owners[3], owners[4]]],
    )
    ranges = sorted(rows(tx, "verify_ranges"), key=lambda row: row["after_owner"] or "")
    assert ranges[0]["after_owner"] is None
    assert ranges[-1]["until_owner"] is None
    assert [row["until_owner"] for row in ranges[:-1]] == [row["after_owner"] for row in ranges[1:]]
    assert sum(row["accounts"] for row in ranges) == len(owners)


def test_ranges_together_find_what_verify_finds(tx: Connection, owners: list[str]) -> None:
    heard: list[str] = []
    tx.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    tx.execute("UPDATE ledger.accounts SET balance = 2")
    tx.execute("SET LOCAL session_replication_role = replica")
    tx.execute("ALTER TABLE ledger.accounts DISABLE TRIGGER accounts_kept")
    tx.execute("DELETE FROM ledger.accounts WHERE owner_id = ANY(%s)", [[owners[0], owners[11]]])
    whole = rows(tx, "verify")
    ranges = rows(tx, "verify_ranges")
    counts = accumulate(row["accounts"] for row in ranges)
    assert heard == [f"verified {number} accounts" for number in counts]
    in_ranges = [
        found
        for row in ranges
        for found in rows(
            tx, "verify_range", after_owner=row["after_owner"], until_owner=row["until_owner"]
        )
    ]
    # Within a check, the order of findings follows the plan.
    assert sorted(in_ranges, key=str) == sorted(whole, key=str)
    owners_of = {
        problem: sorted(row["owner_id"] for row in whole if row["problem"] == problem)
        for problem in ("account missing", "balance wrong")
    }
    assert owners_of == {
        "account missing": [owners[0], owners[11]],
        "balance wrong": owners[1:11],
    }
    assert [row["problem"] for row in whole].count("trigger missing or switched off") == 1


def test_only_the_range_without_a_beginning_has_the_catalogue(
    tx: Connection, owners: list[str]
) -> None:
    tx.execute("ALTER TABLE ledger.entries DISABLE TRIGGER entries_append_only")
    found = rows(tx, "verify_range", after_owner=None, until_owner=owners[0])
    assert [row["problem"] for row in found] == ["trigger missing or switched off"]
    assert rows(tx, "verify_range", after_owner=owners[0], until_owner=None) == []


def test_progress_counts_a_single_account_in_the_singular(tx: Connection) -> None:
    heard: list[str] = []
    tx.add_notice_handler(lambda notice: heard.append(notice.message_primary or ""))
    record(tx)
    assert problems(tx) == []
    assert heard == ["verified 1 account"]


@pytest.mark.parametrize("owner_id", ["\U0010ffff" * 255, " ", "\x01", "\\"])
def test_first_and_last_range_are_open_ended(tx: Connection, owner_id: str) -> None:
    record(tx, owner_id=owner_id)
    record(tx, owner_id="alice")
    tx.execute("UPDATE ledger.accounts SET balance = 0 WHERE owner_id = %s", [owner_id])
    assert problems(tx) == [("balance wrong", "accounts", owner_id)]


def test_verify_sees_one_snapshot(ledger_db: str, conn: Connection) -> None:
    """Results come while others record, from the snapshot of the start."""
    record(conn)
    with (
        psycopg.connect(ledger_db) as reader,
        reader.cursor() as cursor,
        psycopg.connect(ledger_db, autocommit=True) as writer,
    ):
        record(writer)
        assert cursor.execute("SELECT * FROM ledger.verify()").fetchall() == []
        record(writer)
        assert cursor.execute("SELECT * FROM ledger.verify()").fetchall() == []


def test_range_does_not_read_tables_as_a_whole(conn: Connection, ledger_db: str) -> None:
    """That would be done again for each range of a large ledger."""
    for half in ("a", "b"):
        record_batch(conn, [item(1, owner_id=f"{half}{number:04}") for number in range(10_000)])
    conn.execute("VACUUM (ANALYZE)")
    # Of a connection of its own: what the other one has read may not have been counted yet.
    with psycopg.connect(ledger_db) as reader:
        ranged = {"after_owner": "a5000", "until_owner": "a5300"}
        assert rows(reader, "verify_range", **ranged) == []
        read = reader.execute(
            "SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables"
            " WHERE schemaname = 'ledger' AND relname IN ('accounts', 'entries')"
        ).fetchall()
    assert sorted(read) == [("accounts", 0), ("entries", 0)]


def test_tables_that_were_never_analyzed_are_not_compared_all_with_all(
    conn: Connection, ledger_db: str
) -> None:
    """Rows read grow with the entries of an owner, not with their square."""
    conn.execute("ALTER TABLE ledger.entries SET (autovacuum_enabled = off)")
    items = [item(5, expires_at="2999-01-01T00:00:00Z") for _ in range(200)]
    items += [item(-1, operation="CREDIT_SPEND") for _ in range(800)]
    record_batch(conn, items)
    with psycopg.connect(ledger_db) as reader:
        assert rows(reader, "verify", owner_id="alice") == []
        read = scalar(
            reader,
            "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_xact_user_tables",
        )
    assert read < 100 * len(items)


# Guards

TRIGGERS = """
    SELECT relname::text, tgname::text FROM pg_trigger
    INNER JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = 'ledger'::regnamespace AND NOT tgisinternal
    ORDER BY 1, 2
"""
UNIQUE_INDEXES = """
    SELECT tables.relname::text, indexes.relname::text, conname::text FROM pg_index
    INNER JOIN pg_class AS indexes ON indexes.oid = indexrelid
    INNER JOIN pg_class AS tables ON tables.oid = indrelid
    LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')
    WHERE tables.relnamespace = 'ledger'::regnamespace AND indisunique
    ORDER BY 1, 2
"""


@pytest.fixture
def owner(tx: Connection) -> Connection:
    """A connection of a superuser to a consistent ledger."""
    assert rows(tx, "verify") == []
    return tx


def guards_missed(found: list[Row], table: str) -> list[Row]:
    return [row for row in found if row["found_in"] == table and row["owner_id"] is None]


@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER {trigger} ON {table}",
        "ALTER TABLE {table} DISABLE TRIGGER {trigger}",
        "ALTER TABLE {table} ENABLE TRIGGER {trigger}",
        "ALTER TABLE {table} ENABLE REPLICA TRIGGER {trigger}",
        "ALTER TABLE {table} DISABLE TRIGGER ALL",
    ],
)
def test_each_missing_trigger_is_found(owner: Connection, change: str) -> None:
    triggers = owner.execute(TRIGGERS).fetchall()
    assert triggers
    for table, trigger in triggers:
        with owner.transaction(force_rollback=True):
            owner.execute(
                sql.SQL(change).format(
                    table=sql.Identifier("ledger", table), trigger=sql.Identifier(trigger)
                )
            )
            assert guards_missed(rows(owner, "verify"), table), trigger


@pytest.mark.parametrize("condition", ["WHEN (false)", ""])
def test_trigger_without_effect_is_found(owner: Connection, condition: str) -> None:
    owner.execute("CREATE FUNCTION lame() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'")
    function = "ledger_core.refuse_change" if condition else "lame"
    owner.execute(
        f"""
        CREATE OR REPLACE TRIGGER entries_append_only
        BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entries
        FOR EACH STATEMENT {condition} EXECUTE FUNCTION {function}()
        """.encode()
    )
    owner.execute("ALTER TABLE ledger.entries ENABLE ALWAYS TRIGGER entries_append_only")
    (missed,) = guards_missed(rows(owner, "verify"), "entries")
    assert missed["problem"] == "trigger missing or switched off"


def test_each_missing_unique_index_is_found(owner: Connection) -> None:
    indexes = owner.execute(UNIQUE_INDEXES).fetchall()
    assert indexes
    for table, index, constraint in indexes:
        with owner.transaction(force_rollback=True):
            if constraint is None:
                drop = sql.SQL("DROP INDEX {}").format(sql.Identifier("ledger", index))
            else:
                drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {} CASCADE").format(
                    sql.Identifier("ledger", table), sql.Identifier(constraint)
                )
            owner.execute(drop)
            missed = [row["problem"] for row in guards_missed(rows(owner, "verify"), table)]
            assert (index, missed) == (index, ["unique index missing"])


@pytest.mark.parametrize(
    ("table", "owner_id"),
    [
        ("entries", "alice"),
        ("operator_actions", "bob"),
        ("operation_changes", None),
        ("hold_events", "alice"),
    ],
)
def test_rows_of_future_transactions_are_found(
    tx: Connection, table: str, owner_id: str | None
) -> None:
    """This happens when a dump is restored on a new server. The feed would withhold the rows."""
    record(tx)
    place(tx, 1)
    operate(tx, "freeze_account", owner_id="bob")
    tx.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER {table}_append_only".encode())
    tx.execute(f"UPDATE ledger.{table} SET xact_id = '9000000000000000000'".encode())
    found = [row for row in rows(tx, "verify") if row["problem"] == "transaction of the future"]
    assert [(row["found_in"], row["owner_id"]) for row in found] == [(table, owner_id)]


# Session settings


@pytest.mark.parametrize("setting", ["TimeZone = 'Asia/Kathmandu'", "IntervalStyle = 'iso_8601'"])
def test_noted_rules_do_not_depend_on_session_settings(tx: Connection, setting: str) -> None:
    rule = {"operation": "OLD", "description": "x", "default_amount": 1}
    call(tx, "define_operation", expires_after="1 month 2 days", **rule)
    call(tx, "retire_operation", operation="OLD")
    tx.execute(f"SET LOCAL {setting}".encode())
    assert rows(tx, "verify") == []
    call(tx, "define_operation", expires_after="1 month 3 days", **rule)
    call(tx, "retire_operation", operation="OLD")
    tx.execute("RESET ALL")
    assert rows(tx, "verify") == []
