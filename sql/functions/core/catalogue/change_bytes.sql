-- requires: functions/core/entries/text_bytes
-- The canonical form of a line of ledger.operation_changes, made like that of an entry: immutable and
-- independent of session settings, eight-byte big-endian numbers and then text in which everything is
-- preceded by its length in characters, so that no two lines have the same form.
CREATE OR REPLACE FUNCTION ledger_core.change_bytes(
    change_id bigint,
    changed_at timestamptz,
    xact_id xid8,
    change text,
    operation text,
    changed_by text,
    rule jsonb,
    app text,
    role_name text
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    int8send(change_id) || timestamptz_send(changed_at) || xid8send(xact_id)
    || ledger_core.text_bytes(
        length(change)::text || ':' || change
        || ',' || coalesce(length(operation)::text || ':' || operation, '')
        || ',' || length(changed_by)::text || ':' || changed_by
        || ',' || length(rule::text)::text || ':' || rule::text
        || coalesce(',app=' || length(app)::text || ':' || app, '')
        || coalesce(',role_name=' || length(role_name)::text || ':' || role_name, '')
    )
$$;

COMMENT ON FUNCTION ledger_core.change_bytes IS
'Canonical bytes of a line of ledger.operation_changes, all of its columns but the hash; the argument of ledger_core.chain_hash.';
