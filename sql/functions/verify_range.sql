CREATE OR REPLACE FUNCTION ledger.verify_range(after_owner text, until_owner text)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY SELECT * FROM ledger_core.verify_range(verify_range.after_owner, verify_range.until_owner);
END
$$;

COMMENT ON FUNCTION ledger.verify_range IS
'Recomputes the books of the owners after after_owner (null: from the first) up to until_owner (null: to the last).
Returns a row per discrepancy. What belongs to no owner is verified with the range that has no beginning.
All ranges of ledger.verify_ranges, as of one moment, are ledger.verify: that is how several sessions share its work.';
