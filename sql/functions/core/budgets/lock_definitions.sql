CREATE OR REPLACE FUNCTION ledger_core.lock_definitions()
RETURNS void
LANGUAGE plpgsql
-- Whoever may set budgets may also leave the transaction open.
SET lock_timeout = '500ms'
AS $$
BEGIN
    PERFORM 1 FROM ledger_core.budget_version FOR UPDATE;
END
$$;

COMMENT ON FUNCTION ledger_core.lock_definitions IS
'Locks the budgets of everybody, before the catalogue, against ledger.set_budget for an app. Raises 55P03 if a transaction that
has called it stays open for longer than half a second.';
