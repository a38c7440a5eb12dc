-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_classed(credit_class text, priority integer, usable_for text [], usable_in text [])
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$ SELECT num_nonnulls(credit_class, priority, usable_for, usable_in) > 0 $$;

COMMENT ON FUNCTION ledger_core.is_classed IS
'True if credits have a class, a priority or a limited use. A batch leaves accounts with such credits to single calls.';
