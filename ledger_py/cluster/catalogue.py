"""The catalogue of a cluster: apps, operations, budgets and bindings, alike on every partition."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import errors, sql

from ledger_py.cluster.errors import ClusterError
from ledger_py.cluster.files import ClusterFile, Partition
from ledger_py.cluster.members import Connection, connected_to_all, failure_at, scalar

__all__ = ("Catalogue", "change", "differences", "read_catalogue")

Catalogue = frozenset[tuple[str, str]]
"""What a partition knows: kinds and texts of rows."""

# Without the times, which differ.
_ROWS: Final = """
    SELECT 'app', jsonb_build_object('app', app, 'description', description)
    FROM ledger.apps
    UNION ALL
    SELECT 'operation', to_jsonb(operations) - 'retired_at'
        || jsonb_build_object('retired', retired_at IS NOT NULL)
    FROM ledger.operations
    UNION ALL
    SELECT 'operation of an app', to_jsonb(app_operations) - 'is_budgeted'
    FROM ledger.app_operations
    UNION ALL
    SELECT 'binding', jsonb_build_object(
        'role', role_name, 'app', app, 'may_set_budgets', may_set_budgets
    )
    FROM ledger.app_roles
    UNION ALL
    SELECT 'budget', to_jsonb(budget_definitions) - 'use_id' FROM ledger.budget_definitions
"""

_SERVER: Final = "SELECT system_identifier FROM pg_control_system()"
_MEMBERSHIPS: Final = """
    SELECT groups.rolname, members.rolname
    FROM pg_auth_members
    INNER JOIN pg_roles AS groups ON groups.oid = pg_auth_members.roleid
    INNER JOIN pg_roles AS members ON members.oid = pg_auth_members.member
    WHERE groups.rolname IN ('ledger_app', 'ledger_auditor', 'ledger_operator')
"""

_WAIT_FOR_LOCKS: Final = "SELECT set_config('lock_timeout', '2s', TRUE)"


def read_catalogue(conn: Connection) -> Catalogue:
    """Read the catalogue of a partition."""
    rows = conn.execute(_ROWS).fetchall()
    return frozenset((kind, json.dumps(row, sort_keys=True)) for kind, row in rows)


def differences(catalogues: Sequence[tuple[Partition, Catalogue]]) -> list[str]:
    """Compare the catalogues of partitions.

    Returns:
        A line for each row that some have and others have not; none if they are equal.
    """
    return list(_differences(catalogues))


def _differences(catalogues: Sequence[tuple[Partition, Catalogue]]) -> Iterator[str]:
    everything = frozenset[tuple[str, str]]().union(*(rows for _, rows in catalogues))
    for kind, row in sorted(everything):
        having = [partition.name for partition, rows in catalogues if (kind, row) in rows]
        if len(having) < len(catalogues):
            lacking = [p.name for p, rows in catalogues if (kind, row) not in rows]
            yield f"{kind} {row}: on {', '.join(having)}, not on {', '.join(lacking)}"


def change(cluster: ClusterFile, statements: str) -> None:
    """Change the catalogue on all partitions or on none.

    The statements run in a transaction on each partition. All commit when all have answered, and
    their catalogues are equal.

    Args:
        cluster: The cluster.
        statements: SQL, such as calls of `ledger.define_operation`, without BEGIN and COMMIT.

    Raises:
        ClusterError: A partition is away, or refuses, or would have another catalogue than the
            others: nothing was changed. Or one was lost while all committed: the message says so,
            and that the same statements are to be run again.
    """
    with connected_to_all(cluster) as members, _memberships_first(members, statements):
        for partition, conn in members:
            _begin(partition, conn, statements)
        found = differences([(partition, read_catalogue(conn)) for partition, conn in members])
        if found:
            raise _unchanged("the partitions would differ:\n" + "\n".join(found))
        _commit(members)


def _begin(partition: Partition, conn: Connection, statements: str) -> None:
    """Run the statements in a transaction that stays open."""
    try:
        conn.execute("BEGIN")
        conn.execute(_WAIT_FOR_LOCKS)
        conn.execute(_within_transaction(statements, conn))
        # What is checked at commit is refused now.
        conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except (errors.FeatureNotSupported, errors.InvalidTransactionTermination) as error:
        raise _unchanged(
            f"{failure_at(partition, error)}. Leave BEGIN and COMMIT out: the statements"
            " run in one transaction"
        ) from error
    except psycopg.Error as error:
        raise _unchanged(failure_at(partition, error)) from error


@contextmanager
def _memberships_first(
    members: Sequence[tuple[Partition, Connection]], statements: str
) -> Iterator[None]:
    """Change memberships in the ledger's roles beforehand, where partitions share a server.

    Memberships belong to the server: the transaction of a second partition would wait for that of
    the first, which commits only after it. What the statements would change is found out by a
    transaction that is rolled back, and taken back if the block fails.
    """
    undo: list[tuple[Connection, sql.Composed]] = []
    try:
        for partition, conn in _first_of_shared_servers(members):
            before = _memberships(conn)
            _begin(partition, conn, statements)
            after = _memberships(conn)
            conn.execute("ROLLBACK")
            for membership in after ^ before:
                grant, revoke = _grant(*membership), _revoke(*membership)
                conn.execute(grant if membership in after else revoke)
                undo.append((conn, revoke if membership in after else grant))
        yield
    except ClusterError:
        for conn, statement in undo:
            conn.execute("ROLLBACK")
            conn.execute(statement)
        raise


def _first_of_shared_servers(
    members: Sequence[tuple[Partition, Connection]],
) -> Iterator[tuple[Partition, Connection]]:
    servers = [scalar(conn, _SERVER) for _, conn in members]
    for number, server in enumerate(servers):
        if servers.index(server) == number and servers.count(server) > 1:
            yield members[number]


def _memberships(conn: Connection) -> frozenset[tuple[str, str]]:
    return frozenset((group, member) for group, member in conn.execute(_MEMBERSHIPS))


def _grant(group: str, member: str) -> sql.Composed:
    return sql.SQL("GRANT {} TO {}").format(sql.Identifier(group), sql.Identifier(member))


def _revoke(group: str, member: str) -> sql.Composed:
    return sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(group), sql.Identifier(member))


def _within_transaction(statements: str, conn: Connection) -> sql.Composed:
    """Wrap statements so that none of them can end the transaction in which they run.

    A COMMIT among them would change this partition, whatever the others answer.
    """
    body = sql.SQL("BEGIN EXECUTE {}; END").format(sql.Literal(statements)).as_string(conn)
    return sql.SQL("DO {}").format(sql.Literal(body))


def _commit(members: Sequence[tuple[Partition, Connection]]) -> None:
    done: list[str] = []
    failed: list[str] = []
    cause: psycopg.Error | None = None
    for partition, conn in members:
        try:
            conn.execute("COMMIT")
            done.append(partition.name)
        except psycopg.Error as error:
            failed.append(partition.name)
            cause = error
    if cause is not None:
        raise ClusterError(
            f"Committed on {', '.join(done) or 'none'}, and perhaps not on {', '.join(failed)}"
            f" ({str(cause).strip()}). Run the same again when it is back"
        ) from cause


def _unchanged(reason: Any) -> ClusterError:
    return ClusterError(f"Nothing was changed; {reason}")
