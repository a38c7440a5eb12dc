CREATE OR REPLACE FUNCTION ledger_core.close_hold(owner_id text, app text, hold_nonce text, status text, at timestamptz)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_asset text;
    v_remaining bigint;
BEGIN
    UPDATE ledger.holds
    SET status = close_hold.status, closed_at = close_hold.at
    WHERE owner_id = close_hold.owner_id AND app = close_hold.app AND nonce = close_hold.hold_nonce AND status = 'open'
    RETURNING asset, amount - captured INTO STRICT v_asset, v_remaining;

    UPDATE ledger.lots
    SET held = lots.held - hold_lots.amount
    FROM ledger.hold_lots
    WHERE lots.owner_id = close_hold.owner_id AND lots.asset = v_asset AND lots.seq = hold_lots.lot_seq
        AND hold_lots.owner_id = close_hold.owner_id
        AND hold_lots.app = close_hold.app AND hold_lots.hold_nonce = close_hold.hold_nonce;

    DELETE FROM ledger.hold_lots
    WHERE owner_id = close_hold.owner_id AND app = close_hold.app AND hold_nonce = close_hold.hold_nonce;

    UPDATE ledger.accounts
    SET held = held - v_remaining
    WHERE owner_id = close_hold.owner_id AND asset = v_asset;
END
$$;

COMMENT ON FUNCTION ledger_core.close_hold IS
'Ends an open hold of a locked account and frees what it still reserves. The caller then posts the expiry of credits that
expired while they were reserved.';
