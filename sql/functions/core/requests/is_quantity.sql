-- requires: functions/core/constants/max_amount
-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_quantity(quantity bigint)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT quantity BETWEEN 0 AND ledger_core.max_amount() $$;

COMMENT ON FUNCTION ledger_core.is_quantity IS
'True if a request may have this quantity.';
