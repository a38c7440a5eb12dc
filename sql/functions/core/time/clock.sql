-- Inlined by the planner wherever it is used: neither SECURITY DEFINER nor SET. The one place to replace where a database
-- for tests is to have a clock of its own.
CREATE OR REPLACE FUNCTION ledger_core.clock()
RETURNS timestamptz
LANGUAGE sql
VOLATILE
AS $$ SELECT clock_timestamp() $$;

COMMENT ON FUNCTION ledger_core.clock IS
'The time now, by the clock of the server: read anew at each call, also within a transaction. All rules about time use
it.';
