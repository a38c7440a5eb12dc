"""Every entry, and every line of the journals, carries a hash over itself and its predecessor."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.calls import Connection, call, count_asset, record, scalar, spend
from tests.sql.hash_chain import (
    actions_as_stored,
    allowance_events_as_stored,
    chained,
    changes_as_stored,
    entries_as_stored,
    hold_events_as_stored,
)
from tests.sql.lifecycle import adjust, capture, operate, place, release

# Texts that PostgreSQL accepts: no NUL, no half of a surrogate pair.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=255)
KEYS = TEXTS.filter(bool)
METADATA = st.none() | st.dictionaries(
    TEXTS, st.none() | st.booleans() | st.integers() | TEXTS, max_size=4
)


def assert_chain_holds(conn: Connection, owner_id: str) -> None:
    found = entries_as_stored(conn, owner_id)
    assert found
    assert [entry["hash"] for entry in found] == chained(found)
    head = scalar(conn, "SELECT head_hash FROM ledger.accounts WHERE owner_id = %s", owner_id)
    assert head == found[-1]["hash"]


def test_hashes_follow_from_the_entries(tx: Connection) -> None:
    record(tx, amount=100, metadata={"reason": "gift", "n": 1.50})
    record(tx)
    spend(tx, 30)
    record(tx, operation="SIGNUP_CREDIT", claim_subject="sha256:abc")
    record(tx, operation="CONTENT_ACCESS")
    assert_chain_holds(tx, "alice")


def test_hashes_cover_given_and_default_expiries(tx: Connection) -> None:
    record(tx, app="app2", operation="PLAN_ALLOWANCE")
    record(tx, expires_at="2099-01-01T00:00:00.000001Z")
    spend(tx, 7)
    assert_chain_holds(tx, "alice")


def test_replay_and_refusal_leave_the_chain_as_it_is(tx: Connection) -> None:
    record(tx, nonce="once", amount=10)
    spend(tx, 4)
    record(tx, nonce="once", amount=10)
    spend(tx, 6)
    assert_chain_holds(tx, "alice")
    assert len(entries_as_stored(tx, "alice")) == 3


def test_hashes_do_not_depend_on_the_settings_of_the_session(tx: Connection) -> None:
    for setting in (
        "TimeZone = 'Asia/Kathmandu'",
        "DateStyle = 'German, DMY'",
        "IntervalStyle = 'sql_standard'",
        "bytea_output = 'escape'",
        "extra_float_digits = 0",
        "search_path = pg_temp",
        "quote_all_identifiers = on",
    ):
        tx.execute(f"SET LOCAL {setting}".encode())
    tx.execute(  # not record(): psycopg does not read times in these styles
        """
        SELECT 1 FROM ledger.record_entry(
            app => 'app1', owner_id => 'alice', operation => 'CREDIT_ADD', nonce => 'n',
            metadata => '{"at": 0.1}', expires_at => '2099-07-01T00:00:00Z'
        )
        """
    )
    tx.execute("RESET ALL")
    assert_chain_holds(tx, "alice")


def test_hashes_do_not_depend_on_standard_conforming_strings(tx: Connection) -> None:
    tx.execute("SET LOCAL standard_conforming_strings = off")
    tx.execute("SET LOCAL escape_string_warning = off")
    record(tx, owner_id=r"back\slash", nonce=r"\\n")
    tx.execute("RESET ALL")
    assert_chain_holds(tx, r"back\slash")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(owner_id=KEYS, nonce=KEYS, claim_subject=st.none() | KEYS, metadata=METADATA)
def test_any_text_can_be_recorded_and_hashed(
    tx: Connection,
    owner_id: str,
    nonce: str,
    claim_subject: str | None,
    metadata: dict[str, object] | None,
) -> None:
    with tx.transaction(force_rollback=True):
        entry = record(
            tx, owner_id=owner_id, nonce=nonce, claim_subject=claim_subject, metadata=metadata
        )
        assert (entry["owner_id"], entry["nonce"]) == (owner_id, nonce)
        assert entry["metadata"] == metadata
        assert_chain_holds(tx, owner_id)


# The journals


def assert_journals_hold(conn: Connection, owner_id: str = "alice") -> None:
    for lines, number in (
        (actions_as_stored(conn, owner_id), "action_seq"),
        (changes_as_stored(conn), "change_id"),
        (hold_events_as_stored(conn, owner_id), "event_seq"),
        (allowance_events_as_stored(conn, owner_id), "event_seq"),
    ):
        assert [line["hash"] for line in lines] == chained(lines)
        assert [line[number] for line in lines] == list(range(1, len(lines) + 1))


def test_changes_of_the_catalogue_are_chained_from_the_first(tx: Connection) -> None:
    call(tx, "define_operation", operation="BONUS", description="\\ ☃", default_amount=5)
    call(tx, "allow_operation", app="app1", operation="BONUS", default_amount=5)
    call(tx, "retire_operation", operation="BONUS")
    call(tx, "register_app", app="app3", description="Third")
    call(tx, "bind_role", role=tx.info.user, app="app3")
    call(tx, "unbind_role", role=tx.info.user, app="app3")
    assert_journals_hold(tx)


def test_actions_are_chained_by_account(tx: Connection) -> None:
    count_asset(tx, "TOKEN")
    for owner_id in ("alice", "bob", "alice"):
        operate(tx, "freeze_account", owner_id=owner_id)
        operate(tx, "unfreeze_account", owner_id=owner_id)
        operate(tx, "freeze_account", owner_id=owner_id, asset="TOKEN")
        adjust(tx, 7, owner_id=owner_id)
    operate(tx, "set_min_balance", min_balance=-5)
    assert len(actions_as_stored(tx, "alice")) == 7
    assert len(actions_as_stored(tx, "alice", "TOKEN")) == 1
    assert_journals_hold(tx, "alice")
    assert_journals_hold(tx, "bob")


def test_events_of_holds_are_chained_by_account(tx: Connection) -> None:
    for owner_id in ("alice", "bob"):
        record(tx, owner_id=owner_id, amount=50, expires_at="2099-01-01T00:00:00Z")
        place(tx, 20, owner_id=owner_id, nonce=f"{owner_id}'s ☃", metadata={"job": "\\ ☃"})
        capture(tx, f"{owner_id}'s ☃", 5, final=False)
        place(tx, 10, owner_id=owner_id, nonce=f"{owner_id}'s other")
        release(tx, f"{owner_id}'s other")
        assert len(hold_events_as_stored(tx, owner_id)) == 4
    assert_journals_hold(tx, "alice")
    assert_journals_hold(tx, "bob")


def test_journals_do_not_depend_on_the_settings_of_the_session(tx: Connection) -> None:
    for setting in (
        "TimeZone = 'Asia/Kathmandu'",
        "DateStyle = 'German, DMY'",
        "IntervalStyle = 'sql_standard'",
        "standard_conforming_strings = off",
        "escape_string_warning = off",
        "search_path = pg_temp",
    ):
        tx.execute(f"SET LOCAL {setting}".encode())
    tx.execute(
        """
        SELECT ledger.define_operation(
            operation => 'BONUS', description => 'x', default_amount => 5, expires_after => '1 day'
        )
        """
    )
    tx.execute("SELECT ledger.retire_operation(operation => 'BONUS')")
    tx.execute(  # not place(): psycopg does not read times in these styles
        """
        SELECT 1
        FROM ledger.record_entry(
            app => 'app1', owner_id => 'alice', operation => 'CREDIT_ADD', nonce => 'n'
        )
        CROSS JOIN ledger.place_hold(
            app => 'app1', owner_id => 'alice', operation => 'CREDIT_SPEND', nonce => 'h',
            amount => 1, expires_in => '1 day 02:00:00'
        )
        """
    )
    operate(tx, "freeze_account", actor=r"back\slash", reason=r"\\n")
    assert tx.execute("SELECT * FROM ledger.verify()").fetchall() == []
    tx.execute("RESET ALL")
    assert tx.execute("SELECT * FROM ledger.verify()").fetchall() == []
    assert_journals_hold(tx)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(owner_id=KEYS, actor=KEYS, reason=KEYS)
def test_any_text_of_an_operator_can_be_hashed(
    tx: Connection, owner_id: str, actor: str, reason: str
) -> None:
    with tx.transaction(force_rollback=True):
        operate(tx, "freeze_account", owner_id=owner_id, actor=actor, reason=reason)
        (line,) = actions_as_stored(tx, owner_id)
        assert (line["actor"], line["reason"]) == (actor, reason)
        assert_journals_hold(tx, owner_id)
