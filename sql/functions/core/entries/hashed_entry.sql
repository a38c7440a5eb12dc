-- requires: functions/core/entries/hashed_fields
-- A plain SELECT, so that the planner inlines it, and takes the fields from the expression given as the entry.
CREATE OR REPLACE FUNCTION ledger_core.hashed_entry(
    entry ledger.entries, options text, seq bigint, balance_after bigint, recorded_at timestamptz
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
AS $$
SELECT ledger_core.hashed_fields(
    seq, entry.entry_id, entry.amount, balance_after, recorded_at, entry.xact_id, entry.owner_id, entry.asset, entry.app,
    entry.operation, entry.nonce, entry.amount_defaulted, entry.expiry_defaulted, entry.metadata, options
)
$$;

COMMENT ON FUNCTION ledger_core.hashed_entry IS
'The canonical bytes of an entry, all of its columns but the hash; the argument of ledger_core.chain_hash.
options: ledger_core.hashed_options of the entry; a parameter, so that entries without options need not look for them.
seq, balance_after, recorded_at: parameters, because they are known only while the account is being updated.';
