CREATE OR REPLACE FUNCTION ledger_core.spend_held_lots(
    owner_id text, asset text, app text, hold_nonce text, seq bigint, amount bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_left bigint := spend_held_lots.amount;
    v_lot_seq bigint;
    v_reserved bigint;
    v_taken bigint;
BEGIN
    FOR v_lot_seq, v_reserved IN
        SELECT lots.seq, hold_lots.amount
        FROM ledger.hold_lots
        INNER JOIN ledger.lots
            ON hold_lots.owner_id = lots.owner_id AND hold_lots.asset = lots.asset AND hold_lots.lot_seq = lots.seq
        WHERE hold_lots.owner_id = spend_held_lots.owner_id AND hold_lots.app = spend_held_lots.app
            AND hold_lots.hold_nonce = spend_held_lots.hold_nonce
        ORDER BY lots.expires_at, lots.seq
    LOOP
        EXIT WHEN v_left = 0;
        v_taken := least(v_left, v_reserved);
        v_left := v_left - v_taken;
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        VALUES (spend_held_lots.owner_id, spend_held_lots.asset, spend_held_lots.seq, v_lot_seq, v_taken);
        UPDATE ledger.lots
        SET remaining = remaining - v_taken, held = held - v_taken
        WHERE owner_id = spend_held_lots.owner_id AND asset = spend_held_lots.asset AND seq = v_lot_seq;
        IF v_taken = v_reserved THEN
            DELETE FROM ledger.hold_lots
            WHERE owner_id = spend_held_lots.owner_id AND app = spend_held_lots.app
                AND hold_nonce = spend_held_lots.hold_nonce AND lot_seq = v_lot_seq;
        ELSE
            UPDATE ledger.hold_lots
            SET amount = amount - v_taken
            WHERE owner_id = spend_held_lots.owner_id AND app = spend_held_lots.app
                AND hold_nonce = spend_held_lots.hold_nonce AND lot_seq = v_lot_seq;
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger_core.spend_held_lots IS
'Takes up to amount (positive) for the entry seq from the lots that a hold reserves, soonest to expire first.';
