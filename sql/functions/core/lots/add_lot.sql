CREATE OR REPLACE FUNCTION ledger_core.add_lot(
    owner_id text, asset text, seq bigint, amount bigint, expires_at timestamptz, balance_after bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_missing bigint;
    v_covers_debt bigint;
    v_debt bigint;
BEGIN
    -- Credits that do not expire, less what holds reserve of them, never fall below the floor, but for a debt: so only a
    -- floor below zero, or a debt, lets something be missing beside lots: to zero, and to the floor.
    SELECT
        CASE WHEN min_balance < 0 OR debt > 0 THEN (
            SELECT greatest(
                coalesce(sum(remaining), 0) - (add_lot.balance_after - add_lot.amount),
                accounts.min_balance + accounts.held
                + coalesce(sum(remaining - lots.held), 0) - (add_lot.balance_after - add_lot.amount)
            )
            FROM ledger.lots
            WHERE owner_id = add_lot.owner_id AND asset = add_lot.asset AND remaining > 0
        ) END,
        debt
    INTO v_missing, v_debt
    FROM ledger.accounts
    WHERE owner_id = add_lot.owner_id AND asset = add_lot.asset;
    v_covers_debt := least(add_lot.amount, greatest(0, v_missing));

    INSERT INTO ledger.lots (owner_id, asset, seq, amount, remaining, expires_at)
    VALUES (
        add_lot.owner_id, add_lot.asset, add_lot.seq, add_lot.amount, add_lot.amount - v_covers_debt, add_lot.expires_at
    );
    IF v_covers_debt > 0 THEN
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        VALUES (add_lot.owner_id, add_lot.asset, add_lot.seq, add_lot.seq, v_covers_debt);
    END IF;
    IF v_debt > 0 THEN
        PERFORM ledger_core.note_debt(add_lot.owner_id, add_lot.asset);
    END IF;
    UPDATE ledger.accounts
    SET next_due_at = add_lot.expires_at
    WHERE owner_id = add_lot.owner_id AND asset = add_lot.asset
        AND next_due_at > add_lot.expires_at AND add_lot.amount > v_covers_debt;
END
$$;

COMMENT ON FUNCTION ledger_core.add_lot IS
'Adds a lot for the expiring credits of the entry seq of a locked, settled account.
Credits that pay off an overdraft or a debt are spent at once and do not expire. Notes in the account if the lot is the next to
expire.';
