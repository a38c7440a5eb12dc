CREATE OR REPLACE FUNCTION ledger_core.reverse_debit(
    owner_id text, asset text, seq bigint, original_seq bigint, amount bigint, still_reversible bigint, balance_after bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_from_lots bigint;
    v_lots bigint [];
    v_amounts bigint [];
BEGIN
    SELECT coalesce(sum(lot_movements.amount), 0) INTO v_from_lots
    FROM ledger_core.spent_of_lots(
        reverse_debit.owner_id, reverse_debit.asset, reverse_debit.original_seq
    ) AS lot_movements;
    IF v_from_lots = 0 THEN
        RETURN;
    END IF;
    WITH parts AS (
        SELECT
            taken.lot_seq,
            taken.amount,
            taken.is_late,
            taken.place
        FROM ledger_core.spent_of_lots(
            reverse_debit.owner_id, reverse_debit.asset, reverse_debit.original_seq
        ) AS taken
        UNION ALL
        -- What came from credits in no lot
        SELECT
            NULL, greatest(0, reverse_debit.amount + reverse_debit.still_reversible - v_from_lots), FALSE, NULL
    ),

    -- Last taken first: lots that are spent after what is in no lot, that, and the lots before it
    shares AS (
        SELECT
            parts.*,
            greatest(0, least(
                parts.amount,
                reverse_debit.amount + parts.amount - (sum(parts.amount) OVER last_first)::bigint
            )) AS share
        FROM parts
        WINDOW last_first AS (
            ORDER BY parts.is_late DESC, parts.lot_seq IS NULL DESC, parts.place DESC, parts.lot_seq DESC
        )
    )

    SELECT array_agg(shares.lot_seq), array_agg(shares.share) INTO v_lots, v_amounts
    FROM shares
    WHERE shares.share > 0 OR shares.lot_seq IS NULL;
    PERFORM ledger_core.give_back(
        reverse_debit.owner_id, reverse_debit.asset, reverse_debit.seq, v_lots, v_amounts, reverse_debit.balance_after
    );
END
$$;

COMMENT ON FUNCTION ledger_core.reverse_debit IS
'Returns amount for the reversal seq of a debit, which is written already, to its sources, last taken first. still_reversible:
the amount of the original that no reversal has returned, after this one.';
