"""Moving a partition to another server, while its owners go on.

Logical replication copies the partition. Then the old one is closed for changes (`LG311`), the rest
arrives, and the file names the new one. Callers wait from the closing until they read the file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ledger_py import migrate as migrations
from ledger_py.cluster import files
from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import ClusterFile, Partition
from ledger_py.cluster.members import (
    Connection,
    Report,
    connected,
    failure_at,
    prefixed,
    scalar,
)
from ledger_py.cluster.setup import identity, keeps_as_said
from ledger_py.migrate import MigrationError

__all__ = ("Moved", "move")

PATIENCE: Final = 60.0
"""Seconds that a step waits for others, such as for the end of a long transaction."""

_COPIES_WITHIN: Final = 7 * 86_400.0
_POLL: Final = 0.2
_POLL_IN_PAUSE: Final = 0.005
_SMALL_LAG: Final = 1024 * 1024
"""Bytes of the log that may be left to apply when the partition is closed for changes."""

_FENCE: Final = "aa_moved"
"""The trigger that refuses changes; triggers fire in the order of their names."""

_TABLES: Final = r"""
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace IN ('ledger'::regnamespace, 'ledger_core'::regnamespace) AND relkind = 'r'
        AND relname !~ '^(_?yoyo_|installed_)'
    -- The accounts first: every call that records begins there.
    ORDER BY oid <> 'ledger.accounts'::regclass, relname
"""
_FENCED: Final = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = %s"
_GUARDS: Final = """
    SELECT tgrelid::regclass::text, tgname FROM pg_trigger
    INNER JOIN pg_class ON pg_class.oid = tgrelid
    WHERE tgenabled = %s AND NOT tgisinternal
        AND relnamespace IN ('ledger'::regnamespace, 'ledger_core'::regnamespace)
"""
_MEMBERS: Final = """
    SELECT member.rolname, granted.rolname
    FROM pg_auth_members
    INNER JOIN pg_roles AS member ON member.oid = pg_auth_members.member
    INNER JOIN pg_roles AS granted ON granted.oid = pg_auth_members.roleid
    WHERE granted.rolname IN ('ledger_app', 'ledger_auditor', 'ledger_operator')
"""
_SUMS: Final = """
    SELECT count(*), coalesce(sum(last_seq), 0)::bigint, coalesce(sum(balance), 0)::bigint,
        (SELECT count(*) FROM ledger.operation_changes), (SELECT max(entry_id) FROM ledger.entries)
    FROM ledger.accounts
"""
_FILES: Final = "SELECT path, checksum FROM ledger.installed_files() ORDER BY path"


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What a move did."""

    pause: float
    """Seconds from the closing of the old partition until the file named the new one."""
    accounts: int
    entries: int


def move(path: Path, name: str, url: str, *, report: Report) -> Moved:
    """Move a partition to another database, and write that into the file.

    Both servers are to be reached as a superuser, and the old one from the new one, without a
    pooler. If it fails before the file is written, the old partition goes on.

    Args:
        path: The file of the cluster.
        name: The partition.
        url: The address of an empty database. The logins of the services exist on its server.
        report: Takes a line for each step.

    Returns:
        The length of the pause, and what was moved.

    Raises:
        ClusterError: A server cannot do it, or a step failed; the message says which and why.
    """
    cluster = files.read(path)
    old = cluster.partition(name)
    new = Partition(name=name, url=url, kept=old.kept)
    with connected(old) as source, connected(new) as target:
        _check(cluster, old, source, target)
        _clear(name, source, report)
        moving = _Moving(cluster, old, new, source, target, report)
        moving.prepare()
        with moving.replicating():
            moving.wait_for_copy()
            with moving.closed() as since:
                sums = moving.finish()
                files.write(path, cluster.with_partition(new))
                pause = time.monotonic() - since
    report(f"{name}: the file names the new server; callers waited for {pause:.2f} s")
    _retire(old, report)
    return Moved(pause=pause, accounts=sums[0], entries=sums[1])


def _check(cluster: ClusterFile, old: Partition, source: Connection, target: Connection) -> None:
    wrong = keeps_as_said(source, cluster, old)
    if wrong is not None:
        raise ClusterError(f"{old.name} {wrong}")
    if scalar(source, "SELECT current_setting('wal_level')") != "logical":
        raise ClusterError(
            f"{old.name}: its server must run with wal_level = logical (and be restarted for that)"
        )
    for conn, which in ((source, "old"), (target, "new")):
        if not scalar(conn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            raise ClusterError(
                f"{old.name}: {conn.info.user} is no superuser of the {which} server. A move"
                " creates a subscription and closes a database: name one in the addresses"
            )
    if identity(source) == identity(target):
        raise ClusterError(f"{old.name}: is in this database already")
    if scalar(target, "SELECT to_regnamespace('ledger') IS NOT NULL"):
        raise ClusterError(
            f"{old.name}: the new database holds a ledger, perhaps of a move that failed. Drop it"
            " and create it anew"
        )


def _clear(name: str, source: Connection, report: Report) -> None:
    """Remove what a move that was interrupted has left on the old server."""
    fenced = [table for (table,) in source.execute(_FENCED, [_FENCE]).fetchall()]
    if fenced:
        raise ClusterError(
            f"{name}: was closed by a move that was interrupted. If the file still names this"
            " server and nothing was recorded on another one, `ledger cluster reopen` opens it"
        )
    slot = _name_of(name)
    for (pid,) in source.execute(
        "SELECT active_pid FROM pg_replication_slots"
        " WHERE slot_name = %s AND database = current_database()",
        [slot],
    ).fetchall():
        if pid is not None:
            raise ClusterError(f"{name}: another move is under way (slot {slot})")
        source.execute("SELECT pg_drop_replication_slot(%s)", [slot])
        report(f"{name}: removed what an interrupted move had left")
    source.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(slot)))


def reopen(cluster: ClusterFile, name: str, *, report: Report) -> None:
    """Open a partition again that a move has closed before it was interrupted.

    Args:
        cluster: The cluster, whose file names the old server.
        name: The partition.
        report: Takes a line.

    Raises:
        ClusterError: It cannot be reached.
    """
    partition = cluster.partition(name)
    with connected(partition) as conn:
        opened = _open_again(conn)
    report(f"{name}: {'open again' if opened else 'was not closed'}")


def _open_again(conn: Connection) -> bool:
    tables = [table for (table,) in conn.execute(_FENCED, [_FENCE]).fetchall()]
    if not tables:
        return False
    with conn.transaction():
        for table in tables:
            conn.execute(f"DROP TRIGGER {_FENCE} ON {table}".encode())
    return True


def _name_of(partition: str) -> str:
    return f"ledger_move_{partition}"


def _retire(old: Partition, report: Report) -> None:
    """Let nobody connect to the old database any more: its balances are those of the past."""
    try:
        with connected(old) as conn:
            database = conn.info.dbname
        others = ("postgres", "template1")
        outside = next(other for other in others if other != database)
        admin_url = make_conninfo(old.url, dbname=outside)
        with psycopg.connect(admin_url, autocommit=True) as admin:
            named = sql.Identifier(database)
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(named))
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [database],
            )
    except (ClusterError, psycopg.Error) as error:
        report(
            f"{old.name}: the old database still takes connections, which read what was"
            f" ({str(error).strip()}). Close it: ALTER DATABASE … ALLOW_CONNECTIONS false"
        )
        return
    report(f"{old.name}: the old database takes no connections any more; it may be dropped")


class _Moving:
    """One move, step by step."""

    def __init__(
        self,
        cluster: ClusterFile,
        old: Partition,
        new: Partition,
        source: Connection,
        target: Connection,
        report: Report,
    ) -> None:
        self._cluster = cluster
        self._old = old
        self._new = new
        self._source = source
        self._target = target
        self._report = prefixed(report, old)
        self._name = _name_of(old.name)
        self._tables = [table for (table,) in source.execute(_TABLES.encode()).fetchall()]

    def prepare(self) -> None:
        """Create tables and functions in the new database, without rows."""
        try:
            migrations.migrate(self._new.url, report=self._report)
        except MigrationError as error:
            raise failure_at(self._new, error) from error
        ours = self._target.execute(_FILES).fetchall()
        if ours != self._source.execute(_FILES).fetchall():
            raise ClusterError(
                f"{self._old.name}: is of another version than this. Run `ledger cluster migrate`"
                " first, with the same apps"
            )
        self._grant_groups()
        self._set_guards(found="A", state="")
        tables = ", ".join(self._tables)
        # One statement, and triggers of tables are silent only for the rows that are replicated.
        with self._target.transaction():
            self._target.execute("SET LOCAL session_replication_role = 'replica'")
            self._target.execute(f"TRUNCATE {tables}".encode())

    def _grant_groups(self) -> None:
        known = {name for (name,) in self._target.execute("SELECT rolname FROM pg_roles")}
        bound = {name for (name,) in self._source.execute("SELECT role_name FROM ledger.app_roles")}
        if missing := sorted(bound - known):
            raise ClusterError(
                f"{self._old.name}: the new server lacks the logins {', '.join(missing)}. Create"
                " them first (`pg_dumpall --roles-only`)"
            )
        for member, group in self._source.execute(_MEMBERS.encode()).fetchall():
            if member in known:
                grant = sql.SQL("GRANT {} TO {}")
                self._target.execute(grant.format(sql.Identifier(group), sql.Identifier(member)))
            else:
                self._report(f"the new server lacks the login {member}, a member of {group}")

    def _set_guards(self, *, found: str, state: str) -> None:
        """Switch the triggers, which would also fire for rows that are replicated."""
        for table, trigger in self._target.execute(_GUARDS.encode(), [found]).fetchall():
            change = f"ALTER TABLE {table} ENABLE {state} TRIGGER {trigger}"
            self._target.execute(change.encode())

    @contextmanager
    def replicating(self) -> Iterator[None]:
        """Replicate from the old database to the new one during the block."""
        name = sql.Identifier(self._name)
        tables = sql.SQL(", ".join(self._tables))
        with ExitStack() as undo:
            self._source.execute(sql.SQL("CREATE PUBLICATION {} FOR TABLE {}").format(name, tables))
            undo.callback(self._try, lambda: self._drop_publication(name))
            # By itself: within one server, the subscription would wait for its own transaction.
            self._source.execute(
                "SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [self._name]
            )
            undo.callback(self._try, self._drop_slot)
            self._target.execute(
                sql.SQL(
                    "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {}"
                    " WITH (create_slot = false, slot_name = {}, streaming = off)"
                ).format(
                    name, sql.Literal(make_conninfo(self._old.url)), name, sql.Literal(self._name)
                )
            )
            undo.callback(self._try, lambda: self._unsubscribe(name))
            yield

    def _unsubscribe(self, name: sql.Identifier) -> None:
        if not scalar(
            self._target, "SELECT TRUE FROM pg_subscription WHERE subname = %s", [self._name]
        ):
            return
        self._target.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(name))
        self._target.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(name))
        self._target.execute(sql.SQL("DROP SUBSCRIPTION {}").format(name))

    def _drop_slot(self) -> None:
        dropped = (
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            " WHERE slot_name = %s AND NOT active"
        )
        gone = "SELECT NOT EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = %s)"

        def attempt() -> bool:
            self._source.execute(dropped, [self._name])
            return bool(scalar(self._source, gone, [self._name]))

        self._wait(attempt, "the replication slot is in use", within=PATIENCE)

    def _drop_publication(self, name: sql.Identifier) -> None:
        self._source.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(name))

    def _try(self, step: Callable[[], None]) -> None:
        """Clean up as far as it goes: what failed before matters more."""
        try:
            step()
        except (psycopg.Error, ClusterError) as error:
            self._report(f"could not be cleaned up: {str(error).strip()}")

    def wait_for_copy(self) -> None:
        """Wait until all rows are copied, and what came meanwhile has nearly arrived."""
        self._report("copying")
        copied = """
            SELECT coalesce(bool_and(srsubstate = 'r'), FALSE) FROM pg_subscription_rel
            INNER JOIN pg_subscription ON pg_subscription.oid = srsubid WHERE subname = %s
        """
        self._wait(
            lambda: bool(scalar(self._target, copied, [self._name])),
            "the copy takes longer than a week",
            within=_COPIES_WITHIN,
        )
        lag = """
            SELECT pg_current_wal_insert_lsn() - confirmed_flush_lsn < %s
            FROM pg_replication_slots WHERE slot_name = %s
        """
        self._wait(
            lambda: bool(scalar(self._source, lag, [_SMALL_LAG, self._name])),
            "the new server does not keep up",
            within=_COPIES_WITHIN,
        )
        self._report("copied; what is recorded meanwhile arrives as well")

    @contextmanager
    def closed(self) -> Iterator[float]:
        """Refuse all changes of the old partition during the block, and after it if all went well.

        Yields:
            When that began, on the monotonic clock.
        """
        since = self._close()
        try:
            yield since
        except BaseException:
            self._try(lambda: self._report("is open again") if self._open() else None)
            raise

    def _open(self) -> bool:
        return _open_again(self._source)

    def _close(self) -> float:
        deadline = time.monotonic() + PATIENCE
        while True:
            since = time.monotonic()
            try:
                with self._source.transaction():
                    # Below deadlock_timeout, so that no caller is ever the victim of this.
                    self._source.execute("SET LOCAL lock_timeout = '400ms'")
                    # Waits for everybody who records, and nobody begins to.
                    self._source.execute("LOCK TABLE ledger.accounts IN EXCLUSIVE MODE")
                    for table in self._tables:
                        self._source.execute(
                            f"CREATE TRIGGER {_FENCE}"
                            f" BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
                            " FOR EACH STATEMENT"
                            " EXECUTE FUNCTION ledger_core.refuse_moved()".encode()
                        )
                        self._source.execute(
                            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {_FENCE}".encode()
                        )
            except psycopg.errors.LockNotAvailable as error:
                if time.monotonic() > deadline:
                    raise ClusterError(
                        f"{self._old.name}: transactions have been recording for"
                        f" {PATIENCE:.0f} s; nothing was moved"
                    ) from error
                time.sleep(_POLL)
                continue
            return since

    def finish(self) -> tuple[Any, ...]:
        """Wait for the rest, and make the new database a ledger of its own.

        Returns:
            The numbers of accounts and entries, and more that both databases agree on.
        """
        end = scalar(self._source, "SELECT pg_current_wal_insert_lsn()")
        arrived = """
            SELECT coalesce(min(latest_end_lsn) >= %s::pg_lsn, FALSE)
            FROM pg_stat_subscription WHERE subname = %s
        """
        self._wait(
            lambda: bool(scalar(self._target, arrived, [end, self._name])),
            "the rest does not arrive",
            within=PATIENCE,
            poll=_POLL_IN_PAUSE,
        )
        left, right = (conn.execute(_SUMS).fetchone() for conn in (self._source, self._target))
        if left is None or left != right:
            raise ClusterError(f"{self._old.name}: the copy differs: {left} became {right}")
        self._unsubscribe(sql.Identifier(self._name))
        self._set_guards(found="O", state="ALWAYS")
        # Also sets the sequence, whose state is not replicated; its commit flushes all before it.
        reason = "The partition was moved to another server"
        self._target.execute("SELECT ledger.begin_generation(%s)", [reason])
        wrong = keeps_as_said(self._target, self._cluster, self._new)
        if wrong is not None:
            raise ClusterError(f"{self._new.name}: the copy {wrong}")
        return left

    def _wait(
        self, done: Callable[[], bool], otherwise: str, *, within: float, poll: float = _POLL
    ) -> None:
        deadline = time.monotonic() + within
        while not done():
            if time.monotonic() > deadline:
                raise ClusterError(f"{self._old.name}: {otherwise}")
            time.sleep(poll)
