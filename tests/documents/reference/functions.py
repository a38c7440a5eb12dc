"""Pages about functions and views of schema `ledger`, made from the catalogue and its comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args, get_type_hints

import msgspec
import psycopg
from psycopg.rows import namedtuple_row

from ledger_py import Ledger
from tests.documents.reference.markdown import bullets, fenced, linked, prose, table
from tests.documents.reference.structs import field_meanings

__all__ = ("SUBJECTS", "functions", "views")

SUBJECTS: dict[str, tuple[str, ...]] = {
    "Recording": ("record_entry", "record_entries", "reverse_entry"),
    "Holds": ("place_hold", "capture_hold", "release_hold", "extend_hold", "grow_hold", "holds_of"),
    "Reading an account": (
        "balance",
        "balance_parts",
        "balance_at",
        "entries_of",
        "statement",
        "lots_of",
        "claims_of",
        "timeline",
        "forecast",
        "find",
    ),
    "The change feed": ("entries_after", "feed_lag", "begin_generation"),
    "Proof": ("verify", "checkpoint", "verify_checkpoint"),
    "Operators": (
        "adjust_balance",
        "reverse_by_hand",
        "end_allowance_by_hand",
        "set_min_balance",
        "freeze_account",
        "unfreeze_account",
        "expire_credits",
    ),
    "Apps and operations": (
        "register_app",
        "define_operation",
        "allow_operation",
        "retire_operation",
        "operations_of",
        "bind_role",
        "unbind_role",
    ),
}
"""The order of the page; a function that no subject names comes under the last heading."""

OTHER = "Others"

_FUNCTIONS = """
SELECT
    proname AS name,
    obj_description(pg_proc.oid, 'pg_proc') AS comment,
    coalesce(proargnames, '{}') AS names,
    coalesce(proargmodes::text[], '{}') AS modes,
    array(
        SELECT format_type(type, NULL)
        FROM unnest(coalesce(proallargtypes, proargtypes::oid[])) WITH ORDINALITY AS types (type, n)
        ORDER BY n
    ) AS types,
    array(
        SELECT pg_get_function_arg_default(pg_proc.oid, n) FROM generate_series(1, pronargs) AS n
    ) AS defaults,
    proretset AS returns_rows,
    format_type(prorettype, NULL) AS result,
    typrelid AS composite,
    array(
        SELECT rolname::text FROM aclexplode(proacl) AS granted
        INNER JOIN pg_roles ON pg_roles.oid = granted.grantee
        WHERE privilege_type = 'EXECUTE' AND rolname LIKE 'ledger\\_%'
        ORDER BY rolname
    ) AS callers
FROM pg_proc
INNER JOIN pg_type ON pg_type.oid = prorettype
WHERE pronamespace = 'ledger'::regnamespace AND prokind = 'f'
ORDER BY proname
"""

_COLUMNS = """
SELECT
    attname AS name,
    format_type(atttypid, NULL) AS type,
    coalesce(col_description(attrelid, attnum), '') AS comment
FROM pg_attribute WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""

_RELATIONS = """
SELECT
    oid,
    relname AS name,
    relkind = 'v' AS is_view,
    obj_description(oid, 'pg_class') AS comment
FROM pg_class
WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('v', 'r', 'p')
    AND has_table_privilege('ledger_auditor', oid, 'SELECT')
ORDER BY relname
"""

_CALLERS = {
    "ledger_app": "services of apps",
    "ledger_auditor": "auditors",
    "ledger_operator": "operators",
}


def functions(conn: psycopg.Connection[Any]) -> str:
    """Describe every public function.

    Args:
        conn: A connection to a migrated database.

    Returns:
        The page, without its beginning.
    """
    codes = _codes(conn)
    found = {row.name: row for row in _rows(conn, _FUNCTIONS) if row.callers or row.comment}
    placed = {name for names in SUBJECTS.values() for name in names}
    subjects = dict(SUBJECTS)
    if others := tuple(name for name in found if name not in placed):
        subjects[OTHER] = others
    parts = []
    for subject, names in subjects.items():
        parts.append(f"## {subject}")
        parts += [_function(conn, found[name], codes) for name in names if name in found]
    return "\n\n".join(parts)


def views(conn: psycopg.Connection[Any]) -> str:
    """Describe every view, and every table that auditors read.

    Args:
        conn: A connection to a migrated database.

    Returns:
        The page, without its beginning.
    """
    codes = _codes(conn)
    parts = []
    relations = list(_rows(conn, _RELATIONS))
    for heading, wanted in (("Views", True), ("Tables that auditors read", False)):
        parts.append(f"## {heading}")
        for relation in relations:
            if relation.is_view == wanted:
                columns = [
                    (f"`{row.name}`", row.type, prose(row.comment))
                    for row in _rows(conn, _COLUMNS, [relation.oid])
                ]
                parts += [
                    f"### {relation.name}",
                    *_paragraphs(relation.comment or "", (), codes),
                    _columns(columns),
                ]
    return "\n\n".join(parts)


def _function(conn: psycopg.Connection[Any], row: Any, codes: dict[str, str]) -> str:
    modes = row.modes or ["i"] * len(row.names)
    arguments = [
        (name, kind)
        for name, kind, mode in zip(row.names, row.types, modes, strict=True)
        if mode in "iv"
    ]
    defaults = [*row.defaults, *[None] * (len(arguments) - len(row.defaults))]
    lines = [
        f"    {name} {kind}{'' if default is None else f' DEFAULT {_plain(default)}'}"
        for (name, kind), default in zip(arguments, defaults, strict=True)
    ]
    columns: list[tuple[str, str, str]] = [
        (f"`{name}`", kind, "")
        for name, kind, mode in zip(row.names, row.types, modes, strict=True)
        if mode == "t"
    ]
    result = "rows" if columns and row.returns_rows else "a row" if columns else row.result
    if row.composite and not columns:
        columns = [
            (f"`{one.name}`", one.type, "") for one in _rows(conn, _COLUMNS, [row.composite])
        ]
        result = "rows" if row.returns_rows else "a row"
    elif row.returns_rows and not columns:
        result = f"rows of {result}"
    signature = (
        f"ledger.{row.name}(\n" + ",\n".join(lines) + "\n)" if lines else f"ledger.{row.name}()"
    )
    meanings = _meanings(row.name)
    columns = [(name, kind, meanings.get(name.strip("`"), "")) for name, kind, _ in columns]
    callers = (
        ", ".join(_CALLERS.get(name, name) for name in row.callers) or "the owner of the database"
    )
    parts = [
        f"### {row.name}",
        fenced(f"{signature} returns {result}"),
        *_paragraphs(row.comment or "", [name for name, _ in arguments], codes),
    ]
    if columns:
        parts += ["It returns:", _columns(columns)]
    parts.append(f"Who may call it: {callers}.")
    return "\n\n".join(parts)


def _meanings(function: str) -> dict[str, str]:
    """What the columns of a function's result mean: the client has a struct for many of them."""
    method = getattr(Ledger, function, None)
    returned = get_type_hints(method).get("return") if method else None
    candidates = [returned, *get_args(returned)]
    for struct in candidates:
        if isinstance(struct, type) and issubclass(struct, msgspec.Struct):
            return field_meanings(struct)
    return {}


def _columns(columns: Sequence[tuple[str, str, str]]) -> str:
    if any(meaning for _, _, meaning in columns):
        return table(("column", "type", "meaning"), columns)
    return table(("column", "type"), [column[:2] for column in columns])


def _plain(default: str) -> str:
    return re.sub(r"::[a-z ]+(\[\])?$", "", default)


def _paragraphs(comment: str, arguments: Sequence[str], codes: dict[str, str]) -> Iterator[str]:
    """Divide a comment: sentences about an argument become a list."""
    items: list[tuple[str, str]] = []
    for block in _blocks(comment):
        text, found = block, []
        if arguments:
            one = "|".join(map(re.escape, arguments))
            starts = list(
                re.finditer(rf"(?:^|(?<=[.;] ))((?:{one})(?:(?:, | and )(?:{one}))*): ", block)
            )
            ends = [*(start.start() for start in starts[1:]), *([len(block)] if starts else [])]
            text = block[: starts[0].start()] if starts else block
            found = [
                (
                    start[1].replace(", ", "`, `").replace(" and ", "` and `"),
                    block[start.end() : end].strip(" ;"),
                )
                for start, end in zip(starts, ends, strict=True)
            ]
        if text.strip():
            yield from _listed(items)
            items = []
            yield linked(prose(text.strip()), codes)
        items += [(name, linked(prose(meaning), codes)) for name, meaning in found]
    yield from _listed(items)


def _listed(items: Sequence[tuple[str, str]]) -> Iterator[str]:
    if items:
        yield bullets(items)


def _blocks(comment: str) -> Iterator[str]:
    """Join the lines that only the width divides."""
    block = ""
    for line in comment.splitlines():
        if block and re.search(r"[.:]$", block):
            yield block
            block = line.strip()
        else:
            block = f"{block} {line.strip()}".strip()
    if block:
        yield block


def _codes(conn: psycopg.Connection[Any]) -> dict[str, str]:
    return dict(conn.execute("SELECT sqlstate, code FROM ledger.error_codes").fetchall())


def _rows(conn: psycopg.Connection[Any], query: str, values: Sequence[object] = ()) -> list[Any]:
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        return list(cursor.execute(query, values or None).fetchall())
