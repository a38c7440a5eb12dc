CREATE OR REPLACE FUNCTION ledger_core.max_carried_periods()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 120 $$;

COMMENT ON FUNCTION ledger_core.max_carried_periods IS
'The greatest sum of the periods for which the open allowances of an account carry over: with ledger_core.max_allowances, it bounds
what an account that nobody used has to catch up on in one call.';
