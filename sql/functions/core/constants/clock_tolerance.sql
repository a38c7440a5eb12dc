-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.clock_tolerance()
RETURNS interval
LANGUAGE sql
IMMUTABLE
AS $$ SELECT interval '10 seconds' $$;

COMMENT ON FUNCTION ledger_core.clock_tolerance IS
'How far clocks may differ: those of two servers of a failover, or that of a caller who waited for a lock. If the clock is
behind the last entry of an account by at most this, a new entry gets the time of that one. A time that is ahead of the
clock by at most this does not count as one of the future.';
