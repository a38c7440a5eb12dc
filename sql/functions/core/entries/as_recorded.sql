-- requires: dropped/0.1_answers
-- The columns of ledger_core.as_entry, and replayed where the type has it.
CREATE OR REPLACE FUNCTION ledger_core.as_recorded(entry ledger.entries, replayed boolean)
RETURNS ledger.recorded_row
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
    replayed,
    entry.spender COLLATE "default",
    entry.quantity,
    entry.overdrawn
)::ledger.recorded_row
$$;

COMMENT ON FUNCTION ledger_core.as_recorded IS
'A row of ledger.entries as the answer to a request; replayed: it had been recorded before.';
