-- requires: functions/core/constants/clock_tolerance, functions/core/time/clock
-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_in_order(in_order_from bigint, last_entry_at timestamptz)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$ SELECT in_order_from = 1 AND last_entry_at <= ledger_core.clock() + ledger_core.clock_tolerance() $$;

COMMENT ON FUNCTION ledger_core.is_in_order IS
'True if no entry of an account was recorded while the clock was ahead: what has come from its allowances follows from their rules.';
