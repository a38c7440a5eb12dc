-- Credits in no lot, less what holds reserve of them, never fall below the floor, but for a debt: so only a floor below zero, or
-- a debt, lets something be missing beside lots.
CREATE OR REPLACE FUNCTION ledger_core.missing_beside_lots(owner_id text, asset text, at timestamptz)
RETURNS bigint
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
DECLARE
    v_account record;
    v_lots record;
    v_ended bigint;
BEGIN
    SELECT balance, held, min_balance INTO STRICT v_account
    FROM ledger.accounts
    WHERE owner_id = missing_beside_lots.owner_id AND asset = missing_beside_lots.asset;
    SELECT coalesce(sum(remaining), 0) AS remaining, coalesce(sum(held), 0) AS held INTO v_lots
    FROM ledger.lots
    WHERE owner_id = missing_beside_lots.owner_id AND asset = missing_beside_lots.asset AND remaining > 0;
    -- Of credits outside lots that holds reserve which are over by then
    SELECT coalesce(sum(holds.amount - holds.captured - coalesce(reserved.amount, 0)), 0) INTO v_ended
    FROM ledger.holds
    LEFT JOIN LATERAL (
        SELECT sum(hold_lots.amount) AS amount
        FROM ledger.hold_lots
        WHERE hold_lots.owner_id = missing_beside_lots.owner_id AND hold_lots.app = holds.app
            AND hold_lots.hold_nonce = holds.nonce
    ) AS reserved ON TRUE
    WHERE holds.owner_id = missing_beside_lots.owner_id AND holds.asset = missing_beside_lots.asset
        AND holds.status = 'open' AND holds.expires_at <= missing_beside_lots.at;
    RETURN greatest(
        v_lots.remaining - v_account.balance,
        v_account.min_balance + v_account.held - v_ended + v_lots.remaining - v_lots.held - v_account.balance
    );
END
$$;

COMMENT ON FUNCTION ledger_core.missing_beside_lots IS
'What new credits of an account fill before they are free, if it has an overdraft or a debt: what is missing beside lots, to zero
and to the floor. Not positive: nothing. Holds that are over by the given time count as ended (-infinity: none).';
