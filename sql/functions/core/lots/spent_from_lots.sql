CREATE OR REPLACE FUNCTION ledger_core.spent_from_lots(owner_id text, asset text, seq bigint)
RETURNS TABLE (lot_seq bigint, expires_at timestamptz, amount bigint)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT lots.seq, lots.expires_at, sum(lot_movements.amount)::bigint
    FROM ledger.entries
    INNER JOIN ledger.lot_movements
        ON entries.owner_id = lot_movements.owner_id AND entries.asset = lot_movements.asset
        AND entries.seq = lot_movements.seq
    INNER JOIN ledger.lots
        ON lot_movements.owner_id = lots.owner_id AND lot_movements.asset = lots.asset
        AND lot_movements.lot_seq = lots.seq
    WHERE entries.owner_id = spent_from_lots.owner_id AND entries.asset = spent_from_lots.asset
        AND (entries.seq = spent_from_lots.seq OR entries.reverses_seq = spent_from_lots.seq)
    GROUP BY lots.seq, lots.expires_at
    HAVING sum(lot_movements.amount) > 0;
END
$$;

COMMENT ON FUNCTION ledger_core.spent_from_lots IS
'The lots from which the entry seq took credits, and the amount from each, less what its reversals have returned.';
