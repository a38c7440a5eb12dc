CREATE OR REPLACE FUNCTION ledger_core.expire_lots(owner_id text, asset text, at timestamptz)
RETURNS integer
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_amount bigint;
    v_seq bigint;
BEGIN
    SELECT sum(remaining - held) INTO v_amount
    FROM ledger.lots
    WHERE owner_id = expire_lots.owner_id AND asset = expire_lots.asset
        AND remaining > 0 AND remaining > held AND expires_at <= expire_lots.at;
    IF v_amount IS NULL THEN
        RETURN 0;
    END IF;

    SELECT seq INTO v_seq FROM ledger_core.write_entry(
        owner_id => expire_lots.owner_id,
        asset => expire_lots.asset,
        app => 'ledger',
        operation => 'EXPIRY',
        nonce => 'EXPIRY:' || gen_random_uuid(),
        amount => -v_amount,
        recorded_at => expire_lots.at,
        guarded => FALSE
    );
    INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
    SELECT owner_id, asset, v_seq, seq, remaining - held
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
'Posts one EXPIRY entry, as of the given time, for the credits of a locked account that have expired by then and that no hold reserves. Returns the number of entries: 0 or 1.';
