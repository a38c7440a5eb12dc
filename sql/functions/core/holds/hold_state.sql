CREATE OR REPLACE FUNCTION ledger_core.hold_state(owner_id text, app text, nonce text, replayed boolean)
RETURNS ledger.hold
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_hold ledger.hold;
BEGIN
    SELECT
        owner_id, asset, app, operation, nonce, amount, captured,
        CASE status WHEN 'open' THEN amount - captured ELSE 0 END,
        status, placed_at, expires_at, closed_at, metadata, hold_state.replayed
    INTO v_hold
    FROM ledger.holds
    WHERE owner_id = hold_state.owner_id AND app = hold_state.app AND nonce = hold_state.nonce;
    RETURN v_hold;
END
$$;

COMMENT ON FUNCTION ledger_core.hold_state IS
'A hold of a locked, settled account in the form that callers get.';
