-- requires: functions/core/entries/text_bytes
-- The canonical form of a line of ledger.hold_events, made like that of an operator's action.
CREATE OR REPLACE FUNCTION ledger_core.hold_event_bytes(
    event_seq bigint,
    happened_at timestamptz,
    xact_id xid8,
    owner_id text,
    asset text,
    app text,
    hold_nonce text,
    event text,
    hold jsonb,
    seq bigint
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    int8send(event_seq) || timestamptz_send(happened_at) || xid8send(xact_id)
    || ledger_core.text_bytes(
        length(owner_id)::text || ':' || owner_id
        || ',' || length(asset)::text || ':' || asset
        || ',' || length(app)::text || ':' || app
        || ',' || length(hold_nonce)::text || ':' || hold_nonce
        || ',' || length(event)::text || ':' || event
        || ',' || length(hold::text)::text || ':' || hold::text
        || coalesce(',seq=' || seq::text, '')
    )
$$;

COMMENT ON FUNCTION ledger_core.hold_event_bytes IS 'Canonical bytes of a line of ledger.hold_events, all of its columns but the hash; the argument of ledger_core.chain_hash.';
