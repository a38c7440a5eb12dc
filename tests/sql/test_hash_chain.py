"""Every entry carries a hash over itself and its predecessor, which anybody can compute again."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sql.calls import Connection, record, scalar, spend
from tests.sql.hash_chain import chained, entries_as_stored

# What PostgreSQL takes as text: no NUL, no half of a surrogate pair.
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


def test_hashes_cover_the_expiry_whether_given_or_taken_by_default(tx: Connection) -> None:
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


def test_caller_may_have_the_string_syntax_of_old(tx: Connection) -> None:
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
