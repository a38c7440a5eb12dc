-- requires: functions/core/journals/counted, functions/core/journals/text_bytes
-- The canonical form of an entry, over which the hash chain runs. Everything in it is immutable and independent of
-- session settings: eight-byte big-endian numbers (times as microseconds since 2000-01-01 UTC), then text in which
-- every free text is preceded by its length in characters, so that no two entries have the same form.
-- A plain SELECT, so that the planner inlines it, with the functions that it calls.
CREATE OR REPLACE FUNCTION ledger_core.hashed_fields(
    seq bigint,
    entry_id bigint,
    amount bigint,
    balance_after bigint,
    recorded_at timestamptz,
    xact_id xid8,
    owner_id text,
    asset text,
    app text,
    operation text,
    nonce text,
    amount_defaulted boolean,
    expiry_defaulted boolean,
    metadata jsonb,
    options text
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    int8send(seq) || int8send(entry_id) || int8send(amount) || int8send(balance_after)
    || timestamptz_send(recorded_at) || xid8send(xact_id)
    || ledger_core.text_bytes(
        asset || ',' || app || ',' || operation
        || ',' || ledger_core.counted(owner_id) || ',' || ledger_core.counted(nonce)
        || CASE WHEN amount_defaulted THEN ',amount_defaulted' ELSE '' END
        || CASE WHEN expiry_defaulted THEN ',expiry_defaulted' ELSE '' END
        || coalesce(',metadata=' || ledger_core.counted(metadata::text), '')
        || options
    )
$$;

COMMENT ON FUNCTION ledger_core.hashed_fields IS
'ledger_core.hashed_entry, of the fields that every entry has. options: ledger_core.hashed_options of all others.';
