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
BEGIN
    SELECT coalesce(sum(lot_movements.amount), 0) INTO v_from_lots
    FROM ledger_core.spent_of_lots(
        reverse_debit.owner_id, reverse_debit.asset, reverse_debit.original_seq
    ) AS lot_movements;
    IF v_from_lots = 0 THEN
        RETURN;
    END IF;
    -- As in ledger_core.grant_lot
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

    WITH parts AS (
        SELECT
            taken.lot_seq,
            taken.amount,
            taken.is_limited,
            taken.is_late,
            taken.place
        FROM ledger_core.spent_of_lots(
            reverse_debit.owner_id, reverse_debit.asset, reverse_debit.original_seq
        ) AS taken
        UNION ALL
        -- What came from credits in no lot
        SELECT
            NULL, greatest(0, reverse_debit.amount + reverse_debit.still_reversible - v_from_lots), FALSE, FALSE, NULL
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
    ),

    -- What pays off an overdraft or a debt goes to credits in no lot. What is for some operations or apps does not pay for others.
    given AS (
        SELECT
            shares.lot_seq,
            CASE
                WHEN shares.is_limited THEN shares.share
                ELSE greatest(0, least(
                    shares.share,
                    sum(shares.share) FILTER (WHERE shares.is_open) OVER ()
                    - greatest(0, v_missing - sum(shares.share) FILTER (WHERE shares.lot_seq IS NULL) OVER ())
                    - (sum(shares.share) FILTER (WHERE shares.is_open) OVER last_first) + shares.share
                ))::bigint
            END AS amount
        FROM (SELECT shares.*, NOT shares.is_limited AND shares.lot_seq IS NOT NULL AS is_open FROM shares) AS shares
        WINDOW last_first AS (
            ORDER BY shares.is_late DESC, shares.lot_seq IS NULL DESC, shares.place DESC, shares.lot_seq DESC
        )
    ),

    moved AS (
        INSERT INTO ledger.lot_movements (owner_id, asset, seq, lot_seq, amount)
        SELECT reverse_debit.owner_id, reverse_debit.asset, reverse_debit.seq, given.lot_seq, -given.amount
        FROM given
        WHERE given.lot_seq IS NOT NULL AND given.amount > 0
    )

    UPDATE ledger.lots
    SET remaining = remaining + given.amount
    FROM given
    WHERE lots.owner_id = reverse_debit.owner_id AND lots.asset = reverse_debit.asset AND lots.seq = given.lot_seq
        AND given.amount > 0;
END
$$;

COMMENT ON FUNCTION ledger_core.reverse_debit IS
'Returns amount for the reversal seq of a debit, which is written already, to its sources, last taken first. still_reversible:
the amount of the original that no reversal has returned, after this one.';
