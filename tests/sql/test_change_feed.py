"""The change feed returns every committed entry once, despite long transactions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from enum import Enum

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.fixtures import properties  # noqa: F401
from tests.fixtures.database import Server
from tests.sql.calls import Connection, Row, call, entries, record, refused, rows, scalar
from tests.sql.conftest import LogIn
from tests.sql.lifecycle import item, record_batch


def wait_for_other_databases(conn: Connection) -> None:
    """Wait until no transaction of another database is older than the newest commit here.

    The feed waits for transactions of the whole server, which other test runs may share.
    """
    youngest = scalar(conn, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    query = """
        SELECT count(*), pg_sleep(0.002) FROM pg_stat_activity
        WHERE datname <> current_database() AND backend_xid::text::bigint < %s
    """
    for _ in range(10_000):
        if conn.execute(query.encode(), [youngest]).fetchall()[0][0] == 0:
            return
    raise AssertionError("a transaction of another database does not end")


class Reader:
    """Reads the feed, a few entries at a time, and keeps what it has seen."""

    def __init__(self, conn: Connection, max_rows: int) -> None:
        self._conn = conn
        self._max_rows = max_rows
        self._cursor: str | None = None
        self.seen: list[int] = []

    def poll(self, times: int = 1) -> None:
        for _ in range(times):
            page = rows(self._conn, "entries_after", cursor=self._cursor, max_rows=self._max_rows)
            assert len(page) <= self._max_rows
            self.seen += [entry["entry_id"] for entry in page]
            self._cursor = page[-1]["cursor"] if page else self._cursor

    def poll_to_the_end(self) -> None:
        wait_for_other_databases(self._conn)
        before = -1
        while len(self.seen) > before:
            before = len(self.seen)
            self.poll()


def feed(conn: Connection, cursor: str | None = None, max_rows: int = 1000) -> list[Row]:
    wait_for_other_databases(conn)
    return rows(conn, "entries_after", cursor=cursor, max_rows=max_rows)


def committed(conn: Connection) -> set[int]:
    return {entry_id for (entry_id,) in conn.execute("SELECT entry_id FROM ledger.entries")}


# Rows


def test_row_is_the_entry_and_the_cursor_after_it(conn: Connection) -> None:
    recorded = record(conn, amount=5, metadata={"order": 1}, expires_at="2099-01-01T00:00:00Z")
    (entry,) = feed(conn)
    assert entry.pop("cursor")
    recorded.pop("replayed")
    assert entry == recorded
    assert rows(conn, "entries_after")[0] | {"cursor": None} == entry | {"cursor": None}


def test_feed_of_an_empty_ledger_is_empty(conn: Connection) -> None:
    assert feed(conn) == []


def test_cursor_at_the_end_stays_valid(conn: Connection) -> None:
    record(conn)
    cursor = feed(conn)[0]["cursor"]
    assert feed(conn, cursor) == []
    record(conn, nonce="next")
    assert [entry["nonce"] for entry in feed(conn, cursor)] == ["next"]


def test_uncommitted_entries_of_the_caller_are_not_in_the_feed(conn: Connection) -> None:
    with conn.transaction():
        record(conn)
        assert feed(conn) == []
    assert len(feed(conn)) == 1


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "1", "1-", "-1", "1-1-1", "-1-1", "1-x", "1 - 1", " 1-1", "1-1\n", "1.0-1"),
        *("²-1", "99999999999999999999-1", "1-9999999999999999999", "18446744073709551616-1"),
    ],
)
def test_malformed_cursor_is_refused(tx: Connection, cursor: str) -> None:
    with refused(tx, "LG001") as refusal:
        feed(tx, cursor)
    assert refusal.detail["field"] == "cursor"


def test_cursor_of_nothing_is_the_beginning(conn: Connection) -> None:
    record(conn)
    assert feed(conn, "0-0") == feed(conn)


@pytest.mark.parametrize("max_rows", [0, -1, 10_001, None])
def test_number_of_rows_is_bounded(tx: Connection, max_rows: int | None) -> None:
    with refused(tx, "LG001") as refusal:
        rows(tx, "entries_after", max_rows=max_rows)
    assert refusal.detail["field"] == "max_rows"


def test_big_transaction_can_be_read_in_pages(conn: Connection) -> None:
    record_batch(conn, [item(1, owner_id=f"owner {n % 7}") for n in range(250)])
    record(conn)
    reader = Reader(conn, max_rows=40)
    reader.poll_to_the_end()
    assert len(reader.seen) == 251
    assert set(reader.seen) == committed(conn)


def test_sequential_entries_of_an_account_are_in_the_feed_in_order(
    conn: Connection,
) -> None:
    for n in range(20):
        record(conn, owner_id=f"owner {n % 2}")
    record_batch(conn, [item(1, owner_id=f"owner {n % 2}") for n in range(20)])
    for owner_id in ("owner 0", "owner 1"):
        seen = [entry["seq"] for entry in feed(conn) if entry["owner_id"] == owner_id]
        assert seen == list(range(1, 21))


def test_feed_may_differ_from_the_order_within_an_account(ledger_db: str) -> None:
    """The feed orders by transaction id, which a transaction may get before its first entry."""
    with (
        psycopg.connect(ledger_db) as early,
        psycopg.connect(ledger_db, autocommit=True) as late,
    ):
        early.execute("CREATE TEMP TABLE orders ()")
        record(late, nonce="first of the account")
        record(early, nonce="second of the account")
        assert feed(late) == []
        early.commit()
        assert [(entry["nonce"], entry["seq"]) for entry in feed(late)] == [
            ("second of the account", 2),
            ("first of the account", 1),
        ]


# Transactions held open


class Step(Enum):
    """The steps of a transaction, in order."""

    BEGIN = "takes its number, as by writing elsewhere"
    WRITE = "records two entries"
    END = "commits, or is rolled back"


class Crowd:
    """Four concurrent transactions, and readers that poll after each of their steps."""

    def __init__(self, conn: Connection, writers: Sequence[Connection]) -> None:
        self._conn = conn
        self._writers = writers
        self._readers = [Reader(conn, max_rows=1), Reader(conn, max_rows=1000)]

    def run(self, order: Sequence[int], rolled_back: frozenset[int] = frozenset()) -> None:
        """Run the next step of a transaction for each occurrence of its number.

        Afterwards every reader must have seen all committed entries once.
        """
        before = list(self._readers[0].seen)
        steps = {number: iter(Step) for number in order}
        for number in order:
            self._take(next(steps[number]), number, number in rolled_back)
            for reader in self._readers:
                reader.poll()
        for reader in self._readers:
            reader.poll_to_the_end()
        seen = self._readers[0].seen
        assert seen[: len(before)] == before
        assert len(seen) == len(before) + 2 * (len(steps) - len(rolled_back))
        assert all(reader.seen == seen for reader in self._readers)

    def check_from_the_beginning(self) -> None:
        """Check that a new reader sees the same entries in the same order, and all of them."""
        last = Reader(self._conn, max_rows=10_000)
        last.poll_to_the_end()
        assert last.seen == self._readers[0].seen
        assert len(last.seen) == len(set(last.seen))
        assert set(last.seen) == committed(self._conn)

    def _take(self, step: Step, number: int, rolled_back: bool) -> None:
        conn = self._writers[number]
        match step:
            case Step.BEGIN:
                conn.execute("SELECT pg_current_xact_id()")
            case Step.WRITE:
                record(conn, owner_id=f"owner {number}")
                record(conn, owner_id=f"owner {number} too")
            case Step.END if rolled_back:
                conn.rollback()
            case Step.END:
                conn.commit()


@pytest.fixture
def crowd(ledger_db: str, conn: Connection) -> Iterator[Crowd]:
    with ExitStack() as stack:
        writers = [stack.enter_context(psycopg.connect(ledger_db)) for _ in range(4)]
        crowd = Crowd(conn, writers)
        yield crowd
        crowd.check_from_the_beginning()


# Without a separate BEGIN: the first entry takes the transaction id.
ORDERS_OF_THREE = sorted(set(itertools.permutations([0, 0, 1, 1, 2, 2])))


def test_readers_miss_nothing_in_any_order_of_three_transactions(crowd: Crowd) -> None:
    for order in ORDERS_OF_THREE:
        begun: set[int] = set()
        steps = []
        for number in order:
            steps += [number] if number in begun else [number, number]
            begun.add(number)
        crowd.run(steps)
    assert len(ORDERS_OF_THREE) == 90


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations([number for number in range(4) for _ in Step]),
    rolled_back=st.frozensets(st.integers(0, 3), max_size=3),
)
def test_readers_miss_nothing_in_any_order_with_rollbacks(
    crowd: Crowd, order: list[int], rolled_back: frozenset[int]
) -> None:
    crowd.run(order, rolled_back)


def test_entries_of_a_savepoint_that_was_rolled_back_never_appear(conn: Connection) -> None:
    with conn.transaction():
        record(conn, nonce="stays")
        with conn.transaction(force_rollback=True):
            record(conn, nonce="goes")
        with conn.transaction():
            record(conn, nonce="stays too")
    assert [entry["nonce"] for entry in feed(conn)] == ["stays", "stays too"]


def test_reader_within_an_old_snapshot_skips_nothing(ledger_db: str, conn: Connection) -> None:
    with psycopg.connect(ledger_db) as old:
        old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        old.execute("SELECT 1 FROM ledger.entries")
        record(conn)
        reader = Reader(old, max_rows=10)
        reader.poll()
        assert reader.seen == []
        old.rollback()
        reader.poll()
        assert reader.seen == [entries(conn)[0]["entry_id"]]


def test_reading_transaction_does_not_delay_the_feed(ledger_db: str, conn: Connection) -> None:
    with psycopg.connect(ledger_db) as idle:
        scalar(idle, "SELECT count(*) FROM ledger.entries")
        record(conn)
        assert len(feed(conn)) == 1


# The lag

NO_CAUSE = dict.fromkeys(
    ("pid", "prepared", "began_at", "state", "role_name", "application_name", "database_name")
)


def test_feed_without_open_transactions_has_no_lag(conn: Connection) -> None:
    record(conn)
    wait_for_other_databases(conn)
    lag = call(conn, "feed_lag")
    nothing = {"waiting_since": None, "seconds_behind": 0, "transactions": 0}
    assert lag == nothing | NO_CAUSE


def test_lag_names_the_open_transaction_that_the_feed_waits_for(
    ledger_server: Server, conn: Connection
) -> None:
    """The transaction is in another database, and does not touch the ledger."""
    wait_for_other_databases(conn)
    with psycopg.connect(ledger_server.url("postgres"), application_name="nightly") as late:
        late.execute("SELECT pg_current_xact_id()")
        before = call(conn, "feed_lag")
        first = record(conn)
        record(conn)
        lag = call(conn, "feed_lag")
        pid, role = late.info.backend_pid, late.info.user

    assert (before["waiting_since"], before["seconds_behind"]) == (None, 0)
    assert before["pid"] == lag["pid"] == pid
    assert lag["waiting_since"] == first["recorded_at"]
    assert lag["transactions"] == 3
    assert lag["began_at"] < first["recorded_at"]
    assert (lag["application_name"], lag["state"]) == ("nightly", "idle in transaction")
    assert (lag["role_name"], lag["database_name"]) == (role, "postgres")
    assert lag["prepared"] is None
    assert call(conn, "feed_lag")["waiting_since"] is None


def test_lag_is_that_of_the_oldest_of_several_transactions(
    ledger_db: str, conn: Connection
) -> None:
    wait_for_other_databases(conn)
    with psycopg.connect(ledger_db) as oldest, psycopg.connect(ledger_db) as younger:
        record(oldest, owner_id="bob")
        record(younger, owner_id="carol")
        record(conn)
        assert call(conn, "feed_lag")["pid"] == oldest.info.backend_pid
        oldest.rollback()
        assert call(conn, "feed_lag")["pid"] == younger.info.backend_pid
        assert feed(conn) == []


@pytest.mark.parametrize("group", ["ledger_app", "ledger_auditor", "ledger_operator"])
def test_readers_of_the_feed_are_told_the_lag(
    ledger_db: str, conn: Connection, log_in: LogIn, group: str
) -> None:
    reader = log_in(member_of=group)
    wait_for_other_databases(conn)
    with psycopg.connect(ledger_db) as late:
        record(late)
        assert call(reader, "feed_lag")["pid"] == late.info.backend_pid


def test_lag_shows_what_an_owner_without_rights_may_see(
    ledger_db: str, conn: Connection, log_in: LogIn
) -> None:
    owner = log_in()
    role = sql.Identifier(owner.info.user)
    conn.execute(sql.SQL("GRANT USAGE ON SCHEMA ledger TO {}").format(role))
    conn.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO {}").format(role))
    conn.execute(sql.SQL("GRANT USAGE ON SCHEMA ledger_core TO {}").format(role))
    conn.execute(sql.SQL("GRANT EXECUTE ON FUNCTION ledger_core.clock TO {}").format(role))
    conn.execute(sql.SQL("ALTER FUNCTION ledger.feed_lag OWNER TO {}").format(role))
    wait_for_other_databases(conn)
    with psycopg.connect(ledger_db, application_name="nightly") as late:
        record(late)
        record(conn, owner_id="bob")
        lag = call(conn, "feed_lag")
        pid = late.info.backend_pid
    conn.execute("ALTER FUNCTION ledger.feed_lag OWNER TO CURRENT_USER")

    assert (lag["pid"], lag["application_name"]) == (pid, "nightly")
    assert (lag["state"], lag["began_at"]) == (None, None)
    assert lag["waiting_since"] is not None


def test_lag_names_a_prepared_transaction(ledger_db: str, conn: Connection) -> None:
    if scalar(conn, "SHOW max_prepared_transactions") == "0":
        pytest.skip("the server takes no prepared transactions")
    wait_for_other_databases(conn)
    with psycopg.connect(ledger_db) as late:
        late.tpc_begin("of the test")
        record(late)
        late.tpc_prepare()
        lag = call(conn, "feed_lag")
        late.tpc_rollback()
    assert (lag["prepared"], lag["pid"]) == ("of the test", None)
    assert lag["began_at"] is not None
