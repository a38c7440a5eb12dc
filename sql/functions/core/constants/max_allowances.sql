CREATE OR REPLACE FUNCTION ledger_core.max_allowances()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 20 $$;

COMMENT ON FUNCTION ledger_core.max_allowances IS
'The greatest number of allowances of an account that have not ended.';
