-- requires: functions/core/constants/never_due
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.next_expiry(owner_id text, asset text)
RETURNS TABLE (due_at timestamptz)
LANGUAGE sql
STABLE
AS $$
SELECT CASE WHEN count(*) = 0 THEN 'infinity' ELSE coalesce(min(lots.expires_at), ledger_core.never_due()) END
FROM ledger.lots
WHERE lots.owner_id = next_expiry.owner_id AND lots.asset = next_expiry.asset
    AND lots.remaining > 0 AND lots.remaining > lots.held
$$;

COMMENT ON FUNCTION ledger_core.next_expiry IS
'One row: the time at which the account''s next credits that no hold reserves expire:
ledger_core.never_due if none of them will, infinity if there are none.';
