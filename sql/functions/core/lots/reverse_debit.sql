CREATE OR REPLACE FUNCTION ledger_core.reverse_debit(
    owner_id text, asset text, seq bigint, original_seq bigint, amount bigint, still_reversible bigint, balance_after bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_from_lots bigint;
    v_missing bigint;
    v_left bigint;
    v_lot_seq bigint;
    v_taken bigint;
    v_given bigint;
BEGIN
    SELECT coalesce(sum(lot_movements.amount), 0) INTO v_from_lots
    FROM ledger_core.spent_from_lots(
        reverse_debit.owner_id, reverse_debit.asset, reverse_debit.original_seq
    ) AS lot_movements;
    IF v_from_lots = 0 THEN
        RETURN;
    END IF;
    -- As in ledger_core.add_lot
    SELECT greatest(
        coalesce(sum(lots.remaining), 0) + reverse_debit.amount - reverse_debit.balance_after,
        accounts.min_balance + accounts.held
        + coalesce(sum(lots.remaining - lots.held), 0) + reverse_debit.amount - reverse_debit.balance_after
    )
    INTO v_missing
    FROM ledger.accounts
    LEFT JOIN ledger.lots
        ON accounts.owner_id = lots.owner_id AND accounts.asset = lots.asset AND lots.remaining > 0
    WHERE accounts.owner_id = reverse_debit.owner_id AND accounts.asset = reverse_debit.asset
    GROUP BY accounts.min_balance, accounts.held;

    -- The part that came from credits that do not expire goes back to them, and so does what pays off an overdraft or debt.
    v_left := reverse_debit.amount - greatest(
        least(reverse_debit.amount, reverse_debit.amount + still_reversible - v_from_lots),
        v_missing,
        0
    );
    FOR v_lot_seq, v_taken IN
        SELECT taken.lot_seq, taken.amount
        FROM ledger_core.spent_from_lots(
            reverse_debit.owner_id, reverse_debit.asset, reverse_debit.original_seq
        ) AS taken
        ORDER BY taken.expires_at DESC, taken.lot_seq DESC
    LOOP
        EXIT WHEN v_left <= 0;
        v_given := least(v_left, v_taken);
        v_left := v_left - v_given;
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        VALUES (reverse_debit.owner_id, reverse_debit.asset, reverse_debit.seq, v_lot_seq, -v_given);
        UPDATE ledger.lots
        SET remaining = remaining + v_given
        WHERE owner_id = reverse_debit.owner_id AND asset = reverse_debit.asset AND seq = v_lot_seq;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger_core.reverse_debit IS
'Returns amount for the reversal seq of a debit, which is written already, to its sources, last taken first: credits that
do not expire, then lots, latest to expire first. still_reversible: the amount of the original that no reversal has
returned, after this one.';
