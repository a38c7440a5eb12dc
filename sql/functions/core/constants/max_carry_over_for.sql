CREATE OR REPLACE FUNCTION ledger_core.max_carry_over_for()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 60 $$;

COMMENT ON FUNCTION ledger_core.max_carry_over_for IS
'The greatest number of periods for which what is left of an allowance can be carried over.';
