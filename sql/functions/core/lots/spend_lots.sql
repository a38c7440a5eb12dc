CREATE OR REPLACE FUNCTION ledger_core.spend_lots(owner_id text, asset text, seq bigint, amount bigint)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
BEGIN
    WITH taken AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT spend_lots.owner_id, spend_lots.asset, spend_lots.seq, free.lot_seq, free.amount
        FROM ledger_core.free_lots(spend_lots.owner_id, spend_lots.asset, spend_lots.amount) AS free
        RETURNING lot_movements.lot_seq, lot_movements.amount
    )

    UPDATE ledger.lots
    SET remaining = lots.remaining - taken.amount
    FROM taken
    WHERE lots.owner_id = spend_lots.owner_id AND lots.asset = spend_lots.asset AND lots.seq = taken.lot_seq;
END
$$;

COMMENT ON FUNCTION ledger_core.spend_lots IS
'Takes up to amount (positive) for the entry seq from the lots of a locked, settled account, soonest to expire first,
without what holds reserve. The rest comes from credits that do not expire.';
