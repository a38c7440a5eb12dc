-- requires: dropped/0.1_answers
-- The one list of the columns that callers see; see ledger_core.as_entry for the collation.
CREATE OR REPLACE FUNCTION ledger_core.as_hold(hold ledger.holds, replayed boolean)
RETURNS ledger.hold_row
LANGUAGE sql
IMMUTABLE
AS $$
SELECT (
    hold.owner_id COLLATE "default",
    hold.asset COLLATE "default",
    hold.app COLLATE "default",
    hold.operation COLLATE "default",
    hold.nonce COLLATE "default",
    hold.amount,
    hold.captured,
    CASE hold.status WHEN 'open' THEN hold.amount - hold.captured ELSE 0 END,
    hold.status COLLATE "default",
    hold.placed_at,
    hold.expires_at,
    hold.closed_at,
    hold.metadata,
    replayed,
    hold.spender COLLATE "default",
    hold.quantity
)::ledger.hold_row
$$;

COMMENT ON FUNCTION ledger_core.as_hold IS
'A row of ledger.holds of a locked, settled account in the form that callers get.';
