-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.plain_priority()
RETURNS integer
LANGUAGE sql
IMMUTABLE
AS $$ SELECT 100 $$;

COMMENT ON FUNCTION ledger_core.plain_priority IS
'The priority of credits whose operation names none, and of those in no lot. Lower ones are spent first.';
