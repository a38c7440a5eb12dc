CREATE OR REPLACE FUNCTION ledger_core.finish_hold(
    owner_id text, app text, hold_nonce text, status text, at timestamptz
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_asset text;
BEGIN
    WITH ended AS (
        UPDATE ledger.holds
        SET status = finish_hold.status, closed_at = finish_hold.at
        WHERE owner_id = finish_hold.owner_id AND app = finish_hold.app AND nonce = finish_hold.hold_nonce
            AND status = 'open'
        RETURNING asset, amount - captured AS reserved
    )

    UPDATE ledger.accounts
    SET held = accounts.held - ended.reserved
    FROM ended
    WHERE accounts.owner_id = finish_hold.owner_id AND accounts.asset = ended.asset
    RETURNING accounts.asset INTO STRICT v_asset;
    PERFORM ledger_core.free_held_lots(finish_hold.owner_id, v_asset, finish_hold.app, finish_hold.hold_nonce);
END
$$;

COMMENT ON FUNCTION ledger_core.finish_hold IS
'Ends an open hold of a locked account without a capture, and frees what it still reserves. The caller then posts the expiry of
credits that expired while they were reserved.';
