-- requires: dropped/0.1_answers
-- The columns that callers see, in the order of the type; ledger_core.as_recorded and as_result have them as well, because what
-- a release adds stands last in every answer. The collation is that of the type: without it the planner would
-- make a row for each field instead of taking the field from its column.
CREATE OR REPLACE FUNCTION ledger_core.as_entry(entry ledger.entries)
RETURNS ledger.entry_row
LANGUAGE sql
IMMUTABLE
AS $$
SELECT (
    entry.entry_id,
    entry.seq,
    entry.owner_id COLLATE "default",
    entry.asset COLLATE "default",
    entry.app COLLATE "default",
    entry.operation COLLATE "default",
    entry.amount,
    entry.balance_after,
    entry.nonce COLLATE "default",
    entry.metadata,
    entry.expires_at,
    entry.hold_nonce COLLATE "default",
    entry.reverses_seq,
    entry.recorded_at,
    entry.spender COLLATE "default",
    entry.quantity,
    entry.overdrawn
)::ledger.entry_row
$$;

COMMENT ON FUNCTION ledger_core.as_entry IS
'A row of ledger.entries as callers see it.';
