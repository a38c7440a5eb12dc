"""The interface of a ledger, as a partition has it: what a front is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from ledger_py.cluster.members import Connection, scalar

__all__ = (
    "ROLES",
    "Column",
    "Function",
    "Interface",
    "Relation",
    "Type",
    "read_interface",
    "read_logins",
)

RowT = TypeVar("RowT", bound=msgspec.Struct)

ROLES: Final = ("ledger_app", "ledger_auditor", "ledger_operator")
"""The roles that have rights in a ledger."""

_LIMITS: Final = ("max_batch", "max_feed_page")

_FUNCTIONS: Final = """
    SELECT jsonb_build_object(
        'name', p.proname,
        'parameters', pg_get_function_arguments(p.oid),
        'names', coalesce(to_jsonb(p.proargnames[:p.pronargs]), '[]'),
        'types', (
            SELECT coalesce(jsonb_agg(format_type(given.type, NULL) ORDER BY given.position), '[]')
            FROM unnest(p.proargtypes) WITH ORDINALITY AS given (type, position)
        ),
        'result', pg_get_function_result(p.oid),
        'is_set', p.proretset,
        'is_composite', t.typtype = 'c',
        'volatility', CASE p.provolatile WHEN 'v' THEN 'VOLATILE' ELSE 'STABLE' END,
        'comment', obj_description(p.oid, 'pg_proc'),
        'roles', (
            SELECT coalesce(jsonb_agg(grantee.rolname ORDER BY grantee.rolname), '[]')
            FROM pg_roles AS grantee
            WHERE grantee.rolname = ANY(%(roles)s)
                AND has_function_privilege(grantee.oid, p.oid, 'EXECUTE')
        )
    )
    FROM pg_proc AS p
    INNER JOIN pg_type AS t ON p.prorettype = t.oid
    WHERE p.pronamespace = 'ledger'::regnamespace
    ORDER BY p.proname
"""
_COLUMNS: Final = """
    SELECT jsonb_agg(
        jsonb_build_object(
            'name', quote_ident(a.attname), 'type', format_type(a.atttypid, a.atttypmod)
        )
        ORDER BY a.attnum
    )
    FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
"""
_TYPES: Final = f"""
    SELECT jsonb_build_object(
        'name', c.relname, 'columns', ({_COLUMNS}), 'comment', obj_description(c.reltype, 'pg_type')
    )
    FROM pg_class AS c
    WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind = 'c'
    ORDER BY c.oid
"""
_RELATIONS: Final = f"""
    SELECT jsonb_build_object(
        'name', c.relname, 'columns', ({_COLUMNS}), 'comment', obj_description(c.oid, 'pg_class'),
        'roles', (
            SELECT coalesce(jsonb_agg(grantee.rolname ORDER BY grantee.rolname), '[]')
            FROM pg_roles AS grantee
            WHERE grantee.rolname = ANY(%(roles)s)
                AND has_table_privilege(grantee.oid, c.oid, 'SELECT')
        )
    )
    FROM pg_class AS c
    WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'v')
        AND c.relname <> 'error_codes'
    ORDER BY c.relname
"""
_LOGINS: Final = """
    SELECT role_name FROM ledger.role_rights
    INNER JOIN pg_roles ON pg_roles.rolname = role_rights.role_name
    WHERE NOT writes_tables AND NOT rolsuper AND role_name <> 'ledger_front'
    ORDER BY role_name
"""
_MEMBERS: Final = """
    SELECT role_name, groups.rolname
    FROM ledger.role_rights
    INNER JOIN pg_roles AS logins ON logins.rolname = role_rights.role_name
    INNER JOIN pg_roles AS groups ON groups.rolname = ANY(%(roles)s)
    WHERE pg_has_role(logins.oid, groups.oid, 'MEMBER') AND NOT logins.rolsuper
    ORDER BY role_name, groups.rolname
"""


class Column(msgspec.Struct, frozen=True):
    """A column of a type, a table or a view."""

    name: str
    """As it is written in SQL."""
    type: str


class Function(msgspec.Struct, frozen=True):
    """A function of schema `ledger`."""

    name: str
    parameters: str
    """The list of parameters with types and defaults, as in CREATE FUNCTION."""
    names: tuple[str, ...]
    types: tuple[str, ...]
    result: str
    """What follows RETURNS."""
    is_set: bool
    is_composite: bool
    """The result, or each row of it, is of a composite type that has a name."""
    volatility: str
    comment: str
    roles: tuple[str, ...]
    """Which of the roles of a ledger may call it."""

    @property
    def columns(self) -> str | None:
        """The columns of a result that is a table without a type of its own."""
        inner = self.result.removeprefix("TABLE(")
        return inner[:-1] if inner != self.result else None

    @property
    def row_type(self) -> str:
        """The type of the result, or of a row of it."""
        return self.result.removeprefix("SETOF ")


class Type(msgspec.Struct, frozen=True):
    """A composite type of schema `ledger`."""

    name: str
    columns: tuple[Column, ...]
    comment: str | None


class Relation(msgspec.Struct, frozen=True):
    """A table or a view of schema `ledger`."""

    name: str
    columns: tuple[Column, ...]
    comment: str | None
    roles: tuple[str, ...]


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """All of schema `ledger`."""

    functions: tuple[Function, ...]
    types: tuple[Type, ...]
    """Each after those that it uses."""
    relations: tuple[Relation, ...]
    error_codes: str
    """The query of the view, which holds constants only."""
    limits: Mapping[str, int]
    """The values of those constants of `ledger_core` that a front needs, by their names."""
    logins: tuple[str, ...]
    """The logins with rights in the ledger, without those that own it."""
    members: tuple[tuple[str, str], ...]
    """Logins, and the roles of a ledger that they are members of."""


def read_interface(conn: Connection) -> Interface:
    """Read the interface of a partition.

    Args:
        conn: A connection of its owner.

    Returns:
        The interface.
    """
    with conn.transaction():
        # Then all types are written with their schema.
        conn.execute("SET LOCAL search_path = pg_catalog")
        return Interface(
            functions=_rows(conn, _FUNCTIONS, Function),
            types=_rows(conn, _TYPES, Type),
            relations=_rows(conn, _RELATIONS, Relation),
            error_codes=scalar(conn, "SELECT pg_get_viewdef('ledger.error_codes'::regclass)"),
            limits={name: scalar(conn, f"SELECT ledger_core.{name}()") for name in _LIMITS},
            logins=read_logins(conn),
            members=tuple(
                (login, role) for login, role in conn.execute(_MEMBERS, {"roles": list(ROLES)})
            ),
        )


def read_logins(conn: Connection) -> tuple[str, ...]:
    """List the logins with rights in the ledger of a partition, without those that own it."""
    return tuple(name for (name,) in conn.execute(_LOGINS))


def _rows(conn: Connection, query: str, kind: type[RowT]) -> tuple[RowT, ...]:
    parameters: dict[str, Sequence[str]] = {"roles": list(ROLES)} if "%(roles)s" in query else {}
    found: list[Any] = conn.execute(query.encode(), parameters or None).fetchall()
    return tuple(msgspec.convert(row, kind) for (row,) in found)
