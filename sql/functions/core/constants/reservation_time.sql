-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.reservation_time()
RETURNS interval
LANGUAGE sql
IMMUTABLE
AS $$ SELECT interval '10 seconds' $$;

COMMENT ON FUNCTION ledger_core.reservation_time IS
'How long an entry may be recorded for which another partition has reserved a claim subject.';
