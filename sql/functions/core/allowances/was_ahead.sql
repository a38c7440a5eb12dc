-- requires: functions/core/constants/clock_tolerance
-- A plain SELECT, so that the planner inlines it.
CREATE OR REPLACE FUNCTION ledger_core.was_ahead(last_entry_at timestamptz, now timestamptz)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT last_entry_at > now + ledger_core.clock_tolerance() $$;

COMMENT ON FUNCTION ledger_core.was_ahead IS
'True if the clock was ahead when the last entry of an account was recorded, and nothing was recorded since.';
