-- requires: functions/core/lots/free_lots
CREATE OR REPLACE FUNCTION ledger_core.reserve_lots(owner_id text, asset text, app text, hold_nonce text, amount bigint)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_used_up bigint;
BEGIN
    WITH reserved AS (
        INSERT INTO ledger.hold_lots (owner_id, asset, app, hold_nonce, lot_seq, amount)
        SELECT
            reserve_lots.owner_id, reserve_lots.asset, reserve_lots.app, reserve_lots.hold_nonce, free.lot_seq, free.amount
        FROM ledger_core.free_lots(reserve_lots.owner_id, reserve_lots.asset, reserve_lots.amount) AS free
        RETURNING hold_lots.lot_seq, hold_lots.amount
    ),

    left_over AS (
        UPDATE ledger.lots
        SET held = lots.held + reserved.amount
        FROM reserved
        WHERE lots.owner_id = reserve_lots.owner_id AND lots.asset = reserve_lots.asset AND lots.seq = reserved.lot_seq
        RETURNING lots.remaining > lots.held AS is_free
    )

    SELECT count(*) FILTER (WHERE NOT is_free) INTO v_used_up FROM left_over;
    IF v_used_up > 0 THEN
        PERFORM ledger_core.note_next_due(reserve_lots.owner_id, reserve_lots.asset);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.reserve_lots IS
'Reserves up to amount for a hold from the lots of a locked, settled account, soonest to expire first, and
notes in the account if another lot is the next to expire. The rest is reserved from credits that do not expire.';
