-- requires: functions/core/lots/free_lots
CREATE OR REPLACE FUNCTION ledger_core.spend_lots(owner_id text, asset text, seq bigint, amount bigint)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_used_up bigint;
BEGIN
    WITH taken AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT spend_lots.owner_id, spend_lots.asset, spend_lots.seq, free.lot_seq, free.amount
        FROM ledger_core.free_lots(spend_lots.owner_id, spend_lots.asset, spend_lots.amount) AS free
        RETURNING lot_movements.lot_seq, lot_movements.amount
    ),

    left_over AS (
        UPDATE ledger.lots
        SET remaining = lots.remaining - taken.amount
        FROM taken
        WHERE lots.owner_id = spend_lots.owner_id AND lots.asset = spend_lots.asset AND lots.seq = taken.lot_seq
        RETURNING lots.remaining > lots.held AS is_free
    )

    SELECT count(*) FILTER (WHERE NOT is_free) INTO v_used_up FROM left_over;
    IF v_used_up > 0 THEN
        PERFORM ledger_core.note_next_due(spend_lots.owner_id, spend_lots.asset);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.spend_lots IS
'Takes up to amount (positive) for the entry seq from the lots of a locked, settled account, soonest to expire first,
without what holds reserve, and notes in the account if another lot is the next to expire. The rest comes from credits that
do not expire.';
