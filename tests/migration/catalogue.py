"""The objects of a database as text that can be compared."""

from __future__ import annotations

import psycopg

_PARTS = """
WITH schemas AS (
    SELECT oid, nspname, nspacl, nspowner FROM pg_namespace WHERE nspname LIKE 'ledger%'
)
SELECT format('schema %s owner %s acl %s comment %s', nspname, nspowner::regrole, nspacl,
        obj_description(oid, 'pg_namespace'))
FROM schemas
UNION ALL
SELECT format('relation %s kind %s owner %s acl %s options %s comment %s', c.oid::regclass,
        c.relkind, c.relowner::regrole, c.relacl, c.reloptions, obj_description(c.oid, 'pg_class'))
FROM pg_class AS c INNER JOIN schemas AS s ON s.oid = c.relnamespace
UNION ALL
SELECT format('column %s.%s type %s not null %s default %s collation %s acl %s comment %s',
        c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid), a.attcollation::regcollation, a.attacl,
        col_description(c.oid, a.attnum))
FROM pg_attribute AS a
INNER JOIN pg_class AS c ON c.oid = a.attrelid
INNER JOIN schemas AS s ON s.oid = c.relnamespace
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('constraint %s on %s: %s', c.conname, c.conrelid::regclass,
        pg_get_constraintdef(c.oid))
FROM pg_constraint AS c INNER JOIN schemas AS s ON s.oid = c.connamespace
UNION ALL
SELECT format('index %s', pg_get_indexdef(i.indexrelid))
FROM pg_index AS i
INNER JOIN pg_class AS c ON c.oid = i.indexrelid
INNER JOIN schemas AS s ON s.oid = c.relnamespace
UNION ALL
SELECT format('view %s: %s', c.oid::regclass, pg_get_viewdef(c.oid))
FROM pg_class AS c INNER JOIN schemas AS s ON s.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm')
UNION ALL
SELECT format('function %s owner %s acl %s comment %s', CASE p.prokind
        WHEN 'a' THEN format('aggregate %s: %s', p.oid::regprocedure, to_jsonb(g))
        ELSE pg_get_functiondef(p.oid) END,
        p.proowner::regrole, p.proacl, obj_description(p.oid, 'pg_proc'))
FROM pg_proc AS p INNER JOIN schemas AS s ON s.oid = p.pronamespace
LEFT JOIN pg_aggregate AS g ON g.aggfnoid = p.oid
UNION ALL
SELECT format('trigger %s enabled %s', pg_get_triggerdef(t.oid), t.tgenabled)
FROM pg_trigger AS t
INNER JOIN pg_class AS c ON c.oid = t.tgrelid
INNER JOIN schemas AS s ON s.oid = c.relnamespace
WHERE NOT t.tgisinternal
UNION ALL
SELECT format('type %s acl %s comment %s', t.oid::regtype, t.typacl,
        obj_description(t.oid, 'pg_type'))
FROM pg_type AS t INNER JOIN schemas AS s ON s.oid = t.typnamespace
"""


def catalogue(url: str) -> list[str]:
    """Describe everything in the schemas of the ledger: definitions, owners, grants, comments.

    Args:
        url: The database.

    Returns:
        A text per object, sorted.
    """
    with psycopg.connect(url) as conn:
        return sorted(row[0] for row in conn.execute(_PARTS))
