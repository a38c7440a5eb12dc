-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.free_lots(owner_id text, asset text, most bigint)
RETURNS TABLE (lot_seq bigint, amount bigint)
LANGUAGE sql
STABLE
AS $$
SELECT free.seq, least(free.amount, free_lots.most - free.before)
FROM (
    SELECT
        lots.seq,
        lots.remaining - lots.held AS amount,
        (sum(lots.remaining - lots.held) OVER (ORDER BY lots.expires_at, lots.seq))::bigint
        - (lots.remaining - lots.held) AS before
    FROM ledger.lots
    WHERE lots.owner_id = free_lots.owner_id AND lots.asset = free_lots.asset
        AND lots.remaining > 0 AND lots.remaining > lots.held
) AS free
WHERE free.before < free_lots.most
$$;

COMMENT ON FUNCTION ledger_core.free_lots IS
'The lots of a locked, settled account from which to take up to most credits, and the amount from each: soonest to expire
first, without what holds reserve.';
