-- requires: dropped/0.1_answers
-- requires: functions/core/transfers/parts_of_transfer, functions/core/entries/as_recorded
CREATE OR REPLACE FUNCTION ledger_core.sides_of(sent ledger.recorded_row)
RETURNS SETOF ledger.recorded_row
LANGUAGE plpgsql
STABLE
AS $$
#variable_conflict use_column
BEGIN
    RETURN NEXT sent;
    RETURN QUERY
    SELECT received.*
    FROM ledger_core.parts_of_transfer(sent.owner_id, sent.asset, sent.seq) AS parts
    INNER JOIN ledger.entries
        ON parts.receiver_id = entries.owner_id AND sent.asset = entries.asset AND parts.part_seq = entries.seq
    CROSS JOIN LATERAL ledger_core.as_recorded(entries, sent.replayed) AS received
    ORDER BY parts.part_seq;
END
$$;

COMMENT ON FUNCTION ledger_core.sides_of IS
'All entries of a transfer or move: that of the sender (sent), then those of the receiver.';
