CREATE OR REPLACE FUNCTION ledger.verify(owner_id text DEFAULT NULL)
RETURNS SETOF ledger.discrepancy
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_after text := '';
    v_until text;
    v_accounts bigint := 0;
    v_chunk bigint;
BEGIN
    IF verify.owner_id IS NOT NULL THEN
        PERFORM ledger_core.check_key('owner_id', verify.owner_id);
        RETURN QUERY SELECT * FROM ledger_core.verify_owners(verify.owner_id, verify.owner_id, TRUE);
        RETURN;
    END IF;

    RETURN QUERY SELECT * FROM ledger_core.verify_catalogue();
    RETURN QUERY SELECT * FROM ledger_core.verify_ids();
    -- In ranges of owners: that bounds memory, and a notice after each shows the progress.
    LOOP
        SELECT max(chunk.owner_id), count(*) INTO v_until, v_chunk
        FROM (
            SELECT accounts.owner_id FROM ledger.accounts
            WHERE accounts.owner_id > v_after
            ORDER BY accounts.owner_id
            LIMIT ledger_core.accounts_per_range()
        ) AS chunk;
        -- The first and the last range are open, so that rows without an account belong to one as well.
        RETURN QUERY SELECT * FROM ledger_core.verify_owners(v_after, v_until, v_after = '');
        EXIT WHEN v_until IS NULL;
        v_accounts := v_accounts + v_chunk;
        RAISE NOTICE 'verified % %', v_accounts, CASE v_accounts WHEN 1 THEN 'account' ELSE 'accounts' END;
        v_after := v_until;
    END LOOP;
END
$$;

COMMENT ON FUNCTION ledger.verify IS
'Recomputes the books from the entries, for one owner or (null) for all, as of one moment.
Returns a row per discrepancy; no rows mean that the books are right.
For all owners it also checks the catalogue and the guards of the books, and reports progress as notices.
A past rewritten together with its hashes shows only against a checkpoint: ledger.verify_checkpoint. Raises LG001.';
