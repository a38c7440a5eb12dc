-- requires: functions/core/lots/usable_lots
CREATE OR REPLACE FUNCTION ledger_core.take_beyond_lots(
    hold ledger.holds, seq bigint, beyond bigint, available bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    WITH reserved AS (
        DELETE FROM ledger.hold_lots
        WHERE owner_id = hold.owner_id AND app = hold.app
            AND hold_nonce = hold.nonce
        RETURNING lot_seq, amount
    ),

    -- Of a lot, a part may be reserved and another be free: one movement for both.
    taken AS (
        SELECT parts.lot_seq, sum(parts.amount)::bigint AS amount, sum(parts.held)::bigint AS held
        FROM (
            SELECT reserved.lot_seq, reserved.amount, reserved.amount AS held FROM reserved
            UNION ALL
            SELECT free.lot_seq, free.amount, 0
            FROM ledger_core.usable_lots(
                hold.owner_id, hold.asset, hold.app, hold.operation, take_beyond_lots.beyond,
                take_beyond_lots.available
            ) AS free
            WHERE free.amount > 0
        ) AS parts
        GROUP BY parts.lot_seq
    ),

    moved AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT hold.owner_id, hold.asset, take_beyond_lots.seq, taken.lot_seq, taken.amount
        FROM taken
    )

    UPDATE ledger.lots
    SET remaining = lots.remaining - taken.amount, held = lots.held - taken.held
    FROM taken
    WHERE lots.owner_id = hold.owner_id AND lots.asset = hold.asset
        AND lots.seq = taken.lot_seq;
END
$$;

COMMENT ON FUNCTION ledger_core.take_beyond_lots IS
'Takes for the entry seq, of a locked and settled account, all that a hold reserves of lots, and then up to beyond (positive)
from those that its operation and app may use, in the one order. available: balance less held before it.';
