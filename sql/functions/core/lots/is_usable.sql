-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.is_usable(usable_for text [], usable_in text [], operation text, app text)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$
SELECT coalesce(operation = ANY (usable_for), TRUE) AND coalesce(app = ANY (usable_in), TRUE)
$$;

COMMENT ON FUNCTION ledger_core.is_usable IS
'True if a spend by the operation and app may use credits with these limits. Null is no limit, or a spend that none apply to.';
