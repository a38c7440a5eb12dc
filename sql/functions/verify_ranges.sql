CREATE OR REPLACE FUNCTION ledger.verify_ranges()
RETURNS TABLE (after_owner text, until_owner text, accounts bigint)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT * FROM ledger_core.owner_ranges();
END
$$;

COMMENT ON FUNCTION ledger.verify_ranges IS
'Divides the owners into ranges for ledger.verify_range that take about equally long, in the order in which to begin them.
Together they are everything. accounts: how many a range has.';
