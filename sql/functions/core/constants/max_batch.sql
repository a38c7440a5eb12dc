CREATE OR REPLACE FUNCTION ledger_core.max_batch()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 10000 $$;

COMMENT ON FUNCTION ledger_core.max_batch IS
'The most items that a batch may have.';
