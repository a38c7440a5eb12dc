CREATE OR REPLACE FUNCTION ledger_core.expired_of_lot(owner_id text, asset text, lot_seq bigint)
RETURNS bigint
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(sum(lot_movements.amount), 0)
        FROM ledger.lot_movements
        INNER JOIN ledger.entries
            ON lot_movements.owner_id = entries.owner_id AND lot_movements.asset = entries.asset
            AND lot_movements.seq = entries.seq
        WHERE lot_movements.owner_id = expired_of_lot.owner_id AND lot_movements.asset = expired_of_lot.asset
            AND lot_movements.lot_seq = expired_of_lot.lot_seq
            AND entries.owner_id = expired_of_lot.owner_id AND entries.operation IN ('EXPIRY', 'FORFEITURE')
    );
END
$$;

COMMENT ON FUNCTION ledger_core.expired_of_lot IS
'The number of credits of a lot that have expired or were forfeited.';
