-- requires: functions/core/lots/is_classed
-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_plain_operation(claim_limit integer, expires_after interval, is_classed boolean)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT num_nonnulls(claim_limit, expires_after) = 0 AND NOT is_classed $$;

COMMENT ON FUNCTION ledger_core.is_plain_operation IS
'True if an operation with this rule only changes the balance: no claim limit, no lot.';
