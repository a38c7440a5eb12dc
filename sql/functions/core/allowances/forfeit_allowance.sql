-- requires: functions/core/allowances/lots_of_allowance
CREATE OR REPLACE FUNCTION ledger_core.forfeit_allowance(allowance ledger.allowances, amount bigint, at timestamptz)
RETURNS bigint
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_entry ledger.entries;
    v_recorded ledger.recorded_row;
BEGIN
    v_entry.owner_id := allowance.owner_id;
    v_entry.asset := allowance.asset;
    v_entry.app := 'ledger';
    v_entry.operation := 'FORFEITURE';
    v_entry.nonce := 'ledger:forfeiture:' || gen_random_uuid();
    v_entry.amount := -forfeit_allowance.amount;
    v_entry.amount_defaulted := FALSE;
    v_entry.expiry_defaulted := FALSE;
    v_entry.recorded_at := forfeit_allowance.at;
    v_recorded := ledger_core.write_entry(v_entry);
    WITH taken AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT allowance.owner_id, allowance.asset, v_recorded.seq, lots.lot_seq, lots.free
        FROM ledger_core.lots_of_allowance(allowance.owner_id, allowance.asset, allowance.app, allowance.nonce) AS lots
        RETURNING lot_movements.lot_seq, lot_movements.amount
    )

    UPDATE ledger.lots
    SET remaining = lots.remaining - taken.amount
    FROM taken
    WHERE lots.owner_id = allowance.owner_id AND lots.asset = allowance.asset AND lots.seq = taken.lot_seq;
    RETURN v_recorded.seq;
END
$$;

COMMENT ON FUNCTION ledger_core.forfeit_allowance IS
'Records that what is left of an allowance of a locked, settled account is forfeited: amount, as
ledger_core.left_of_allowance counts it. Returns the seq of the entry.';
