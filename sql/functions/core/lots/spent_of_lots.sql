-- requires: functions/core/lots/spending_order
CREATE OR REPLACE FUNCTION ledger_core.spent_of_lots(owner_id text, asset text, seq bigint)
RETURNS TABLE (lot_seq bigint, amount bigint, is_limited boolean, is_late boolean, place bytea)
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        lots.seq,
        moved.amount,
        num_nonnulls(lots.usable_for, lots.usable_in) > 0,
        coalesce(lots.priority > ledger_core.plain_priority(), FALSE),
        ledger_core.spending_order(lots.priority, lots.expires_at, lots.usable_for, lots.usable_in, lots.credit_class)
    FROM (
        SELECT lot_movements.lot_seq, sum(lot_movements.amount)::bigint AS amount
        FROM ledger.entries
        INNER JOIN ledger.lot_movements
            ON entries.owner_id = lot_movements.owner_id AND entries.asset = lot_movements.asset
            AND entries.seq = lot_movements.seq
        WHERE entries.owner_id = spent_of_lots.owner_id AND entries.asset = spent_of_lots.asset
            AND (entries.seq = spent_of_lots.seq OR entries.reverses_seq = spent_of_lots.seq)
        GROUP BY lot_movements.lot_seq
        HAVING sum(lot_movements.amount) > 0
    ) AS moved
    INNER JOIN ledger.lots ON moved.lot_seq = lots.seq
    WHERE lots.owner_id = spent_of_lots.owner_id AND lots.asset = spent_of_lots.asset;
END
$$;

COMMENT ON FUNCTION ledger_core.spent_of_lots IS
'The lots from which the entry seq took credits, and the amount from each, less what its reversals have returned. is_limited: they
are for some operations or apps only. is_late: they are spent after credits in no lot. place: ledger_core.spending_order.';
