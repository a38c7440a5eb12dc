-- requires: functions/core/journals/counted, functions/core/journals/text_bytes
-- The canonical form of an entry, over which the hash chain runs. Everything in it is immutable and independent of
-- session settings: eight-byte big-endian numbers (times as microseconds since 2000-01-01 UTC), then text in which
-- every free text is preceded by its length in characters, so that no two entries have the same form.
-- A plain SELECT, so that the planner inlines it, with the functions that it calls, and takes the fields from the
-- expression given as the entry.
CREATE OR REPLACE FUNCTION ledger_core.hashed_entry(
    entry ledger.entries, options text, seq bigint, balance_after bigint, recorded_at timestamptz
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT
    int8send(seq) || int8send(entry.entry_id) || int8send(entry.amount) || int8send(balance_after)
    || timestamptz_send(recorded_at) || xid8send(entry.xact_id)
    || ledger_core.text_bytes(
        entry.asset || ',' || entry.app || ',' || entry.operation
        || ',' || ledger_core.counted(entry.owner_id) || ',' || ledger_core.counted(entry.nonce)
        || CASE WHEN entry.amount_defaulted THEN ',amount_defaulted' ELSE '' END
        || CASE WHEN entry.expiry_defaulted THEN ',expiry_defaulted' ELSE '' END
        || coalesce(',metadata=' || ledger_core.counted(entry.metadata::text), '')
        || options
    )
$$;

COMMENT ON FUNCTION ledger_core.hashed_entry IS
'The canonical bytes of an entry, all of its columns but the hash; the argument of ledger_core.chain_hash.
options: ledger_core.hashed_options of the entry; a parameter, so that entries without options need not look for them.
seq, balance_after, recorded_at: parameters, because they are known only while the account is being updated.';
