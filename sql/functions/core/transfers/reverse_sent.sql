-- requires: functions/core/lots/spent_of_lots, functions/core/transfers/shares_of_parts
CREATE OR REPLACE FUNCTION ledger_core.reverse_sent(
    owner_id text, asset text, seq bigint, original_seq bigint, peer_owner_id text, amount bigint, balance_after bigint
)
RETURNS void
LANGUAGE plpgsql
AS $$
#variable_conflict use_column
DECLARE
    v_lots bigint [];
    v_amounts bigint [];
BEGIN
    WITH backs AS (
        SELECT
            parts.expires_at, parts.credit_class, parts.priority, parts.usable_for, parts.usable_in,
            sum(shares.share)::bigint AS share
        FROM ledger_core.shares_of_parts(
            reverse_sent.owner_id, reverse_sent.asset, reverse_sent.original_seq, reverse_sent.amount
        ) AS shares
        INNER JOIN ledger.entries AS parts ON shares.part_seq = parts.seq
        WHERE parts.owner_id = reverse_sent.peer_owner_id AND parts.asset = reverse_sent.asset
        GROUP BY parts.expires_at, parts.credit_class, parts.priority, parts.usable_for, parts.usable_in
    ),

    returned AS (
        SELECT
            taken.lot_seq,
            -- Of the same kind, the last taken first
            least(
                taken.amount,
                backs.share + taken.amount - (
                    sum(taken.amount) OVER (
                        PARTITION BY
                            lots.expires_at, lots.credit_class, lots.priority, lots.usable_for, lots.usable_in
                        ORDER BY taken.lot_seq DESC
                    )
                )::bigint
            ) AS share
        FROM ledger_core.spent_of_lots(
            reverse_sent.owner_id, reverse_sent.asset, reverse_sent.original_seq
        ) AS taken
        INNER JOIN ledger.lots ON taken.lot_seq = lots.seq
        INNER JOIN backs
            ON (lots.expires_at, lots.credit_class, lots.priority, lots.usable_for, lots.usable_in)
            IS NOT DISTINCT FROM
            (backs.expires_at, backs.credit_class, backs.priority, backs.usable_for, backs.usable_in)
        WHERE lots.owner_id = reverse_sent.owner_id AND lots.asset = reverse_sent.asset
    )

    SELECT array_agg(shares.lot_seq), array_agg(shares.share) INTO v_lots, v_amounts
    FROM (
        SELECT returned.lot_seq, returned.share FROM returned WHERE returned.share > 0
        UNION ALL
        -- Credits in no lot, and what earlier reversals have left there to pay off an overdraft
        SELECT
            NULL,
            reverse_sent.amount - coalesce(sum(returned.share) FILTER (WHERE returned.share > 0), 0)::bigint
        FROM returned
    ) AS shares;
    PERFORM ledger_core.give_back(
        reverse_sent.owner_id, reverse_sent.asset, reverse_sent.seq, v_lots, v_amounts, reverse_sent.balance_after
    );
END
$$;

COMMENT ON FUNCTION ledger_core.reverse_sent IS
'Returns amount for the reversal seq of a transfer, which is written already at its sender, to what it came from: of each part that is taken
back from the receiver (ledger_core.shares_of_parts), to lots of the same expiry, class and use.';
