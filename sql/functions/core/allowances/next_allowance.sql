-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.next_allowance(owner_id text, asset text)
RETURNS TABLE (due_at timestamptz)
LANGUAGE sql
STABLE
AS $$
SELECT coalesce(min(allowances.next_at), 'infinity')
FROM ledger.allowances
WHERE allowances.owner_id = next_allowance.owner_id AND allowances.asset = next_allowance.asset
    AND allowances.next_at < 'infinity'
$$;

COMMENT ON FUNCTION ledger_core.next_allowance IS
'One row: the time at which the account''s next allowance comes; infinity if there is none.';
