-- requires: dropped/0.1_answers
-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.as_result("position" integer, entry ledger.recorded_row)
RETURNS ledger.batch_row
LANGUAGE sql
IMMUTABLE
AS $$
SELECT (
    "position",
    entry.entry_id,
    entry.seq,
    entry.owner_id,
    entry.asset,
    entry.app,
    entry.operation,
    entry.amount,
    entry.balance,
    entry.nonce,
    entry.metadata,
    entry.expires_at,
    entry.hold_nonce,
    entry.reverses_seq,
    entry.recorded_at,
    entry.replayed,
    NULL,
    NULL,
    NULL,
    NULL,
    entry.spender,
    entry.quantity,
    entry.overdrawn
)::ledger.batch_row
$$;

COMMENT ON FUNCTION ledger_core.as_result IS
'The result of an item of a batch that was recorded, now or before.';
