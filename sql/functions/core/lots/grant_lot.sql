CREATE OR REPLACE FUNCTION ledger_core.grant_lot(entry ledger.entries)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_missing bigint;
    v_covers_debt bigint;
    v_debt bigint;
    v_due_at timestamptz := coalesce(entry.expires_at, ledger_core.never_due());
BEGIN
    SELECT
        -- The balance has the new credits already.
        CASE WHEN min_balance < 0 OR debt > 0 THEN
            entry.amount + ledger_core.missing_beside_lots(entry.owner_id, entry.asset, '-infinity')
        END,
        debt
    INTO v_missing, v_debt
    FROM ledger.accounts
    WHERE owner_id = entry.owner_id AND asset = entry.asset;
    -- What is for some operations or apps does not pay for others.
    v_covers_debt := CASE
        WHEN num_nonnulls(entry.usable_for, entry.usable_in) = 0 THEN least(entry.amount, greatest(0, v_missing))
        ELSE 0
    END;

    INSERT INTO ledger.lots (
        owner_id, asset, seq, amount, remaining, expires_at, credit_class, priority, usable_for, usable_in
    )
    VALUES (
        entry.owner_id, entry.asset, entry.seq, entry.amount, entry.amount - v_covers_debt, entry.expires_at,
        entry.credit_class, entry.priority, entry.usable_for, entry.usable_in
    );
    IF v_covers_debt > 0 THEN
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        VALUES (entry.owner_id, entry.asset, entry.seq, entry.seq, v_covers_debt);
    END IF;
    IF v_debt > 0 THEN
        PERFORM ledger_core.note_debt(entry.owner_id, entry.asset);
    END IF;
    UPDATE ledger.accounts
    SET next_due_at = v_due_at
    WHERE owner_id = entry.owner_id AND asset = entry.asset
        AND next_due_at > v_due_at AND entry.amount > v_covers_debt;
END
$$;

COMMENT ON FUNCTION ledger_core.grant_lot IS
'Adds the lot of an entry (ledger_core.makes_lot) of a locked, settled account.
Credits that pay off an overdraft or a debt are spent at once and do not expire; those of limited use pay for nothing else, and so
do not. Notes in the account if the lot is the next to expire, or the first.';
