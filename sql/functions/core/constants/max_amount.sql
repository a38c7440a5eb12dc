-- Inlined by the planner, as the other constants are.
CREATE OR REPLACE FUNCTION ledger_core.max_amount()
RETURNS bigint
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 9007199254740991 $$;

COMMENT ON FUNCTION ledger_core.max_amount IS
'The largest amount and balance, either way: 2^53 - 1, the largest integer that every reader of JSON takes exactly.';
