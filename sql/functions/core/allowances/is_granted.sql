-- requires: functions/core/allowances/boundary
CREATE OR REPLACE FUNCTION ledger_core.is_granted(allowance ledger.allowances, occurrence integer)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
SELECT occurrence < coalesce(allowance.occurrences, CASE WHEN allowance.period IS NULL THEN 1 END, 2147483647)
    AND (allowance.ends_at IS NULL OR ledger_core.boundary(allowance, occurrence) < allowance.ends_at)
$$;

COMMENT ON FUNCTION ledger_core.is_granted IS
'True if credits come at the beginning of the period of that number: the allowance has so many, and has not ended by then.';
