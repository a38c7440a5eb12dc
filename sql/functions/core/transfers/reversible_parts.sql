-- requires: functions/core/transfers/parts_of_transfer
CREATE OR REPLACE FUNCTION ledger_core.reversible_parts(owner_id text, asset text, seq bigint)
RETURNS TABLE (part_seq bigint, amount bigint)
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    RETURN QUERY
    SELECT
        parts.part_seq,
        greatest(
            0,
            parts.amount - ledger_core.expired_of_lot(parts.receiver_id, reversible_parts.asset, parts.part_seq) - (
                SELECT coalesce(sum(abs(entries.amount)), 0)::bigint
                FROM ledger.entries
                WHERE entries.owner_id = parts.receiver_id AND entries.asset = reversible_parts.asset
                    AND entries.reverses_seq = parts.part_seq
            )
        )
    FROM ledger_core.parts_of_transfer(
        reversible_parts.owner_id, reversible_parts.asset, reversible_parts.seq
    ) AS parts;
END
$$;

COMMENT ON FUNCTION ledger_core.reversible_parts IS
'The parts of the transfer that the sender''s entry seq is, with what neither was taken back of them nor has expired.';
