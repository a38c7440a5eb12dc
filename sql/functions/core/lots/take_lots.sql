-- requires: functions/core/lots/usable_lots
CREATE OR REPLACE FUNCTION ledger_core.take_lots(
    owner_id text,
    asset text,
    seq bigint,
    amount bigint,
    app text,
    operation text,
    available bigint,
    min_balance bigint DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_used_up boolean;
    v_unusable bigint;
BEGIN
    WITH shares AS MATERIALIZED (
        SELECT usable.*
        FROM ledger_core.usable_lots(
            take_lots.owner_id, take_lots.asset, take_lots.app, take_lots.operation, take_lots.amount,
            take_lots.available
        ) AS usable
    ),

    taken AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT take_lots.owner_id, take_lots.asset, take_lots.seq, shares.lot_seq, shares.amount
        FROM shares
        WHERE shares.amount > 0
    ),

    lowered AS (
        UPDATE ledger.lots
        SET remaining = lots.remaining - shares.amount
        FROM shares
        WHERE lots.owner_id = take_lots.owner_id AND lots.asset = take_lots.asset AND lots.seq = shares.lot_seq
            AND shares.amount > 0
    )

    SELECT bool_or(shares.amount = shares.free), coalesce(sum(shares.free) FILTER (WHERE NOT shares.is_usable), 0)
    INTO v_used_up, v_unusable
    FROM shares;
    IF take_lots.available - v_unusable - take_lots.amount < take_lots.min_balance THEN
        PERFORM ledger_core.refuse_insufficient(
            take_lots.owner_id, take_lots.asset, take_lots.available, v_unusable, take_lots.amount,
            take_lots.min_balance
        );
    ELSIF v_used_up THEN
        PERFORM ledger_core.note_next_due(take_lots.owner_id, take_lots.asset);
    END IF;
END
$$;

COMMENT ON FUNCTION ledger_core.take_lots IS
'Takes up to amount (positive) for the entry seq from the lots of a locked, settled account that the operation and app may use
(null: from any), in the one order, without what holds reserve, and notes in the account if another lot is the next to expire.
The rest comes from credits in no lot. available: balance less held before the entry. min_balance: raises LG301 if what may be
used does not cover amount down to this floor; null if that has been checked.';
