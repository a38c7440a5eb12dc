-- requires: functions/core/lots/free_lots
CREATE OR REPLACE FUNCTION ledger_core.spend_beyond_lots(
    owner_id text, asset text, app text, hold_nonce text, seq bigint, beyond bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    WITH reserved AS (
        DELETE FROM ledger.hold_lots
        WHERE owner_id = spend_beyond_lots.owner_id AND app = spend_beyond_lots.app
            AND hold_nonce = spend_beyond_lots.hold_nonce
        RETURNING lot_seq, amount
    ),

    -- Of a lot, a part may be reserved and another be free: one movement for both.
    taken AS (
        SELECT parts.lot_seq, sum(parts.amount)::bigint AS amount, sum(parts.held)::bigint AS held
        FROM (
            SELECT reserved.lot_seq, reserved.amount, reserved.amount AS held FROM reserved
            UNION ALL
            SELECT free.lot_seq, free.amount, 0
            FROM ledger_core.free_lots(
                spend_beyond_lots.owner_id, spend_beyond_lots.asset, spend_beyond_lots.beyond
            ) AS free
        ) AS parts
        GROUP BY parts.lot_seq
    ),

    moved AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT spend_beyond_lots.owner_id, spend_beyond_lots.asset, spend_beyond_lots.seq, taken.lot_seq, taken.amount
        FROM taken
    )

    UPDATE ledger.lots
    SET remaining = lots.remaining - taken.amount, held = lots.held - taken.held
    FROM taken
    WHERE lots.owner_id = spend_beyond_lots.owner_id AND lots.asset = spend_beyond_lots.asset
        AND lots.seq = taken.lot_seq;
END
$$;

COMMENT ON FUNCTION ledger_core.spend_beyond_lots IS
'Takes for the entry seq, of a locked and settled account, all that a hold reserves of lots, and then up to beyond (positive)
from what is free of them, soonest to expire first.';
