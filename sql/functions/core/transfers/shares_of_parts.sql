-- requires: functions/core/transfers/reversible_parts
CREATE OR REPLACE FUNCTION ledger_core.shares_of_parts(owner_id text, asset text, seq bigint, amount bigint)
RETURNS TABLE (part_seq bigint, share bigint)
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT shares.part_seq, shares.share
    FROM (
        SELECT
            parts.part_seq,
            least(
                parts.amount,
                shares_of_parts.amount + parts.amount - (sum(parts.amount) OVER (ORDER BY parts.part_seq DESC))::bigint
            ) AS share
        FROM ledger_core.reversible_parts(shares_of_parts.owner_id, shares_of_parts.asset, shares_of_parts.seq) AS parts
    ) AS shares
    WHERE shares.share > 0;
END
$$;

COMMENT ON FUNCTION ledger_core.shares_of_parts IS
'What taking back amount of the transfer that the sender''s entry seq is takes back of each part: the last received first.';
