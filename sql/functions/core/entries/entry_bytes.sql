-- requires: functions/core/entries/entry_options
-- The canonical form of an entry, over which the hash chain runs. Everything in it is immutable and
-- independent of session settings: eight-byte big-endian numbers (times as microseconds since
-- 2000-01-01 UTC), then text in which every free text is preceded by its length in characters, so that
-- no two entries have the same form. A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.entry_bytes(
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
    expires_at timestamptz,
    claim_subject text,
    hold_nonce text,
    hold_final boolean,
    reverses_seq bigint,
    frees_claim boolean,
    claim_slot integer,
    subject_slot integer
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    int8send(seq) || int8send(entry_id) || int8send(amount) || int8send(balance_after)
    || timestamptz_send(recorded_at) || xid8send(xact_id)
    || decode(replace(
        asset || ',' || app || ',' || operation
        || ',' || length(owner_id)::text || ':' || owner_id
        || ',' || length(nonce)::text || ':' || nonce
        || CASE WHEN amount_defaulted THEN ',amount_defaulted' ELSE '' END
        || CASE WHEN expiry_defaulted THEN ',expiry_defaulted' ELSE '' END
        || coalesce(',metadata=' || length(metadata::text)::text || ':' || metadata::text, '')
        || CASE
            WHEN num_nonnulls(
                expires_at, claim_subject, hold_nonce, hold_final, reverses_seq, frees_claim, claim_slot, subject_slot
            ) > 0
                THEN ledger_core.entry_options(
                    expires_at, claim_subject, hold_nonce, hold_final, reverses_seq, frees_claim, claim_slot, subject_slot
                )
            ELSE ''
        END,
        E'\\', E'\\\\'
    ), 'escape')
$$;

COMMENT ON FUNCTION ledger_core.entry_bytes IS 'Canonical bytes of an entry, all of its columns but the hash; the argument of ledger_core.chain_hash.';
