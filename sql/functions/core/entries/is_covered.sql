-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_covered(account ledger_core.account_state, required bigint)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT required <= 0 OR account.balance - account.held - required >= account.min_balance $$;

COMMENT ON FUNCTION ledger_core.is_covered IS
'True if required (positive) can be taken from a locked account without bringing balance less held below its floor.';
