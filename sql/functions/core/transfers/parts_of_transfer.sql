-- requires: functions/core/constants/max_transfer_parts
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.parts_of_transfer(owner_id text, asset text, seq bigint)
RETURNS TABLE (receiver_id text, part_seq bigint, amount bigint)
LANGUAGE sql
STABLE
AS $$
SELECT parts.owner_id, parts.seq, parts.amount
FROM ledger.entries AS led
INNER JOIN ledger.entries AS parts
    ON led.peer_owner_id = parts.owner_id AND led.asset = parts.asset
    AND parts.seq BETWEEN led.peer_seq AND led.peer_seq + ledger_core.max_transfer_parts() - 1
    AND led.owner_id = parts.peer_owner_id AND led.seq = parts.peer_seq
WHERE led.owner_id = parts_of_transfer.owner_id AND led.asset = parts_of_transfer.asset AND led.seq = parts_of_transfer.seq
$$;

COMMENT ON FUNCTION ledger_core.parts_of_transfer IS
'The entries of the other owner that belong to the sender''s entry seq, which is a transfer or its reversal.';
