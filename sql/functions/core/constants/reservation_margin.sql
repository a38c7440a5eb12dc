-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.reservation_margin()
RETURNS interval
LANGUAGE sql
IMMUTABLE
AS $$ SELECT interval '60 seconds' $$;

COMMENT ON FUNCTION ledger_core.reservation_margin IS
'How long after its deadline a reservation is given back at the earliest, if its caller has not done so: further than clocks
of partitions differ.';
