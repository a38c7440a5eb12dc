-- A plain SELECT, so that the planner inlines it. The parts follow each other, because they were written under one lock.
CREATE OR REPLACE FUNCTION ledger_core.parts_of_transfer(owner_id text, asset text, seq bigint)
RETURNS TABLE (receiver_id text, part_seq bigint, amount bigint)
LANGUAGE sql
STABLE
AS $$
WITH RECURSIVE parts AS (
    SELECT firsts.owner_id, firsts.seq, firsts.amount
    FROM ledger.entries AS led
    INNER JOIN ledger.entries AS firsts
        ON led.peer_owner_id = firsts.owner_id AND led.asset = firsts.asset AND led.peer_seq = firsts.seq
        AND led.owner_id = firsts.peer_owner_id AND led.seq = firsts.peer_seq
    WHERE led.owner_id = parts_of_transfer.owner_id AND led.asset = parts_of_transfer.asset
        AND led.seq = parts_of_transfer.seq
    UNION ALL
    SELECT following.owner_id, following.seq, following.amount
    FROM parts
    INNER JOIN ledger.entries AS following ON parts.owner_id = following.owner_id AND parts.seq + 1 = following.seq
    WHERE following.asset = parts_of_transfer.asset AND following.peer_owner_id = parts_of_transfer.owner_id
        AND following.peer_seq = parts_of_transfer.seq
)

SELECT parts.owner_id, parts.seq, parts.amount FROM parts
$$;

COMMENT ON FUNCTION ledger_core.parts_of_transfer IS
'The entries of the other owner that belong to the sender''s entry seq, which is a transfer or its reversal.';
