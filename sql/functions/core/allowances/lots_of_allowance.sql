-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.lots_of_allowance(owner_id text, asset text, app text, allowance_nonce text)
RETURNS TABLE (lot_seq bigint, free bigint)
LANGUAGE sql
STABLE
AS $$
SELECT lots.seq, lots.remaining - lots.held
FROM ledger.lots
INNER JOIN ledger.allowance_entries AS made
    ON lots.owner_id = made.owner_id AND lots.asset = made.asset AND lots.seq = made.seq
WHERE lots.owner_id = lots_of_allowance.owner_id AND lots.asset = lots_of_allowance.asset
    AND lots.remaining > 0 AND lots.remaining > lots.held
    AND made.owner_id = lots_of_allowance.owner_id AND made.asset = lots_of_allowance.asset
    AND made.app = lots_of_allowance.app AND made.allowance_nonce = lots_of_allowance.allowance_nonce
$$;

COMMENT ON FUNCTION ledger_core.lots_of_allowance IS
'The lots of an account that come from an allowance and have something left that no hold reserves, and how much.';
