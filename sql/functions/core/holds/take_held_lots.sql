-- requires: functions/core/holds/captured_lots
CREATE OR REPLACE FUNCTION ledger_core.take_held_lots(
    owner_id text, asset text, app text, hold_nonce text, seq bigint, amount bigint, reserved bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    WITH shares AS MATERIALIZED (
        SELECT held.*
        FROM ledger_core.captured_lots(
            take_held_lots.owner_id, take_held_lots.asset, take_held_lots.app, take_held_lots.hold_nonce,
            take_held_lots.amount, take_held_lots.reserved
        ) AS held
        WHERE held.taken > 0
    ),

    moved AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT take_held_lots.owner_id, take_held_lots.asset, take_held_lots.seq, shares.lot_seq, shares.taken
        FROM shares
    ),

    used_up AS (
        DELETE FROM ledger.hold_lots
        USING shares
        WHERE hold_lots.owner_id = take_held_lots.owner_id AND hold_lots.app = take_held_lots.app
            AND hold_lots.hold_nonce = take_held_lots.hold_nonce AND hold_lots.lot_seq = shares.lot_seq
            AND shares.taken = shares.amount
    ),

    lowered AS (
        UPDATE ledger.hold_lots
        SET amount = shares.amount - shares.taken
        FROM shares
        WHERE hold_lots.owner_id = take_held_lots.owner_id AND hold_lots.app = take_held_lots.app
            AND hold_lots.hold_nonce = take_held_lots.hold_nonce AND hold_lots.lot_seq = shares.lot_seq
            AND shares.taken < shares.amount
    )

    UPDATE ledger.lots
    SET remaining = lots.remaining - shares.taken, held = lots.held - shares.taken
    FROM shares
    WHERE lots.owner_id = take_held_lots.owner_id AND lots.asset = take_held_lots.asset
        AND lots.seq = shares.lot_seq;
END
$$;

COMMENT ON FUNCTION ledger_core.take_held_lots IS
'Takes amount (positive) for the entry seq of what a hold reserves, in the order in which lots are spent; what it reserves of
credits in no lot needs no note. reserved: all that it reserves.';
