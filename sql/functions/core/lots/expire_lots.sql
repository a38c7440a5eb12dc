CREATE OR REPLACE FUNCTION ledger_core.expire_lots(owner_id text, asset text, at timestamptz)
RETURNS integer
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_amount bigint;
    v_entry ledger.entries;
    v_recorded ledger.recorded_row;
BEGIN
    SELECT sum(remaining - held) INTO v_amount
    FROM ledger.lots
    WHERE owner_id = expire_lots.owner_id AND asset = expire_lots.asset
        AND remaining > 0 AND remaining > held AND expires_at <= expire_lots.at;
    IF v_amount IS NULL THEN
        RETURN 0;
    END IF;

    v_entry.owner_id := expire_lots.owner_id;
    v_entry.asset := expire_lots.asset;
    v_entry.app := 'ledger';
    v_entry.operation := 'EXPIRY';
    v_entry.nonce := 'EXPIRY:' || gen_random_uuid();
    v_entry.amount := -v_amount;
    v_entry.amount_defaulted := FALSE;
    v_entry.expiry_defaulted := FALSE;
    v_entry.recorded_at := expire_lots.at;
    v_recorded := ledger_core.write_entry(v_entry);
    INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
    SELECT owner_id, asset, v_recorded.seq, seq, remaining - held
    FROM ledger.lots
    WHERE owner_id = expire_lots.owner_id AND asset = expire_lots.asset
        AND remaining > 0 AND remaining > held AND expires_at <= expire_lots.at;
    UPDATE ledger.lots
    SET remaining = held
    WHERE owner_id = expire_lots.owner_id AND asset = expire_lots.asset
        AND remaining > 0 AND remaining > held AND expires_at <= expire_lots.at;
    RETURN 1;
END
$$;

COMMENT ON FUNCTION ledger_core.expire_lots IS
'Posts one EXPIRY entry, as of the given time, for the expired credits of a locked account that no hold reserves.
Returns the number of entries: 0 or 1.';
