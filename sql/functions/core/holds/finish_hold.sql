CREATE OR REPLACE FUNCTION ledger_core.finish_hold(
    owner_id text, app text, hold_nonce text, status text, at timestamptz
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_ended record;
BEGIN
    WITH ended AS (
        UPDATE ledger.holds
        SET status = finish_hold.status, closed_at = finish_hold.at
        WHERE owner_id = finish_hold.owner_id AND app = finish_hold.app AND nonce = finish_hold.hold_nonce
            AND status = 'open'
        RETURNING asset, operation, spender, placed_at, amount - captured AS reserved
    )

    UPDATE ledger.accounts
    SET held = accounts.held - ended.reserved
    FROM ended
    WHERE accounts.owner_id = finish_hold.owner_id AND accounts.asset = ended.asset
    RETURNING ended.*, accounts.has_budgets, accounts.debt INTO STRICT v_ended;
    PERFORM ledger_core.release_held_lots(finish_hold.owner_id, v_ended.asset, finish_hold.app, finish_hold.hold_nonce);
    IF v_ended.has_budgets THEN
        PERFORM ledger_core.move_in_budgets(
            finish_hold.owner_id, v_ended.asset, finish_hold.app, v_ended.operation, v_ended.spender, v_ended.placed_at, 0,
            -v_ended.reserved
        );
    END IF;
    IF v_ended.debt > 0 THEN
        PERFORM ledger_core.note_debt(finish_hold.owner_id, v_ended.asset);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.finish_hold IS
'Ends an open hold of a locked account without a capture, and frees what it still reserves. The caller then posts the expiry of
credits that expired while they were reserved.';
