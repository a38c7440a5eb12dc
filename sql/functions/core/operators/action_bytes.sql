-- requires: functions/core/entries/text_bytes
-- The canonical form of a line of ledger.operator_actions, made like that of an entry: immutable and
-- independent of session settings, eight-byte big-endian numbers and then text in which everything is
-- preceded by its length in characters, so that no two lines have the same form.
CREATE OR REPLACE FUNCTION ledger_core.action_bytes(
    action_seq bigint,
    acted_at timestamptz,
    xact_id xid8,
    owner_id text,
    asset text,
    action text,
    role_name text,
    actor text,
    reason text,
    before jsonb,
    after jsonb,
    seq bigint
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    int8send(action_seq) || timestamptz_send(acted_at) || xid8send(xact_id)
    || ledger_core.text_bytes(
        length(owner_id)::text || ':' || owner_id
        || ',' || length(asset)::text || ':' || asset
        || ',' || length(action)::text || ':' || action
        || ',' || length(role_name)::text || ':' || role_name
        || ',' || length(actor)::text || ':' || actor
        || ',' || length(reason)::text || ':' || reason
        || ',' || length(before::text)::text || ':' || before::text
        || ',' || length(after::text)::text || ':' || after::text
        || coalesce(',seq=' || seq::text, '')
    )
$$;

COMMENT ON FUNCTION ledger_core.action_bytes IS 'Canonical bytes of a line of ledger.operator_actions, all of its columns but the hash; the argument of ledger_core.chain_hash.';
