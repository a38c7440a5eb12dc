CREATE OR REPLACE FUNCTION ledger.verify(owner_id text DEFAULT NULL)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_range record;
    v_accounts bigint := 0;
BEGIN
    IF verify.owner_id IS NOT NULL THEN
        PERFORM ledger_core.check_key('owner_id', verify.owner_id);
        RETURN QUERY SELECT * FROM ledger_core.verify_owners(verify.owner_id, verify.owner_id, TRUE);
        RETURN;
    END IF;

    -- In ranges of owners: that bounds memory, and a notice after each shows the progress.
    FOR v_range IN SELECT after_owner, until_owner, accounts FROM ledger_core.owner_ranges() LOOP
        RETURN QUERY SELECT * FROM ledger_core.verify_range(v_range.after_owner, v_range.until_owner);
        v_accounts := v_accounts + v_range.accounts;
        IF v_accounts > 0 THEN
            RAISE NOTICE 'verified % %', v_accounts, CASE v_accounts WHEN 1 THEN 'account' ELSE 'accounts' END;
        END IF;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger.verify IS
'Recomputes the books from the entries, for one owner or (null) for all, as of one moment.
Returns a row per discrepancy; no rows mean that the books are right.
Entries and lines of journals that lie more than ledger_core.clock_tolerance in the future are among them.
For all owners it also checks the catalogue and the triggers that guard the books, names what rollbacks of migrations
have lost, however long ago, and reports progress as notices.
It cannot see that the past was rewritten together with all its hashes: compare with a checkpoint
(ledger.verify_checkpoint). Raises LG001.';
