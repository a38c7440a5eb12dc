CREATE OR REPLACE FUNCTION ledger_core.verify_range(after_owner text, until_owner text)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
AS $$
BEGIN
    IF after_owner IS NULL THEN
        RETURN QUERY SELECT * FROM ledger_core.verify_catalogue();
        RETURN QUERY SELECT * FROM ledger_core.verify_ids();
        RETURN QUERY SELECT * FROM ledger_core.verify_losses();
    END IF;
    RETURN QUERY SELECT * FROM ledger_core.verify_owners(coalesce(after_owner, ''), until_owner, after_owner IS NULL);
END
$$;

COMMENT ON FUNCTION ledger_core.verify_range IS
'The discrepancies of a range of ledger_core.owner_ranges. The range without a beginning also has what belongs to no owner.';
