-- requires: functions/core/lots/free_lots
CREATE OR REPLACE FUNCTION ledger_core.reserve_from_lots(
    owner_id text, asset text, app text, hold_nonce text, amount bigint
)
RETURNS jsonb
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_used_up bigint;
    v_reserved jsonb;
BEGIN
    WITH reserved AS MATERIALIZED (
        SELECT free.lot_seq, free.amount
        FROM ledger_core.free_lots(reserve_from_lots.owner_id, reserve_from_lots.asset, reserve_from_lots.amount) AS free
    ),

    -- A hold that grows may have a part of the lot already.
    noted AS (
        INSERT INTO ledger.hold_lots AS kept (owner_id, asset, app, hold_nonce, lot_seq, amount)
        SELECT
            reserve_from_lots.owner_id, reserve_from_lots.asset, reserve_from_lots.app, reserve_from_lots.hold_nonce,
            reserved.lot_seq, reserved.amount
        FROM reserved
        ON CONFLICT (owner_id, app, hold_nonce, lot_seq) DO UPDATE SET amount = kept.amount + excluded.amount
    ),

    left_over AS (
        UPDATE ledger.lots
        SET held = lots.held + reserved.amount
        FROM reserved
        WHERE lots.owner_id = reserve_from_lots.owner_id AND lots.asset = reserve_from_lots.asset
            AND lots.seq = reserved.lot_seq
        RETURNING lots.remaining > lots.held AS is_free, reserved.lot_seq, reserved.amount
    )

    SELECT count(*) FILTER (WHERE NOT left_over.is_free), jsonb_object_agg(left_over.lot_seq, left_over.amount)
    INTO v_used_up, v_reserved
    FROM left_over;
    IF v_used_up > 0 THEN
        PERFORM ledger_core.note_next_due(reserve_from_lots.owner_id, reserve_from_lots.asset);
    END IF;
    RETURN v_reserved;
END
$$;

COMMENT ON FUNCTION ledger_core.reserve_from_lots IS
'Reserves up to amount for a hold from the lots of a locked, settled account, soonest to expire first, and
notes in the account if another lot is the next to expire. The rest is reserved from credits that do not expire. Returns
the amounts by lot_seq, as an object; null if there are none.';
